"""Lesson 03, Tensors: the ways back of a sum, of broadcasting, of a matrix product."""

import numpy as np

from tinygpt.autograd.engine import matmul
from tinygpt.autograd.ops import sum as sum_op
from tinygpt.lesson.exercise import NO_GRADIENT, Case, Exercise, Wrong, normal, there_and_back

# ------------------------------------------------------------------------------------- 03.1


def sum_answer(x, axis):
    def backward(dy):
        # the axis that went, back with size 1
        dy = np.expand_dims(dy, axis)
        # every element that was added has the same slope
        return dy + np.zeros_like(x)

    return x.sum(axis=axis), backward


def _sum_with(gradient):
    """gradient(dy, x, axis) -> dx, after the right forward."""
    return lambda x, axis: (x.sum(axis=axis), lambda dy: gradient(dy, x, axis))


def sum_unwritten(x, axis):
    return _sum_with(lambda dy, x, axis: None)(x, axis)


def dy_handed_on(x, axis):
    return _sum_with(lambda dy, x, axis: dy)(x, axis)


def stretched_along_the_front(x, axis):
    return _sum_with(lambda dy, x, axis: dy + np.zeros_like(x))(x, axis)


def stretched_by_broadcast_to(x, axis):
    return _sum_with(lambda dy, x, axis: np.broadcast_to(dy, x.shape))(x, axis)


def copied_as_often_as_rows(x, axis):
    return _sum_with(lambda dy, x, axis: np.repeat(np.expand_dims(dy, axis), len(x), axis))(x, axis)


def put_in_front(x, axis):
    return _sum_with(lambda dy, x, axis: dy[None] + np.zeros_like(x))(x, axis)


def put_at_the_back(x, axis):
    return _sum_with(lambda dy, x, axis: dy[..., None] + np.zeros_like(x))(x, axis)


def put_at_one(x, axis):
    return _sum_with(lambda dy, x, axis: np.expand_dims(dy, 1) + np.zeros_like(x))(x, axis)


def not_stretched(x, axis):
    return _sum_with(lambda dy, x, axis: np.expand_dims(dy, axis))(x, axis)


def as_a_mean(x, axis):
    return _sum_with(lambda dy, x, axis: (np.expand_dims(dy, axis) + 0 * x) / x.shape[axis])(
        x, axis
    )


def times_how_many(x, axis):
    return _sum_with(lambda dy, x, axis: (np.expand_dims(dy, axis) + 0 * x) * x.shape[axis])(
        x, axis
    )


def times_x(x, axis):
    return _sum_with(lambda dy, x, axis: np.expand_dims(dy, axis) * x)(x, axis)


def ones(x, axis):
    return _sum_with(lambda dy, x, axis: np.ones_like(x))(x, axis)


def dy_summed(x, axis):
    return _sum_with(lambda dy, x, axis: dy.sum() + np.zeros_like(x))(x, axis)


def x_summed(x, axis):
    return _sum_with(lambda dy, x, axis: np.expand_dims(x.sum(axis=axis), axis) + 0 * x)(x, axis)


def added_to_x(x, axis):
    return _sum_with(lambda dy, x, axis: x + np.expand_dims(dy, axis))(x, axis)


def reshaped_to_x(x, axis):
    return _sum_with(lambda dy, x, axis: np.resize(dy, x.shape).astype(x.dtype))(x, axis)


def repeated_and_reshaped(x, axis):
    return _sum_with(lambda dy, x, axis: np.repeat(dy, x.shape[axis]).reshape(x.shape))(x, axis)


def first_place_alone(x, axis):
    def gradient(dy, x, axis):
        dx = np.zeros_like(x)
        np.moveaxis(dx, axis, 0)[0] = dy
        return dx

    return _sum_with(gradient)(x, axis)


def everything_summed(x, axis):
    return x.sum(), lambda dy: np.expand_dims(dy, axis) + np.zeros_like(x)


def other_sign(x, axis):
    return _sum_with(lambda dy, x, axis: -np.expand_dims(dy, axis) + np.zeros_like(x))(x, axis)


SUM = Exercise(
    id="03.1",
    name="my_sum",
    form="my_sum(x, axis) -> y, backward;  backward(dy) -> dx",
    answer=sum_answer,
    observe=there_and_back("dx"),
    inputs=("x", "axis", "dy"),
    blank=sum_unwritten,
    blank_says=NO_GRADIENT,
    cases=(
        Case((normal(61, 3, 5), 0, normal(62, 5))),
        Case((normal(63, 3, 5), 1, normal(64, 3)), "the last axis goes"),
        Case((normal(65, 4, 4), 1, normal(66, 4)), "all sizes are equal"),
        Case((normal(67, 2, 3, 4), 1, normal(68, 2, 4)), "the middle one of three axes goes"),
        Case((normal(69, 3, 5), -1, normal(70, 3)), "axis is -1"),
        Case(
            (normal(71, 2, 3).astype(np.float32), 0, normal(72, 3).astype(np.float32)),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            dy_handed_on,
            "You hand dy on as it came: it has one number for each sum, and x has one for each "
            "element.",
            "Which elements of x stand behind one number of dy, and which slope has each?",
        ),
        Wrong(
            stretched_along_the_front,
            "You let NumPy stretch dy: it puts the new axis in front, wherever the sum was taken. "
            "Where all sizes are equal it even fits.",
            "Which axis went in the forward, and how do you put one back at that place?",
            (stretched_by_broadcast_to, put_in_front),
        ),
        Wrong(
            put_at_the_back,
            "You put the new axis at the back, wherever the sum was taken.",
            "Which of your arguments says where the axis was?",
        ),
        Wrong(
            put_at_one,
            "You put the new axis at place 1, wherever the sum was taken.",
            "Which of your arguments says where the axis was?",
        ),
        Wrong(
            not_stretched,
            "The axis is back, but with size 1.",
            "Which shape must dx have, and what stretches an axis of size 1?",
        ),
        Wrong(
            copied_as_often_as_rows,
            "You copy as often as x has rows, whichever axis was summed.",
            "How many terms has each sum?",
        ),
        Wrong(
            as_a_mean,
            "You divide by the number of terms: that is the way back of a mean.",
            "If one term rises by 1, by how much does the sum rise?",
        ),
        Wrong(
            times_how_many,
            "You multiply by the number of terms.",
            "If one term rises by 1, by how much does the sum rise?",
        ),
        Wrong(
            times_x,
            "You multiply by x.",
            "If one term rises by 1, by how much does the sum rise? Does that depend on the term?",
        ),
        Wrong(
            ones,
            "Right if dy is 1 everywhere: what arrives from above is not in it.",
            "The end rises dy times as fast as the sum. How fast with one of its terms?",
        ),
        Wrong(
            dy_summed,
            "You add up all of dy: every element gets the slopes of all sums.",
            "Of which sum is x[0, 0] a term?",
        ),
        Wrong(
            x_summed,
            "You spread the sum itself, and not dy.",
            "What arrives from above is called dy: where does it go?",
        ),
        Wrong(
            added_to_x,
            "You add dy to x. Asked for is the slope alone.",
            "Does the slope of a sum depend on how large its terms are?",
        ),
        Wrong(
            reshaped_to_x,
            "You fill the shape of x with dy, row by row, again and again.",
            "Which element of dy belongs to x[1, 0]?",
        ),
        Wrong(
            repeated_and_reshaped,
            "You repeat each number of dy, and cut the result into rows: that is right for the "
            "last "
            "axis only.",
            "Along which axis should the copies of dy lie?",
        ),
        Wrong(
            first_place_alone,
            "Only the first term of each sum gets its slope.",
            "Does the sum rise with the other terms too?",
        ),
        Wrong(
            everything_summed,
            "The way back is right. Your y is the sum of everything.",
            "Which argument of x.sum says along which axis?",
        ),
        Wrong(
            other_sign,
            "The right size, the other sign.",
            "If a term rises, does the sum rise or fall?",
        ),
    ),
    hints=(
        "If one term rises by 1, the sum rises by 1. So each element of x gets the dy of the sum"
        " in "
        "which it stands. In shapes: dy lacks the axis that went; put one of size 1 there, and "
        "stretch it.",
        "The same for a sum over the last axis of a matrix:\n\n"
        "    dy = dy[:, ____]              # (3,) -> (3, 1)\n"
        "    dx = dy + np.zeros_like(____)\n\n"
        "np.expand_dims(dy, axis) puts an axis of size 1 wherever you say.",
    ),
    library=sum_op,
    locked=(sum_op,),
)

# ------------------------------------------------------------------------------------- 03.2


def unbroadcast_answer(dy, shape):
    # axes that were put in front
    while dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    # axes of size 1, that were stretched
    for i, n in enumerate(shape):
        if n == 1:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


def _fold(front, one):
    """front(dy) takes an axis off in front; one(dy, i) makes axis i one of size 1."""

    def unbroadcast(dy, shape):
        while dy.ndim > len(shape):
            dy = front(dy)
        for i, n in enumerate(shape):
            if n == 1:
                dy = one(dy, i)
        return dy

    return unbroadcast


def nothing_folded(dy, shape):
    return None


def means_taken(dy, shape):
    return _fold(lambda d: d.mean(axis=0), lambda d, i: d.mean(axis=i, keepdims=True))(dy, shape)


def first_ones_taken(dy, shape):
    return _fold(lambda d: d[0], lambda d, i: np.take(d, [0], axis=i))(dy, shape)


def largest_ones_taken(dy, shape):
    return _fold(lambda d: d.max(axis=0), lambda d, i: d.max(axis=i, keepdims=True))(dy, shape)


def front_alone(dy, shape):
    return _fold(lambda d: d.sum(axis=0), lambda d, i: d)(dy, shape)


def ones_alone(dy, shape):
    return _fold(lambda d: d, lambda d, i: d.sum(axis=i, keepdims=True))(
        dy, shape) if dy.ndim == len(shape) else dy  # fmt: skip


def size_one_at_the_wrong_place(dy, shape):
    for i, n in enumerate(shape):
        if n == 1:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


def first_one_alone(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    for i, n in enumerate(shape):
        if n == 1:
            return dy.sum(axis=i, keepdims=True)
    return dy


def one_kind_at_a_time(dy, shape):
    if len(shape) == 1:
        return dy.sum(axis=0)
    if shape[0] == 1:
        return dy.sum(axis=0, keepdims=True)
    if shape[1] == 1:
        return dy.sum(axis=1, keepdims=True)
    return dy


def one_axis_in_front(dy, shape):
    if dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    for i, n in enumerate(shape):
        if n == 1:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


def from_the_back(dy, shape):
    return _fold(lambda d: d.sum(axis=-1), lambda d, i: d.sum(axis=i, keepdims=True))(dy, shape)


def keepdims_forgotten(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    for i in reversed(range(len(shape))):
        if shape[i] == 1:
            dy = dy.sum(axis=i)
    return dy


def everything_summed_up(dy, shape):
    return np.full(shape, dy.sum(), dy.dtype)


def everything_as_a_number(dy, shape):
    return dy if dy.shape == tuple(shape) else dy.sum()


def stretched_again(dy, shape):
    return np.resize(dy, shape)


def handed_on(dy, shape):
    return dy


def over_rows_always(dy, shape):
    return dy.sum(axis=0)


def over_rows_keeping_them(dy, shape):
    return dy.sum(axis=0, keepdims=True)


def zeros(dy, shape):
    return np.zeros(shape, dy.dtype)


def ones_like_it(dy, shape):
    return np.ones(shape, dy.dtype)


def times_the_copies(dy, shape):
    folded = unbroadcast_answer(dy, shape)
    return folded * (dy.size / max(folded.size, 1))


def over_the_copies(dy, shape):
    folded = unbroadcast_answer(dy, shape)
    return folded * (max(folded.size, 1) / dy.size)


UNBROADCAST = Exercise(
    id="03.2",
    name="my_unbroadcast",
    form="my_unbroadcast(dy, shape) -> an array of that shape",
    answer=unbroadcast_answer,
    blank=nothing_folded,
    cases=(
        Case((normal(73, 3, 5), (5,)), "(5,) was stretched to (3, 5)"),
        Case((normal(74, 3, 5), (3, 1)), "(3, 1) was stretched to (3, 5)"),
        Case((normal(75, 4, 4), (4, 1)), "all sizes are equal"),
        Case((normal(76, 2, 3, 5), (5,)), "two axes were put in front"),
        Case((normal(77, 2, 3, 5), (3, 1)), "one in front, one stretched"),
        Case((normal(78, 3, 5), (1, 1)), "(1, 1) was stretched to (3, 5)"),
        Case((normal(79, 3, 5), (3, 5)), "nothing was stretched"),
        Case((normal(80, 2, 3).astype(np.float32), (3,)), "float32 must stay float32"),
    ),
    wrongs=(
        Wrong(
            means_taken,
            "You take means. Each copy moved the result on its own, and what they did adds up.",
            "If one number is used in three rows, how many slopes does it get?",
            (over_the_copies,),
        ),
        Wrong(
            first_ones_taken,
            "You keep the slope of the first copy and drop the others.",
            "If one number is used in three rows, how many slopes does it get?",
        ),
        Wrong(
            largest_ones_taken,
            "You keep the largest slope of all copies.",
            "If one number is used in three rows, what becomes of its three slopes?",
        ),
        Wrong(
            front_alone,
            "Right for axes that were put in front. Along axes of size 1, which were stretched, "
            "yours has added nothing up.",
            "(3, 1) beside (3, 5): which axis of dy must be summed, and is the sum kept?",
        ),
        Wrong(
            ones_alone,
            "Right for axes of size 1. Where dy has more axes than the shape, some were put in "
            "front, and those you do not sum away.",
            "What does (5,) become beside (3, 5)?",
            (size_one_at_the_wrong_place,),
        ),
        Wrong(
            first_one_alone,
            "Only the first axis of size 1 is summed.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            one_kind_at_a_time,
            "You undo one thing: an axis in front, or one of size 1. Several may have happened at "
            "once.",
            "What becomes of (3, 1) beside (2, 3, 5), step by step?",
        ),
        Wrong(
            one_axis_in_front,
            "You take one axis off in front. There may be several.",
            "How often must you sum, until dy has as many axes as the shape?",
        ),
        Wrong(
            from_the_back,
            "You take axes off at the back. NumPy puts them in front.",
            "(5,) beside (3, 5): to which axis of the matrix does it belong?",
        ),
        Wrong(
            keepdims_forgotten,
            "An axis of size 1 is summed, and then it is gone.",
            "Which argument of .sum keeps the axis, with size 1?",
        ),
        Wrong(
            everything_summed_up,
            "You sum everything, and write it everywhere.",
            "Which elements of dy belong to the first number of the small array?",
            (everything_as_a_number,),
        ),
        Wrong(
            stretched_again,
            "You cut dy to the shape, and what does not fit is dropped.",
            "What should become of the slopes of the other copies?",
        ),
        Wrong(
            handed_on,
            "You hand dy on as it came.",
            "Which shape must the gradient of an array have?",
        ),
        Wrong(
            over_rows_always,
            "You sum over the first axis, whatever the shape is.",
            "How do you find out which axes were put in front or stretched?",
            (over_rows_keeping_them,),
        ),
        Wrong(
            zeros,
            "All slopes are 0.",
            "What happens to the result if the small array rises?",
        ),
        Wrong(
            ones_like_it,
            "All slopes are 1: dy is not in it.",
            "How fast does the end rise with each copy?",
        ),
        Wrong(
            times_the_copies,
            "You sum the copies, and multiply by their number besides.",
            "If one number is used in three rows, how many slopes does it get?",
        ),
    ),
    hints=(
        "What was copied in the forward is summed on the way back. Two things copy: axes that were "
        "put in front (dy has more axes than the shape), and axes of one place that were "
        "stretched. "
        "Sum the first away, and the second with keepdims=True.",
        "The same for one known case, (4, 1) beside (2, 4, 3):\n\n"
        "    dy = dy.sum(axis=____)                    # (2, 4, 3) -> (4, 3)\n"
        "    dy = dy.sum(axis=____, keepdims=True)     # (4, 3) -> (4, 1)\n\n"
        "For any shape: `while dy.ndim > len(shape)`, and a loop over `enumerate(shape)`.",
    ),
)

# ------------------------------------------------------------------------------------- 03.3


def matmul_answer(x, w):
    def backward(dy):
        # a rise of x[t, i] moves y[t, j] by w[i, j], for every j
        dx = dy @ w.T
        # a rise of w[i, j] moves y[t, j] by x[t, i], in every row t
        rows = x.reshape(-1, x.shape[-1])
        dw = rows.T @ dy.reshape(-1, dy.shape[-1])
        return dx, dw

    return x @ w, backward


def _rows(a):
    return a.reshape(-1, a.shape[-1])


def _dx(dy, x, w):
    return dy @ w.T


def _dw(dy, x, w):
    return _rows(x).T @ _rows(dy)


def _product(dx=_dx, dw=_dw):
    return lambda x, w: (x @ w, lambda dy: (dx(dy, x, w), dw(dy, x, w)))


def product_unwritten(x, w):
    return x @ w, lambda dy: None


def exchanged(x, w):
    return _product(_dw, _dx)(x, w)


def w_not_transposed(x, w):
    return _product(dx=lambda dy, x, w: dy @ w)(x, w)


def x_not_transposed(x, w):
    return _product(dw=lambda dy, x, w: _rows(x) @ _rows(dy))(x, w)


def neither_transposed(x, w):
    return _product(lambda dy, x, w: dy @ w, lambda dy, x, w: x @ dy)(x, w)


def dw_on_its_side(x, w):
    return _product(dw=lambda dy, x, w: _rows(dy).T @ _rows(x))(x, w)


def dx_on_its_side(x, w):
    return _product(dx=lambda dy, x, w: (dy @ w.T).swapaxes(-1, -2))(x, w)


def dw_from_the_left(x, w):
    return _product(dw=lambda dy, x, w: _rows(dy) @ _rows(x).T)(x, w)


def dx_from_the_left(x, w):
    return _product(dx=lambda dy, x, w: w.T @ dy)(x, w)


def dx_from_the_left_plain(x, w):
    return _product(dx=lambda dy, x, w: w @ dy)(x, w)


def batch_not_summed(x, w):
    return _product(dw=lambda dy, x, w: x.swapaxes(-1, -2) @ dy)(x, w)


def all_axes_turned(x, w):
    return _product(dw=lambda dy, x, w: x.T @ dy)(x, w)


def mean_over_the_batch(x, w):
    def dw(dy, x, w):
        return _rows(x).T @ _rows(dy) / (len(x) if x.ndim > 2 else 1)

    return _product(dw=dw)(x, w)


def mean_over_the_rows(x, w):
    return _product(dw=lambda dy, x, w: _rows(x).T @ _rows(dy) / len(_rows(x)))(x, w)


def first_text_alone(x, w):
    def dw(dy, x, w):
        return _rows(x if x.ndim < 3 else x[0]).T @ _rows(dy if x.ndim < 3 else dy[0])

    return _product(dw=dw)(x, w)


def dy_forgotten(x, w):
    return _product(
        lambda dy, x, w: np.ones_like(dy) @ w.T,
        lambda dy, x, w: _rows(x).T @ np.ones_like(_rows(dy)),
    )(x, w)


def dy_forgotten_in_dw(x, w):
    return _product(dw=lambda dy, x, w: _rows(x).T @ np.ones_like(_rows(dy)))(x, w)


def dy_forgotten_in_dx(x, w):
    return _product(dx=lambda dy, x, w: np.ones_like(dy) @ w.T)(x, w)


def as_numbers(x, w):
    return _product(lambda dy, x, w: dy * w, lambda dy, x, w: dy * x)(x, w)


def by_the_result(x, w):
    return _product(lambda dy, x, w: (x @ w) @ w.T, lambda dy, x, w: _rows(x).T @ _rows(x @ w))(
        x, w
    )


def sums_of_w(x, w):
    return _product(dx=lambda dy, x, w: w.sum(axis=1) + np.zeros_like(x))(x, w)


def inverse(x, w):
    return _product(dx=lambda dy, x, w: dy @ np.linalg.pinv(w))(x, w)


def other_sign_of_both(x, w):
    return _product(lambda dy, x, w: -(dy @ w.T), lambda dy, x, w: -(_rows(x).T @ _rows(dy)))(x, w)


def element_by_element(x, w):
    return x[..., :1] * w[0], lambda dy: (dy @ w.T, _rows(x).T @ _rows(dy))


MATMUL = Exercise(
    id="03.3",
    name="my_matmul",
    form="my_matmul(x (..., C), w (C, D)) -> y (..., D), backward;  backward(dy) -> dx, dw",
    answer=matmul_answer,
    observe=there_and_back("dx", "dw"),
    inputs=("x", "w", "dy"),
    blank=product_unwritten,
    blank_says=NO_GRADIENT,
    cases=(
        Case((normal(81, 2, 3), normal(82, 3, 5), normal(83, 2, 5))),
        Case((normal(84, 4, 4), normal(85, 4, 4), normal(86, 4, 4)), "all sizes are equal"),
        Case((normal(87, 2, 3, 5), normal(88, 5, 4), normal(89, 2, 3, 4)), "B texts of T rows"),
        Case(
            tuple(
                normal(s, *n).astype(np.float32)
                for s, n in ((90, (2, 3)), (91, (3, 4)), (92, (2, 4)))
            ),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            exchanged,
            "The two gradients are exchanged.",
            "Which shape must the first one have, and which the second?",
        ),
        Wrong(
            w_not_transposed,
            "In dx you multiply by w as it is. y[t, j] has w[i, j] in it: to come back from j to i "
            "you go through w the other way.",
            "dy is (T, D) and dx (T, C): which shape must stand between?",
        ),
        Wrong(
            x_not_transposed,
            "In dw you multiply x by dy as they are: with equal sizes even the shape fits.",
            "dw is (C, D), and x (T, C): how must x lie, so that the T rows are summed away?",
        ),
        Wrong(
            neither_transposed,
            "Neither is transposed: only where all sizes are equal do the shapes fit.",
            "Write the shapes of dy, w and dx under each other: which way must w lie?",
        ),
        Wrong(
            dw_on_its_side,
            "Your dw lies on its side: it is the transposed one.",
            "(a b)^T is b^T a^T: which of the two comes first in yours?",
        ),
        Wrong(
            dx_on_its_side,
            "Your dx lies on its side: it is the transposed one.",
            "(a b)^T is b^T a^T: which of the two comes first in yours?",
        ),
        Wrong(
            dw_from_the_left,
            "You compare rows with rows: that has the shape (T, T).",
            "dw is (C, D): which axis of x and dy must be summed away?",
        ),
        Wrong(
            dx_from_the_left,
            "In dx, w stands on the left of dy.",
            "y = x w, with w on the right: on which side does its transpose stand on the way back?",
            (dx_from_the_left_plain,),
        ),
        Wrong(
            batch_not_summed,
            "Right for one text. For several you have one dw for each, and w was used by all of "
            "them.",
            "A number that is used many times: what becomes of its slopes?",
        ),
        Wrong(
            all_axes_turned,
            "Right for one text. Of three axes, x.T turns all round: (B, T, C) becomes (C, T, B).",
            "How can you make one tall matrix of B T rows of it first?",
        ),
        Wrong(
            mean_over_the_batch,
            "You take the mean over the texts.",
            "A number that is used many times: do its slopes add up, or are they averaged?",
        ),
        Wrong(
            mean_over_the_rows,
            "You take the mean over the rows.",
            "A number that is used in every row: do its slopes add up, or are they averaged?",
        ),
        Wrong(
            first_text_alone,
            "Your dw has heard of the first text only.",
            "A number that is used in every text: what becomes of its slopes?",
        ),
        Wrong(
            dy_forgotten,
            "Right if dy is 1 everywhere: what arrives from above is not in it.",
            "The end rises dy[t, j] times as fast as y[t, j]. How fast with x[t, i]?",
        ),
        Wrong(
            dy_forgotten_in_dw,
            "dx is right. In dw, what arrives from above is missing.",
            "The end rises dy[t, j] times as fast as y[t, j]. How fast with w[i, j]?",
        ),
        Wrong(
            dy_forgotten_in_dx,
            "dw is right. In dx, what arrives from above is missing.",
            "The end rises dy[t, j] times as fast as y[t, j]. How fast with x[t, i]?",
            (sums_of_w,),
        ),
        Wrong(
            as_numbers,
            "`*` multiplies element by element: that is the way back of numbers.",
            "In y[t, j], how many elements of x and w meet?",
        ),
        Wrong(
            by_the_result,
            "You go back with y in the place of dy.",
            "What arrives from above is called dy: where does it go?",
        ),
        Wrong(
            inverse,
            "You undo the product with an inverse. A gradient does not undo: it says how fast.",
            "If x[t, i] rises by 1, by how much does y[t, j] rise?",
        ),
        Wrong(
            other_sign_of_both,
            "The right sizes, the other sign.",
            "If x[t, i] rises by 1, by how much does y[t, j] rise?",
        ),
        Wrong(
            element_by_element,
            "The way back is right. Your y is no matrix product.",
            "Which sign multiplies matrices in Python?",
        ),
    ),
    hints=(
        "dx has the shape of x, dw that of w. From dy (T, D) to dx (T, C) you need a (D, C): "
        "that is "
        "w lying on its side. From x (T, C) and dy (T, D) to dw (C, D): sum over the T rows. With "
        "several texts make one tall matrix of all rows first, since w was used in each.",
        "The same for y = w x, with w (D, C) on the left and x (C, T):\n\n"
        "    dx = ____.T @ dy           # (C, D) @ (D, T)\n"
        "    dw = dy @ ____.T           # (D, T) @ (T, C)\n\n"
        "a.reshape(-1, a.shape[-1]) is the tall matrix of all rows.",
    ),
    library=matmul,
    locked=(matmul,),
)

EXERCISES = (SUM, UNBROADCAST, MATMUL)
