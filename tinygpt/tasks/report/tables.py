"""Numbers of several seeds, and tables of them in Markdown."""

import math
from collections.abc import Sequence

import numpy as np

# the 97.5 % point of Student's t for 1, 2, ... degrees of freedom (seeds - 1)
T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % confidence interval of the mean: t s / sqrt(n), s the standard deviation
    with n - 1. nan for a single value."""
    n = len(values)
    if n < 2:
        return math.nan
    t = T_975[min(n - 1, len(T_975)) - 1]
    return t * float(np.std(values, ddof=1)) / math.sqrt(n)


def interval(values: Sequence[float], digits: int = 1) -> str:
    """The mean and half the width of its interval.   [1.0, 2.0, 3.0] -> "2.0 ± 2.5" """
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {half_width(values):.{digits}f}"


def apart(a: Sequence[float], b: Sequence[float]) -> bool:
    """Is the difference of two sets of the same seeds certain: does the 95 % interval of its mean
    leave 0 out?"""
    difference = [x - y for x, y in zip(a, b, strict=True)]
    return len(a) > 1 and abs(float(np.mean(difference))) > half_width(difference)


def verdict(what: str, a: str, b: str, of_a: Sequence[float], of_b: Sequence[float]) -> str:
    """The sentence that the numbers allow.   ("accuracy", "BERT", "GPT", ...)"""
    difference = float(np.mean(of_a) - np.mean(of_b))
    if len(of_a) < 2:
        return f"{what}: one seed, so which of {a} and {b} is better is not known."
    if not apart(of_a, of_b):
        return f"{what}: {a} and {b} are not told apart by {len(of_a)} seeds."
    better, other = (a, b) if difference > 0 else (b, a)
    return f"{what}: {better} is better than {other}, by {abs(difference):.1f}."


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
