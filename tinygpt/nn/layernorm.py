"""Layer norm: every row to mean 0 and variance 1, then scaled and shifted as was learned.

n = (x - mean(x)) / sqrt(var(x) + eps)       over the C channels of each row
y = n w + b
"""

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.parameters import Parameter
from tinygpt.backend import array_module, row_dot, row_sum
from tinygpt.nn.module import Module


def layer_norm_plain(x, weight, bias=None, *, eps=1e-5):
    """The formula, line by line, on Tensors.   x (..., C), weight and bias (C,) -> (..., C)"""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)  # (..., 1)
    n = centred / (variance + eps).sqrt()
    y = n * weight
    return y if bias is None else y + bias


def check_scale(weight, C):
    """ValueError where the weight is not one number for each of C channels. (PyTorch's function
    takes a shape in this place.)"""
    got = getattr(weight, "shape", weight)
    if got != (C,) or isinstance(weight, tuple):
        raise ValueError(f"expected a weight of shape ({C},), one for each channel, got {got}")


def check_width(n):
    """TypeError where n is no whole number: one axis, the last, is normalised."""
    if not isinstance(n, int | np.integer):
        raise TypeError(f"expected the size of the last axis, a whole number, got {n!r}")


# Why the gradient has two means. Let s = 1 / sqrt(var + eps), so n_i = s (x_i - mean). dn is
# d(loss)/dn, which is dy w. A small rise of x_j changes n_i in three ways, per unit of it:
#     directly, where i = j        s
#     by the mean                  1/C of it is new in the mean:       - s / C
#     by the variance              the slope of var in x_j is 2 (x_j - mean) / C (what the mean
#                                  moves drops out: deviations sum to 0), that of s is
#                                  - s^3 (x_j - mean) / C = - s^2 n_j / C, so n_i: - s n_i n_j / C
# Times dn_i and summed over i:  dx_j = s (dn_j - mean(dn) - n_j mean(dn n)).
@op
def layer_norm(x, weight, bias=None, /, *, eps=1e-5):
    """n = (x - mean) / sqrt(var + eps),  y = n w + b.   x, y (..., C); w, b (C,)

    mean and var are over the last axis, var divides by C.
    layer_norm((12, 64, 128), (128,), (128,)) -> (12, 64, 128). The mean is subtracted before
    anything is squared: mean(x^2) - mean(x)^2 would lose all digits of a row far from zero.
    Ba, Kiros & Hinton 2016, "Layer Normalization", section 3.
    """
    xp, C = array_module(x), x.shape[-1]
    check_scale(weight, C)
    centred = x - row_sum(x) / C
    variance = row_dot(centred, centred) / C  # (..., 1)
    s = 1.0 / xp.sqrt(variance + eps)
    n = xp.multiply(centred, s, out=centred)
    y = n * weight
    if bias is not None:
        y += bias

    def backward(dy):
        ones = xp.ones(dy.size // C, dy.dtype)  # ones @ a is the sum of the rows of a, by BLAS
        dy_n = dy * n
        dw = ones @ dy_n.reshape(-1, C)
        db = None if bias is None else ones @ dy.reshape(-1, C)
        mean_dn = (dy @ weight)[..., None] / C  # dn = dy w, so its sum over a row is dy . w
        mean_dn_n = (dy_n @ weight)[..., None] / C
        dn = xp.multiply(dy, weight, out=dy_n)
        dx = xp.subtract(dn, mean_dn, out=dn)
        dx -= xp.multiply(n, mean_dn_n, out=n)  # overwrites n: backward runs only once
        dx *= s
        return dx, dw, db

    return y, backward


class LayerNorm(Module):
    """weight and bias (n,), at first 1 and 0."""

    def __init__(self, n: int, *, bias: bool = True, eps: float = 1e-5):
        check_width(n)
        self.weight = Parameter(np.ones(n, np.float32))
        self.bias = Parameter(np.zeros(n, np.float32)) if bias else None
        self.eps = eps

    def __call__(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight, self.bias, eps=self.eps)
