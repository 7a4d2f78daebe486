"""What the engine refuses, and in which words: results, gradients and arguments that do not fit."""

import inspect
from typing import Any

import numpy as np

from tinygpt.autograd import habits
from tinygpt.backend import ARRAYS, Array, array_module


def describe(a: Any) -> str:
    """ "float32 (2, 3)" for an array, "(float32 (2, 3), 0.5)" for several arguments."""
    if isinstance(a, list | tuple):
        return f"({', '.join(map(describe, a))})"
    return f"{a.dtype} {a.shape}" if hasattr(a, "shape") else repr(a)


def pair(name: str, returned: Any, recorded: Any) -> tuple[Any, Any]:
    """What the function of the op returned, if it is (y, backward), or (y, None) where nothing is
    recorded."""
    if type(returned) is tuple and len(returned) == 2:
        backward = returned[1]
        if callable(backward) or (backward is None and not recorded):
            return returned
    raise TypeError(f"an op returns (y, backward), {name} returned {describe(returned)}")


def same_dtype(parents: list, outputs: tuple, settings: dict[str, Any]) -> None:
    """Refuse a result of another float dtype than that of an argument that wants a gradient.
    float64 made of float32 by accident costs twice the memory and the time, float32 made of float64
    half the digits. An op that has dtype= among its settings may."""
    if "dtype" in settings:
        return
    for out in outputs:
        dtype = out.data.dtype
        for parent in parents:
            if parent is None or parent.dtype is dtype:  # the usual case, quickly
                continue
            if parent.dtype != dtype and dtype.kind == "f":
                found = "float64 or integer" if dtype == np.float64 else str(dtype)
                raise TypeError(
                    f"{parent.dtype} became {dtype}: is a {found} array in it? "
                    f"array.astype(np.{parent.dtype}) makes it fit"
                )


def explain(error: Exception, op: Any, arrays: list, settings: dict[str, Any]) -> None:
    """Add op, shapes and dtypes to the error. Where the arguments do not fit the op's signature,
    raise a TypeError that says it in words in its place."""
    if isinstance(error, TypeError):
        signature = inspect.signature(op.function)
        try:
            signature.bind(*arrays, **settings)
        except TypeError as misuse:
            hint = "".join(  # what other libraries call our settings
                f'. "{theirs}" is called "{ours}" here'
                for theirs, ours in habits.SETTINGS.items()
                if theirs in settings
            )
            if not hint and "positional" in str(misuse):
                hint = f". Settings have names: {op.name}(x, axis=1), not {op.name}(x, 1)"
            raise TypeError(f"{op.name}: {misuse}{hint}. It is {op.name}{signature}") from None
    error.add_note(f"in {op.name}{describe(arrays)}")


def explain_backward(error: Exception, name: str, parents: list, dy: Any) -> None:
    """A note on the error: which op's backward, the shapes and dtypes."""
    error.add_note(f"in backward of {name}{describe(parents)}, dy {describe(dy)}")


def written_out(op: Any) -> str:
    """<op tinygpt.autograd.engine.add(a, b, /)>"""
    return f"<op {op.__module__}.{op.name}{inspect.signature(op.function)}>"


class Mismatch(ValueError):
    """A backward returned a gradient whose shape or dtype is not that of its argument. The numbers
    are for check_gradient, which says what probably went wrong."""

    def __init__(self, argument: int, parent: Any, gradient: Any):
        both = f"{describe(parent)}, its gradient: {describe(gradient)}"
        super().__init__(f"argument {argument}: {both}")
        self.argument, self.expected = argument, parent.shape
        self.got, self.dtype = gradient.shape, gradient.dtype


def one_for_each(grads: Any, parents: list) -> tuple | list:
    """What a backward returned: one gradient for each argument, and none too many. A single one may
    come without a tuple; None too many is a gradient of an argument that was left out."""
    grads = grads if type(grads) in (tuple, list) else (grads,)
    n = len(parents)
    if len(grads) < n or any(g is not None for g in grads[n:]):
        raise ValueError(f"expected {n} gradients, got {len(grads)}")
    return grads


def fitting(g: Any, argument: int, parent: Any) -> Array:
    """The gradient as an array; Mismatch where it has not the shape and dtype of the argument."""
    g = g if type(g) in ARRAYS else np.asarray(g)  # a full sum is a NumPy scalar
    if g.shape != parent.shape or g.dtype != parent.dtype:
        raise Mismatch(argument, parent, g)
    return g


def may_have_gradient(data: Array, requires_grad: Any) -> None:
    """TypeError for Tensor(2, 3), and for integers that should have a gradient."""
    if requires_grad is not True:
        raise TypeError(f"expected requires_grad to be True or False, got {requires_grad!r}")
    if data.dtype.kind != "f":
        raise TypeError(f"only floats have gradients, got {data.dtype}")


def first_dy(tensor: Any, dy: Any) -> Array:
    """The dy that tensor.backward(dy) begins with, as an array: 1 where it may be left out."""
    if tensor.node is None:
        raise RuntimeError("backward(): nothing behind this Tensor has requires_grad=True")
    xp = array_module(tensor.data)
    if dy is None and tensor.size == 1:
        return xp.ones_like(tensor.data)
    if dy is None or xp.asarray(dy).shape != tensor.shape:
        raise ValueError(f"shape {tensor.shape} needs a dy of that shape, got {describe(dy)}")
    return xp.asarray(dy, dtype=tensor.dtype)


def usable(nodes: list, latest: int) -> None:
    """RuntimeError, before anything is written, where a backward ran through one of these nodes
    already, or where a leaf said that its values were changed (Leaf.was_written) after an op was
    called with it. latest: when any leaf's were last changed."""
    for node in nodes:
        if node.backward is None:
            raise RuntimeError(f"a second backward() through {node.name}: its graph is used up")
        if latest > node.time:
            for i, parent in enumerate(node.parents):
                if parent is not None and parent.is_leaf and parent.written > node.time:
                    raise RuntimeError(
                        f"argument {i} of {node.name} was changed in place after the forward"
                    )
