"""Leaf: where the way back ends, behind a Tensor that no op made. Its gradients are summed here."""

import itertools
from typing import Any

from tinygpt.backend import Array

clock = itertools.count(1)  # next(clock): now, as a number that grows


class Leaf:
    """`grad` is the sum of all gradients since zero_grad(), None where there was none.

    A parameter's leaf has a `slot`, its place in one long vector of all gradients (parameters.py):
    the sum is kept there. What lies there while grad is None is stale, and will be overwritten."""

    __slots__ = ("dtype", "grad", "shape", "slot", "written")
    is_leaf = True
    latest = 0  # when the values of any leaf were last changed in place

    def __init__(self, data: Array, slot: Any = None):
        self.shape, self.dtype, self.grad, self.slot = data.shape, data.dtype, None, slot
        self.written = 0  # when these values were last changed in place

    def add(self, g: Array) -> None:
        if self.grad is None and self.slot is None:
            self.grad = g.copy()  # in `a + b` both get the same dy, and each needs its own
        elif self.grad is None:
            self.slot[...], self.grad = g, self.slot  # nothing is copied where g is the slot
        elif g is not self.grad:  # else f(out, add) has added it already
            self.grad += g

    def place(self) -> tuple[Any, bool]:
        """For a gradient that is a function f(out, add): where it is to be written (None: anywhere)
        and whether a sum stands there, to be added to."""
        return self.slot, self.slot is not None and self.grad is not None

    def was_written(self) -> None:
        """Said by who changes the values in place (x -= ..., an optimizer): backward() through an
        op that was called before then refuses, because what the op captured has changed."""
        Leaf.latest = self.written = next(clock)
