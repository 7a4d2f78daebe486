"""Softmax: numbers into probabilities.

y_i = exp(x_i) / sum_j exp(x_j)
"""

from tinygpt.autograd.engine import op
from tinygpt.backend import array_module, row_dot, row_sum


@op
def softmax(x, /, *, axis=-1):
    """y_i = exp(x_i) / sum_j exp(x_j) over the last axis, or another.   x, y (..., n)

    Three ones -> three thirds; adding one number to a whole row changes nothing. ValueError where
    there is no element along the axis, TypeError for integers.
    """
    if axis not in (-1, x.ndim - 1):
        y, turned_back = softmax.function(x.swapaxes(axis, -1))
        return y.swapaxes(axis, -1), lambda dy: turned_back(dy.swapaxes(axis, -1)).swapaxes(
            axis, -1
        )
    if not x.shape[-1]:
        raise ValueError(f"softmax of no numbers: {x.shape} has none along its last axis")
    if x.dtype.kind != "f":
        raise TypeError(f"softmax needs floats, got {x.dtype}: x.astype(np.float32)")
    xp = array_module(x)
    shifted = x - x.max(axis=-1, keepdims=True)  # the same y, and exp cannot overflow
    e = xp.exp(shifted, out=shifted)
    y = xp.divide(e, row_sum(e), out=e)

    # A rise of x_i makes its own share grow and all shares shrink by the larger sum:
    #     dy_j / dx_i = y_j ([i = j] - y_i)
    # Times dy_j and summed over j:  dx_i = y_i (dy_i - sum_j dy_j y_j).
    def backward(dy):
        dx = dy - row_dot(dy, y)
        dx *= y
        return dx

    return y, backward
