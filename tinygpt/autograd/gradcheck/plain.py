"""The gradient check in its shortest form: nothing but central differences."""

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.mode import no_grad


def check_gradient_plain(f, x, eps=1e-6):
    """f of one Tensor, at x. Nothing happens where the gradient is right.

    For each element of x: a step of eps up and one down; the change of L = sum(dy f(x)), divided by
    2 eps, is the slope. AssertionError where backward says another one.
    """
    x = np.array(x, np.float64)
    tensor = Tensor(x.copy(), requires_grad=True)
    y = f(tensor)
    dy = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(dy)

    def L(x):
        with no_grad():
            return float((dy * f(Tensor(x.copy())).numpy()).sum())

    for i in np.ndindex(x.shape):
        value = x[i]
        x[i] = value + eps
        up = L(x)
        x[i] = value - eps
        down = L(x)
        x[i] = value
        slope = (up - down) / (2 * eps)
        error = abs(tensor.grad[i] - slope)
        assert error < 1e-6 * (1 + abs(slope)), f"at {i}: {tensor.grad[i]}, the slope is {slope}"
