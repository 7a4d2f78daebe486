"""Lesson 05, Loss: softmax, the gradient of cross-entropy, the entropy floor."""

import numpy as np

from tinygpt.lesson.exercise import (
    Case,
    Exercise,
    Outputs,
    Property,
    Wrong,
    asked_twice,
    normal,
    two,
    way_back,
)
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.softmax import softmax

# ------------------------------------------------------------------------------------- 05.1


def softmax_answer(z):
    # shift each row, so that exp cannot overflow
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    # divide by the sum of the row
    return e / e.sum(axis=-1, keepdims=True)


def no_shift(z):
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def shifted_by_division(z):
    e = np.exp(z)
    e = e / e.max(axis=-1, keepdims=True)
    return e / e.sum(axis=-1, keepdims=True)


def one_shift_for_all(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=-1, keepdims=True)


def clipped(z):
    e = np.exp(np.clip(z, -700, 700) if z.dtype == np.float64 else np.clip(z, -80, 80))
    return e / e.sum(axis=-1, keepdims=True)


def sum_of_everything(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum()


def sum_of_everything_too(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def sum_of_everything_without_a_shift(z):
    e = np.exp(z)
    return e / e.sum()


def down_the_columns(z):
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def exp_forgotten(z):
    return z / z.sum(axis=-1, keepdims=True)


def not_divided_by_the_sum(z):
    return np.exp(z - z.max(axis=-1, keepdims=True))


def log_of_it(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def axis_one(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _shifted(by):
    def softmax_after(z):
        e = np.exp(z - by(z))
        return e / e.sum(axis=-1, keepdims=True)

    return softmax_after


def shift_by_the_mean(z):
    return _shifted(lambda z: z.mean(axis=-1, keepdims=True))(z)


def shift_by_the_least(z):
    return _shifted(lambda z: z.min(axis=-1, keepdims=True))(z)


def shift_upwards(z):
    return _shifted(lambda z: -z.max(axis=-1, keepdims=True))(z)


def shift_by_the_largest_size(z):
    return _shifted(lambda z: abs(z).max(axis=-1, keepdims=True))(z)


def shift_by_the_largest_size_of_all(z):
    return _shifted(lambda z: abs(z).max())(z)


def shift_by_the_first(z):
    return _shifted(lambda z: z[..., :1])(z)


def shift_of_the_powers(z):
    e = np.exp(z)
    e = np.exp(e - e.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def shift_after_the_exp(z):
    e = np.exp(z)
    e = e - e.max(axis=-1, keepdims=True)
    return e / e.sum(axis=-1, keepdims=True)


def powers_of_two(z):
    e = 2.0 ** (z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def divided_by_how_many(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / z.shape[-1]


def divided_by_the_columns(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=0)


def nan_made_zero(z):
    return np.nan_to_num(no_shift(z))


def nan_made_one(z):
    y = no_shift(z)
    return np.where(np.isnan(y), np.ones_like(y), y)


def negated(z):
    return softmax_answer(-z)


def one_chosen(z):
    return np.eye(z.shape[-1], dtype=z.dtype)[z.argmax(-1)]


def summed_before(z):
    z = z - z.max(axis=-1, keepdims=True)
    return np.exp(z) / np.exp(z.sum(axis=-1, keepdims=True))


def squares_for_exp(z):
    e = z * z
    return e / e.sum(axis=-1, keepdims=True)


def sizes_for_exp(z):
    e = abs(z)
    return e / e.sum(axis=-1, keepdims=True)


FAR_APART = np.array([[1e4, 9.999e3, 0.0, -2.0, 5.0], [-1e4, -9.998e3, -1.0001e4, -1e4, -9.999e3]])

SOFTMAX = Exercise(
    id="05.1",
    name="my_softmax",
    form="my_softmax(z): z (..., n) -> y (..., n)",
    answer=softmax_answer,
    cases=(
        Case((normal(1, 3, 7),)),
        Case((normal(2, 2, 3, 5),), "three axes"),
        Case((FAR_APART,), "scores of 10000 and -10000"),
        Case((4 * FAR_APART[:, ::-1].copy(),), "scores of 40000 and -40000"),
        Case((normal(8, 2, 5) - 1000,), "every score is near -1000"),
        Case((normal(3, 3, 7).astype(np.float32),), "float32 must stay float32"),
    ),
    properties=(Property("every row sums to 1", lambda o, z: o["result"].sum(-1), 1.0),),
    wrongs=(
        Wrong(
            no_shift,
            "Right for small numbers. But exp(10000) is larger than any float, and inf / inf is "
            "nan.",
            "Adding one number to a whole row changes no chance. Which number would help here?",
            (shifted_by_division,),
        ),
        Wrong(
            one_shift_for_all,
            "You subtract the largest number of the whole array. The second row lies 20000 below "
            "it: all its exp are 0, and 0 / 0 is nan.",
            "Whose largest number should a row subtract?",
        ),
        Wrong(
            clipped,
            "No overflow any more, but after your clipping 10000 and 9999 are the same number, "
            "and their chances should not be.",
            "Which change of z leaves all differences as they are?",
        ),
        Wrong(
            sum_of_everything,
            "All your numbers together sum to 1. Each row is a choice of its own.",
            "Over which axis do you sum, and did you keep that axis for the division?",
            (sum_of_everything_too, sum_of_everything_without_a_shift),
        ),
        Wrong(
            down_the_columns,
            "Your columns sum to 1, not your rows.",
            "The choices lie along the last axis: what is its number?",
        ),
        Wrong(
            exp_forgotten,
            "Your rows sum to 1, but there are negative numbers in them. A chance is never "
            "negative.",
            "Which function makes every number positive, and keeps the order?",
        ),
        Wrong(
            not_divided_by_the_sum,
            "Positive numbers in the right order, but a row does not sum to 1.",
            "What do you divide a list of amounts by, to get shares?",
        ),
        Wrong(
            log_of_it,
            "These are the logarithms of the chances.",
            "What undoes a logarithm?",
        ),
        Wrong(
            axis_one,
            "Right for matrices. Of three axes, axis 1 is not the last.",
            "The choices lie along the last axis, however many there are: what is its number?",
        ),
        Wrong(
            shift_by_the_mean,
            "You subtract the mean of a row: what lies far above it still overflows.",
            "Which number of a row, subtracted, leaves nothing above 0?",
        ),
        Wrong(
            shift_by_the_least,
            "You subtract the smallest number of a row: all others grow.",
            "Which number of a row, subtracted, leaves nothing above 0?",
            (
                shift_upwards,
                shift_by_the_first,
            ),
        ),
        Wrong(
            shift_by_the_largest_size,
            "You subtract the largest size. In a row of negative numbers that is not the largest "
            "number.",
            "Which is larger, -3 or -1000?",
            (shift_by_the_largest_size_of_all,),
        ),
        Wrong(
            shift_of_the_powers,
            "You take exp twice.",
            "What should be subtracted: something from the scores, or from their exp?",
        ),
        Wrong(
            shift_after_the_exp,
            "You subtract after exp: the overflow has happened by then, and the shares are "
            "changed.",
            "At which step does adding one number to a row change nothing?",
        ),
        Wrong(
            powers_of_two,
            "You take powers of 2: chances, but of another function.",
            "Which number is raised to the power of z?",
        ),
        Wrong(
            sigmoid,
            "That is the sigmoid: each number by itself, as if the others were not there.",
            "What makes the numbers of a row sum to 1?",
        ),
        Wrong(
            divided_by_how_many,
            "You divide by how many numbers a row has.",
            "Shares of a whole: what is the whole?",
        ),
        Wrong(
            divided_by_the_columns,
            "You divide by the sums of the columns.",
            "Along which axis do the choices lie that should sum to 1?",
        ),
        Wrong(
            nan_made_zero,
            "Where exp overflows you put a number in the place of nan: the chances are lost by "
            "then.",
            "How do you keep exp from overflowing?",
            (nan_made_one,),
        ),
        Wrong(
            negated,
            "Yours is the softmax of -z: the largest score gets the smallest chance.",
            "Which sign has z in the exponent?",
        ),
        Wrong(
            one_chosen,
            "You give everything to the largest score: a choice, and no chances.",
            "How much more likely should a score be that is larger by 1?",
        ),
        Wrong(
            summed_before,
            "You take exp of the sum, not the sum of the exps.",
            "Which comes first, exp or sum?",
        ),
        Wrong(
            squares_for_exp,
            "You make the numbers positive, but not with exp: -3 gets more than 1.",
            "Which function makes every number positive, and a larger one larger?",
            (sizes_for_exp,),
        ),
    ),
    hints=(
        "Three steps. Make every number positive with a function that keeps the order. Divide each "
        "row by its sum. Then look at your first step again: what does it do to 10000, and what "
        "may you subtract from a row beforehand without changing the result?",
        "The same plan for another function, one row x: powers of 2 instead of exp, and shares of "
        "a whole.\n\n"
        "    p = 2.0 ** (x - ____)          # no power above 1, so nothing overflows\n"
        "    share = p / p.sum()\n\n"
        "For many rows at once, both reductions need axis=-1 and keepdims=True.",
    ),
    library=softmax,
    locked=(softmax, cross_entropy),
)

# ------------------------------------------------------------------------------------- 05.2


def _forward(logits, targets):
    z = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=-1, keepdims=True)
    rows = np.arange(len(targets))
    return -np.log(p[rows, targets]).mean(), p, rows


def cross_entropy_answer(logits, targets):
    z = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=-1, keepdims=True)
    rows = np.arange(len(targets))
    loss = -np.log(p[rows, targets]).mean()

    def backward(dy):
        dz = p.copy()
        dz[rows, targets] -= 1
        return dz * (dy / len(targets)), None

    return loss, backward


def no_way_back(logits, targets):
    loss, _, _ = _forward(logits, targets)
    return loss, lambda dy: (None, None)


def mean_forgotten(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[rows, targets] -= 1
        return dz * dy, None

    return loss, backward


def mean_and_dy_forgotten(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[rows, targets] -= 1
        return dz, None

    return loss, backward


def target_added(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[rows, targets] += 1
        return dz * (dy / len(targets)), None

    return loss, backward


def target_forgotten(logits, targets):
    loss, p, _ = _forward(logits, targets)
    return loss, lambda dy: (p * (dy / len(targets)), None)


def dy_forgotten(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[rows, targets] -= 1
        return dz / len(targets), None

    return loss, backward


def rows_numbered_like_the_class(logits, targets):
    loss, p, _ = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[targets] -= 1
        return dz * (dy / len(targets)), None

    return loss, backward


def columns_of_every_target(logits, targets):
    loss, p, _ = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[:, targets] -= 1
        return dz * (dy / len(targets)), None

    return loss, backward


def other_sign(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = -p
        dz[rows, targets] += 1
        return dz * (dy / len(targets)), None

    return loss, backward


def divided_by_the_classes(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = p.copy()
        dz[rows, targets] -= 1
        return dz * (dy / logits.shape[-1]), None

    return loss, backward


def target_alone(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = np.zeros_like(p)
        dz[rows, targets] = -1
        return dz * (dy / len(targets)), None

    return loss, backward


def slope_of_the_log(logits, targets):
    loss, p, rows = _forward(logits, targets)

    def backward(dy):
        dz = np.zeros_like(p)
        dz[rows, targets] = -1 / p[rows, targets]
        return dz * (dy / len(targets)), None

    return loss, backward


def _with(gradient):
    """gradient(logits, targets, p, rows, dy) -> dlogits, after the right loss."""

    def cross(logits, targets):
        loss, p, rows = _forward(logits, targets)
        return loss, lambda dy: (gradient(logits, targets, p, rows, dy), None)

    return cross


def _at(p, rows, targets, value):
    d = p.copy()
    d[rows, targets] = value
    return d


def _minus_one(p, rows, targets):
    d = p.copy()
    d[rows, targets] -= 1
    return d


def one_after_the_mean(logits, targets):
    def gradient(z, t, p, rows, dy):
        d = p * (dy / len(t))
        d[rows, t] -= 1
        return d

    return _with(gradient)(logits, targets)


def share_off_the_whole(logits, targets):
    def gradient(z, t, p, rows, dy):
        d = p.copy()
        d[rows, t] -= dy / len(t)
        return d

    return _with(gradient)(logits, targets)


def share_of_one_off_the_whole(logits, targets):
    def gradient(z, t, p, rows, dy):
        d = p.copy()
        d[rows, t] -= 1 / len(t)
        return d * dy

    return _with(gradient)(logits, targets)


def minus_one_written(logits, targets):
    return _with(lambda z, t, p, rows, dy: _at(p, rows, t, -1) * (dy / len(t)))(logits, targets)


def zero_written(logits, targets):
    return _with(lambda z, t, p, rows, dy: _at(p, rows, t, 0) * (dy / len(t)))(logits, targets)


def one_minus_p_written(logits, targets):
    def gradient(z, t, p, rows, dy):
        return _at(p, rows, t, 1 - p[rows, t]) * (dy / len(t))

    return _with(gradient)(logits, targets)


def only_the_target_elements(logits, targets):
    def gradient(z, t, p, rows, dy):
        d = np.zeros_like(p)
        d[rows, t] = p[rows, t] - 1
        return d * (dy / len(t))

    return _with(gradient)(logits, targets)


def scores_for_chances(logits, targets):
    def gradient(z, t, p, rows, dy):
        return _minus_one(z, rows, t) * (dy / len(t))

    return _with(gradient)(logits, targets)


def numbers_of_the_classes_off(logits, targets):
    def gradient(z, t, p, rows, dy):
        return (p - t[:, None]).astype(p.dtype) * (dy / len(t))

    return _with(gradient)(logits, targets)


def one_off_everywhere(logits, targets):
    return _with(lambda z, t, p, rows, dy: (p - 1) * (dy / len(t)))(logits, targets)


def last_row_forgotten(logits, targets):
    def gradient(z, t, p, rows, dy):
        return _minus_one(p, rows[:-1], t[:-1]) * (dy / len(t))

    return _with(gradient)(logits, targets)


def first_row_alone(logits, targets):
    def gradient(z, t, p, rows, dy):
        return _minus_one(p, rows[:1], t[:1]) * (dy / len(t))

    return _with(gradient)(logits, targets)


def dy_added(logits, targets):
    def gradient(z, t, p, rows, dy):
        return (_minus_one(p, rows, t) / len(t) + dy).astype(p.dtype)

    return _with(gradient)(logits, targets)


def dy_twice(logits, targets):
    return _with(lambda z, t, p, rows, dy: _minus_one(p, rows, t) * (dy * dy / len(t)))(
        logits, targets
    )


def mean_of_everything(logits, targets):
    return _with(lambda z, t, p, rows, dy: _minus_one(p, rows, t) * (dy / p.size))(logits, targets)


def mean_twice(logits, targets):
    return _with(lambda z, t, p, rows, dy: _minus_one(p, rows, t) * (dy / len(t) ** 2))(
        logits, targets
    )


def times_the_chance(logits, targets):
    def gradient(z, t, p, rows, dy):
        return _minus_one(p, rows, t) * p * (dy / len(t))

    return _with(gradient)(logits, targets)


def jacobian_diagonal(logits, targets):
    return _with(lambda z, t, p, rows, dy: p * (1 - p) * (dy / len(t)))(logits, targets)


def two_off(logits, targets):
    def gradient(z, t, p, rows, dy):
        return _minus_one(_minus_one(p, rows, t), rows, t) * (dy / len(t))

    return _with(gradient)(logits, targets)


def squared_difference(logits, targets):
    return _with(lambda z, t, p, rows, dy: 2 * _minus_one(p, rows, t) * (dy / len(t)))(
        logits, targets
    )


def loss_times(logits, targets):
    loss, p, rows = _forward(logits, targets)
    return loss, lambda dy: (loss * _minus_one(p, rows, targets) * (dy / len(targets)), None)


def _other_loss(of):
    def cross(logits, targets):
        loss, backward = cross_entropy_answer(logits, targets)
        return of(loss, len(targets)), backward

    return cross


def loss_summed(logits, targets):
    return _other_loss(lambda loss, n: loss * n)(logits, targets)


def loss_in_bits(logits, targets):
    return _other_loss(lambda loss, n: loss / np.log(2))(logits, targets)


def loss_without_minus(logits, targets):
    return _other_loss(lambda loss, n: -loss)(logits, targets)


def both_ways(function, logits, targets, dy) -> Outputs:
    loss, backward = two(function(logits, targets), "loss, backward")
    twice = [
        two(way_back(backward)(dy), "dlogits, None (targets have no gradient)", "backward")[0]
        for _ in range(2)
    ]
    dlogits = twice[0] if twice[0] is None else np.array(twice[0])
    asked_twice(twice[:1], twice[1:])
    return {"loss": loss, "dlogits": dlogits}


_logits = 2 * normal(4, 13, 7)
_sure = normal(5, 5, 7)
_sure[2, 3] = 40.0

CROSS_ENTROPY = Exercise(
    id="05.2",
    name="my_cross_entropy",
    form="my_cross_entropy(logits (N, V), targets (N,)) -> loss, backward; "
    "backward(dy) -> dlogits, None",
    answer=cross_entropy_answer,
    observe=both_ways,
    inputs=("logits", "targets", "dy"),
    lends=(("to_chances", "05.1"),),
    blank=no_way_back,
    blank_says="the gradient is None: not written yet",
    cases=(
        Case(
            (_logits, np.array([0, 6, 6, 3, 0, 1, 2, 6, 5, 4, 3, 3, 0]), 0.7), "classes come twice"
        ),
        Case((_sure, np.array([1, 0, 3, 6, 6]), 1.9), "one score is far above the others"),
        Case((normal(6, 1, 7), np.array([4]), 0.4), "a single row"),
        Case((normal(9, 3, 11), np.array([2, 10, 7]), 1.3)),
        Case(
            (normal(7, 5, 3).astype(np.float32), np.array([2, 0, 1, 1, 2]), 0.7),
            "float32 must stay float32",
        ),
    ),
    properties=(
        Property("every row of the gradient sums to 0", lambda o, *_: o["dlogits"].sum(-1), 0.0),
    ),
    wrongs=(
        Wrong(
            mean_forgotten,
            "13 times too large where there are 13 rows, and right where there is one. The loss is "
            "a mean.",
            "What does a mean divide by?",
        ),
        Wrong(
            mean_and_dy_forgotten,
            "18.57 times too large, and 18.57 = 13 rows / 0.7. Two factors are missing.",
            "What does a mean divide by, and which number arrives from above?",
        ),
        Wrong(
            target_added,
            "You added 1 at the target. The loss falls when the score of the target rises.",
            "So is the slope there above or below 0?",
        ),
        Wrong(
            target_forgotten,
            "Every row should sum to 0, yours sums to dy / N: you push every score down, the "
            "right one too.",
            "Where does the 1 of the target go off: in dz itself, or in a copy?",
        ),
        Wrong(
            dy_forgotten,
            "Right if dy is 1. Here 0.7 arrives, and you are 1 / 0.7 times too large.",
            "Who scaled the loss above you?",
        ),
        Wrong(
            rows_numbered_like_the_class,
            "You subtracted 1 from whole rows: those *numbered like* a class.",
            "Which two indices name one element, the target of row i?",
        ),
        Wrong(
            columns_of_every_target,
            "You subtracted 1 in every row at the targets of all rows.",
            "Row i has one target. Which list of row numbers must stand beside the targets?",
        ),
        Wrong(
            other_sign,
            "Every number has the other sign: a step against this gradient would make the loss "
            "larger.",
            "At the target, should the slope of the loss be above or below 0?",
        ),
        Wrong(
            divided_by_the_classes,
            "You divide by the number of classes V. The mean was taken over the N rows.",
            "Which axis of the logits did the mean of the loss run over?",
        ),
        Wrong(
            target_alone,
            "Only the targets get a gradient. But raising another score makes the sum of exp "
            "larger, and the target's chance smaller.",
            "Which term pushes the other scores down, and by how much each?",
        ),
        Wrong(
            slope_of_the_log,
            "That is the slope with respect to the chance p, not to the score z. p depends on "
            "every score of its row.",
            "-log p = log(sum of exp z) - z at the target. What is the slope of each part?",
        ),
        Wrong(
            one_after_the_mean,
            "You scale p by dy / N first, and take a whole 1 off afterwards.",
            "p and the 1 belong together: which of the two lines must come first?",
        ),
        Wrong(
            share_off_the_whole,
            "You take a share off at the target, and p stays whole.",
            "By which factor must p be scaled, if the 1 is?",
            (share_of_one_off_the_whole,),
        ),
        Wrong(
            minus_one_written,
            "At the target you write -1 over p.",
            "`=` or `-=`: what should be left of p there?",
        ),
        Wrong(
            zero_written,
            "At the target you write 0 over p.",
            "p there was a chance, and 1 goes off it: what is left?",
        ),
        Wrong(
            one_minus_p_written,
            "At the target you have 1 - p.",
            "The slope there is p - 1: is that above or below 0?",
        ),
        Wrong(
            only_the_target_elements,
            "Right at the targets; everywhere else you have 0.",
            "What does raising another score do to the target's chance?",
        ),
        Wrong(
            scores_for_chances,
            "You go out from the scores themselves, not from their softmax.",
            "Which of the two is the slope of log(sum of exp z)?",
        ),
        Wrong(
            numbers_of_the_classes_off,
            "You take the number of the class off the whole row.",
            "At which single element of row i does a 1 go off?",
        ),
        Wrong(
            one_off_everywhere,
            "You take 1 off every element.",
            "At which single element of row i does a 1 go off?",
        ),
        Wrong(
            last_row_forgotten,
            "Right in every row but the last one.",
            "How far does range(n - 1) run?",
        ),
        Wrong(
            first_row_alone,
            "The 1 goes off in the first row alone.",
            "Which list of row numbers stands beside the targets?",
        ),
        Wrong(
            dy_added,
            "You added dy.",
            "Two rates, one after the other: do they add?",
        ),
        Wrong(
            dy_twice,
            "dy is in it twice.",
            "How often does what arrives from above scale the slope?",
        ),
        Wrong(
            mean_of_everything,
            "You divide by all N V elements. The loss is a mean over N rows.",
            "How many losses were averaged?",
        ),
        Wrong(
            mean_twice,
            "You divide by N twice.",
            "The loss is a mean once: where do you divide?",
        ),
        Wrong(
            times_the_chance,
            "You multiply by p once more.",
            "The slope of log(sum of exp z) is p itself: where does the second one come from?",
            (jacobian_diagonal,),
        ),
        Wrong(
            two_off,
            "You take 2 off at the target.",
            "Which two lines both do it?",
        ),
        Wrong(
            squared_difference,
            "2 times too large: that is the slope of a square.",
            "Is there a square in the loss?",
        ),
        Wrong(
            loss_times,
            "You multiply by the loss.",
            "What arrives from above is dy: is the loss in the slope of itself?",
        ),
        Wrong(
            loss_summed,
            "The gradient is right. Your loss is the sum over the rows, not the mean.",
            "What divides a sum to make a mean?",
        ),
        Wrong(
            loss_in_bits,
            "The gradient is right. Your loss is in bits: 1.443 = 1 / ln 2 times too large.",
            "Which logarithm counts in nats?",
        ),
        Wrong(
            loss_without_minus,
            "The gradient is right. Your loss has the other sign.",
            "The logarithm of a chance is negative: where did the minus go?",
        ),
    ),
    hints=(
        "Write the loss of one row as log(sum of exp z) - z at the target. The first part has the "
        "slope p, the softmax; the second is -1 at one place. Then two factors remain: the loss is "
        "a mean over N rows, and dy arrives from above.",
        "The same for a squared error, loss = mean of (x - hit)^2, hit being 1 at the target:\n\n"
        "    dx = 2 * x.copy()\n"
        "    dx[rows, targets] -= ____\n"
        "    dx *= dy / ____\n\n"
        "Yours has the softmax where 2 x stands.",
    ),
    library=cross_entropy,
    locked=(softmax, cross_entropy),
)

# ------------------------------------------------------------------------------------- 05.3


def floor_answer(counts):
    # the chances of what follows each letter
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # the surprise of each pair; where none came, 0
    surprise = -np.log(np.where(counts > 0, p, 1))
    # the mean over all pairs of the text
    return (counts * surprise).sum() / counts.sum()


def _row_entropies(counts, axis=1):
    p = counts / np.maximum(counts.sum(axis=axis, keepdims=True), 1)
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=axis)


def in_bits(counts):
    return floor_answer(counts) / np.log(2)


def rows_count_alike(counts):
    return _row_entropies(counts).mean()


def rows_that_come_count_alike(counts):
    return _row_entropies(counts)[counts.sum(axis=1) > 0].mean()


def of_the_pair(counts):
    p = counts / counts.sum()
    return -(p * np.log(np.where(p > 0, p, 1))).sum()


def of_the_letter_alone(counts):
    p = counts.sum(axis=0) / counts.sum()
    return -(p * np.log(np.where(p > 0, p, 1))).sum()


def of_the_letter_before(counts):
    return (_row_entropies(counts, 0) * counts.sum(axis=0)).sum() / counts.sum()


def zero_times_log_zero(counts):
    with np.errstate(all="ignore"):
        p = counts / counts.sum(axis=1, keepdims=True)
        return -(counts * np.log(p)).sum() / counts.sum()


def minus_forgotten(counts):
    return -floor_answer(counts)


def rows_added_up(counts):
    return _row_entropies(counts).sum()


def not_divided(counts):
    return floor_answer(counts) * counts.sum()


def _shares(counts, by):
    with np.errstate(all="ignore"):
        p = counts / by
        s = -np.log(np.where(counts > 0, p, 1))
    return s


def sums_without_an_axis(counts):
    return (counts / counts.sum() * _shares(counts, np.maximum(counts.sum(axis=1), 1))).sum()


def mean_of_all_cells(counts):
    return _shares(counts, np.maximum(counts.sum(axis=1, keepdims=True), 1)).mean()


def mean_of_the_products(counts):
    s = _shares(counts, np.maximum(counts.sum(axis=1, keepdims=True), 1))
    return (counts / counts.sum() * s).mean()


def by_ten_thousand(counts):
    return floor_answer(counts) * counts.sum() / 10_000


def the_likeliest_alone(counts):
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weight = counts.sum(axis=1) / counts.sum()
    return -(weight * np.log(np.where(p.max(axis=1) > 0, p.max(axis=1), 1))).sum()


def the_likeliest_alone_of_each(counts):
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with np.errstate(all="ignore"):
        return -np.log(p.max(axis=1)).mean()


def last_letter_forgotten(counts):
    s = _shares(counts, np.maximum(counts.sum(axis=1, keepdims=True), 1))
    return (counts / counts.sum() * s)[:-1].sum()


def perplexity(counts):
    return np.exp(floor_answer(counts))


def of_the_softmax(counts):
    e = np.exp(counts - counts.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -(counts / counts.sum() * np.log(p)).sum()


def of_the_letter_before_alone(counts):
    p = counts.sum(axis=1) / counts.sum()
    return -(p * np.log(np.where(p > 0, p, 1))).sum()


def one_less_in_the_sum(counts):
    n = np.maximum(counts.sum(axis=1, keepdims=True) - 1, 1)
    return (counts / counts.sum() * _shares(counts, n)).sum()


def one_more_everywhere(counts):
    more = counts + 1
    p = more / more.sum(axis=1, keepdims=True)
    return -(counts / counts.sum() * np.log(p)).sum()


def chances_weigh(counts):
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return -(p * np.log(np.where(p > 0, p, 1))).sum() / counts.sum()


def divided_by_the_letters(counts):
    return _row_entropies(counts).sum() / counts.size


def of_the_counts(counts):
    return -(counts * np.log(np.where(counts > 0, counts, 1))).sum() / counts.sum()


def logarithm_forgotten(counts):
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return (counts / counts.sum() * (1 - p)).sum()


FLOOR = Exercise(
    id="05.3",
    name="my_floor",
    form="my_floor(counts): counts[a, b], how often b followed a -> nats per letter",
    answer=floor_answer,
    cases=(
        Case((np.array([[8.0, 2, 1], [3, 5, 9], [4, 4, 20]]),)),
        Case(
            (np.array([[6.0, 2, 0, 1], [1, 1, 30, 5], [2, 9, 4, 0], [7, 3, 3, 3]]),),
            "pairs that never come",
        ),
        Case((np.array([[5.0, 0, 2], [0, 0, 0], [4, 0, 3]]),), "a letter that never comes"),
    ),
    wrongs=(
        Wrong(
            in_bits,
            "1.4427 = 1 / ln 2 times too large: that is in bits.",
            "Which logarithm counts in nats?",
        ),
        Wrong(
            rows_count_alike,
            "You gave every letter the same say. A letter that comes often is met often.",
            "With what weight should the entropy of row a count?",
            (rows_that_come_count_alike,),
        ),
        Wrong(
            of_the_pair,
            "That is the surprise of both letters of a pair. The model has seen the first one.",
            "p(a, b) or p(b given a): which of them belongs into the logarithm?",
        ),
        Wrong(
            of_the_letter_alone,
            "That is the floor of a model that sees nothing. Ours sees the letter before.",
            "Where does your formula use a?",
        ),
        Wrong(
            of_the_letter_before,
            "You divided by the sums of the columns: that is how surprising the letter *before* "
            "is, once the next is known.",
            "counts[a, b]: along which axis do the letters lie that may follow a?",
        ),
        Wrong(
            zero_times_log_zero,
            "A pair that never comes gave 0 times log 0, and that is nan.",
            "It should add nothing. How do you keep it away from the logarithm?",
        ),
        Wrong(
            minus_forgotten,
            "The right size, the wrong sign. Logarithms of chances are negative, surprise is not.",
            "Where did the minus of -log p go?",
        ),
        Wrong(
            rows_added_up,
            "You added the entropies of all letters. The text has one letter at each place.",
            "A mean over the places of the text: how often does each row come?",
        ),
        Wrong(
            not_divided,
            "That is the surprise of the whole text.",
            "Nats per letter: how many letters were predicted?",
        ),
        Wrong(
            sums_without_an_axis,
            "You divide row a by the sums of other rows: without keepdims the sums lie along the "
            "columns, and the table is square, so nothing warns you.",
            "Which shape must the sums have, to stand beside their rows?",
        ),
        Wrong(
            mean_of_all_cells,
            "You average over the cells of the table, as if every pair came equally often.",
            "counts says how often each pair comes: where does that go in?",
            (mean_of_the_products,),
        ),
        Wrong(
            by_ten_thousand,
            "You divide by 10 000, whatever the table is.",
            "How many pairs does this table count?",
        ),
        Wrong(
            the_likeliest_alone,
            "You take the surprise of the likeliest letter alone.",
            "What really followed is often another one: how surprised is the model then?",
            (the_likeliest_alone_of_each,),
        ),
        Wrong(
            last_letter_forgotten,
            "The last row of the table is missing in your sum.",
            "How far does range(n - 1) run?",
        ),
        Wrong(
            perplexity,
            "You take exp of it: that is the perplexity.",
            "Which of the two is in nats?",
        ),
        Wrong(
            of_the_softmax,
            "You take the softmax of the counts. They are numbers of times, and not scores.",
            "What share of 20 times has a letter that followed 5 times?",
        ),
        Wrong(
            of_the_letter_before_alone,
            "That is how surprising the letter before is.",
            "What is to be predicted: a, or b given a?",
        ),
        Wrong(
            one_less_in_the_sum,
            "You divide by one less than the sum of a row.",
            "5 of 20 times: which share is that?",
        ),
        Wrong(
            one_more_everywhere,
            "You count every pair once more. The best table for this text says exactly what "
            "followed.",
            "Which share has what never followed?",
        ),
        Wrong(
            chances_weigh,
            "Every letter a weighs the same in your sum, a rare one as much as a frequent one.",
            "counts / n or p: which says how often a pair comes in the text?",
            (divided_by_the_letters,),
        ),
        Wrong(
            of_the_counts,
            "You take the logarithm of the counts. Surprise is that of a chance.",
            "Which share of its row is a count?",
        ),
        Wrong(
            logarithm_forgotten,
            "You take 1 - p for the surprise.",
            "Which function of p is 0 for p = 1, and grows without end towards 0?",
        ),
    ),
    hints=(
        "The best that a model can say after letter a is what really followed: row a of counts, "
        "divided by its sum. Its surprise at b is minus the logarithm of that. Average over all "
        "pairs of the text; counts says how often each pair comes.",
        "The same for a loaded coin, thrown n times, h times heads:\n\n"
        "    p = h / n\n"
        "    total = h * -np.log(p) + (n - h) * ____\n"
        "    per_throw = total / ____\n\n"
        "Here there is one such coin for every letter a, with as many sides as letters.",
    ),
)

EXERCISES = (SOFTMAX, CROSS_ENTROPY, FLOOR)
