"""The small ops that Tensor's operators call: arithmetic, sums, shapes (add, mul and matmul are
examples in engine.py).

Each is the formula and, right below it, its gradient. The names `sum` and `max` are the ops here;
Python's own are `builtins`.
"""

import itertools
from typing import Any

import numpy as np

from tinygpt.autograd import habits
from tinygpt.autograd.broadcasting import extreme, shape_of, spread
from tinygpt.autograd.engine import add, matmul, mul, op, unbroadcast
from tinygpt.autograd.more_ops import (
    abs,
    clip,
    cos,
    cumsum,
    einsum,
    log_softmax,
    min,
    minimum,
    norm,
    relu,
    sigmoid,
    silu,
    sin,
    std,
    take_along_axis,
    tril,
    triu,
)
from tinygpt.backend import Array, array_module, like

__all__ = [
    "abs",
    "add",
    "astype",
    "broadcast_to",
    "clip",
    "concat",
    "cos",
    "cumsum",
    "div",
    "einsum",
    "exp",
    "getitem",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "neg",
    "norm",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "silu",
    "sin",
    "split",
    "sqrt",
    "stack",
    "std",
    "sub",
    "sum",
    "take_along_axis",
    "tanh",
    "transpose",
    "tril",
    "triu",
    "unbroadcast",
    "var",
    "where",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise habits.missing(f"module {__name__!r}", name, habits.PACKAGE | habits.LAYERS, __all__)


# --------------------------------------------------------------------------------- arithmetic


@op
def sub(a, b, /):
    """y = a - b, broadcast.   (2, 3) - (2, 1) -> (2, 3)"""
    shape_a, shape_b = shape_of(a), shape_of(b)
    return a - b, lambda dy: (unbroadcast(dy, shape_a), unbroadcast(-dy, shape_b))


@op
def div(a, b, /):
    """y = a / b, element by element, broadcast.   (2, 3) / (2, 1) -> (2, 3)"""
    shape_a, shape_b = shape_of(a), shape_of(b)

    def backward(dy):  # da = dy / b,  db = -dy a / b^2
        da = dy / b
        db = unbroadcast(-da * a / b, shape_b) if shape_b is not None else None
        return unbroadcast(da, shape_a), db

    return a / b, backward


@op
def neg(x, /):
    """y = -x.   (2, 3) -> (2, 3)"""
    return -x, lambda dy: -dy


def _raised(x: Array, n: float) -> Array:
    """x^n. A small whole n multiplies: in float32 `x**3` takes 280 times as long as x x x."""
    if n in (1, 2, 3, 4):
        y = x
        for _ in range(int(n) - 1):
            y = y * x
        return y
    return x**n


@op
def power(x, /, *, exponent):
    """y = x^n for a number n.   (2, 3) -> (2, 3)

    No logarithm is taken, so a negative x is right where n is whole. TypeError where n is no
    number: write (n * x.log()).exp() for an exponent that is a Tensor.
    """
    if not isinstance(exponent, int | float | np.number):
        raise TypeError(f"expected a number as exponent, got {type(exponent).__name__}")
    n = float(exponent)

    def backward(dy):  # dx = dy n x^(n - 1)
        return dy * 0.0 if n == 0 else dy * n if n == 1 else dy * n * _raised(x, n - 1)

    return _raised(x, n), backward


@op
def exp(x, /):
    """y = e^x.   (2, 3) -> (2, 3)"""
    y = array_module(x).exp(x)
    return y, lambda dy: dy * y


@op
def log(x, /):
    """y = ln x.   (2, 3) -> (2, 3)"""
    return array_module(x).log(x), lambda dy: dy / x


@op
def sqrt(x, /):
    """y = x^(1/2).   (2, 3) -> (2, 3)"""
    y = array_module(x).sqrt(x)
    return y, lambda dy: dy * 0.5 / y


@op
def tanh(x, /):
    """y = tanh x.   (2, 3) -> (2, 3)"""
    y = array_module(x).tanh(x)
    return y, lambda dy: dy * (1.0 - y * y)


@op
def maximum(a, b, /):
    """y = the larger of a and b, element by element, broadcast.   (2, 3), (3,) -> (2, 3)

    Where they are equal each gets half of the gradient.
    """

    def backward(dy):  # da = dy where a is larger,  db = dy where b is
        share = (a > b) + 0.5 * (a == b)
        da = dy * share.astype(dy.dtype)
        return unbroadcast(da, shape_of(a)), unbroadcast(dy - da, shape_of(b))

    xp = array_module(b if isinstance(a, int | float) else a)
    return xp.maximum(a, b), backward


@op
def where(condition, a, b, /):
    """y = a where the condition holds, else b, broadcast.   (2, 3), (2, 1), () -> (2, 3)

    The condition is an array of booleans and gets no gradient.
    """
    xp = array_module(b if isinstance(a, int | float) else a)
    condition = xp.asarray(condition)

    def backward(dy):
        da, db = xp.where(condition, dy, 0), xp.where(condition, 0, dy)
        return None, unbroadcast(da, shape_of(a)), unbroadcast(db, shape_of(b))

    return xp.where(condition, a, b), backward


# --------------------------------------------------------------------------------- reductions


@op
def sum(x, /, *, axis=None, keepdims=False):
    """y = sum of x over axis (a number, a tuple, None: all).   (2, 3), axis=1 -> (2,)"""
    shape = x.shape
    return x.sum(axis=axis, keepdims=keepdims), lambda dy: spread(dy, shape, axis, keepdims)


@op
def mean(x, /, *, axis=None, keepdims=False):
    """y = mean of x over axis.   (2, 3), axis=1, keepdims=True -> (2, 1)"""
    y, shape = x.mean(axis=axis, keepdims=keepdims), x.shape
    n = x.size / y.size
    return y, lambda dy: spread(dy / n, shape, axis, keepdims)


@op
def var(x, /, *, axis=None, keepdims=False, ddof=0):
    """y = sum of (x - mean of x)^2 over axis, divided by n - ddof.   (2, 3), axis=1 -> (2,)

    Differs from PyTorch, whose default is ddof=1.
    """
    centred = x - x.mean(axis=axis, keepdims=True)
    square = centred * centred
    y, shape = square.mean(axis=axis, keepdims=keepdims), x.shape
    n = x.size / y.size - ddof
    if ddof:
        y = y * ((n + ddof) / n)
    return y, lambda dy: spread(dy * (2 / n), shape, axis, keepdims) * centred


@op
def max(x, /, *, axis=None, keepdims=False):
    """y = the largest of x over axis.   (2, 3), axis=1 -> (2,)

    Equal maxima share the gradient: of (2, 2, 1) the first two get one half each.
    """
    return extreme(x, x.max(axis=axis, keepdims=True), axis, keepdims)


# -------------------------------------------------------------------------------------- shapes


@op
def reshape(x, /, *, shape):
    """The same elements in another shape.   (2, 3), shape=(3, -1) -> (3, 2)"""
    old = x.shape
    return x.reshape(shape), lambda dy: dy.reshape(old)


@op
def transpose(x, /, *, axes=()):
    """The axes in another order; none given: reversed.   (2, 3, 4), axes=(0, 2, 1) -> (2, 4, 3)"""
    axes = tuple(axes) or tuple(range(x.ndim))[::-1]
    given, axes = axes, tuple(a + x.ndim if a < 0 else a for a in axes)
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"expected every axis of {x.shape} once, such as (0, 2, 1), got {given}")
    back = tuple(axes.index(i) for i in range(x.ndim))
    return x.transpose(axes), lambda dy: dy.transpose(back)


@op
def getitem(x, /, *, index):
    """y = x[index]: slices, numbers, integer or boolean arrays.   (4, 3), index=[2, 0] -> (2, 3)

    An element that was taken several times gets the sum of its gradients.
    """
    xp, shape = array_module(x), x.shape
    parts = [
        like(np.asarray(p, np.intp if len(p) == 0 else None), x) if isinstance(p, list)
        else like(p, x) if isinstance(p, np.ndarray) else p
        for p in (index if isinstance(index, tuple) else (index,))
    ]  # fmt: skip
    index = tuple(parts) if isinstance(index, tuple) else parts[0]
    simple = all(p is None or p is ... or isinstance(p, int | slice | np.integer) for p in parts)

    def backward(dy):
        dx = xp.zeros(shape, dy.dtype)
        if simple:
            dx[index] = dy
        else:  # dx[index] += dy would keep only the last of the repeated ones
            xp.add.at(dx, index, dy)
        return dx

    return x[index], backward


def _check_parts(name, parts):
    if any(isinstance(p, list | tuple) for p in parts):
        raise TypeError(f"{name} takes its parts one by one: {name}(a, b) or {name}(*parts)")
    if any(isinstance(p, int | float) for p in parts):
        raise TypeError(
            f"{name} takes Tensors and arrays, and the axis by name: {name}(a, b, axis=0)"
        )


@op
def concat(*parts, axis=0):
    """The parts one after the other along axis.   (2, 3), (4, 3) -> (6, 3)

    The parts are arguments of their own: concat(a, b), concat(*list_of_tensors).
    """
    _check_parts("concat", parts)
    xp = array_module(parts[0])
    ends = list(itertools.accumulate(p.shape[axis] for p in parts))[:-1]
    return xp.concatenate(parts, axis=axis), lambda dy: tuple(xp.split(dy, ends, axis=axis))


@op
def stack(*parts, axis=0):
    """The parts along a new axis.   three of (2, 4) -> (3, 2, 4); axis=-1 -> (2, 4, 3)

    The parts are arguments of their own: stack(a, b), stack(*list_of_tensors).
    """
    _check_parts("stack", parts)
    xp, n = array_module(parts[0]), len(parts)

    def backward(dy):
        return tuple(d.squeeze(axis) for d in xp.split(dy, n, axis=axis))

    return xp.stack(parts, axis=axis), backward


@op
def broadcast_to(x, /, *, shape):
    """x stretched to the shape, as a view.   (3, 1), shape=(2, 3, 4) -> (2, 3, 4)"""
    old = x.shape
    return array_module(x).broadcast_to(x, shape), lambda dy: unbroadcast(dy, old)


@op
def split(x, /, *, n, axis=0):
    """n equal parts along axis, as views.   (2, 6), n=3, axis=1 -> (2, 2), (2, 2), (2, 2)

    ValueError where n does not divide the size.
    """
    xp = array_module(x)
    if x.shape[axis] % n:
        raise ValueError(
            f"axis {axis} has size {x.shape[axis]}, not divisible into {n} equal parts"
        )

    def backward(dys):
        zeros = xp.zeros_like(next(d for d in dys if d is not None))
        return xp.concatenate([zeros if d is None else d for d in dys], axis=axis)

    return tuple(xp.split(x, n, axis=axis)), backward


@op
def astype(x, /, *, dtype):
    """The same values as another dtype.   float32 (2, 3), dtype="float64" -> float64 (2, 3)

    A cast to integers has no gradient.
    """
    old, y = x.dtype, x.astype(dtype)
    return y, lambda dy: dy.astype(old) if y.dtype.kind == "f" else None
