"""Wrong gradients that students really write, each with the cause that the checker must name.

Written down before the checker. `cause` is a piece of the sentence that must be in the message, or
None where no cause explains every element and naming one would mislead.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinygpt import Tensor, op
from tinygpt.autograd.ops import unbroadcast

rng = np.random.default_rng(3)


@dataclass(frozen=True)
class Wrong:
    name: str
    fn: Callable
    inputs: tuple
    cause: str | None
    argument: int = 0  # which argument must be blamed


def normal(*shape):
    return rng.standard_normal(shape)


def unary(forward, backward):
    """An op y = forward(x) with dx = backward(x, y, dy)."""

    @op
    def mine(x):
        y = forward(x)
        return y, lambda dy: backward(x, y, dy)

    return mine


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_gradient(y, dy):
    return y * (dy - (dy * y).sum(-1, keepdims=True))


@op
def add_bias_unreduced(x, b):
    return x + b, lambda dy: (dy, dy)


@op
def add_bias_first_row(x, b):
    return x + b, lambda dy: (dy, dy[0])


@op
def scale_unreduced_mean(x, s):
    return x * s, lambda dy: (dy * s, unbroadcast(dy * x, s.shape) / len(x))


@op
def product_not_transposed(a, b):
    """a b with square matrices: da = dy b for dy b^T. The shapes do not warn."""
    return a @ b, lambda dy: (dy @ b, a.T @ dy)


@op
def transpose_forgotten(x):
    return x.T, lambda dy: dy


@op
def inner_forgotten(a, b):
    return a @ b, lambda dy: ((dy @ b.T).T, a.T @ dy)


@op
def lookup_overwrites(table, ids):
    def backward(dy):
        dtable = np.zeros_like(table)
        dtable[ids] = dy
        return dtable, None

    return table[ids], backward


@op
def lookup_adds_in_place(table, ids):
    def backward(dy):
        dtable = np.zeros_like(table)
        dtable[ids] += dy
        return dtable, None

    return table[ids], backward


@op
def two_outputs_one_forgotten(x):
    def backward(dys):
        return np.cos(x) * dys[0]

    return (np.sin(x), x * x), backward


@op
def second_argument_forgotten(a, b):
    return a * b, lambda dy: (dy * b, None)


@op
def second_argument_zero(a, b):
    return a * b, lambda dy: (dy * b, np.zeros_like(b))


def single(x):
    """Forward in float32, and back to float64 so that nobody notices."""
    return np.sin(x.astype(np.float32)).astype(np.float64)


@op
def attention_scale_forgotten(q, k):
    d = q.shape[-1]
    return q @ k.T / np.sqrt(d), lambda dy: (dy @ k, dy.T @ q)


def layer_norm(x):
    n = x - x.mean(-1, keepdims=True)
    return n / np.sqrt((n * n).mean(-1, keepdims=True) + 1e-5)


def std(x):
    return np.sqrt(x.var(-1, keepdims=True) + 1e-5)


@op
def cross_entropy_sum_gradient(z):
    """The mean over rows forward, without 1/n backward."""
    p = softmax(z)
    loss = -np.log(p[:, 1]).mean()
    return loss, lambda dy: dy * (p - np.eye(z.shape[1])[1])


@op
def cross_entropy_target_forgotten(z):
    p = softmax(z)
    return -np.log(p[:, 1]).mean(), lambda dy: dy * p / len(z)


WRONG = [
    Wrong("twice", unary(np.sin, lambda x, y, dy: 2 * np.cos(x) * dy), (normal(3, 5),), "2 times"),
    Wrong("sign", unary(np.cos, lambda x, y, dy: np.sin(x) * dy), (normal(3, 5),), "sign"),
    Wrong(
        "mean without 1/n",
        unary(lambda x: x.mean(), lambda x, y, dy: dy * np.ones_like(x)),
        (normal(3, 7),),
        "21 times too large",
    ),
    Wrong(
        "mean over the wrong n",
        unary(lambda x: x.mean(1), lambda x, y, dy: np.repeat(dy[:, None], x.shape[1], 1) / x.size),
        (normal(3, 7),),
        "3 times too small",
    ),
    Wrong("loss without 1/n", cross_entropy_sum_gradient, (normal(7, 5),), "7 times too large"),
    Wrong(
        "sum divided by n", scale_unreduced_mean, (normal(7, 3), normal(3)), "7 times too small", 1
    ),
    Wrong("scale forgotten", attention_scale_forgotten, (normal(3, 11), normal(5, 11)), "sqrt(11)"),
    Wrong("transposed", inner_forgotten, (normal(4, 4), normal(4, 4)), "transposed"),
    Wrong("the shape of the result", transpose_forgotten, (normal(2, 3),), "transposed"),
    Wrong("bias not summed", add_bias_unreduced, (normal(5, 3), normal(3)), "broadcast", 1),
    Wrong("bias: the first row", add_bias_first_row, (normal(5, 3), normal(3)), None, 1),
    Wrong(
        "softmax: the diagonal alone",
        unary(softmax, lambda x, y, dy: y * (1 - y) * dy),
        (normal(3, 5),),
        "diagonal",
    ),
    Wrong("softmax: y dy", unary(softmax, lambda x, y, dy: y * dy), (normal(3, 5),), None),
    Wrong(
        "softmax: the sum over the wrong axis",
        unary(softmax, lambda x, y, dy: y * (dy - (dy * y).sum(0, keepdims=True))),
        (normal(3, 5),),
        None,
    ),
    Wrong(
        "softmax: zeros",
        unary(softmax, lambda x, y, dy: np.zeros_like(x)),
        (normal(3, 5),),
        "no gradient",
    ),
    Wrong(
        "lookup overwrites",
        lookup_overwrites,
        (normal(6, 3), np.array([2, 5, 2, 0, 2])),
        "repeated",
    ),
    Wrong(
        "lookup adds in place",
        lookup_adds_in_place,
        (normal(6, 3), np.array([2, 5, 2, 0, 2])),
        "repeated",
    ),
    Wrong("an output forgotten", two_outputs_one_forgotten, (normal(4),), "output 1"),
    Wrong(
        "an argument forgotten", second_argument_forgotten, (normal(4), normal(4)), "no gradient", 1
    ),
    Wrong("an argument is zero", second_argument_zero, (normal(4), normal(4)), "no gradient", 1),
    Wrong(
        "float32 inside",
        unary(single, lambda x, y, dy: np.cos(x) * dy),
        (normal(3, 5),),
        "float32",
    ),
    Wrong(
        "a gradient of float32",
        unary(np.sin, lambda x, y, dy: (np.cos(x) * dy).astype(np.float32)),
        (normal(3, 5),),
        "float32",
    ),
    Wrong("dy forgotten", unary(np.sin, lambda x, y, dy: np.cos(x)), (normal(3, 5),), None),
    Wrong("derivative at y", unary(np.exp, lambda x, y, dy: np.exp(y) * dy), (normal(3),), None),
    Wrong(
        "layer norm: dy / std",
        unary(layer_norm, lambda x, y, dy: dy / std(x)),
        (normal(3, 5),),
        None,
    ),
    Wrong(
        "layer norm: the last term forgotten",
        unary(layer_norm, lambda x, y, dy: (dy - dy.mean(-1, keepdims=True)) / std(x)),
        (normal(3, 5),),
        None,
    ),
    Wrong("wrong matrix", product_not_transposed, (normal(4, 4), normal(4, 4)), None),
    Wrong("target forgotten", cross_entropy_target_forgotten, (normal(7, 5),), None),
    Wrong(
        "one element in a hundred",
        unary(
            np.sin, lambda x, y, dy: np.cos(x) * dy * np.where(np.arange(x.size) == 77, 1.01, 1.0)
        ),
        (normal(100),),
        None,
    ),
    Wrong(
        "off by one part in ten thousand",
        unary(np.sin, lambda x, y, dy: (1 + 1e-4) * np.cos(x) * dy),
        (normal(3, 5),),
        None,
    ),
    Wrong(
        "half the gradient lost",
        lambda x: Tensor(x.data) * x,
        (np.array([1.0, 2.0, 3.0]),),
        "2 times too small",
    ),
    Wrong("nan", unary(np.sin, lambda x, y, dy: np.full_like(x, np.nan)), (normal(3),), None),
]
