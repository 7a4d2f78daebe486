"""RMS norm: every row to a mean square of 1. Layer norm without the mean and without the shift."""

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.parameters import Parameter
from tinygpt.backend import array_module, row_dot
from tinygpt.nn.module import Module


@op
def rms_norm(x, weight, /, *, eps=1e-5):
    """n = x / sqrt(mean(x^2) + eps),  y = n w.   x, y (..., C); w (C,)

    The mean is over the last axis. rms_norm((12, 64, 128), (128,)) -> (12, 64, 128).
    Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", section 4; eps as in Llama.
    """
    xp, C = array_module(x), x.shape[-1]
    r = row_dot(x, x) / C  # the mean square, then 1 / sqrt(mean square + eps)
    r += eps
    xp.sqrt(r, out=r)
    xp.divide(1.0, r, out=r)
    n = x * r

    def backward(dy):  # dn = dy w,  dx = r (dn - n mean(dn n))
        dx = dy * n
        dw = xp.ones(dy.size // C, dy.dtype) @ dx.reshape(-1, C)
        xp.multiply(dy, weight, out=dx)
        dx -= n * (row_dot(dx, n) / C)
        dx *= r
        return dx, dw

    return n * weight, backward


def rms_norm_plain(x, weight, *, eps=1e-5):
    """The same as a composition of small ops on Tensors, line by line the formula."""
    return x / ((x * x).mean(axis=-1, keepdims=True) + eps).sqrt() * weight


class RMSNorm(Module):
    """weight (n,), at first 1."""

    def __init__(self, n: int, *, eps: float = 1e-5):
        self.weight = Parameter(np.ones(n, np.float32))
        self.eps = eps

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, eps=self.eps)
