"""Lesson 05, Loss: softmax, the gradient of cross-entropy, the entropy floor."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Property, Wrong, normal
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.softmax import softmax

# ------------------------------------------------------------------------------------- 05.1


def softmax_answer(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def no_shift(z):
    e = np.exp(z)
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


FAR_APART = np.array([[1e4, 9.999e3, 0.0, -2.0, 5.0], [-1e4, -9.998e3, -1.0001e4, -1e4, -9.999e3]])

SOFTMAX = Exercise(
    id="05.1",
    name="my_softmax",
    form="my_softmax(z): z (..., n) -> y (..., n)",
    answer=softmax_answer,
    cases=(
        Case((normal(1, 3, 7),)),
        Case((normal(2, 2, 3, 5),)),
        Case((FAR_APART,), "scores of 10000 and -10000"),
        Case((normal(3, 3, 7).astype(np.float32),), "float32 must stay float32"),
    ),
    properties=(Property("every row sums to 1", lambda o, z: o["result"].sum(-1), 1.0),),
    wrongs=(
        Wrong(
            no_shift,
            "Right for small numbers. But exp(10000) is larger than any float, and inf / inf is "
            "nan.",
            "Adding one number to a whole row changes no chance. Which number would help here?",
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

DY = 0.7  # what arrives from above: not 1, so that a forgotten one shows


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


def both_ways(function, logits, targets) -> Outputs:
    loss, backward = function(logits, targets)
    dlogits, _ = backward(DY)
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
    blank=no_way_back,
    blank_says="the gradient is None: not written yet",
    cases=(
        Case((_logits, np.array([0, 6, 6, 3, 0, 1, 2, 6, 5, 4, 3, 3, 0])), "classes come twice"),
        Case((_sure, np.array([1, 0, 3, 6, 6])), "one score is far above the others"),
        Case((normal(6, 1, 7), np.array([4])), "a single row"),
        Case(
            (normal(7, 5, 3).astype(np.float32), np.array([2, 0, 1, 1, 2])),
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
            "Every row should sum to 0, yours sums to dy / N: you push every score down, the right "
            "one too.",
            "Raising the score of the target lowers the loss. Which term says so?",
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
    n = counts.sum()
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    surprise = -np.log(np.where(counts > 0, p, 1))
    return (counts / n * surprise).sum()


def _row_entropies(counts, axis=1):
    p = counts / np.maximum(counts.sum(axis=axis, keepdims=True), 1)
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=axis)


def in_bits(counts):
    return floor_answer(counts) / np.log(2)


def rows_count_alike(counts):
    return _row_entropies(counts).mean()


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


FLOOR = Exercise(
    id="05.3",
    name="my_floor",
    form="my_floor(counts): counts[a, b], how often b followed a -> nats per letter",
    answer=floor_answer,
    cases=(
        Case((np.array([[8.0, 2, 1], [3, 5, 7], [4, 4, 9]]),)),
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
