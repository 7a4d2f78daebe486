"""Lesson 01, Slope and step: slopes by trying, steps down a valley, how small a step to try."""

import math

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, FormError, Outputs, Wrong, kind_of, normal

# ------------------------------------------------------------------------------------- 01.1


def numerical_answer(f, x, eps):
    # whole numbers cannot take a small step
    if x.dtype.kind != "f":
        raise TypeError("x must hold floats")
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        # f a step above, and a step below
        x[i] = kept + eps
        up = f(x)
        x[i] = kept - eps
        down = f(x)
        # as it was before
        x[i] = kept
        # rise / run
        gradient[i] = (up - down) / (2 * eps)
    return gradient


def _refuse_whole_numbers(x):
    if x.dtype.kind != "f":
        raise TypeError("x must hold floats")


def _each(slope):
    """slope(f, x, i, eps) -> one number; x is a copy that may be changed, and is made anew."""

    def gradient(f, x, eps):
        _refuse_whole_numbers(x)
        g = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            g[i] = slope(f, x.copy(), i, eps)
        return g

    return gradient


def _at(f, x, i, value):
    x[i] = value
    return f(x)


def _up_and_down(f, x, i, eps):
    kept = x[i]
    return _at(f, x, i, kept + eps), _at(f, x, i, kept - eps)


def nothing_written(f, x, eps):
    return np.zeros_like(x)


def one_side_only(f, x, eps):
    def slope(f, x, i, eps):
        before = f(x)
        return (_at(f, x, i, x[i] + eps) - before) / eps

    return _each(slope)(f, x, eps)


def the_lower_side_only(f, x, eps):
    def slope(f, x, i, eps):
        before = f(x)
        return (before - _at(f, x, i, x[i] - eps)) / eps

    return _each(slope)(f, x, eps)


def not_restored(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = _up_and_down(f, x, i, eps)
        g[i] = (up - down) / (2 * eps)
    return g


def left_above(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        down = _at(f, x, i, kept - eps)
        g[i] = (_at(f, x, i, kept + eps) - down) / (2 * eps)
    return g


def moved_on_a_copy(f, x, eps):
    return not_restored(f, x.copy(), eps)


def moved_above_on_a_copy(f, x, eps):
    return left_above(f, x.copy(), eps)


def restored_to_the_start(f, x, eps):
    before = x.copy()
    g = not_restored(f, x, eps)
    x[...] = before
    return g


def restored_but_for_rounding(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += eps
        up = f(x)
        x[i] -= 2 * eps
        down = f(x)
        x[i] += eps
        g[i] = (up - down) / (2 * eps)
    return g


def restored_but_for_rounding_from_below(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] -= eps
        down = f(x)
        x[i] += 2 * eps
        up = f(x)
        x[i] -= eps
        g[i] = (up - down) / (2 * eps)
    return g


def two_names_for_one(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        above = x
        below = x
        above[i] += eps
        below[i] -= eps
        g[i] = (f(above) - f(below)) / (2 * eps)
    return g


def two_names_for_a_copy(f, x, eps):
    return two_names_for_one(f, x.copy(), eps)


def half_a_restoring(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += eps
        up = f(x)
        x[i] -= eps
        down = f(x)
        g[i] = (up - down) / (2 * eps)
    return g


def middle_for_below(f, x, eps):
    def slope(f, x, i, eps):
        before = f(x)
        return (_at(f, x, i, x[i] + eps) - before) / (2 * eps)

    return _each(slope)(f, x, eps)


def over_eps(f, x, eps):
    def slope(f, x, i, eps):
        up, down = _up_and_down(f, x, i, eps)
        return (up - down) / eps

    return _each(slope)(f, x, eps)


def brackets_forgotten(f, x, eps):
    def slope(f, x, i, eps):
        up, down = _up_and_down(f, x, i, eps)
        return (up - down) / 2 * eps

    return _each(slope)(f, x, eps)


def not_divided(f, x, eps):
    def slope(f, x, i, eps):
        up, down = _up_and_down(f, x, i, eps)
        return up - down

    return _each(slope)(f, x, eps)


def divided_by_two(f, x, eps):
    def slope(f, x, i, eps):
        up, down = _up_and_down(f, x, i, eps)
        return (up - down) / 2

    return _each(slope)(f, x, eps)


def exchanged(f, x, eps):
    def slope(f, x, i, eps):
        up, down = _up_and_down(f, x, i, eps)
        return (down - up) / (2 * eps)

    return _each(slope)(f, x, eps)


def size_of_the_slope(f, x, eps):
    return abs(_each(lambda *a: _central(*a))(f, x, eps))


def _central(f, x, i, eps):
    up, down = _up_and_down(f, x, i, eps)
    return (up - down) / (2 * eps)


def whole_numbers_let_in(f, x, eps):
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        g[i] = _central(f, x.copy(), i, eps)
    return g


def whole_numbers_let_in_as_floats(f, x, eps):
    g = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else float)
    for i in np.ndindex(x.shape):
        g[i] = _central(f, x.copy(), i, eps)
    return g


def all_at_once(f, x, eps):
    _refuse_whole_numbers(x)
    return np.full_like(x, (f(x + eps) - f(x - eps)) / (2 * eps))


def all_at_once_as_a_number(f, x, eps):
    _refuse_whole_numbers(x)
    return (f(x + eps) - f(x - eps)) / (2 * eps)


def rows_at_once(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in range(len(x)):
        y, z = x.copy(), x.copy()
        y[i] += eps
        z[i] -= eps
        g[i] = (f(y) - f(z)) / (2 * eps)
    return g


def a_share_of_x(f, x, eps):
    def slope(f, x, i, eps):
        kept = x[i]
        up, down = _at(f, x, i, kept * (1 + eps)), _at(f, x, i, kept * (1 - eps))
        return (up - down) / (2 * eps)

    return _each(slope)(f, x, eps)


def _own(step):
    return lambda f, x, eps: _each(_central)(f, x, step)


def own_step(f, x, eps):
    return _own(1e-5)(f, x, eps)


def slope_of_the_slope(f, x, eps):
    def slope(f, x, i, eps):
        middle = f(x)
        up, down = _up_and_down(f, x, i, eps)
        return (up - 2 * middle + down) / eps**2

    return _each(slope)(f, x, eps)


def first_element_alone(f, x, eps):
    g = _each(_central)(f, x, eps)
    g.flat[1:] = 0
    return g


def steps_for_values(f, x, eps):
    _refuse_whole_numbers(x)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        y, z = x.copy(), x.copy()
        y[i], z[i] = eps, -eps
        g[i] = (f(y) - f(z)) / (2 * eps)
    return g


def no_wrong_numbers(function, f, x, eps) -> Outputs:
    """The gradient. Whole numbers may be refused, or turned into floats: what counts is that no
    wrong number comes out."""
    if x.dtype.kind == "f":
        return {"result": function(f, x, eps)}
    try:
        gradient = function(f, x, eps)
    except (TypeError, ValueError, AssertionError):
        return {"whole numbers refused": 1.0}
    if gradient is None:
        return {"whole numbers refused": None}
    if isinstance(gradient, BaseException):
        raise FormError("you return an error as if it were a result: `raise` it")
    right = numerical_answer(f, x.astype(float), eps)
    same = np.shape(gradient) == x.shape and np.allclose(np.asarray(gradient, float), right, 1e-3)
    return {"whole numbers refused": float(same)}


def waves(x):
    return np.sin(x[0] * x[1]) + x[1] * x[2] ** 2


def products_of_rows(x):
    return (x[0] * x[1]).sum() + (x**3).sum() / 3 + x[0, 0] * x[1, 2]


SLOPES = Exercise(
    id="01.1",
    name="my_numerical_gradient",
    form="my_numerical_gradient(f, x, eps): x an array of floats -> an array of its shape",
    answer=numerical_answer,
    observe=no_wrong_numbers,
    blank=nothing_written,
    blank_says="every slope is 0: not written yet",
    rtol=1e-5,
    cases=(
        Case((waves, np.array([0.7, -1.2, 1.9]), 0.01)),
        Case((products_of_rows, normal(51, 2, 3), 0.1), "a matrix, and a step of 0.1"),
        Case((waves, np.array([0.4, 1.1, -0.8], np.float32), 0.02), "float32 must stay float32"),
        Case((waves, np.array([1, 2, 3]), 0.01), "x holds whole numbers"),
    ),
    wrongs=(
        Wrong(
            whole_numbers_let_in,
            "Right for floats. An array of whole numbers cannot hold 3.01: your step is rounded "
            "off, "
            "and the slopes that come out are wrong without a word.",
            "What does x.dtype.kind say for floats, and what will you do with anything else?",
            (whole_numbers_let_in_as_floats,),
        ),
        Wrong(
            one_side_only,
            "You look at one side of x only. The curve bends, and on one side alone the bend is "
            "counted as slope.",
            "Where else can you look, so that the bend cancels?",
            (the_lower_side_only,),
        ),
        Wrong(
            not_restored,
            "After your call x is not what it was, and the later slopes are taken at another "
            "place.",
            "What must stand in x[i] again before the next i?",
            (left_above,),
        ),
        Wrong(
            moved_on_a_copy,
            "The elements that were tried stay moved while you try the next ones.",
            "What must stand in element i again before the next i?",
            (moved_above_on_a_copy, restored_to_the_start),
        ),
        Wrong(
            restored_but_for_rounding,
            "The slopes are right. But x comes back with other last digits: x + eps - 2 eps + "
            "eps is not always x, for each sum is rounded.",
            "How can you keep the old number, and put that one back?",
            (restored_but_for_rounding_from_below,),
        ),
        Wrong(
            two_names_for_one,
            "Your two places are one array with two names: what you add to the one, you take off "
            "the other.",
            "Does `above = x` make a new array?",
            (two_names_for_a_copy,),
        ),
        Wrong(
            half_a_restoring,
            "Your second value of f is taken at x itself: you have half the slope of one side.",
            "From x + eps, how far is it to x - eps?",
            (middle_for_below,),
        ),
        Wrong(
            over_eps,
            "2 times too large.",
            "How far apart are the two places at which you ask f?",
        ),
        Wrong(
            brackets_forgotten,
            "You divide by 2 and multiply by eps: Python goes from left to right.",
            "Where do brackets go in a / (b * c)?",
        ),
        Wrong(
            not_divided,
            "That is the rise. A slope is rise divided by run.",
            "How far apart are the two places at which you ask f?",
        ),
        Wrong(
            divided_by_two,
            "You divide by 2. The run is 2 steps of eps.",
            "How far apart are the two places at which you ask f?",
        ),
        Wrong(
            exchanged,
            "The right size, the other sign.",
            "If f rises with x[i], which of the two values is the larger?",
        ),
        Wrong(
            size_of_the_slope,
            "No slope of yours is negative: you take the size.",
            "What does the sign of a slope say?",
        ),
        Wrong(
            all_at_once,
            "You move all elements together: one number comes out, the sum of all slopes.",
            "How can one element move while the others stay?",
            (all_at_once_as_a_number,),
        ),
        Wrong(
            rows_at_once,
            "Right for a vector. Of a matrix, x[i] is a whole row, and you move all of it.",
            "What does np.ndindex(x.shape) give, one after the other?",
        ),
        Wrong(
            a_share_of_x,
            "You move each element by a share of itself, and not by eps.",
            "Is the step the same for a small and for a large element?",
        ),
        Wrong(
            own_step,
            "The step is one of your own: eps changes nothing.",
            "Where does eps stand in your lines?",
            (_own(1e-3), _own(1e-4), _own(1e-6), _own(1e-7), _own(1e-8)),
        ),
        Wrong(
            slope_of_the_slope,
            "That is how the slope changes: the second derivative.",
            "Which two values of f does a slope need?",
        ),
        Wrong(
            first_element_alone,
            "Only the first element has a slope.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            steps_for_values,
            "You write eps itself into x, and what stood there is gone.",
            "The place to try is a step away from x[i]: which sum is that?",
        ),
    ),
    hints=(
        "For each index i: keep x[i]; put x[i] + eps there and ask f; put x[i] - eps there and "
        "ask f; "
        "put the old number back. The slope is the difference of the two answers, divided by how"
        " far "
        "apart the two places are. Before all that: refuse an x without floats.",
        "The same for a single number t in place of an array:\n\n"
        "    up = f(t + eps)\n"
        "    down = f(t - ____)\n"
        "    slope = (up - down) / ____\n\n"
        "In an array, `kept = x[i]` remembers the number, and `x[i] = kept` puts it back.",
    ),
)

# ------------------------------------------------------------------------------------- 01.2


def descend_answer(slope, x, learning_rate, steps):
    # an array of one's own
    x = x.copy()
    for _ in range(steps):
        # against the slope
        x -= learning_rate * slope(x)
    return x


def _walk(step):
    """step(x, slope, rate, start) -> the next x"""

    def descend(slope, x, learning_rate, steps):
        start, x = x, x.copy()
        for _ in range(steps):
            x = step(x, slope, learning_rate, start)
        return x

    return descend


def uphill(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x + rate * s(x))(slope, x, learning_rate, steps)


def the_first_slope_again(slope, x, learning_rate, steps):
    return x - steps * learning_rate * slope(x)


def rate_forgotten(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - s(x))(slope, x, learning_rate, steps)


def a_single_step(slope, x, learning_rate, steps):
    return x - learning_rate * slope(x)


def always_from_the_start(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, start: start - rate * s(start))(slope, x, learning_rate, steps)


def slopes_here_steps_from_the_start(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, start: start - rate * s(x))(slope, x, learning_rate, steps)


def one_too_many(slope, x, learning_rate, steps):
    return descend_answer(slope, x, learning_rate, steps + 1)


def one_too_few(slope, x, learning_rate, steps):
    return descend_answer(slope, x, learning_rate, steps - 1)


def callers_array_moved(slope, x, learning_rate, steps):
    for _ in range(steps):
        x -= learning_rate * slope(x)
    return x


def no_step(slope, x, learning_rate, steps):
    return x.copy()


def last_slope(slope, x, learning_rate, steps):
    return slope(descend_answer(slope, x, learning_rate, steps))


def last_move(slope, x, learning_rate, steps):
    x, move = x.copy(), np.zeros_like(x)
    for _ in range(steps):
        move = learning_rate * slope(x)
        x -= move
    return move


def every_place(slope, x, learning_rate, steps):
    places = [x.copy()]
    for _ in range(steps):
        places.append(places[-1] - learning_rate * slope(places[-1]))
    return np.array(places)


def every_place_but_the_start(slope, x, learning_rate, steps):
    return every_place(slope, x, learning_rate, steps)[1:]


def signs_alone(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - rate * np.sign(s(x)))(slope, x, learning_rate, steps)


def steps_of_one_length(slope, x, learning_rate, steps):
    def step(x, s, rate, _):
        g = s(x)
        return x - rate * g / np.sqrt((g**2).sum())

    return _walk(step)(slope, x, learning_rate, steps)


def the_slope_alone(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: rate * s(x))(slope, x, learning_rate, steps)


def the_slope_alone_with_a_minus(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: -rate * s(x))(slope, x, learning_rate, steps)


def divided_by_the_rate(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - s(x) / rate)(slope, x, learning_rate, steps)


def rate_taken_off(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - s(x) - rate)(slope, x, learning_rate, steps)


def rate_over_the_steps(slope, x, learning_rate, steps):
    return descend_answer(slope, x, learning_rate / steps, steps)


def slope_of_the_step(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - s(rate * x))(slope, x, learning_rate, steps)


def slope_forgotten(slope, x, learning_rate, steps):
    return x - steps * learning_rate


def asked_between_the_elements(slope, x, learning_rate, steps):
    x = x.copy()
    for _ in range(steps):
        for i in np.ndindex(x.shape):
            x[i] -= learning_rate * slope(x)[i]
    return x


def a_rate_that_falls(slope, x, learning_rate, steps):
    x = x.copy()
    for n in range(steps):
        x -= learning_rate / (n + 1) * slope(x)
    return x


def one_for_all(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - rate * s(x).sum())(slope, x, learning_rate, steps)


def mean_for_all(slope, x, learning_rate, steps):
    return _walk(lambda x, s, rate, _: x - rate * s(x).mean())(slope, x, learning_rate, steps)


def twenty_steps(slope, x, learning_rate, steps):
    return descend_answer(slope, x, learning_rate, 20)


def of_a_valley(x):
    """The slopes of x0^2 / 4 + 2 x1^2 + x0 x1 / 2"""
    return np.array([x[0] / 2 + x[1] / 2, 4 * x[1] + x[0] / 2], x.dtype)


def of_a_bend(x):
    """The slopes of the sum of x^4 / 4 - x"""
    return x**3 - 1


DESCEND = Exercise(
    id="01.2",
    name="my_descend",
    form="my_descend(slope, x, learning_rate, steps) -> where it ends, an array of the shape of x",
    answer=descend_answer,
    cases=(
        Case((of_a_valley, np.array([4.0, -1.5]), 0.2, 7)),
        Case((of_a_bend, 0.4 * normal(52, 3, 2), 0.1, 4), "a matrix"),
        Case((of_a_valley, np.array([-3.0, 2.0]), 0.3, 1), "a single step"),
        Case((of_a_valley, np.array([2.0, 1.0]), 0.3, 0), "no step at all"),
    ),
    wrongs=(
        Wrong(
            uphill,
            "You go up: with every step f grows.",
            "Where the slope is positive, to which side does f fall?",
        ),
        Wrong(
            the_first_slope_again,
            "All your steps use the slope at the start. It changes on the way.",
            "At which x should the slope be asked for the second step?",
        ),
        Wrong(
            rate_forgotten,
            "The learning rate is not in it: you go the whole slope at each step.",
            "Which factor makes the steps shorter?",
        ),
        Wrong(
            a_single_step,
            "Yours is where one step leads, however many are asked for.",
            "Where does the second step begin? And does `return` stand inside the loop?",
            (always_from_the_start,),
        ),
        Wrong(
            slopes_here_steps_from_the_start,
            "Every step of yours begins at the start, though its slope is that of the last place.",
            "From where should the slope be taken off?",
        ),
        Wrong(
            one_too_many,
            "You go one step too many.",
            "How often does `for _ in range(steps)` run, and what do you do beside it?",
        ),
        Wrong(
            one_too_few,
            "You go one step too few.",
            "How often does range(steps - 1) run, or range(1, steps)?",
        ),
        Wrong(
            callers_array_moved,
            "The place is right, but the array that you were given has moved along, and whoever "
            "called you finds his start gone. (`x[:]` of an array is no copy of it.)",
            "Which line makes an array of your own?",
        ),
        Wrong(
            no_step,
            "You end where you began.",
            "Which line changes x, and does it run?",
        ),
        Wrong(
            last_slope,
            "That is the slope at the end, not the place.",
            "What is asked for: where you are, or how steep it is there?",
        ),
        Wrong(
            last_move,
            "That is the last step, not the place.",
            "What is asked for: where you are, or how far you went?",
        ),
        Wrong(
            every_place,
            "You return every place on the way. The last one is asked for.",
            "Which index has the last of a list?",
            (every_place_but_the_start,),
        ),
        Wrong(
            signs_alone,
            "You take the sign of the slope: all your steps have the same size.",
            "Should a step be as long where it is nearly flat as where it is steep?",
        ),
        Wrong(
            steps_of_one_length,
            "All your steps have the same length: you divide the slope by its own.",
            "Should a step be as long where it is nearly flat as where it is steep?",
        ),
        Wrong(
            the_slope_alone,
            "x becomes the step: where you were is lost.",
            "`=` or `-=`: from what is the step taken off?",
            (the_slope_alone_with_a_minus,),
        ),
        Wrong(
            divided_by_the_rate,
            "You divide by the learning rate: the smaller it is, the longer are your steps.",
            "Should a small rate make small steps, or large ones?",
        ),
        Wrong(
            rate_taken_off,
            "You take the learning rate off. It is a factor.",
            "How do you make a slope half as large?",
        ),
        Wrong(
            rate_over_the_steps,
            "You share the learning rate out over the steps.",
            "How long is one step, if two of them are asked for, or ten?",
        ),
        Wrong(
            slope_of_the_step,
            "The rate is inside: you ask for the slope at another place.",
            "At which x is the slope asked for, and what is then made smaller?",
        ),
        Wrong(
            one_for_all,
            "You add all slopes up, and every element takes the same step.",
            "Which slope belongs to which element?",
            (mean_for_all,),
        ),
        Wrong(
            slope_forgotten,
            "The slope is not in it: every step is as long as the learning rate, whatever the "
            "way is like.",
            "What does slope(x) say about the next step?",
        ),
        Wrong(
            asked_between_the_elements,
            "You move one element and then ask for the slope of the next: at another place.",
            "At how many places should the slope be asked for in one step?",
        ),
        Wrong(
            a_rate_that_falls,
            "Your learning rate falls from step to step.",
            "Which number of your line changes with the steps, and should it?",
        ),
        Wrong(
            twenty_steps,
            "You always go 20 steps.",
            "Which argument says how many?",
        ),
    ),
    hints=(
        "Make a copy of x. Then, `steps` times: ask for the slope where you are now, multiply it"
        " by "
        "the learning rate, take that off. At the end return where you are.",
        "The same for money that loses a share each year:\n\n"
        "    def left(amount, share, years):\n"
        "        for _ in range(____):\n"
        "            amount = amount - share * ____\n"
        "        return amount\n\n"
        "Here what is taken off is the slope at the new place, times the learning rate.",
    ),
)

# ------------------------------------------------------------------------------------- 01.3


def best_eps_answer(dtype):
    # the spacing of numbers beside 1
    u = np.finfo(dtype).eps
    # the step at which the two errors are equal
    return u ** (1 / 3)


def the_spacing_itself(dtype):
    return np.finfo(dtype).eps


def the_smallest_number(dtype):
    return np.finfo(dtype).tiny


def root_of_the_smallest_number(dtype):
    return np.finfo(dtype).tiny ** (1 / 3)


def the_resolution(dtype):
    return np.finfo(dtype).resolution


def root_of_the_spacing(dtype):
    return np.finfo(dtype).eps ** 0.5


def brackets_forgotten_in_the_power(dtype):
    return np.finfo(dtype).eps ** 1 / 3


def cubed(dtype):
    return np.finfo(dtype).eps ** 3


def whole_division(dtype):
    return np.finfo(dtype).eps ** (1 // 3)


def upside_down(dtype):
    return 1 / np.finfo(dtype).eps


def upside_down_root(dtype):
    return np.finfo(dtype).eps ** (-1 / 3)


def the_error_there(dtype):
    eps = best_eps_answer(dtype)
    return np.finfo(dtype).eps / eps + eps**2


def types_exchanged(dtype):
    return best_eps_answer(np.float32 if dtype is np.float64 else np.float64)


def fine_for_float64_alone(dtype):
    return 1e-5


def fine_for_float32_alone(dtype):
    return 1e-3


def far_too_small(dtype):
    return 1e-12


def far_too_large(dtype):
    return 0.3


def _for_both(least, most):
    """The same step for both types, whatever number it is, four to a power of ten."""
    powers = range(math.ceil(4 * math.log10(least)), math.floor(4 * math.log10(most)) + 1)
    return tuple(lambda dtype, eps=float(10 ** (k / 4)): eps for k in powers)


def error_of(eps, dtype, f=np.sin, slope=np.cos, one_sided=False):
    """How far the slope by trying is off, in numbers of this dtype: the median over 25 places."""
    x = np.linspace(0.3, 1.3, 25).astype(dtype)
    eps = dtype(eps)
    low = x if one_sided else x - eps
    with np.errstate(all="ignore"):
        found = (f(x + eps) - f(low)) / ((1 if one_sided else 2) * eps)
    error = abs(found.astype(float) - slope(x.astype(float)))
    return float(np.median(np.where(np.isfinite(error), error, 1e300)))


def decades_off(function, dtype) -> Outputs:
    """0 for a step whose error is at most 100 times the smallest; else how many powers of ten the
    step is too large, or too small."""
    eps = function(dtype)
    if eps is None:
        return {AWAY: None}
    if np.ndim(eps) or not isinstance(eps, int | float | np.number):
        raise FormError(f"your function returned {kind_of(eps)}, asked for is one number")
    if not 0 < eps < np.inf:
        raise FormError(
            f"a step must be above 0 and finite, yours is {eps:g} (10 ** a makes a number of its "
            "power of ten)"
        )
    best = best_eps_answer(dtype)
    smallest = min(error_of(step, dtype) for step in best * 10.0 ** np.linspace(-1, 1, 21))
    good = eps < 1e30 and error_of(eps, dtype) <= 100 * smallest
    return {AWAY: 0.0 if good else float(round(np.log10(float(eps) / float(best))))}


AWAY = "powers of ten between your step and a good one"

EPS = Exercise(
    id="01.3",
    name="my_best_eps",
    form="my_best_eps(dtype): np.float64 or np.float32 -> one number, above 0",
    answer=best_eps_answer,
    observe=decades_off,
    cases=(Case((np.float64,), "float64"), Case((np.float32,), "float32")),
    wrongs=(
        Wrong(
            the_spacing_itself,
            "A step as small as the spacing of the numbers: f changes by one or two of its last "
            "digits, and the slope is nearly all rounding.",
            "The rounding error is u / eps. How large is that for eps = u?",
            (the_resolution,),
        ),
        Wrong(
            brackets_forgotten_in_the_power,
            "u ** 1 / 3 is a third of u: the power comes before the division.",
            "Where do brackets go?",
        ),
        Wrong(
            cubed,
            "You take the third power of u, which is next to nothing: x + eps is x.",
            "If eps^3 = u, what is eps?",
        ),
        Wrong(
            the_smallest_number,
            "tiny is the smallest number that there is. Beside x it is nothing: x + eps is x.",
            "Which number of np.finfo says how far apart the numbers beside 1 are?",
            (root_of_the_smallest_number,),
        ),
        Wrong(
            root_of_the_spacing,
            "Right in float32, too small in float64. The square root balances u / eps with an "
            "error of size eps: that of one side.",
            "With both sides the other error is of size eps^2: where is that equal to u / eps?",
        ),
        Wrong(
            upside_down,
            "A huge step: one divided by the spacing.",
            "Must the step be larger than x, or smaller?",
        ),
        Wrong(
            upside_down_root,
            "A large step: one divided by the right one.",
            "Must the power be 1 / 3 or -1 / 3?",
        ),
        Wrong(
            the_error_there,
            "That is how large the error is at a good step. Asked for is the step.",
            "At which eps are u / eps and eps^2 equal?",
        ),
        Wrong(
            types_exchanged,
            "The two are exchanged.",
            "Which of the two has the finer numbers, and which one can take the smaller step?",
        ),
        Wrong(
            fine_for_float64_alone,
            "One step for both. It is good in float64; in float32, where numbers have 7 digits, so "
            "small a step drowns in rounding.",
            "What of dtype says how far apart its numbers are, and does your answer ask for it?",
            _for_both(1.5e-7, 5e-5),
        ),
        Wrong(
            fine_for_float32_alone,
            "One step for both. It is good in float32; in float64 there is room for a much smaller "
            "one.",
            "What of dtype says how far apart its numbers are, and does your answer ask for it?",
            _for_both(1e-4, 3.5e-2),
        ),
        Wrong(
            far_too_small,
            "One step for both, and too small in both: the smaller the step, the more of the slope "
            "is rounding.",
            "The rounding error is u / eps: does it fall or rise when eps falls?",
            _for_both(1e-20, 4e-8),
        ),
        Wrong(
            far_too_large,
            "One step for both, and too large in both: within such a step the curve bends. (In "
            "Python u ** (1 // 3) is u ** 0, which is 1.)",
            "The error of the bend is of size eps^2: how large is it here, beside u / eps?",
            (whole_division, *_for_both(0.055, 1.9)),
        ),
    ),
    hints=(
        "Two errors pull in opposite directions. The bend of the curve gives one of size eps^2; "
        "rounding gives one of size u / eps, u being np.finfo(dtype).eps. The best step lies about "
        "where they are equal. Solve for eps.",
        "The same for the one-sided slope, whose bend gives an error of size eps:\n\n"
        "    eps = u / eps,   so   eps^2 = u,   so   eps = u ** (1 / ____)\n\n"
        "With both sides the left hand is eps^2; and u is np.finfo(____).eps.",
    ),
)

EXERCISES = (SLOPES, DESCEND, EPS)
