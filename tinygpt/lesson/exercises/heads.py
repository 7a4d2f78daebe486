"""Lesson 08, Attention, heads and the way back: softmax's gradient, a head's, split and merge."""

import math

import numpy as np

from tinygpt.lesson.exercise import (
    NO_GRADIENT,
    Case,
    Exercise,
    Property,
    Wrong,
    normal,
    there_and_back,
)
from tinygpt.lesson.exercises.attention import mask_answer as causal_mask
from tinygpt.lesson.exercises.loss import softmax_answer as to_chances
from tinygpt.nn.attention import attention, merge_heads, split_heads
from tinygpt.nn.softmax import softmax

# ------------------------------------------------------------------------------------- 08.1


def softmax_op_answer(x):
    y = to_chances(x)

    def backward(dy):
        # the mean of dy in each row, weighed by y
        mean = (dy * y).sum(axis=-1, keepdims=True)
        # dy against that mean, times y
        return y * (dy - mean)

    return y, backward


def _softmax_with(gradient):
    """gradient(dy, y, x) -> dx, after the right forward."""

    def answer(x):
        y = to_chances(x)
        return y, lambda dy: gradient(dy, y, x)

    return answer


def softmax_unwritten(x):
    return _softmax_with(lambda dy, y, x: None)(x)


def itself_alone(x):
    return _softmax_with(lambda dy, y, x: y * (1 - y) * dy)(x)


def others_alone(x):
    return _softmax_with(lambda dy, y, x: -y * (dy * y).sum(axis=-1, keepdims=True))(x)


def sum_left_out(x):
    return _softmax_with(lambda dy, y, x: y * dy)(x)


def plain_mean(x):
    return _softmax_with(lambda dy, y, x: y * (dy - dy.mean(axis=-1, keepdims=True)))(x)


def plain_sum(x):
    return _softmax_with(lambda dy, y, x: y * (dy - dy.sum(axis=-1, keepdims=True)))(x)


def weight_left_out(x):
    return _softmax_with(lambda dy, y, x: dy - (dy * y).sum(axis=-1, keepdims=True))(x)


def sum_of_everything(x):
    return _softmax_with(lambda dy, y, x: y * (dy - (dy * y).sum()))(x)


def sum_of_columns(x):
    return _softmax_with(lambda dy, y, x: y * (dy - (dy * y).sum(axis=0, keepdims=True)))(x)


def sums_without_their_axis(x):
    """Right shapes where rows and columns are equal in number, an error elsewhere."""
    return _softmax_with(lambda dy, y, x: y * (dy - (dy * y).sum(axis=-1)))(x)


def dy_left_out(x):
    return _softmax_with(lambda dy, y, x: y * (1 - y))(x)


def dy_left_out_of_the_sum(x):
    return _softmax_with(lambda dy, y, x: y * (dy - (y * y).sum(axis=-1, keepdims=True)))(x)


def scores_for_weights(x):
    return _softmax_with(lambda dy, y, x: x * (dy - (dy * x).sum(axis=-1, keepdims=True)))(x)


def mean_of_products(x):
    return _softmax_with(lambda dy, y, x: y * (dy - (dy * y).mean(axis=-1, keepdims=True)))(x)


def axis_one(x):
    return _softmax_with(lambda dy, y, x: y * (dy - (dy * y).sum(axis=1, keepdims=True)))(x)


def other_sign(x):
    return _softmax_with(lambda dy, y, x: y * ((dy * y).sum(axis=-1, keepdims=True) - dy))(x)


def weight_squared(x):
    return _softmax_with(lambda dy, y, x: y * y * (dy - (dy * y).sum(axis=-1, keepdims=True)))(x)


def of_cross_entropy(x):
    return _softmax_with(lambda dy, y, x: y - dy)(x)


def forward_of_dy(x):
    return _softmax_with(lambda dy, y, x: to_chances(dy))(x)


def the_jacobian(x):
    return _softmax_with(
        lambda dy, y, x: y[..., :, None] * (np.eye(y.shape[-1], dtype=y.dtype) - y[..., None, :])
    )(x)


def the_matrix_of_the_first_row(x):
    def gradient(dy, y, x):
        rows, dys = y.reshape(-1, y.shape[-1]), dy.reshape(-1, y.shape[-1])
        jacobian = np.diag(rows[0]) - np.outer(rows[0], rows[0])
        return (dys @ jacobian).reshape(y.shape)

    return _softmax_with(gradient)(x)


def exponentials_again(x):
    return _softmax_with(lambda dy, y, x: np.exp(x) * dy)(x)


_hidden = normal(202, 4, 6)
_hidden[np.arange(6)[None, :] > np.arange(4)[:, None] + 1] = -np.inf

SOFTMAX_OP = Exercise(
    id="08.1",
    name="my_softmax_op",
    form="my_softmax_op(x (..., n)) -> y, backward;  backward(dy) -> dx, of the shape of x",
    answer=softmax_op_answer,
    observe=there_and_back("dx"),
    inputs=("x", "dy"),
    blank=softmax_unwritten,
    blank_says=NO_GRADIENT,
    lends=(("to_chances", "05.1"),),
    cases=(
        Case((normal(200, 7, 11), normal(201, 7, 11))),
        Case((normal(203, 5, 5), normal(204, 5, 5)), "rows and columns are equal in number"),
        Case((normal(205, 2, 3, 4), normal(206, 2, 3, 4)), "three axes"),
        Case((_hidden, normal(207, 4, 6)), "some scores are minus infinity"),
        Case((normal(208, 3, 5), np.full((3, 5), 1.7)), "all dy are equal"),
        Case(
            (normal(209, 3, 4).astype(np.float32), normal(210, 3, 4).astype(np.float32)),
            "float32 must stay float32",
        ),
    ),
    properties=(Property("each row of dx sums to 0", lambda o, x, dy: o["dx"].sum(axis=-1), 0.0),),
    wrongs=(
        Wrong(
            itself_alone,
            "Right if each weight hung on its own score alone. But a row sums to 1: where one "
            "weight rises, the others fall.",
            "Which part of dx_i comes from the other weights?",
        ),
        Wrong(
            others_alone,
            "You have the part that the larger sum takes from all. What a score does for its own "
            "weight is missing.",
            "What stands before the minus in the formula?",
        ),
        Wrong(
            sum_left_out,
            "You have y dy, and the sum that it is measured against is missing.",
            "What does raising one score do to all the other weights?",
        ),
        Wrong(
            plain_mean,
            "You subtract the plain mean of dy. It is a mean by weight: each dy counts as much as "
            "its y.",
            "By what is each dy multiplied in the sum?",
        ),
        Wrong(
            plain_sum,
            "You subtract the sum of dy itself.",
            "By what is each dy multiplied in the sum?",
        ),
        Wrong(
            weight_left_out,
            "You have the bracket, dy minus its mean. The weight before it is missing.",
            "How fast does a small weight react to its score?",
        ),
        Wrong(
            sum_of_everything,
            "You sum over all rows at once. Each row is a softmax of its own.",
            "Over which axis is the sum, and is the axis kept?",
        ),
        Wrong(
            sum_of_columns,
            "You sum along the columns. A softmax runs along the last axis.",
            "Which number names the last axis, however many there are?",
        ),
        Wrong(
            mean_of_products,
            "You divide by n too. The weights sum to 1 already: the sum of dy y is the mean.",
            "What is the mean of 10, 0 and 0 with the weights 0.5, 0.3 and 0.2?",
        ),
        Wrong(
            axis_one,
            "Right where there are two axes: axis 1 is the last one only there.",
            "Which number names the last axis, however many there are?",
        ),
        Wrong(
            sums_without_their_axis,
            "Your sum loses its axis: what stood for a row is subtracted along the columns, or "
            "does not fit.",
            "Which argument of sum keeps the axis, with size 1?",
        ),
        Wrong(
            dy_left_out,
            "What arrives from above is not in it: that is the slope of each weight in its own "
            "score.",
            "Where do dy_i and dy_j stand in the formula?",
        ),
        Wrong(
            dy_left_out_of_the_sum,
            "In your sum stands y times y: what arrives from above is missing there.",
            "What is averaged, by the weights?",
        ),
        Wrong(
            scores_for_weights,
            "You take the scores where the formula has the weights.",
            "Which of the two is y?",
        ),
        Wrong(
            other_sign,
            "Turned round: all has the other sign.",
            "Where dy is above its mean: which sign has dx there?",
        ),
        Wrong(
            weight_squared,
            "The weight comes in twice.",
            "How many y stand before the bracket?",
        ),
        Wrong(
            of_cross_entropy,
            "Chances minus truth is the way back of softmax and loss together (lesson 05). Here "
            "any loss may stand above.",
            "Which formula has a dy_j for each weight?",
        ),
        Wrong(
            forward_of_dy,
            "That is the softmax of dy: a forward once more.",
            "Which y did the forward keep, and what becomes of it here?",
        ),
        Wrong(
            the_jacobian,
            "You return all slopes, a matrix for each row. What is asked for is their sum with dy.",
            "Over which index must slope times dy be summed?",
        ),
        Wrong(
            the_matrix_of_the_first_row,
            "Your matrix of slopes is that of the first row, and you use it for all rows.",
            "Does each row have weights of its own?",
        ),
        Wrong(
            exponentials_again,
            "That is the slope of exp. The division by the sum is left out.",
            "What did the forward do after exp?",
        ),
    ),
    hints=(
        "Two steps. A number for each row: the sum of dy_j y_j over its last axis, with the axis "
        "kept. Then for each element: dy minus that number, times y.",
        "The same for a class whose marks dy are weighed by hours y:\n\n"
        "    average = (marks * hours).sum(axis=____, keepdims=____)\n"
        "    better_than_average = marks - ____\n"
        "    return hours * ____",
    ),
    library=softmax,
    locked=(softmax,),
)

# ------------------------------------------------------------------------------------- 08.2


def head_answer(q, k, v):
    T, D = q.shape
    scores = np.where(causal_mask(T, T), q @ k.T / math.sqrt(D), -np.inf)
    w, to_scores = softmax_op(scores)

    def backward(dy):
        # y = w v
        dv = w.T @ dy
        dw = dy @ v.T
        # through the softmax
        ds = to_scores(dw)
        # scores = q k^T / sqrt(D)
        return ds @ k / math.sqrt(D), ds.T @ q / math.sqrt(D), dv

    return w @ v, backward


softmax_op = softmax_op_answer


def _right_gradients(dy, q, k, v, w):
    ds = _to_scores(dy, v, w, q)
    return ds @ k, ds.T @ q, w.T @ dy


def _through_softmax(dw, w, axis=-1):
    return w * (dw - (dw * w).sum(axis=axis, keepdims=True))


def _head_with(gradients):
    """gradients(dy, q, k, v, w) -> dq, dk, dv, after the right forward."""

    def answer(q, k, v):
        T, D = q.shape
        scores = np.where(causal_mask(T, T), q @ k.T / math.sqrt(D), -np.inf)
        w = to_chances(scores)
        return w @ v, lambda dy: gradients(dy, q, k, v, w)

    return answer


def _to_scores(dy, v, w, q):
    """ds, with the division."""
    return _through_softmax(dy @ v.T, w) / math.sqrt(q.shape[-1])


def head_unwritten(q, k, v):
    return _head_with(lambda *_: (None, None, None))(q, k, v)


def _changed(change):
    """change(dq, dk, dv, D) -> three, after the right ones."""
    return _head_with(lambda dy, q, k, v, w: change(*_right_gradients(dy, q, k, v, w), q.shape[-1]))


def scale_forgotten(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dq * math.sqrt(D), dk * math.sqrt(D), dv))(q, k, v)


def scale_in_dq_alone(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dq, dk * math.sqrt(D), dv))(q, k, v)


def scale_in_dk_alone(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dq * math.sqrt(D), dk, dv))(q, k, v)


def divided_by_d(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dq / math.sqrt(D), dk / math.sqrt(D), dv))(q, k, v)


def times_the_root(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dq * D, dk * D, dv))(q, k, v)


def dv_divided_too(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dq, dk, dv / math.sqrt(D)))(q, k, v)


def dq_and_dk_exchanged(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dk, dq, dv))(q, k, v)


def dv_first(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dv, dk, dq))(q, k, v)


def dv_in_front(q, k, v):
    return _changed(lambda dq, dk, dv, D: (dv, dq, dk))(q, k, v)


def turned_round(q, k, v):
    return _changed(lambda dq, dk, dv, D: (-dq, -dk, dv))(q, k, v)


def dv_not_transposed(q, k, v):
    def gradients(dy, q, k, v, w):
        dq, dk, _ = _right_gradients(dy, q, k, v, w)
        return dq, dk, w @ dy

    return _head_with(gradients)(q, k, v)


def dk_not_transposed(q, k, v):
    def gradients(dy, q, k, v, w):
        dq, _, dv = _right_gradients(dy, q, k, v, w)
        return dq, _to_scores(dy, v, w, q) @ q, dv

    return _head_with(gradients)(q, k, v)


def dq_transposed(q, k, v):
    def gradients(dy, q, k, v, w):
        _, dk, dv = _right_gradients(dy, q, k, v, w)
        return _to_scores(dy, v, w, q).T @ k, dk, dv

    return _head_with(gradients)(q, k, v)


def both_transposed(q, k, v):
    def gradients(dy, q, k, v, w):
        ds = _to_scores(dy, v, w, q)
        return ds.T @ k, ds @ q, w.T @ dy

    return _head_with(gradients)(q, k, v)


def dk_and_dv_not_transposed(q, k, v):
    def gradients(dy, q, k, v, w):
        ds = _to_scores(dy, v, w, q)
        return ds @ k, ds @ q, w @ dy

    return _head_with(gradients)(q, k, v)


def each_with_itself(q, k, v):
    def gradients(dy, q, k, v, w):
        ds = _to_scores(dy, v, w, q)
        return ds @ q, ds.T @ k, w.T @ dy

    return _head_with(gradients)(q, k, v)


def dk_with_k(q, k, v):
    def gradients(dy, q, k, v, w):
        ds = _to_scores(dy, v, w, q)
        return ds @ k, ds.T @ k, w.T @ dy

    return _head_with(gradients)(q, k, v)


def _with_ds(to_ds):
    """to_ds(dw, w) -> ds, before the division; all else is right."""

    def gradients(dy, q, k, v, w):
        ds = to_ds(dy @ v.T, w) / math.sqrt(q.shape[-1])
        return ds @ k, ds.T @ q, w.T @ dy

    return _head_with(gradients)


def row_sum_left_out(q, k, v):
    return _with_ds(lambda dw, w: w * dw)(q, k, v)


def itself_alone_in_the_softmax(q, k, v):
    return _with_ds(lambda dw, w: w * (1 - w) * dw)(q, k, v)


def softmax_left_out(q, k, v):
    return _with_ds(lambda dw, w: dw)(q, k, v)


def softmax_left_out_mask_kept(q, k, v):
    return _with_ds(lambda dw, w: np.where(w > 0, dw, 0))(q, k, v)


def weights_for_dw(q, k, v):
    return _with_ds(lambda dw, w: _through_softmax(w, w))(q, k, v)


def softmax_over_the_queries(q, k, v):
    return _with_ds(lambda dw, w: _through_softmax(dw, w, axis=0))(q, k, v)


def softmax_once_more(q, k, v):
    return _with_ds(lambda dw, w: to_chances(dw))(q, k, v)


def dw_transposed(q, k, v):
    return _with_ds(lambda dw, w: _through_softmax(dw.T, w))(q, k, v)


def dw_from_the_keys(q, k, v):
    def gradients(dy, q, k, v, w):
        ds = _through_softmax(dy @ k.T, w) / math.sqrt(q.shape[-1])
        return ds @ k, ds.T @ q, w.T @ dy

    return _head_with(gradients)(q, k, v)


def _with_dv(make):
    def gradients(dy, q, k, v, w):
        dq, dk, _ = _right_gradients(dy, q, k, v, w)
        return dq, dk, make(dy, w, v)

    return _head_with(gradients)


def dv_handed_on(q, k, v):
    return _with_dv(lambda dy, w, v: dy)(q, k, v)


def dv_from_v(q, k, v):
    return _with_dv(lambda dy, w, v: w.T @ v)(q, k, v)


def dv_from_y(q, k, v):
    return _with_dv(lambda dy, w, v: w.T @ (w @ v))(q, k, v)


def masked_again_with_infinity(q, k, v):
    def gradients(dy, q, k, v, w):
        ds = np.where(w > 0, _to_scores(dy, v, w, q), -np.inf)
        return ds @ k, ds.T @ q, w.T @ dy

    return _head_with(gradients)(q, k, v)


_sharp_q, _sharp_k = normal(224, 4, 3), normal(225, 4, 3)
_sharp_k[1] = 9 * _sharp_q[3]

HEAD = Exercise(
    id="08.2",
    name="my_head",
    form="my_head(q, k, v), each (T, D) -> y (T, D), backward;  backward(dy) -> dq, dk, dv",
    answer=head_answer,
    observe=there_and_back("dq", "dk", "dv"),
    inputs=("q", "k", "v", "dy"),
    blank=head_unwritten,
    blank_says=NO_GRADIENT,
    lends=(("causal_mask", "07.2"), ("softmax_op", "08.1")),
    cases=(
        Case(tuple(normal(s, 7, 11) for s in (211, 212, 213, 214))),
        Case(tuple(normal(s, 5, 5) for s in (215, 216, 217, 218)), "T = D: shapes warn of nothing"),
        Case(tuple(normal(s, 1, 3) for s in (219, 220, 221, 222)), "a single letter"),
        Case((_sharp_q, _sharp_k, normal(226, 4, 3), normal(227, 4, 3)), "one key gets all"),
        Case(
            tuple(normal(s, 4, 6).astype(np.float32) for s in (228, 229, 230, 231)),
            "float32 must stay float32",
        ),
    ),
    properties=(
        Property(
            "the first letter sees itself alone: its dq is 0",
            lambda o, q, k, v, dy: o["dq"][0],
            0.0,
        ),
    ),
    wrongs=(
        Wrong(
            scale_forgotten,
            "dv is right; dq and dk are too large by the root of D. The forward divides the scores "
            "by it, and so does the way back.",
            "Where does 1 / sqrt(D) stand in the scores, and where here?",
        ),
        Wrong(
            scale_in_dq_alone,
            "dk is too large by the root of D: you divide for dq alone.",
            "How can both be made of one ds that has been divided?",
        ),
        Wrong(
            scale_in_dk_alone,
            "dq is too large by the root of D: you divide for dk alone.",
            "How can both be made of one ds that has been divided?",
        ),
        Wrong(
            divided_by_d,
            "dq and dk are too small by the root of D: the division comes in twice.",
            "By what did the forward divide the scores, and how often?",
        ),
        Wrong(
            times_the_root,
            "You multiply by the root of D on the way back.",
            "y = x / c: how fast does y rise with x?",
        ),
        Wrong(
            dv_divided_too,
            "dq and dk are right; dv is divided by the root of D, and the values never were.",
            "Which arrays went through the division?",
        ),
        Wrong(
            dq_and_dk_exchanged,
            "dq and dk are exchanged.",
            "In which order does the function take q, k, v?",
        ),
        Wrong(
            dv_first,
            "You return dv first: the gradients come in the order of the arguments.",
            "In which order does the function take q, k, v?",
            (dv_in_front,),
        ),
        Wrong(
            turned_round,
            "dq and dk have the other sign.",
            "dy minus its mean, or its mean minus dy?",
        ),
        Wrong(
            dv_not_transposed,
            "dv = w dy sends from the past into the future. y = w v, and the way back goes through "
            "w the other way. (w.transpose(-2, -1) leaves two axes as they are; w.T exchanges.)",
            "Row i of w says whom query i looks at: who looks at key j?",
        ),
        Wrong(
            dk_not_transposed,
            "dq and dv are right. In dk the scores stand as they are: with T = T no shape warns.",
            "ds is (queries, keys), dk is (keys, D): which axis must be summed away?",
        ),
        Wrong(
            dq_transposed,
            "dk and dv are right. In dq the scores are turned round.",
            "ds is (queries, keys), dq is (queries, D): which axis must be summed away?",
        ),
        Wrong(
            both_transposed,
            "dq and dk have their transposes exchanged: rows of ds are queries, columns keys.",
            "ds is (queries, keys), dk is (keys, D): which axis must be summed away?",
        ),
        Wrong(
            dk_and_dv_not_transposed,
            "dk and dv go through ds and w as they are: with T = T no shape warns.",
            "w is (queries, keys), dv is (keys, D): which axis must be summed away?",
        ),
        Wrong(
            each_with_itself,
            "dq is made with q, and dk with k. A score is q times k: each has the other for slope.",
            "y = a b: how fast does y rise with a?",
        ),
        Wrong(
            dk_with_k,
            "dk is made with k itself. A score is q times k: each has the other for slope.",
            "y = a b: how fast does y rise with b?",
        ),
        Wrong(
            row_sum_left_out,
            "You have w dw, without what it is measured against: the softmax's mean.",
            "Which function of 08.1 goes through the softmax?",
        ),
        Wrong(
            itself_alone_in_the_softmax,
            "Your way through the softmax takes each weight by itself: a row sums to 1.",
            "Which function of 08.1 goes through the softmax?",
        ),
        Wrong(
            softmax_left_out,
            "You take dw for ds: the way through the softmax is left out.",
            "Which two things does the softmax stand between?",
            (softmax_left_out_mask_kept,),
        ),
        Wrong(
            weights_for_dw,
            "You send the weights themselves through the softmax's way back.",
            "What arrives at the weights?",
        ),
        Wrong(
            softmax_over_the_queries,
            "Your way through the softmax sums over the queries. The weights of one query are a "
            "row.",
            "Along which axis do the keys of one query lie?",
        ),
        Wrong(
            softmax_once_more,
            "You take the softmax of dw: that is a forward once more.",
            "What did softmax_op return beside the weights?",
        ),
        Wrong(
            dw_transposed,
            "Your dw is turned round: its rows should be the queries.",
            "y = w v: what is the gradient of the left one of a product?",
        ),
        Wrong(
            dw_from_the_keys,
            "dv is right. Your dw is made with the keys, and what w mixes are the values.",
            "y = w v: which of the two is dw made with?",
        ),
        Wrong(
            masked_again_with_infinity,
            "You hide slopes with minus infinity. That is a score whose weight is 0; a slope that "
            "is not there is 0, and the softmax's way back has made it so.",
            "What is infinity times a number, added to another infinity?",
        ),
        Wrong(
            dv_handed_on,
            "You hand dy on to the values. A value is used by every query that looks at it, by its "
            "weight.",
            "y = w v: what is the gradient of the right one of a product?",
        ),
        Wrong(
            dv_from_v,
            "Your dv is made of v. What arrives is dy.",
            "y = w v: what is the gradient of the right one of a product?",
            (dv_from_y,),
        ),
    ),
    hints=(
        "Backwards through the forward, line by line. y = w v is a product: it gives dv and dw "
        "(lesson 03). to_scores(dw) gives ds. Then the division, and the product of q and k^T.",
        "The same for c = a b in lesson 03, with a (n, m) and b (m, d):\n\n"
        "    da = dc @ b.____      # (n, d) (d, m)\n"
        "    db = a.____ @ dc      # (m, n) (n, d)\n\n"
        "You need it twice. The second time a is q and b is k.T, so what comes out for b is dk.T.",
    ),
    locked=(softmax, attention),
)

# ------------------------------------------------------------------------------------- 08.3


def split_answer(x, n_head):
    B, T, C = x.shape
    # the channels in n_head strips, then the heads before the places
    return x.reshape(B, T, n_head, C // n_head).transpose(0, 2, 1, 3)


def cut_by_memory(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, n_head, T, C // n_head)


def places_before_heads(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, T, n_head, C // n_head)


def every_other_channel(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, T, C // n_head, n_head).transpose(0, 3, 1, 2)


def heads_before_texts(x, n_head):
    return split_answer(x, n_head).transpose(1, 0, 2, 3)


def list_of_strips(x, n_head):
    return np.split(x, n_head, axis=-1)


def places_last(x, n_head):
    return split_answer(x, n_head).swapaxes(-1, -2)


def as_wide_as_heads(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, T, C // n_head, n_head).transpose(0, 2, 1, 3)


def turned_then_cut(x, n_head):
    B, T, C = x.shape
    return x.swapaxes(1, 2).reshape(B, n_head, T, C // n_head)


def turned_the_wrong_pair(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, T, n_head, C // n_head).swapaxes(2, 3)


def first_head_alone(x, n_head):
    return split_answer(x, n_head)[:, 0]


def first_head_for_all(x, n_head):
    return np.repeat(split_answer(x, n_head)[:, :1], n_head, axis=1)


def back_to_front(x, n_head):
    return split_answer(x, n_head)[:, ::-1]


def everything_to_each(x, n_head):
    return np.repeat(x[:, None], n_head, axis=1)


def first_text_alone(x, n_head):
    return split_answer(x, n_head)[0]


def strips_that_overlap(x, n_head):
    D = x.shape[-1] // n_head
    return np.stack([x[:, :, h : h + D] for h in range(n_head)], axis=1)


def sizes_of_the_table(x, n_head):
    B, T, _ = x.shape
    return x.reshape(B, T, 3, 2).transpose(0, 2, 1, 3)


def texts_taken_for_places(x, n_head):
    T, B, C = x.shape
    return x.reshape(B, T, n_head, C // n_head).transpose(0, 2, 1, 3)


def texts_cut(x, n_head):
    return np.stack(np.split(x, n_head, axis=1), axis=1)


SPLIT = Exercise(
    id="08.3",
    name="my_split_heads",
    form="my_split_heads(x (B, T, C), n_head) -> (B, H, T, D), D = C / H",
    answer=split_answer,
    cases=(
        Case((normal(240, 2, 3, 20), 5)),
        Case((normal(241, 2, 4, 6), 3), "D = B = 2"),
        Case((normal(242, 3, 3, 9), 3), "all sizes are 3: shapes warn of nothing"),
        Case((normal(243, 1, 4, 6), 1), "a single head"),
        Case((normal(244, 2, 2, 4).astype(np.float32), 2), "float32 must stay float32"),
    ),
    wrongs=(
        Wrong(
            cut_by_memory,
            "The shape is right, the content is not: reshape alone cuts the rows up as they lie in "
            "memory, so a head gets all channels of a few places.",
            "In what shape do the channels alone come apart, and what is left to exchange?",
        ),
        Wrong(
            places_before_heads,
            "The channels are cut rightly. Places and heads stand in the other order.",
            "Which two axes must still be exchanged?",
        ),
        Wrong(
            every_other_channel,
            "Your head 0 has the channels 0, H, 2 H, ... A head has D channels side by side.",
            "reshape(..., a, b): which of the two counts faster?",
        ),
        Wrong(
            heads_before_texts,
            "The heads stand before the texts: (H, B, T, D), which a list of heads does too.",
            "Which axis comes first in (B, H, T, D)?",
            (list_of_strips,),
        ),
        Wrong(
            places_last,
            "Places and channels are exchanged: (B, H, D, T).",
            "Which axis comes last in (B, H, T, D)?",
        ),
        Wrong(
            as_wide_as_heads,
            "You made heads of n_head channels each. n_head is how many there are.",
            "How wide is a head, if H of them share C channels?",
        ),
        Wrong(
            turned_then_cut,
            "The shape is right, the content is not: you exchange first and cut then.",
            "Which axis is cut in two, and where does it stand when you cut?",
        ),
        Wrong(
            turned_the_wrong_pair,
            "You exchange heads and channels, (B, T, D, H). The heads must come before the places.",
            "Which two axes must be exchanged in (B, T, H, D)?",
        ),
        Wrong(
            first_head_alone,
            "Only the first head comes back.",
            "How many axes has the result?",
        ),
        Wrong(
            first_head_for_all,
            "All heads have the channels of the first one.",
            "Which channels belong to head 1?",
        ),
        Wrong(
            back_to_front,
            "The heads come back to front.",
            "Which channels belong to head 0?",
        ),
        Wrong(
            everything_to_each,
            "Each head got all C channels. They share them: D = C / H each.",
            "How wide is a head?",
        ),
        Wrong(
            first_text_alone,
            "Only the first text comes back.",
            "How many axes has the result?",
        ),
        Wrong(
            strips_that_overlap,
            "Your strips overlap: head 1 begins one channel after head 0, and not D.",
            "Which is the first channel of head 1, and of head 2?",
        ),
        Wrong(
            sizes_of_the_table,
            "3 heads of 2 channels are those of the table in the text. Here there are others.",
            "Where do H and D come from?",
        ),
        Wrong(
            texts_taken_for_places,
            "B and T are exchanged where the shape is taken apart.",
            "In which order do the axes of x come?",
        ),
        Wrong(
            texts_cut,
            "You cut the places apart. A head sees all places, in some of the channels.",
            "Which axis of (B, T, C) do the heads share?",
        ),
    ),
    hints=(
        "Two steps: cut the last axis in two, H strips of D channels, by reshape, which leaves "
        "the order in memory as it is. Then exchange two axes, so that the heads come before the "
        "places.",
        "The same for a week's table x (weeks, days, 24 hours), cut into 3 shifts:\n\n"
        "    x = x.reshape(weeks, days, ____, ____)      # (weeks, days, shifts, hours)\n"
        "    return x.transpose(0, ____, ____, 3)        # (weeks, shifts, days, hours)",
    ),
    library=split_heads,
    locked=(split_heads,),
)

# ------------------------------------------------------------------------------------- 08.4


def merge_heads_answer(y):
    B, H, T, D = y.shape
    # the places before the heads, then the strips side by side
    return y.transpose(0, 2, 1, 3).reshape(B, T, H * D)


def joined_by_memory(y):
    B, H, T, D = y.shape
    return y.reshape(B, T, H * D)


def strips_mixed(y):
    B, H, T, D = y.shape
    return y.transpose(0, 2, 3, 1).reshape(B, T, H * D)


def heads_added(y):
    return y.sum(axis=1)


def heads_averaged(y):
    return y.mean(axis=1)


def one_after_the_other(y):
    B, H, T, D = y.shape
    return y.reshape(B, H * T, D)


def channels_before_places(y):
    B, H, T, D = y.shape
    return y.swapaxes(2, 3).reshape(B, H * D, T)


def channels_before_places_cut_anew(y):
    B, H, T, D = y.shape
    return y.swapaxes(2, 3).reshape(B, T, H * D)


def not_joined(y):
    return y.transpose(0, 2, 1, 3)


def the_first_alone(y):
    return y[:, 0]


def the_largest(y):
    return y.max(axis=1)


def joined_back_to_front(y):
    return merge_heads_answer(y[:, ::-1])


def texts_side_by_side(y):
    return np.concatenate(list(y), axis=-1)


def texts_lost(y):
    return merge_heads_answer(y)[0]


def first_text_alone_in_its_axis(y):
    return merge_heads_answer(y)[:1]


def names_exchanged(y):
    B, T, H, D = y.shape
    return y.transpose(0, 2, 1, 3).reshape(B, T, H * D)


def copied_from_the_text(y):
    B, H, T, D = y.shape
    return y.transpose(0, 3, 1, 2).reshape(B, T, H * D)


def two_heads(y):
    return np.concatenate([y[:, 0], y[:, -1] if y.shape[1] == 1 else y[:, 1]], axis=-1)


MERGE_HEADS = Exercise(
    id="08.4",
    name="my_merge_heads",
    form="my_merge_heads(y (B, H, T, D)) -> (B, T, C), C = H D",
    answer=merge_heads_answer,
    cases=(
        Case((normal(250, 2, 5, 3, 4),)),
        Case((normal(251, 2, 3, 4, 2),), "D = B = 2"),
        Case((normal(252, 3, 3, 3, 3),), "all sizes are 3: shapes warn of nothing"),
        Case((normal(253, 1, 1, 4, 6),), "a single head"),
        Case((normal(254, 2, 2, 2, 2).astype(np.float32),), "float32 must stay float32"),
    ),
    wrongs=(
        Wrong(
            joined_by_memory,
            "The shape is right, the content is not: reshape alone joins what lies side by side in "
            "memory, and that are the places of one head.",
            "Which axis must stand beside the channels before they are joined?",
        ),
        Wrong(
            strips_mixed,
            "The channels of the heads alternate: head 0, head 1, ... Each head's should stay side "
            "by side.",
            "reshape joins the last two axes: in which order must they stand?",
        ),
        Wrong(
            heads_added,
            "You add the heads up: what they found can no longer be told apart.",
            "How many channels has the result?",
        ),
        Wrong(
            heads_averaged,
            "You take the mean over the heads. Nobody weighs heads: they are laid side by side.",
            "How many channels has the result?",
        ),
        Wrong(
            one_after_the_other,
            "The heads lie one after the other along the places.",
            "Along which axis should they lie side by side?",
        ),
        Wrong(
            channels_before_places,
            "The channels stand before the places: (B, C, T).",
            "Which axis comes last in (B, T, C)?",
        ),
        Wrong(
            channels_before_places_cut_anew,
            "The shape is right, the content is not: you exchanged places and channels.",
            "Which two axes must be exchanged in (B, H, T, D)?",
        ),
        Wrong(
            not_joined,
            "Exchanged rightly. The last two axes are still apart.",
            "What makes one axis of two?",
        ),
        Wrong(
            the_first_alone,
            "Only the first head is left.",
            "How many channels has the result?",
        ),
        Wrong(
            the_largest,
            "You take the largest of the heads, element by element.",
            "How many channels has the result?",
        ),
        Wrong(
            joined_back_to_front,
            "The heads lie back to front.",
            "Which channels belong to head 0?",
        ),
        Wrong(
            texts_side_by_side,
            "You join along the texts: a loop over y goes through its first axis, B.",
            "Which axis counts the heads?",
        ),
        Wrong(
            names_exchanged,
            "H and T are exchanged where the shape is taken apart: in y the heads come first.",
            "In which order do the axes of y come?",
        ),
        Wrong(
            copied_from_the_text,
            "That order of axes is the text's example. Here others must be exchanged.",
            "Which two axes must stand side by side at the end?",
        ),
        Wrong(
            two_heads,
            "You lay two heads side by side. There may be more, or one.",
            "How does a loop over all heads look?",
        ),
        Wrong(
            texts_lost,
            "Only the first text comes back.",
            "How many texts are there?",
            (first_text_alone_in_its_axis,),
        ),
    ),
    hints=(
        "Undo 08.3, from behind: first exchange two axes, so that the heads stand beside their "
        "channels, then join these two by reshape.",
        "The same for shifts x (weeks, shifts, days, hours) that become days of 24 hours:\n\n"
        "    x = x.transpose(0, ____, ____, 3)      # (weeks, days, shifts, hours)\n"
        "    return x.reshape(weeks, days, ____)",
    ),
    library=merge_heads,
    locked=(merge_heads,),
)

EXERCISES = (SOFTMAX_OP, HEAD, SPLIT, MERGE_HEADS)
