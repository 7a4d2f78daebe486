"""RMS norm: every row to a mean square of 1. Layer norm without the mean and without the shift.

n = x / sqrt(mean(x^2) + eps)                over the C channels of each row
y = n w
"""

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.parameters import Parameter
from tinygpt.backend import array_module, row_dot
from tinygpt.nn.layernorm import check_scale, check_width
from tinygpt.nn.module import Module


def rms_norm_plain(x, weight, *, eps=1e-5):
    """The formula, line by line, on Tensors.   x (..., C), weight (C,) -> (..., C)"""
    mean_square = (x * x).mean(axis=-1, keepdims=True)  # (..., 1)
    n = x / (mean_square + eps).sqrt()
    return n * weight


# Let s = 1 / sqrt(mean(x^2) + eps), so n_i = s x_i, and dn = dy w. A small rise of x_j changes n_i
# directly where i = j, by s; and through s, since d s / dx_j = - s^3 x_j / C: by - s n_i n_j / C.
# Times dn_i and summed over i:  dx_j = s (dn_j - n_j mean(dn n)).
@op
def rms_norm(x, weight, /, *, eps=1e-5):
    """n = x / sqrt(mean(x^2) + eps),  y = n w.   x, y (..., C); w (C,)

    The mean is over the last axis. rms_norm((12, 64, 128), (128,)) -> (12, 64, 128).
    Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", section 4; eps as in Llama.
    """
    xp, C = array_module(x), x.shape[-1]
    check_scale(weight, C)
    mean_square = row_dot(x, x) / C  # (..., 1)
    s = 1.0 / xp.sqrt(mean_square + eps)
    n = x * s

    def backward(dy):
        dy_n = dy * n
        dw = xp.ones(dy.size // C, dy.dtype) @ dy_n.reshape(-1, C)  # the sum of the rows
        dn = xp.multiply(dy, weight, out=dy_n)
        dx = dn - n * (row_dot(dn, n) / C)
        dx *= s
        return dx, dw

    return n * weight, backward


class RMSNorm(Module):
    """weight (n,), at first 1."""

    def __init__(self, n: int, *, eps: float = 1e-5):
        check_width(n)
        self.weight = Parameter(np.ones(n, np.float32))
        self.eps = eps

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, eps=self.eps)
