"""What probably went wrong in a gradient that the check refused.

A cause is named only where it explains every element that was compared; otherwise the numbers stand
alone, because a wrong hint costs a student more than none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Number:
    """One element of a gradient (or one direction through it), from both sides.

    The parts of `expected` that single outputs contribute are kept: a wrong gradient often is one
    of them."""

    expected: float  # the central difference
    got: float  # what backward said
    rounding: float  # how far rounding can have moved `expected`
    by_output: tuple[float, ...]  # the part of each output of a function with several
    own: float | None  # the part of the output element with the same index, if shapes agree
    last: float  # the part of the last output element that moved


@dataclass(frozen=True)
class Circumstances:
    """What else is known about the call."""

    shapes: tuple[Shape, ...]  # of the float arguments and the outputs
    has_indices: bool  # is there an integer argument?
    looks_like_float32: bool  # do all outputs fit into float32, though the inputs do not?


def likely_cause(
    numbers: list[Number],
    grid: Shape | None,
    circumstances: Circumstances,
    close: Callable[[float, float], bool],
) -> str | None:
    """A sentence, or None. grid: the argument's shape if every element of it was compared, in
    order; close(got, candidate): are they equal within the tolerance?"""

    def explains(candidates: list[float | None]) -> bool:
        return all(
            c is not None and close(n.got, c) for n, c in zip(numbers, candidates, strict=True)
        )

    if not numbers or not all(math.isfinite(n.got) for n in numbers):
        return None
    if circumstances.looks_like_float32:
        return (
            "every result fits into float32: is something computed in float32? The check needs "
            "float64 all the way"
        )
    if not any(n.got for n in numbers):
        return "no gradient arrives here: does backward return None or zeros for it?"
    largest = max(numbers, key=lambda n: abs(n.expected))
    if largest.expected:
        factor = largest.got / largest.expected
        named = constant_factor(factor, circumstances.shapes)
        if named and explains([factor * n.expected for n in numbers]):
            return named
    if grid is not None and len(grid) >= 2 and grid[-1] == grid[-2]:
        expected = np.array([n.expected for n in numbers]).reshape(grid)
        if explains(expected.swapaxes(-1, -2).ravel().tolist()):
            return "it is transposed: the axes are square, so the shapes did not warn you"
    if explains([n.own for n in numbers]):
        return (
            "it has only the diagonal term, from each element to its own result: the others depend "
            "on it too"
        )
    if circumstances.has_indices and explains([n.last for n in numbers]):
        return (
            "where an index is repeated only the last place counts: dx[ids] = dy and dx[ids] += dy "
            "overwrite, np.add.at adds up"
        )
    for k in range(len(numbers[0].by_output)):
        if len(numbers[0].by_output) > 1 and explains(
            [n.expected - n.by_output[k] for n in numbers]
        ):
            return f"output {k} sends no gradient back: every dy must be used"
    return None


def constant_factor(factor: float, shapes: tuple[Shape, ...]) -> str | None:
    """The same factor everywhere: one that has a name?"""

    def is_(value: float) -> bool:
        return math.isclose(factor, value, rel_tol=1e-5)

    if is_(-1):
        return "the sign is wrong everywhere"
    if is_(2):
        return "it is 2 times too large everywhere: is it added twice?"
    sizes = sorted({n for shape in shapes for n in _sizes(shape)} - {1, 2})
    for n in sizes:
        if is_(n):
            return f"it is {n} times too large everywhere: is a mean's division by {n} missing?"
        if is_(1 / n):
            return (
                f"it is {n} times too small everywhere: is it divided by {n} once too often, or "
                "is a sum missing?"
            )
        if is_(math.sqrt(n)):
            return f"it is sqrt({n}) times too large everywhere: is forward's 1/sqrt({n}) missing?"
    if is_(0.5):
        return (
            "it is 2 times too small everywhere: does the value reach the result by two ways, of "
            "which one has no gradient?"
        )
    return None


def _sizes(shape: Shape) -> set[int]:
    """The products of neighbouring axes: what most means divide by."""
    n = len(shape)
    return {math.prod(shape[i:j]) for i in range(n) for j in range(i + 1, n + 1)}


def cause_of_mismatch(expected: Shape, got: Shape, dtype: np.dtype) -> str | None:
    """A gradient whose shape or dtype does not fit its argument."""
    if expected == got:
        low = "it is float32: is something computed in float32? The check needs float64"
        return low if dtype == np.float32 else None
    if len(got) >= 2 and got == expected[::-1]:
        return "it is transposed"
    try:
        stretched = np.broadcast_shapes(expected, got) == got
    except ValueError:
        return None
    if stretched:
        return (
            "the argument was broadcast, and its gradient is not summed over the axes along which "
            "it was stretched: tinygpt.autograd.ops.unbroadcast does that"
        )
    return None
