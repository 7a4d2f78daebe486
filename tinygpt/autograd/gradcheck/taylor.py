"""The gradient as a whole: does the remainder of the Taylor series fall as it should?"""

import math
from itertools import pairwise, takewhile

import numpy as np

from tinygpt.autograd.gradcheck.difference import Point
from tinygpt.autograd.gradcheck.kinks import Kink
from tinygpt.autograd.gradcheck.report import GradientError
from tinygpt.autograd.gradcheck.tolerances import (
    HALVED,
    LAST,
    LINES,
    READABLE,
    SERIES,
    SLOPE,
    STEPS,
)


def taylor_slope(point: Point, rng: np.random.Generator) -> float | None:
    """How |L(x + h v) - L(x) - h <g, v>| falls with h: as h^2, so that the slope of its logarithm
    is 2 (more where the second derivative vanishes). With a wrong gradient g it is 1.

    All arguments move at once along one random direction v. None where the remainder is rounding
    from the start: a linear function, or a small part of large numbers. GradientError where the
    slope stays below 1.5 along several directions (many small kinks, as of relu, can look so along
    one), unless the function itself bends like a kink on such a line, which is judged without g.
    """
    slope = None
    for _ in range(LINES):
        slope = slope_on_a_line(point, rng)
        if slope is None or slope >= SLOPE:
            return slope
    raise GradientError(
        f"{point.function.name}: the remainder of the Taylor series falls as h^{slope:.2f} in "
        "place of h^2: the gradient as a whole is not the slope of the function",
        op=point.function.name,
    )


def slope_on_a_line(point: Point, rng: np.random.Generator) -> float | None:
    """The same along one direction."""
    function = point.function
    vs = [rng.standard_normal(a.array.shape) for a in function.arguments]
    along = [g * v for g, v in zip(point.claimed, vs, strict=True)]
    slope = math.fsum(float(np.sum(part)) for part in along)
    kept = [a.array.copy() for a in function.arguments]

    def change(h: float) -> float:
        """L(x + h v) - L(x)"""
        for a, x, v in zip(function.arguments, kept, vs, strict=True):
            a.array[...] = x + h * v
        ys = function.forward()
        for a, x in zip(function.arguments, kept, strict=True):
            a.array[...] = x
        return math.fsum(
            float(np.sum(dy * (y - y0)))
            for dy, y, y0 in zip(point.dys, ys, point.outputs, strict=True)
        )

    remainders = [abs(change(h) - h * slope) for h in STEPS]
    # what is rounded: the terms of L, and h <g, v>, the only number there is where f(x) is 0
    terms = _size(dy * y for dy, y in zip(point.dys, point.outputs, strict=True))
    moves = _size(along)
    both = zip(STEPS, remainders, strict=True)
    above = takewhile(lambda pair: pair[1] > SERIES * (terms + pair[0] * moves), both)
    visible = [remainder for _, remainder in above]
    if len(visible) < READABLE:
        return None
    slopes = [math.log2(a / b) for a, b in pairwise(visible)]
    best = max(slopes[-LAST:])
    if best < SLOPE:
        wide, near = (abs(change(h) + change(-h)) for h in STEPS[len(visible) - 2 : len(visible)])
        if wide < HALVED * near:
            raise Kink
    return best


def _size(parts) -> float:
    return math.fsum(float(np.sum(np.abs(part))) for part in parts)
