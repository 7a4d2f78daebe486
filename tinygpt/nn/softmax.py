"""Softmax: numbers into probabilities."""

from tinygpt.autograd.engine import op
from tinygpt.backend import array_module, row_dot, row_sum


@op
def softmax(x, /):
    """y_i = exp(x_i) / sum_j exp(x_j) over the last axis.   x, y (..., n)

    Three ones -> three thirds; adding one number to a whole row changes nothing.
    """
    xp = array_module(x)
    y = x - x.max(axis=-1, keepdims=True)  # the same y, and exp cannot overflow
    xp.exp(y, out=y)
    y /= row_sum(y)

    def backward(dy):  # dx_i = y_i (dy_i - sum_j dy_j y_j)
        dx = dy - row_dot(dy, y)
        dx *= y
        return dx

    return y, backward
