"""The adjoint check, for linear ops: is backward the transpose of forward?"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.gradcheck.function import _inner_product, is_float_array, name_of, promote
from tinygpt.autograd.gradcheck.report import GradientError
from tinygpt.autograd.gradcheck.tolerances import ADJOINT
from tinygpt.backend import to_cpu


def adjoint_check(fn: Callable, *inputs: Any, tolerance: float = ADJOINT, seed: int = 0) -> None:
    """For a linear function A of its float inputs: <A x, y> = <x, A^T y> for random x and y.

    What forward does to a vector and what backward does to another must be the same matrix, once
    as it is and once transposed. No differences are taken, so it is exact up to rounding: where it
    applies it sees what a finite difference cannot. GradientError where the two sides differ or
    fn is not linear. Inputs as for check_gradient, their float values replaced by random ones; a
    Module has to be of float64.
    """
    name, rng = name_of(fn), np.random.default_rng([seed, 7919])
    values = [promote(x) for x in inputs]
    shapes = [v.shape for v in values if is_float_array(v)]
    if not shapes:
        raise ValueError(f"{name} has no float input")

    def apply(xs: list[np.ndarray]) -> tuple[list[np.ndarray], list[Tensor], list[Tensor]]:
        given = iter(xs)
        tensors = [
            Tensor(next(given), requires_grad=True) if is_float_array(v) else v for v in values
        ]
        y = fn(*tensors)
        ys = list(y) if isinstance(y, tuple | list) else [y]
        leaves = [t for t, v in zip(tensors, values, strict=True) if is_float_array(v)]
        return [np.array(to_cpu(part.data)) for part in ys], ys, leaves

    x1, x2 = ([rng.standard_normal(s) for s in shapes] for _ in range(2))
    ax1, ys, leaves = apply(x1)
    ax2, _, _ = apply(x2)
    both, _, _ = apply([2.0 * a - 3.0 * b for a, b in zip(x1, x2, strict=True)])
    for a, b, c in zip(ax1, ax2, both, strict=True):
        if not np.allclose(2.0 * a - 3.0 * b, c, rtol=tolerance, atol=tolerance * 10):
            raise GradientError(f"{name} is not linear: use check_gradient", op=name)
    dys = [rng.standard_normal(y.shape) for y in ax1]
    total = _inner_product(*ys, dys=dys)
    if total.node is not None:
        total.backward()
    grads = [
        np.zeros_like(x) if t.grad is None else t.grad for t, x in zip(leaves, x1, strict=True)
    ]
    left = math.fsum(float(np.sum(a * dy)) for a, dy in zip(ax1, dys, strict=True))
    right = math.fsum(float(np.sum(x * g)) for x, g in zip(x1, grads, strict=True))
    size = math.fsum(float(np.sum(np.abs(a * dy))) for a, dy in zip(ax1, dys, strict=True))
    if not abs(left - right) <= tolerance * max(size, abs(right)):
        raise GradientError(
            f"{name}: <A x, y> = {left:.12g}, but <x, A^T y> = {right:.12g}: backward is not the "
            "transpose of forward",
            op=name,
            expected=left,
            got=right,
        )
