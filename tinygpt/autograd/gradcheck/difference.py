"""The two numbers that are compared: a central difference, and what backward said."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygpt.autograd.gradcheck.diagnosis import Number
from tinygpt.autograd.gradcheck.function import Argument, Function
from tinygpt.autograd.gradcheck.tolerances import ROUNDING


@dataclass(frozen=True)
class Point:
    """Where a gradient is checked, the present values of the function's arguments, and what is
    known there. One number is differentiated, L = sum over all outputs of dy * f(x)."""

    function: Function
    outputs: list[np.ndarray]  # f(x)
    dys: list[np.ndarray]  # random, one for each output
    claimed: list[np.ndarray]  # by backward, one for each argument
    eps: float
    tolerance: float

    @functools.cached_property
    def looks_like_float32(self) -> bool:
        """Do all outputs fit into float32, though the arguments do not?"""
        arguments = [a.array for a in self.function.arguments]
        broken = any((y != np.round(y)).any() for y in self.outputs)  # whole numbers fit anyway
        fit = broken and all(map(_fits_float32, self.outputs))
        return fit and not any(map(_fits_float32, arguments))

    @property
    def largest_dy(self) -> float:
        return max(map(largest, self.dys), default=0.0)

    def scale(self, argument: Argument, moved: list[np.ndarray]) -> float:
        """The largest number that was at work: in this argument, and in the outputs where they
        moved (a constant among them, as -1e9 for what is hidden, has no rounding)."""
        outputs = [y[where] for y, where in zip(self.outputs, moved, strict=True)]
        return max(largest(a) for a in [argument.array, *outputs])


@dataclass(frozen=True)
class Sides:
    """The outputs a step ahead and a step back, and how far these are apart."""

    plus: list[np.ndarray]
    minus: list[np.ndarray]
    width: float

    @functools.cached_property
    def moved(self) -> list[np.ndarray]:
        """Which elements of each output differ on the two sides."""
        return [p != m for p, m in zip(self.plus, self.minus, strict=True)]


def both_sides(point: Point, argument: Argument, place: Any, eps: float) -> Sides:
    """place: the index of an element, or a direction (an array of the argument's shape). Where the
    numbers are larger than 1 the step is too: beside 1e11 one of 1e-6 would be lost."""
    x, kept = argument.array, argument.array.copy()
    eps *= max(1.0, largest(kept) if is_direction(place) else abs(float(kept[place])))
    at, step = (..., eps * place) if is_direction(place) else (place, eps)
    x[at] = kept[at] + step
    ahead, plus = x.copy(), point.function.forward()
    x[at] = kept[at] - step
    width = 2 * eps if at is ... else float(ahead[at] - x[at])  # as it was rounded
    minus = point.function.forward()
    x[...] = kept
    return Sides(plus, minus, width)


def compare(
    point: Point, argument: Argument, gradient: np.ndarray, place: Any, sides: Sides
) -> Number:
    """One element, or one direction, of an argument's gradient from both sides.

    The rounding: each output that moved is known to a few units in its last place, and something
    inside may have been as large as the largest input or output.
    """
    changes = list(zip(point.dys, sides.plus, sides.minus, strict=True))
    parts = [dy * (plus - minus) / sides.width for dy, plus, minus in changes]
    by_output = tuple(float(part.sum()) for part in parts)
    moved = [(dy * p)[m] for dy, p, m in zip(point.dys, sides.plus, sides.moved, strict=True)]
    rounding = math.sqrt(math.fsum(float(np.sum(part**2)) for part in moved))  # independent ones
    rounding += point.largest_dy * point.scale(argument, sides.moved)
    single = not is_direction(place)
    own = single and len(parts) == 1 and parts[0].shape == argument.array.shape
    flat = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)
    touched = np.flatnonzero(flat)
    return Number(
        expected=math.fsum(by_output),
        got=float(gradient[place] if single else np.sum(gradient * place)),
        rounding=rounding * ROUNDING / sides.width,
        by_output=by_output,
        own=float(parts[0][place]) if own else None,
        last=float(flat[touched[-1]]) if len(touched) else 0.0,
    )


def is_direction(place: Any) -> bool:
    return isinstance(place, np.ndarray)


def largest(a: np.ndarray) -> float:
    return float(np.abs(a).max(initial=0.0))


def _fits_float32(a: np.ndarray) -> bool:
    return bool(np.array_equal(a, a.astype(np.float32)))
