"""Kinks: where the function itself has no derivative, as |x| at 0.

They are judged by the function alone, never by a disagreement with the claimed gradient: otherwise
a wrong gradient could pass for a kink.
"""

from typing import Any

import numpy as np

from tinygpt.autograd.gradcheck.difference import Point, Sides, both_sides, largest
from tinygpt.autograd.gradcheck.function import Argument
from tinygpt.autograd.gradcheck.tolerances import BEND, KINK_FARTHER, KINK_RATIO


class Kink(Exception):
    """The function has no derivative at this point."""


def refuse_kinks(point: Point, argument: Argument, place: Any, sides: Sides, size: float) -> None:
    """Kink where the quotients to both sides differ, and do so still from four times as far.

    Half their difference is what a kink does to the central difference, whose size is `size`: below
    the tolerance it does not matter. Of a smooth function it is four times as large from four times
    as far:

        (f(x + e) - f(x)) / e - (f(x) - f(x - e)) / e  =  (f(x + e) - 2 f(x) + f(x - e)) / e
    """
    near = one_sided_difference(point, argument, sides)
    if near / 2 <= point.tolerance * size or point.looks_like_float32:
        return  # it does not matter; or it is the staircase of float32, which is said elsewhere
    farther = both_sides(point, argument, place, KINK_FARTHER * point.eps)
    if near > KINK_RATIO * one_sided_difference(point, argument, farther):
        raise Kink


def one_sided_difference(point: Point, argument: Argument, sides: Sides) -> float:
    """The largest difference between the quotients to both sides, over all outputs; what rounding
    can explain counts as 0."""
    rounding = BEND * point.scale(argument)
    difference = 0.0
    for dy, y, plus, minus in zip(point.dys, point.outputs, sides.plus, sides.minus, strict=True):
        bend = np.abs(plus - 2 * y + minus)
        visible = np.where(bend > rounding, bend, 0.0)
        difference = max(difference, largest(dy * visible) * 2 / sides.width)
    return difference
