"""Layer norm: every row to mean 0 and variance 1, then scaled and shifted as was learned."""

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.parameters import Parameter
from tinygpt.backend import array_module, row_dot, row_sum
from tinygpt.nn.module import Module


@op
def layer_norm(x, weight, bias=None, /, *, eps=1e-5):
    """n = (x - mean) / sqrt(var + eps),  y = n w + b.   x, y (..., C); w, b (C,)

    mean and var are over the last axis, var divides by C.
    layer_norm((12, 64, 128), (128,), (128,)) -> (12, 64, 128). The mean is subtracted before
    anything is squared: mean(x^2) - mean(x)^2 would lose all digits of a row far from zero.
    Ba, Kiros & Hinton 2016, "Layer Normalization", section 3.
    """
    xp, C = array_module(x), x.shape[-1]
    n = x - row_sum(x) / C
    r = row_dot(n, n) / C  # the variance, then 1 / sqrt(variance + eps)
    r += eps
    xp.sqrt(r, out=r)
    xp.divide(1.0, r, out=r)
    n *= r
    y = n * weight
    if bias is not None:
        y += bias

    def backward(dy):  # dn = dy w,  dx = r (dn - mean(dn) - n mean(dn n))
        ones = xp.ones(dy.size // C, dy.dtype)
        dx = dy * n
        dw = ones @ dx.reshape(-1, C)
        db = None if bias is None else ones @ dy.reshape(-1, C)
        mean, mean_n = ((a @ weight)[..., None] / C for a in (dy, dx))
        xp.multiply(dy, weight, out=dx)
        dx -= mean
        dx -= xp.multiply(n, mean_n, out=n)  # n was made here, and is not needed again
        dx *= r
        return dx, dw, db

    return y, backward


def layer_norm_plain(x, weight, bias=None, *, eps=1e-5):
    """The same as a composition of small ops on Tensors, line by line the formula."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    y = centred / (variance + eps).sqrt() * weight
    return y if bias is None else y + bias


class LayerNorm(Module):
    """weight and bias (n,), at first 1 and 0."""

    def __init__(self, n: int, *, bias: bool = True, eps: float = 1e-5):
        self.weight = Parameter(np.ones(n, np.float32))
        self.bias = Parameter(np.zeros(n, np.float32)) if bias else None
        self.eps = eps

    def __call__(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight, self.bias, eps=self.eps)
