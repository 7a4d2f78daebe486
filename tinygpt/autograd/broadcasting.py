"""Shapes, for the ops: what has none; operands of a product; the way back of sums and maxima."""

import math
from typing import Any

import numpy as np

from tinygpt.backend import Array, array_module


def shape_of(a: Any) -> tuple[int, ...] | None:
    """None for a number, which gets no gradient."""
    return getattr(a, "shape", None)


def matrices(a: Any, b: Any) -> tuple[Array, Array, tuple[int, ...]]:
    """The operands of matmul as matrices or stacks of them, and the shape of the result. A stack by
    one matrix is a single product of all rows: (5, 2, 3) @ (3, 4) is (10, 3) @ (3, 4). A 1-D
    operand becomes a row on the left, a column on the right."""
    if not shape_of(a) or not shape_of(b):
        raise ValueError("matmul needs operands of at least one dimension: use * for a number")
    if b.ndim <= 2:
        rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
        return rows, b if b.ndim == 2 else b[:, None], a.shape[:-1] + b.shape[1:]
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = a if a.ndim > 1 else a[None, :]
    return rows, b, stack + a.shape[-2:-1] + b.shape[-1:]


def extreme(x: Array, y: Array, axis: Any, keepdims: bool) -> tuple[Array, Any]:
    """The result of max or min and its way back. y: the largest or smallest of x over axis, with
    keepdims=True. Equal ones share the gradient: of the values 2, 2, 1 the first two get one half
    each."""

    largest = y  # with its axes

    def backward(dy: Array) -> Array:
        hit = (x == largest).astype(x.dtype)
        hit /= hit.sum(axis=axis, keepdims=True)
        return spread(dy, x.shape, axis, keepdims) * hit

    if not keepdims:
        y = y.reshape(()) if axis is None else y.squeeze(axis)
    return y, backward


def spread(dy: Array, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Array:
    """dy of a reduction, back over the axes that were reduced."""
    xp = array_module(dy)
    if axis is not None and not keepdims:
        dy = xp.expand_dims(dy, axis)
    return xp.broadcast_to(dy, shape)
