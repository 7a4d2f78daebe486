"""Broadcasting and its way back, for the ops: what was stretched forward is summed backward."""

from typing import Any

from tinygpt.backend import Array, array_module


def unbroadcast(dy: Array, shape: tuple[int, ...] | None) -> Array:
    """The transpose of broadcasting: sum over the axes along which `shape` was stretched.

    (3,) was added to (2, 3):      dy (2, 3) -> (3,), the sum of the rows
    (2, 1) was added to (2, 3):    dy (2, 3) -> (2, 1)
    """
    if shape is None or dy.shape == shape:  # a number, or not stretched
        return dy
    if dy.ndim > len(shape):  # axes that broadcasting put in front
        dy = dy.sum(axis=tuple(range(dy.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and dy.shape[i] != 1)
    return dy.sum(axis=stretched, keepdims=True) if stretched else dy


def shape_of(a: Any) -> tuple[int, ...] | None:
    """None for a number, which gets no gradient."""
    return getattr(a, "shape", None)


def extreme(x: Array, y: Array, axis: Any, keepdims: bool) -> tuple[Array, Any]:
    """The result of max or min and its way back, from the largest or smallest of x over axis, the
    axes kept in y. Equal ones share the gradient: of (2, 2, 1) the first two get one half each."""

    def backward(dy: Array) -> Array:
        hit = (x == y).astype(x.dtype)
        hit /= hit.sum(axis=axis, keepdims=True)
        return spread(dy, x.shape, axis, keepdims) * hit

    return y if keepdims else y.squeeze(axis) if axis is not None else y.reshape(()), backward


def spread(dy: Array, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Array:
    """dy of a reduction, back over the axes that were reduced."""
    xp = array_module(dy)
    if axis is not None and not keepdims:
        dy = xp.expand_dims(dy, axis)
    return xp.broadcast_to(dy, shape)
