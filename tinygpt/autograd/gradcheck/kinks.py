"""Kinks: where the function itself has no derivative, as |x| at 0.

They are judged by the function alone, never by a disagreement with the claimed gradient: otherwise
a wrong gradient could pass for a kink.

How much f bends over a step e is seen in the difference of the quotients to both sides,

    b(e) = (f(x + e) - f(x)) / e - (f(x) - f(x - e)) / e  =  (f(x + e) - 2 f(x) + f(x - e)) / e

For a smooth f it is e f'', so b(4e) is four times and b(e/2) half of b(e). At a kink in x all three
are equal, the jump of the slope. With the kink beside x, at the distance d, b(e) is the jump times
1 - d/e, or 0 where the step does not reach it: then b(e) / b(4e) is 1/4 for d = 0.8 e alone, and
there b(e/2) is 0.
"""

from typing import Any

import numpy as np

from tinygpt.autograd.gradcheck.difference import Point, Sides, both_sides
from tinygpt.autograd.gradcheck.function import Argument
from tinygpt.autograd.gradcheck.tolerances import BEND, CLEAR, FARTHER, NEARER


class Kink(Exception):
    """The function has no derivative at this point."""


def refuse_kinks(point: Point, argument: Argument, place: Any, sides: Sides, size: float) -> None:
    """Kink where an output bends otherwise than a smooth one. Half of b(e) is what a kink does to
    the central difference, whose size is `size`: below the tolerance it does not matter."""
    here, rounding = bends(point, argument, sides)
    matters = [b / 2 > point.tolerance * size for b in here]
    if not any(map(np.any, matters)) or point.looks_like_float32:  # its staircase is said elsewhere
        return
    far, _ = bends(point, argument, both_sides(point, argument, place, 4 * point.eps))
    near, _ = bends(point, argument, both_sides(point, argument, place, point.eps / 2))
    for at, b, wide, narrow in zip(matters, here, far, near, strict=True):
        kinked = at & (b > FARTHER * wide)
        kinked |= at & (b > CLEAR * rounding) & (narrow < NEARER * b)
        if np.any(kinked):
            raise Kink


def bends(point: Point, argument: Argument, sides: Sides) -> tuple[list[np.ndarray], float]:
    """|dy b(e)| of each element of each output, 0 where it can be rounding; and that rounding."""
    rounding = BEND * point.scale(argument, sides.moved)
    found = []
    for dy, y, plus, minus in zip(point.dys, point.outputs, sides.plus, sides.minus, strict=True):
        bend = np.abs(plus - 2 * y + minus)
        found.append(np.abs(dy) * np.where(bend > rounding, bend, 0.0) * 2 / sides.width)
    return found, rounding * 2 / sides.width
