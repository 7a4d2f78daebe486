"""Lesson 16, On the GPU with CuPy: one number back, one op for both devices, when it pays."""

import math

import numpy as np

from tinygpt.backend import array_module, to_cpu, to_device
from tinygpt.lesson.exercise import Case, Exercise, FormError, Outputs, Wrong, normal
from tinygpt.testing.strict_device import DeviceArray, double

# ------------------------------------------------------------------------------------- 16.1


def total_norm_answer(grads):
    # everything stays on the device
    total = sum((g * g).sum() for g in grads)
    # one number comes back, once
    return math.sqrt(float(total))


def a_number_from_each(grads):
    return math.sqrt(sum(float((g * g).sum()) for g in grads))


def an_item_from_each(grads):
    total = 0.0
    for g in grads:
        total += (g * g).sum().item()
    return math.sqrt(total)


def all_fetched(grads):
    return math.sqrt(sum(float((a * a).sum()) for a in (g.get() for g in grads)))


def still_on_the_device(grads):
    return sum((g * g).sum() for g in grads) ** 0.5


def norms_added(grads):
    return float(sum((g * g).sum() ** 0.5 for g in grads))


def root_forgotten(grads):
    return float(sum((g * g).sum() for g in grads))


def not_squared(grads):
    return math.sqrt(abs(float(sum(g.sum() for g in grads))))


def the_last_alone(grads):
    return math.sqrt(float((grads[-1] * grads[-1]).sum()))


def the_first_alone(grads):
    return math.sqrt(float((grads[0] * grads[0]).sum()))


def mean_of_squares(grads):
    n = sum(g.size for g in grads)
    return math.sqrt(float(sum((g * g).sum() for g in grads)) / n)


def the_largest(grads):
    return math.sqrt(max(float((g * g).sum()) for g in grads))


def absolute_values(grads):
    return float(sum(abs(g).sum() for g in grads))


def squared_in_place(grads):
    for g in grads:
        g *= g
    return math.sqrt(float(sum(g.sum() for g in grads)))


def summed_before_the_square(grads):
    return math.sqrt(float(sum(g.sum() ** 2 for g in grads)))


def means_added(grads):
    return math.sqrt(float(sum((g * g).mean() for g in grads)))


def asked_twice(grads):
    total = sum((g * g).sum() for g in grads)
    return math.sqrt(float(total)) if float(total) > 0 else 0.0


def asked_whether_it_is_there(grads):
    total = 0.0
    for g in grads:
        if (g != 0).any():
            total = total + (g * g).sum()
    return math.sqrt(float(total))


def on_the_device(function, grads) -> Outputs:
    """The result, and how often Python waited for the device: on the double, which counts."""
    with double() as counts:
        placed = [to_device(g, "gpu") for g in grads]
        before = counts.syncs + counts.to_host
        result = function(placed)
        waits = counts.syncs + counts.to_host - before
        same = all(np.array_equal(to_cpu(p), g) for p, g in zip(placed, grads, strict=True))
    if result is None:
        return {"norm": None, "times that Python waits": None, "grads stay as they were": None}
    if isinstance(result, DeviceArray):
        raise FormError("what you return is still on the device: float(x) brings a number back")
    return {"norm": result, "times that Python waits": waits, "grads stay as they were": same}


TOTAL_NORM = Exercise(
    id="16.1",
    name="my_total_norm",
    form="my_total_norm(grads: arrays on the device) -> a Python number",
    answer=total_norm_answer,
    observe=on_the_device,
    cases=(
        Case(([normal(800, 3, 4), normal(801, 5), normal(802, 2, 2)],)),
        Case(([np.array([3.0, 0.0]), np.array([0.0, 4.0]), np.array([12.0])],), "3, 4 and 12"),
        Case(([normal(803, 6)],), "a single array"),
        Case(([normal(810 + i, 2, 3) for i in range(9)],), "nine arrays"),
    ),
    wrongs=(
        Wrong(
            a_number_from_each,
            "The norm is right. But each array brings something back, by float(), .item() or "
            ".get(): Python waits for the device each time, and the device then for Python.",
            "What can be added up before anything comes back?",
            (an_item_from_each, all_fetched),
        ),
        Wrong(
            still_on_the_device,
            "What you return is still on the device: float(x) brings a number back.",
            "Which type has a number that Python can print?",
        ),
        Wrong(
            norms_added,
            "You add the norms. At right angles lengths do not add.",
            "How long is the way 3 east and 4 north?",
        ),
        Wrong(
            root_forgotten,
            "That is the sum of the squares.",
            "Which length has 3 and 4 together: 25?",
        ),
        Wrong(
            not_squared,
            "You add the numbers themselves: those above 0 and below it cancel.",
            "What makes them all count?",
        ),
        Wrong(
            the_last_alone,
            "Only the last array counts.",
            "Which sign adds to what is there?",
        ),
        Wrong(
            the_first_alone,
            "Only the first array counts.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            mean_of_squares,
            "You divide by how many numbers there are. A norm is the root of the sum.",
            "How long are four steps of 1 in four directions together?",
        ),
        Wrong(
            the_largest,
            "That is the norm of the longest array.",
            "How do all of them come in?",
        ),
        Wrong(
            absolute_values,
            "You add absolute values. A norm is the root of the sum of squares.",
            "How long is the way 3 east and 4 north?",
        ),
        Wrong(
            squared_in_place,
            "The norm is right. But the gradients are squared in place: *= writes into them, and "
            "the optimizer wants them as they were.",
            "Which sign makes a new array?",
        ),
        Wrong(
            summed_before_the_square,
            "You add up first and square then. Each number is squared by itself.",
            "How long is the way 3 east and 4 north: is it 7?",
        ),
        Wrong(
            means_added,
            "You take means of the squares. A norm is the root of their sum.",
            "How long are four steps of 1 in four directions together?",
        ),
        Wrong(
            asked_twice,
            "The norm is right. You make Python wait twice: for the number, or for an `if` about "
            "it.",
            "Where could the number be kept?",
        ),
        Wrong(
            asked_whether_it_is_there,
            "The norm is right. But each `if` about an array on the device makes Python wait for "
            "its answer.",
            "What is added where all numbers are 0?",
        ),
    ),
    hints=(
        "(g * g).sum() of an array on the device is on the device too, and so is a sum of these. "
        "Only float() brings a number back. How often is it needed?",
        "The same for the weight of all parcels in some far stores:\n\n"
        "    weight = 0\n"
        "    for store in stores:\n"
        "        weight = weight + store.____()    # this happens there\n"
        "    return ____(weight)                   # one telephone call",
    ),
)

# ------------------------------------------------------------------------------------- 16.2


def anywhere_answer(x):
    # NumPy for an array of the CPU, CuPy for one of the GPU
    xp = array_module(x)
    e = xp.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax(x, xp, axis=-1):
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def numpy_alone(x):
    return _softmax(x, np)


def device_alone(x):
    return _softmax(x, array_module(x)) if isinstance(x, DeviceArray) else _fetched(x)


def _fetched(x):
    return _softmax(x.get(), np)


def fetched(x):
    return _softmax(x if isinstance(x, np.ndarray) else x.get(), np)


def there_and_back(x):
    y = _softmax(to_cpu(x), np)
    return y if isinstance(x, np.ndarray) else array_module(x).asarray(y)


def largest_brought_back(x):
    xp = array_module(x)
    e = xp.exp(x - float(x.max()))
    return e / e.sum(axis=-1, keepdims=True)


def asked_whether_it_is_large(x):
    xp = array_module(x)
    if (x > 50).any():
        x = x - x.max(axis=-1, keepdims=True)
    e = xp.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def no_shift(x):
    xp = array_module(x)
    e = xp.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def not_divided(x):
    return array_module(x).exp(x - x.max(axis=-1, keepdims=True))


def over_the_columns(x):
    return _softmax(x, array_module(x), 0)


def over_everything(x):
    xp = array_module(x)
    e = xp.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum()


def axis_one(x):
    return _softmax(x, array_module(x), 1)


def everything_at_once(x):
    xp = array_module(x)
    e = xp.exp(x - x.max())
    return e / e.sum()


def written_into_x(x):
    x -= x.max(axis=-1, keepdims=True)
    array_module(x).exp(x, out=x)
    x /= x.sum(axis=-1, keepdims=True)
    return x


def shifted_in_place(x):
    x -= x.max(axis=-1, keepdims=True)
    e = array_module(x).exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def axis_lost(x):
    xp = array_module(x)
    e = xp.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1)


def row_after_row(x):
    xp = array_module(x)
    return xp.asarray([[float(v) for v in _softmax(row, xp)] for row in x], dtype=x.dtype)


def on_both(function, x) -> Outputs:
    """On the CPU, then on the double of a GPU: results, where they lie, how often Python waits."""
    given = x.copy()
    here = function(given)
    with double() as counts:
        placed = to_device(x, "gpu")
        before = counts.syncs + counts.to_host + counts.to_device
        there = function(placed)
        moved = counts.syncs + counts.to_host + counts.to_device - before
        same = np.array_equal(given, x) and np.array_equal(to_cpu(placed), x)
        result = to_cpu(there) if isinstance(there, DeviceArray) else there
    if here is None and there is None:
        return {"on the CPU": None, "on the GPU": None}
    return {
        "on the CPU": here,
        "on the GPU": result,
        "it lies where x lies": isinstance(there, DeviceArray),
        "crossings": moved,
        "x stays as it was": bool(same),
    }


ANYWHERE = Exercise(
    id="16.2",
    name="my_softmax_anywhere",
    form="my_softmax_anywhere(x (..., n)) -> the same, where x lies",
    answer=anywhere_answer,
    observe=on_both,
    cases=(
        Case((normal(820, 3, 5),)),
        Case((normal(821, 4, 4),), "rows and columns are equal in number"),
        Case((normal(822, 2, 3) * 2000,), "large scores"),
        Case((normal(824, 5),), "a single axis"),
        Case((normal(825, 2, 3, 4),), "three axes"),
        Case((normal(823, 2, 6).astype(np.float32),), "float32 must stay float32"),
    ),
    wrongs=(
        Wrong(
            numpy_alone,
            "np.exp is NumPy's, and an array on the GPU is CuPy's: it refuses. (Real CuPy may "
            "let it pass; another function fails a year later.)",
            "Which function says whose array x is?",
        ),
        Wrong(
            device_alone,
            "x.get() fetches an array from a GPU. One of the CPU has no such method.",
            "What is the same for both kinds of array?",
        ),
        Wrong(
            fetched,
            "You fetch x and compute on the CPU: the result lies there, and what comes next on the "
            "GPU cannot use it.",
            "Where should the result lie?",
        ),
        Wrong(
            there_and_back,
            "The result is right, and lies where it should. But x is fetched, and the result sent "
            "back: two crossings, and the GPU has done nothing.",
            "Which module computes where x lies?",
        ),
        Wrong(
            largest_brought_back,
            "float(), and `if` about an array on the device, bring an answer back to Python, which "
            "waits for it.",
            "What can be computed where x lies, always?",
            (asked_whether_it_is_large,),
        ),
        Wrong(
            no_shift,
            "Right for small scores. exp(800) is infinite, on every device.",
            "Which number may you subtract from a whole row, as in lesson 05?",
        ),
        Wrong(
            not_divided,
            "The rows do not sum to 1.",
            "By what must each row be divided?",
        ),
        Wrong(
            over_the_columns,
            "You take the softmax of the columns.",
            "Which axis is the last one?",
        ),
        Wrong(
            over_everything,
            "You divide by the sum of everything.",
            "Over which axis is the sum, and is the axis kept?",
            (everything_at_once,),
        ),
        Wrong(
            axis_one,
            "Axis 1 is the last one of two. There may be one axis, or three.",
            "Which number names the last axis, however many there are?",
        ),
        Wrong(
            written_into_x,
            "The result is right, but x itself is changed, and it belongs to the caller.",
            "Which sign makes a new array?",
            (shifted_in_place,),
        ),
        Wrong(
            axis_lost,
            "Your sum loses its axis: what stood for a row divides the columns, or does not fit.",
            "Which argument of sum keeps the axis, with size 1?",
        ),
        Wrong(
            row_after_row,
            "You bring each number back, and send them all again.",
            "Which operations work on the whole array?",
        ),
    ),
    hints=(
        "array_module(x) is NumPy for an array of the CPU and CuPy for one of the GPU. Call it xp, "
        "and write xp.exp where you wrote np.exp. Methods, x.max(...), are the same for both.",
        "The same for a function that makes numbers positive:\n\n"
        "    xp = array_module(____)\n"
        "    return ____.log(1 + ____.exp(x))",
    ),
)

# ------------------------------------------------------------------------------------- 16.3


def break_even_answer(overhead, gpu, cpu):
    # never, if a row does not cost less there
    if gpu >= cpu:
        return math.inf
    # overhead + n gpu < n cpu: more rows than this
    return overhead // (cpu - gpu) + 1


def equal_is_enough(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else -(-overhead // (cpu - gpu))


def one_too_few(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else overhead // (cpu - gpu)


def a_fraction(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else overhead / (cpu - gpu)


def gpu_left_out(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else overhead // cpu + 1


def added(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else overhead // (cpu + gpu) + 1


def turned_round(overhead, gpu, cpu):
    return math.inf if gpu == cpu else overhead // (gpu - cpu) + 1


def never_left_out(overhead, gpu, cpu):
    return overhead // (cpu - gpu) + 1


def always_one(overhead, gpu, cpu):
    return 1 if gpu < cpu else math.inf


def overhead_for_each_row(overhead, gpu, cpu):
    return 1 if overhead + gpu < cpu else math.inf


def zero_for_never(overhead, gpu, cpu):
    return 0 if gpu >= cpu else overhead // (cpu - gpu) + 1


def never_only_where_it_is_slower(overhead, gpu, cpu):
    return math.inf if gpu > cpu else overhead // (cpu - gpu) + 1


def the_saving(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else cpu - gpu


def yes_or_no(overhead, gpu, cpu):
    return gpu < cpu


def brackets_forgotten(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else overhead // cpu - gpu + 1


def searched_up_to_1000(overhead, gpu, cpu):
    return next((n for n in range(1, 1001) if overhead + n * gpu < n * cpu), math.inf)


def rounded(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else round(overhead / (cpu - gpu)) + 1


def overhead_of_both(overhead, gpu, cpu):
    return math.inf if gpu >= cpu else 2 * overhead // (cpu - gpu) + 1


BREAK_EVEN = Exercise(
    id="16.3",
    name="my_break_even",
    form="my_break_even(overhead, gpu, cpu), whole microseconds -> the smallest n, or math.inf",
    answer=break_even_answer,
    cases=(
        Case((100, 2, 9)),
        Case((60, 1, 7), "equal at 10 rows"),
        Case((50, 8, 8), "a row costs the same"),
        Case((30, 9, 4), "a row costs more there"),
        Case((3, 1, 20), "a single row is enough"),
        Case((100_000, 8, 9), "a large overhead, little saved"),
        Case((100, 2, 62), "1.67 rows would do"),
    ),
    wrongs=(
        Wrong(
            equal_is_enough,
            "Where both take equally long the GPU is not faster yet.",
            "Smaller, or also equal?",
        ),
        Wrong(
            one_too_few,
            "With so many rows the GPU is not faster yet.",
            "overhead + n gpu < n cpu: put your n in. Is it true?",
        ),
        Wrong(
            a_fraction,
            "There are no fractions of a row.",
            "What is the smallest whole number above it?",
        ),
        Wrong(
            gpu_left_out,
            "A row takes time on the GPU, too.",
            "How much is saved with each row?",
        ),
        Wrong(
            added,
            "You add what a row costs here and there.",
            "How much is saved with each row?",
        ),
        Wrong(
            turned_round,
            "You subtract the wrong way round.",
            "How much is saved with each row?",
        ),
        Wrong(
            never_left_out,
            "Where a row costs as much there, or more, the GPU is never faster.",
            "What if nothing is saved with a row?",
        ),
        Wrong(
            always_one,
            "You leave the overhead out.",
            "How many rows must be saved on before the overhead is earned?",
        ),
        Wrong(
            overhead_for_each_row,
            "You count the overhead for each row. All rows go at once.",
            "How often is a batch sent?",
        ),
        Wrong(
            zero_for_never,
            "0 rows are no answer where it is never faster: math.inf is.",
            "How many rows would it take?",
        ),
        Wrong(
            never_only_where_it_is_slower,
            "Where a row costs the same here and there you divide by 0.",
            "What if nothing is saved with a row?",
        ),
        Wrong(
            the_saving,
            "That is what is saved with each row.",
            "How many rows does it take to save the overhead?",
        ),
        Wrong(
            yes_or_no,
            "You return True or False. Asked for is from how many rows on.",
            "How many rows does it take to save the overhead?",
        ),
        Wrong(
            brackets_forgotten,
            "Division binds more tightly than minus: a // b - c is (a // b) - c.",
            "Where must brackets stand?",
        ),
        Wrong(
            searched_up_to_1000,
            "You look no further than 1000 rows.",
            "How can the number be computed?",
        ),
        Wrong(
            rounded,
            "round() goes to the nearest whole number. It is cut down, and then one more.",
            "With 1.67 rows both are equal: which is the first whole number above?",
        ),
        Wrong(
            overhead_of_both,
            "You count the overhead twice.",
            "How often is a batch sent?",
        ),
    ),
    hints=(
        "With n rows the GPU takes overhead + n gpu, the CPU n cpu. Each row saves cpu - gpu. "
        "How many are needed to save more than the overhead? What if a row saves nothing?",
        "The same for a season ticket: it costs 60, and saves 3 with each ride. After 20 rides "
        "both ways cost the same, after 21 the ticket is cheaper; with 61 in place of 60 after "
        "21, too:\n\n    rides = ticket // ____ + ____",
    ),
)

EXERCISES = (TOTAL_NORM, ANYWHERE, BREAK_EVEN)
