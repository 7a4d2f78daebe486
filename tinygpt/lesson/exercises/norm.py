"""Lesson 10, Layer norm and residuals: a row to mean 0 and spread 1, its gradient, a residual's."""

import numpy as np

from tinygpt.lesson.exercise import (
    NO_GRADIENT,
    Case,
    Exercise,
    Outputs,
    Property,
    Wrong,
    normal,
    there_and_back,
    two,
)
from tinygpt.nn.layernorm import layer_norm

# ------------------------------------------------------------------------------------- 10.1


def normed_answer(x, eps=1e-5):
    # to mean 0
    centred = x - x.mean(axis=-1, keepdims=True)
    # to spread 1
    variance = (centred**2).mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(variance + eps)
    return centred * s, s


def _centred(x, axis=-1):
    return x - x.mean(axis=axis, keepdims=True)


def _with_s(x, s):
    return _centred(x) * s, s


def in_one_pass(x, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    variance = (x**2).mean(axis=-1, keepdims=True) - mean**2
    s = 1 / np.sqrt(variance + np.asarray(eps, x.dtype))
    return (x - mean) * s, s


def one_less(x, eps=1e-5):
    return _with_s(x, 1 / np.sqrt(x.var(axis=-1, keepdims=True, ddof=1) + eps))


def eps_beside_the_root(x, eps=1e-5):
    return _with_s(x, 1 / (x.std(axis=-1, keepdims=True) + eps))


def eps_forgotten(x, eps=1e-5):
    return _with_s(x, 1 / x.std(axis=-1, keepdims=True))


def eps_of_its_own(x, eps=1e-5):
    return _with_s(x, 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5))


def by_the_variance(x, eps=1e-5):
    return _with_s(x, 1 / (x.var(axis=-1, keepdims=True) + eps))


def mean_not_taken_off(x, eps=1e-5):
    s = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    return x * s, s


def root_mean_square(x, eps=1e-5):
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    return x * s, s


def spread_around_zero(x, eps=1e-5):
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    return _centred(x) * s, s


def along_the_columns(x, eps=1e-5):
    s = 1 / np.sqrt(x.var(axis=0, keepdims=True) + eps)
    return _centred(x, 0) * s, s + np.zeros_like(x[..., :1])


def along_the_columns_with_their_s(x, eps=1e-5):
    s = 1 / np.sqrt(x.var(axis=0, keepdims=True) + eps)
    return _centred(x, 0) * s, s


def over_everything_with_one_s(x, eps=1e-5):
    s = 1 / np.sqrt(x.var() + eps)
    return (x - x.mean()) * s, s


def along_axis_one(x, eps=1e-5):
    s = 1 / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return _centred(x, 1) * s, s


def over_everything(x, eps=1e-5):
    s = 1 / np.sqrt(x.var() + eps) + np.zeros_like(x[..., :1])
    return (x - x.mean()) * s, s


def the_spread_itself(x, eps=1e-5):
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    return _centred(x) / spread, spread


def times_the_spread(x, eps=1e-5):
    return _with_s(x, np.sqrt(x.var(axis=-1, keepdims=True) + eps))


def mean_distance(x, eps=1e-5):
    return _with_s(x, 1 / (abs(_centred(x)).mean(axis=-1, keepdims=True) + eps))


def sum_of_squares(x, eps=1e-5):
    return _with_s(x, 1 / np.sqrt((_centred(x) ** 2).sum(axis=-1, keepdims=True) + eps))


def divided_by_the_range(x, eps=1e-5):
    return _with_s(x, 1 / (np.ptp(x, axis=-1, keepdims=True) + eps))


def s_first(x, eps=1e-5):
    n, s = normed_answer(x, eps)
    return s, n


def axis_lost(x, eps=1e-5):
    n, s = normed_answer(x, eps)
    return n, s[..., 0]


def the_callers_rows(x, eps=1e-5):
    n, s = normed_answer(x, eps)
    x[...] = n
    return x, s


def mean_alone(x, eps=1e-5):
    return _centred(x), normed_answer(x, eps)[1]


def both(function, x, eps) -> Outputs:
    result = function(x, eps)
    if result is None:
        return {"n": None, "s": None}
    n, s = two(result, "n, s")
    return {"n": n, "s": s}


# Whole numbers whose mean is one too, so that float32 makes no error in it, in whatever order.
_far = np.array([[3, -1, 0, -2, 2, -4, 1, 1], [-5, 5, 0, 0, 1, -1, 2, -2], [1] * 4 + [-1] * 4])
_far = (40_000 + _far).astype(np.float32)

NORMED = Exercise(
    id="10.1",
    name="my_normed",
    form="my_normed(x (..., C), eps) -> n (..., C), s (..., 1)",
    answer=normed_answer,
    observe=both,
    cases=(
        Case((3 * normal(400, 5, 7) + 2, 1e-5)),
        Case((normal(401, 2, 3, 4), 0.5), "three axes, a large eps"),
        Case((_far, 1e-5), "numbers about 40 000, in float32"),
        Case((np.full((2, 4), 3.0), 1e-3), "all numbers of a row are equal"),
        Case((normal(402, 4, 4) - 1, 1e-5), "rows and columns are equal in number"),
    ),
    properties=(
        Property(
            "each row of n has the mean 0",
            lambda o, x, eps: o["n"].mean(axis=-1),
            0.0,
        ),
    ),
    wrongs=(
        Wrong(
            in_one_pass,
            "Right on usual rows. Where all numbers are about 40 000, mean(x^2) and mean(x)^2 "
            "agree in all the digits that float32 has, and their difference is noise.",
            "What should be taken off before anything is squared?",
        ),
        Wrong(
            one_less,
            "You divide by C - 1. Here the variance is the plain mean of the squares.",
            "Which numbers does a mean divide by?",
        ),
        Wrong(
            eps_beside_the_root,
            "eps stands beside the root. In the formula it is added to the variance, under the "
            "root.",
            "What is the root of 0 + eps, and what is eps?",
        ),
        Wrong(
            eps_forgotten,
            "eps is missing: where all numbers of a row are equal, you divide by 0.",
            "What keeps the root above 0?",
        ),
        Wrong(
            eps_of_its_own,
            "You take an eps of your own, whatever is given.",
            "Which argument is not in your lines?",
        ),
        Wrong(
            by_the_variance,
            "You divide by the variance, and not by its root.",
            "If all x are doubled, by how much does the variance grow, and the spread?",
        ),
        Wrong(
            mean_not_taken_off,
            "The spread is right. The mean is still there.",
            "What is the mean of each row of n?",
        ),
        Wrong(
            root_mean_square,
            "You divide by the root of the mean square, and the mean is never taken off. (That is "
            "RMS norm, which newer models have.)",
            "What is the mean of each row of n?",
        ),
        Wrong(
            spread_around_zero,
            "You take the mean off, but the variance is that of x as it was.",
            "Of which numbers are the squares taken?",
        ),
        Wrong(
            along_the_columns,
            "You norm the columns. A row is one letter, and it is normed by itself.",
            "Which axis counts the channels?",
            (along_the_columns_with_their_s,),
        ),
        Wrong(
            along_axis_one,
            "Right where there are two axes: axis 1 is the last one only there.",
            "Which number names the last axis, however many there are?",
        ),
        Wrong(
            over_everything,
            "You take one mean and one spread for all rows together.",
            "Over which axis are they taken, and is the axis kept?",
            (over_everything_with_one_s,),
        ),
        Wrong(
            the_spread_itself,
            "n is right. s should be what x is multiplied with, 1 divided by the spread.",
            "Is s large or small where the spread is large?",
        ),
        Wrong(
            times_the_spread,
            "You multiply by the spread: large rows become larger.",
            "What stands above the line in s?",
        ),
        Wrong(
            mean_distance,
            "You divide by the mean distance from the mean. The spread is the root of the mean "
            "square.",
            "What is done with the distances before their mean is taken?",
        ),
        Wrong(
            sum_of_squares,
            "You divide by the root of the sum of squares. A variance is a mean.",
            "By what is the sum divided?",
        ),
        Wrong(
            divided_by_the_range,
            "You divide by the distance from the smallest to the largest.",
            "How is a variance made of the distances from the mean?",
        ),
        Wrong(
            s_first,
            "n and s are exchanged.",
            "Which of the two comes first?",
        ),
        Wrong(
            axis_lost,
            "s has lost its last axis: asked for is (..., 1), which can be multiplied with (..., "
            "C).",
            "Which argument of mean keeps the axis, with size 1?",
        ),
        Wrong(
            the_callers_rows,
            "The result is right, but x itself is changed, and it belongs to the caller.",
            "Which operation writes into x?",
        ),
        Wrong(
            mean_alone,
            "s is right, and n is not multiplied with it.",
            "What is the spread of each row of n?",
        ),
    ),
    hints=(
        "Three steps, each along the last axis, with the axis kept: take the mean off; the mean of "
        "the squares of what is left; s is 1 divided by the root of that and eps. n is the first "
        "times s.",
        "The same for marks, to see who is above the class, in spreads:\n\n"
        "    off = marks - marks.mean(axis=____, keepdims=True)\n"
        "    spread = np.sqrt((off ** ____).mean(axis=____, keepdims=True) + eps)\n"
        "    return off / ____, 1 / ____",
    ),
)

# ------------------------------------------------------------------------------------- 10.2

normed = normed_answer


def layer_norm_answer(x, weight, bias):
    n, s = normed(x)
    y = n * weight + bias

    def backward(dy):
        # y = n w + b: one weight for all rows
        rows = tuple(range(x.ndim - 1))
        dw = (dy * n).sum(axis=rows)
        db = dy.sum(axis=rows)
        dn = dy * weight
        # directly, by the mean, by the variance
        by_mean = dn.mean(axis=-1, keepdims=True)
        by_variance = n * (dn * n).mean(axis=-1, keepdims=True)
        return s * (dn - by_mean - by_variance), dw, db

    return y, backward


def _norm_with(gradients):
    """gradients(dy, n, s, weight, x) -> dx, dw, db, after the right forward."""

    def answer(x, weight, bias):
        n, s = normed_answer(x)
        return n * weight + bias, lambda dy: gradients(dy, n, s, weight, x)

    return answer


def _rows(a):
    return tuple(range(a.ndim - 1))


def _dw(dy, n):
    return (dy * n).sum(axis=_rows(dy))


def _db(dy):
    return dy.sum(axis=_rows(dy))


def _mean(a):
    return a.mean(axis=-1, keepdims=True)


def norm_unwritten(x, weight, bias):
    return _norm_with(lambda *_: (None, None, None))(x, weight, bias)


def _dx_with(make):
    """make(dn, n, s, x) -> dx; dw and db are right."""
    return _norm_with(lambda dy, n, s, weight, x: (make(dy * weight, n, s, x), _dw(dy, n), _db(dy)))


def directly_alone(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * dn)(x, weight, bias)


def without_the_variance(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - _mean(dn)))(x, weight, bias)


def without_the_mean(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - n * _mean(dn * n)))(x, weight, bias)


def plus_signs(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn + _mean(dn) + n * _mean(dn * n)))(x, weight, bias)


def plus_the_variance(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - _mean(dn) + n * _mean(dn * n)))(x, weight, bias)


def sums_for_means(x, weight, bias):
    return _dx_with(
        lambda dn, n, s, x: (
            s * (dn - dn.sum(axis=-1, keepdims=True) - n * (dn * n).sum(axis=-1, keepdims=True))
        )
    )(x, weight, bias)


def s_forgotten(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: dn - _mean(dn) - n * _mean(dn * n))(x, weight, bias)


def divided_by_s(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: (dn - _mean(dn) - n * _mean(dn * n)) / s)(x, weight, bias)


def s_for_the_first_term(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * dn - _mean(dn) - n * _mean(dn * n))(x, weight, bias)


def n_forgotten(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - _mean(dn) - _mean(dn * n)))(x, weight, bias)


def product_of_the_means(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - _mean(dn) - n * _mean(dn) * _mean(n)))(
        x, weight, bias
    )


def n_inside_the_mean(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - _mean(dn) - _mean(dn * n * n)))(x, weight, bias)


def x_for_n(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - _mean(dn) - x * _mean(dn * x)))(x, weight, bias)


def along_the_rows(x, weight, bias):
    def make(dn, n, s, x):
        return s * (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0))

    return _dx_with(make)(x, weight, bias)


def of_everything(x, weight, bias):
    return _dx_with(lambda dn, n, s, x: s * (dn - dn.mean() - n * (dn * n).mean()))(x, weight, bias)


def _gradients_with(to_dn, dw=_dw, db=_db):
    """All three, dn made otherwise, or dw, or db."""

    def gradients(dy, n, s, weight, x):
        dn = to_dn(dy, weight)
        return s * (dn - _mean(dn) - n * _mean(dn * n)), dw(dy, n), db(dy)

    return _norm_with(gradients)


def _times_weight(dy, weight):
    return dy * weight


def weight_forgotten(x, weight, bias):
    return _gradients_with(lambda dy, weight: dy)(x, weight, bias)


def divided_by_the_weight(x, weight, bias):
    return _gradients_with(lambda dy, weight: dy / weight)(x, weight, bias)


def weight_at_the_end(x, weight, bias):
    def gradients(dy, n, s, weight, x):
        return weight * s * (dy - _mean(dy) - n * _mean(dy * n)), _dw(dy, n), _db(dy)

    return _norm_with(gradients)(x, weight, bias)


def dw_without_n(x, weight, bias):
    return _gradients_with(_times_weight, dw=lambda dy, n: _db(dy))(x, weight, bias)


def dw_not_summed(x, weight, bias):
    return _gradients_with(_times_weight, dw=lambda dy, n: dy * n)(x, weight, bias)


def db_not_summed(x, weight, bias):
    return _gradients_with(_times_weight, db=lambda dy: dy)(x, weight, bias)


def neither_summed(x, weight, bias):
    return _gradients_with(_times_weight, dw=lambda dy, n: dy * n, db=lambda dy: dy)(
        x, weight, bias
    )


def averaged_over_rows(x, weight, bias):
    return _gradients_with(
        _times_weight,
        dw=lambda dy, n: (dy * n).mean(axis=_rows(dy)),
        db=lambda dy: dy.mean(axis=_rows(dy)),
    )(x, weight, bias)


def summed_along_axis_zero(x, weight, bias):
    return _gradients_with(
        _times_weight, dw=lambda dy, n: (dy * n).sum(axis=0), db=lambda dy: dy.sum(axis=0)
    )(x, weight, bias)


def summed_along_the_channels(x, weight, bias):
    return _gradients_with(
        _times_weight, dw=lambda dy, n: (dy * n).sum(axis=-1), db=lambda dy: dy.sum(axis=-1)
    )(x, weight, bias)


def summed_to_a_number(x, weight, bias):
    return _gradients_with(_times_weight, dw=lambda dy, n: (dy * n).sum(), db=lambda dy: dy.sum())(
        x, weight, bias
    )


def dw_with_x(x, weight, bias):
    def gradients(dy, n, s, weight, x):
        return layer_norm_answer(x, weight, 0)[1](dy)[0], _dw(dy, x), _db(dy)

    return _norm_with(gradients)(x, weight, bias)


def dw_and_db_exchanged(x, weight, bias):
    def gradients(dy, n, s, weight, x):
        return layer_norm_answer(x, weight, 0)[1](dy)[0], _db(dy), _dw(dy, n)

    return _norm_with(gradients)(x, weight, bias)


LAYER_NORM = Exercise(
    id="10.2",
    name="my_layer_norm",
    form="my_layer_norm(x (..., C), weight (C,), bias (C,)) -> y, backward;  backward(dy) -> dx, "
    "dw, db",
    answer=layer_norm_answer,
    observe=there_and_back("dx", "dw", "db"),
    inputs=("x", "weight", "bias", "dy"),
    blank=norm_unwritten,
    blank_says=NO_GRADIENT,
    lends=(("normed", "10.1"),),
    cases=(
        Case((2 * normal(410, 5, 7) + 1, *(normal(s, 7) for s in (411, 412)), normal(413, 5, 7))),
        Case(
            (normal(414, 4, 4), *(normal(s, 4) for s in (415, 416)), normal(417, 4, 4)),
            "rows and columns are equal in number",
        ),
        Case(
            (normal(418, 2, 3, 5), *(normal(s, 5) for s in (419, 420)), normal(421, 2, 3, 5)),
            "three axes",
        ),
        Case(
            (normal(422, 1, 6), *(normal(s, 6) for s in (423, 424)), normal(425, 1, 6)),
            "a single row",
        ),
        Case(
            tuple(
                normal(s, *n).astype(np.float32)
                for s, n in ((426, (3, 4)), (427, (4,)), (428, (4,)), (429, (3, 4)))
            ),
            "float32 must stay float32",
        ),
    ),
    properties=(
        Property(
            "each row of dx sums to 0", lambda o, x, weight, bias, dy: o["dx"].sum(axis=-1), 0.0
        ),
    ),
    wrongs=(
        Wrong(
            directly_alone,
            "dx = dn s would be right if mean and spread stood still. They hang on x too: two "
            "terms are missing.",
            "If x_j rises, which two numbers of its row change besides?",
        ),
        Wrong(
            without_the_variance,
            "The way by the mean is there. The one by the variance is missing, or always 0: "
            "mean(n) is 0, and so is its product with mean(dn).",
            "Is the mean of a product the product of the means?",
            (product_of_the_means,),
        ),
        Wrong(
            without_the_mean,
            "The way by the variance is there. The one by the mean is missing.",
            "If x_j rises, what does the mean do, and so all the n of its row?",
        ),
        Wrong(
            plus_signs,
            "The two means come in with a plus.",
            "If x_j rises, do the other n of its row rise or fall?",
        ),
        Wrong(
            plus_the_variance,
            "The way by the variance comes in with a plus.",
            "If the variance grows, does n grow?",
        ),
        Wrong(
            sums_for_means,
            "You take sums where the formula has means.",
            "Which part of x_j is new in the mean?",
        ),
        Wrong(
            s_forgotten,
            "All three ways are there. What they are multiplied with is missing.",
            "n = s (x - mean): how fast does n rise with x?",
        ),
        Wrong(
            divided_by_s,
            "You divide by s, and n is multiplied with it.",
            "n = s (x - mean): how fast does n rise with x?",
        ),
        Wrong(
            s_for_the_first_term,
            "s stands at the first term alone: it belongs to all three.",
            "Where does the bracket begin, and where does it end?",
        ),
        Wrong(
            n_forgotten,
            "In the way by the variance, n is missing before the mean.",
            "Which x_j changes the variance most?",
        ),
        Wrong(
            n_inside_the_mean,
            "Your n stands inside the mean: it belongs to the element.",
            "Which of the two n is that of x_j?",
        ),
        Wrong(
            x_for_n,
            "You take x where the formula has n.",
            "What did `normed` return?",
        ),
        Wrong(
            along_the_rows,
            "Your means run over the rows. Mean and spread are taken along the channels.",
            "Which axis does the forward take its mean along?",
        ),
        Wrong(
            of_everything,
            "Your means are those of all rows together.",
            "Over which axis are they taken, and is the axis kept?",
        ),
        Wrong(
            weight_forgotten,
            "dw and db are right. In dx the weight is missing: dn is dy times the weight.",
            "y = n w + b: how fast does y rise with n?",
        ),
        Wrong(
            divided_by_the_weight,
            "You divide by the weight, and y is n times it.",
            "y = n w + b: how fast does y rise with n?",
        ),
        Wrong(
            weight_at_the_end,
            "The weight comes in too late: the means must be taken of dy times the weight.",
            "What arrives at n?",
        ),
        Wrong(
            dw_without_n,
            "Your dw is the sum of dy. y is n times w.",
            "y = n w + b: how fast does y rise with w?",
        ),
        Wrong(
            dw_not_summed,
            "dx and db are right. Your dw has the shape of x: one weight serves all rows.",
            "A number that is used many times: what becomes of its slopes?",
        ),
        Wrong(
            db_not_summed,
            "dx and dw are right. Your db has the shape of x: one bias serves all rows.",
            "A number that is used many times: what becomes of its slopes?",
        ),
        Wrong(
            neither_summed,
            "dx is right. dw and db have the shape of x: one weight and one bias serve all rows.",
            "A number that is used many times: what becomes of its slopes?",
        ),
        Wrong(
            averaged_over_rows,
            "dx is right. dw and db are means over the rows.",
            "A number that is used many times: do its slopes add up, or are they averaged?",
        ),
        Wrong(
            summed_along_axis_zero,
            "Right where there are two axes. With three, there are rows along two of them.",
            "Which shape has the weight?",
        ),
        Wrong(
            summed_along_the_channels,
            "dx is right. dw and db are summed along the channels.",
            "There is one weight for each channel: which axis stays?",
        ),
        Wrong(
            summed_to_a_number,
            "dx is right. dw and db are summed over everything.",
            "There is one weight for each channel: which axis stays?",
        ),
        Wrong(
            dw_with_x,
            "Your dw is made with x. y is n times w.",
            "y = n w + b: how fast does y rise with w?",
        ),
        Wrong(
            dw_and_db_exchanged,
            "dx is right. dw and db are exchanged.",
            "In which order does the function take weight and bias?",
        ),
    ),
    hints=(
        "Backwards: y = n w + b gives dn, dw and db; one weight serves all rows, so dw and db are "
        "summed over them (all axes but the last are tuple(range(x.ndim - 1))). In the formula for "
        "dx both means run along the channels, with the axis kept.",
        "The same for a simpler norm, that only takes the mean off, n = x - mean, y = n w:\n\n"
        "    def backward(dy):\n"
        "        dn = dy * ____\n"
        "        dw = (dy * n).sum(axis=____)\n"
        "        return dn - dn.mean(axis=____, keepdims=____), dw\n\n"
        "Here one way more leads through the spread.",
    ),
    library=layer_norm,
    locked=(layer_norm,),
)

# ------------------------------------------------------------------------------------- 10.3


def residual_answer(x, branch):
    # what the branch gives, and its own way back
    y, back = branch(x)
    # straight on, and through the branch: both add up
    return x + y, lambda dy: dy + back(dy)


def _residual_with(gradient):
    """gradient(dy, back, x, y) -> dx, after the right forward."""

    def answer(x, branch):
        y, back = branch(x)
        return x + y, lambda dy: gradient(dy, back, x, y)

    return answer


def through_the_branch_alone(x, branch):
    return _residual_with(lambda dy, back, x, y: back(dy))(x, branch)


def straight_on_alone(x, branch):
    return _residual_with(lambda dy, back, x, y: dy)(x, branch)


def multiplied(x, branch):
    return _residual_with(lambda dy, back, x, y: dy * back(dy))(x, branch)


def twice_straight_on(x, branch):
    return _residual_with(lambda dy, back, x, y: 2 * dy)(x, branch)


def twice_through(x, branch):
    return _residual_with(lambda dy, back, x, y: 2 * back(dy))(x, branch)


def subtracted(x, branch):
    return _residual_with(lambda dy, back, x, y: dy - back(dy))(x, branch)


def averaged(x, branch):
    return _residual_with(lambda dy, back, x, y: (dy + back(dy)) / 2)(x, branch)


def one_for_dy(x, branch):
    return _residual_with(lambda dy, back, x, y: 1 + back(dy))(x, branch)


def x_added(x, branch):
    return _residual_with(lambda dy, back, x, y: x + back(dy))(x, branch)


def through_twice_in_a_row(x, branch):
    return _residual_with(lambda dy, back, x, y: dy + back(back(dy)))(x, branch)


def sum_sent_back(x, branch):
    return _residual_with(lambda dy, back, x, y: back(dy + dy))(x, branch)


def back_of_y(x, branch):
    return _residual_with(lambda dy, back, x, y: dy + back(y))(x, branch)


def back_of_x(x, branch):
    return _residual_with(lambda dy, back, x, y: dy + back(x))(x, branch)


def dy_times_the_branch(x, branch):
    return _residual_with(lambda dy, back, x, y: dy + dy * y)(x, branch)


def slope_of_the_branch(x, branch):
    return _residual_with(lambda dy, back, x, y: dy * (1 + back(dy)))(x, branch)


def first_of_the_gradients(x, branch):
    return _residual_with(lambda dy, back, x, y: dy + back(dy)[0])(x, branch)


def forward_of_dy(x, branch):
    y, _ = branch(x)
    return x + y, lambda dy: dy + branch(dy)[0]


def both_things_added(x, branch):
    y = branch(x)
    return x + y, lambda dy: dy + y


def x_left_out(x, branch):
    y, back = branch(x)
    return y, lambda dy: dy + back(dy)


def x_left_out_on_both_ways(x, branch):
    return branch(x)


def branch_left_out(x, branch):
    return x + x, lambda dy: dy + dy


def branch_twice(x, branch):
    y, _ = branch(x)
    z, back_z = branch(x + y)
    return x + z, lambda dy: dy + back_z(dy)


def not_added(x, branch):
    y, back = branch(x)
    return x * y, lambda dy: dy + back(dy)


def dy_written_over(x, branch):
    y, back = branch(x)

    def backward(dy):
        dy += back(dy)
        return dy

    return x + y, backward


def tripled(x):
    return 3 * x, lambda dy: 3 * dy


def squared(x):
    return x**2, lambda dy: 2 * x * dy


def sine(x):
    return np.sin(x), lambda dy: np.cos(x) * dy


def silenced(x):
    return 0 * x, lambda dy: 0 * dy


def mixed(x):
    """Rows times a matrix of its own."""
    w = np.cos(np.arange(x.shape[-1] ** 2.0)).reshape(x.shape[-1], -1).astype(x.dtype)
    return x @ w, lambda dy: dy @ w.T


RESIDUAL = Exercise(
    id="10.3",
    name="my_residual",
    form="my_residual(x, branch) -> y, backward;  branch(x) -> its result, its own backward",
    answer=residual_answer,
    observe=there_and_back("dx"),
    inputs=("x", "branch", "dy"),
    cases=(
        Case((normal(430, 3, 5), squared, normal(431, 3, 5))),
        Case((normal(432, 2, 4, 3), mixed, normal(433, 2, 4, 3)), "three axes"),
        Case((normal(434, 4, 4), sine, normal(435, 4, 4)), "rows and columns are equal in number"),
        Case((normal(436, 2, 3), silenced, normal(437, 2, 3)), "a branch that says nothing"),
        Case(
            (normal(438, 2, 3).astype(np.float32), tripled, normal(439, 2, 3).astype(np.float32)),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            through_the_branch_alone,
            "You go back through the branch alone. x goes into y on a second way, straight on.",
            "y = x + f(x): on how many ways does x come in?",
        ),
        Wrong(
            straight_on_alone,
            "You hand dy straight on. x goes into y on a second way, through the branch.",
            "y = x + f(x): on how many ways does x come in?",
        ),
        Wrong(
            multiplied,
            "You multiply the two ways. Where a number is used twice, its slopes add up.",
            "y = x + f(x): what does the plus do on the way back?",
        ),
        Wrong(
            twice_straight_on,
            "Both of your ways go straight on: the branch is left out.",
            "Which function goes back through the branch?",
        ),
        Wrong(
            twice_through,
            "Both of your ways go through the branch.",
            "How fast does x itself rise with x?",
            (sum_sent_back,),
        ),
        Wrong(
            subtracted,
            "You subtract what comes through the branch.",
            "y = x + f(x): which sign has f?",
        ),
        Wrong(
            averaged,
            "You take the mean of the two ways. Slopes add up.",
            "A number that is used twice: do its slopes add up, or are they averaged?",
        ),
        Wrong(
            one_for_dy,
            "On the straight way you put 1, the slope of x in x. It is multiplied with what "
            "arrives.",
            "What arrives from above, and how much of it goes straight on?",
        ),
        Wrong(
            x_added,
            "You add x. On the way back there are slopes, and what goes straight on is dy.",
            "What arrives from above?",
        ),
        Wrong(
            slope_of_the_branch,
            "You take back(dy) for the slope of the branch, and multiply with dy again. dy is in "
            "it already.",
            "What does a way back return: a slope, or a slope times dy?",
        ),
        Wrong(
            first_of_the_gradients,
            "back(dy) is one array, of the shape of x: [0] takes its first row.",
            "How many inputs has the branch?",
        ),
        Wrong(
            forward_of_dy,
            "You send dy through the branch forwards. Its way back is the second thing that it "
            "returns.",
            "What are the two things that branch(x) returns?",
        ),
        Wrong(
            both_things_added,
            "branch(x) returns two things, and you add both of them to x: take them apart first.",
            "What stands on the left of = where a function returns two things?",
        ),
        Wrong(
            through_twice_in_a_row,
            "You go back through the branch twice.",
            "How often did the forward go through it?",
        ),
        Wrong(
            back_of_y,
            "You send y back through the branch. What arrives from above is dy.",
            "What does a way back take?",
            (back_of_x,),
        ),
        Wrong(
            dy_times_the_branch,
            "You multiply dy with what the branch gave. Its slope is known to its own way back.",
            "Which function goes back through the branch?",
        ),
        Wrong(
            x_left_out,
            "The way back is right. In the forward x is missing.",
            "What is added to the result of the branch?",
        ),
        Wrong(
            x_left_out_on_both_ways,
            "That is the branch alone, there and back.",
            "What is added to the result of the branch?",
        ),
        Wrong(
            branch_left_out,
            "The branch is not called.",
            "What does branch(x) return?",
        ),
        Wrong(
            branch_twice,
            "You call the branch twice, one time on what it gave.",
            "How often does x go through the branch?",
        ),
        Wrong(
            not_added,
            "In the forward you multiply. A residual adds.",
            "y = x + f(x): which sign stands between?",
        ),
        Wrong(
            dy_written_over,
            "The result is right, but dy is changed, and it belongs to the caller: += writes into "
            "the same array.",
            "Which line makes an array of your own?",
        ),
    ),
    hints=(
        "branch(x) gives two things: what it adds, and its way back. The forward adds the first to "
        "x. On the way back, dy arrives at a plus: both sides get it.",
        "The same for y = 5 x + f(x), with f's way back called `f_back`:\n\n"
        "    def backward(dy):\n"
        "        straight = ____ * dy\n"
        "        through = f_back(____)\n"
        "        return straight ____ through",
    ),
)

EXERCISES = (NORMED, LAYER_NORM, RESIDUAL)
