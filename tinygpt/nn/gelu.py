"""GELU: x where x is large, 0 where it is very negative, smooth between."""

import math

from tinygpt.autograd.engine import op, recording
from tinygpt.backend import array_module

C, A = math.sqrt(2 / math.pi), 0.044715


@op
def gelu(x, /):
    """y = x (1 + t) / 2,  t = tanh(c (x + a x^3)),  c = sqrt(2 / pi), a = 0.044715.   any shape

    -1, 0, 1 -> -0.1588, 0, 0.8412. The tanh form of x Phi(x), as GPT-2 has it ("gelu_new"
    in Hugging Face); PyTorch's default is the exact form, up to 5e-4 away. Hendrycks & Gimpel 2016,
    "Gaussian Error Linear Units", section 2.
    """
    xp, shape = array_module(x), getattr(x, "shape", ())
    x = xp.atleast_1d(x)  # a 0-d array could not be worked on in place
    square = x * x
    t = square * (C * A)  # c (x + a x^3) = x (c + c a x^2), computed in place
    t += C
    t *= x
    xp.tanh(t, out=t)
    half = t + 1.0
    half *= 0.5  # (1 + t) / 2
    y = half * x
    if not recording():
        return y.reshape(shape), None

    # dy/dx = (1 + t) / 2 + x/2 (1 - t^2) c (1 + 3 a x^2): made now, while everything is in cache
    square *= 1.5 * A * C
    square += 0.5 * C
    square *= x
    t *= t
    xp.subtract(1.0, t, out=t)
    t *= square
    t += half
    return y.reshape(shape), lambda dy: dy * t.reshape(shape)


def gelu_plain(x):
    """The same as a composition of small ops on Tensors, line by line the formula."""
    return x * (1.0 + (C * (x + A * x**3)).tanh()) * 0.5
