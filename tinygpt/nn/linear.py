"""Linear: y = x W + b."""

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.mode import recording
from tinygpt.autograd.parameters import Parameter
from tinygpt.backend import array_module, put_product
from tinygpt.nn.initial import Rng, normal
from tinygpt.nn.module import Module


@op
def linear(x, weight, bias=None, /):
    """y = x W + b.   x (..., in), W (in, out), b (out,) -> (..., out)

    linear((4, 7, 3), (3, 5), (5,)) -> (4, 7, 5).
    Differs from PyTorch, whose weight is (out, in); Hugging Face's GPT-2 has it as here (Conv1D).
    """
    xp = array_module(x)
    rows = x.reshape(-1, x.shape[-1])  # (..., in) -> (N, in): one product, not many small ones
    y = rows @ weight
    to_x, to_weight = recording(0), recording(1)  # a frozen weight wants no gradient
    if bias is not None:
        y += bias

    # y_nj = sum_i x_ni W_ij + b_j in each row n. A rise of x_ni moves y_nj by W_ij: dx = dy W^T. A
    # rise of W_ij moves y_nj by x_ni, in every row: dW = x^T dy. One of b_j: by 1, in every row.
    def backward(dy):
        dy = dy.reshape(len(rows), -1)
        dx = (dy @ weight.T).reshape(x.shape) if to_x else None
        dw = (lambda out, add: put_product(rows.T, dy, out, add)) if to_weight else None
        db = None if bias is None else xp.ones(len(dy), dy.dtype) @ dy
        return dx, dw, db

    return y.reshape((*x.shape[:-1], weight.shape[1])), backward


class Linear(Module):
    """weight (n_in, n_out), normal with this standard deviation (None: 1 / sqrt(n_in), so that what
    comes out is as large as what went in; GPT-2's is 0.02), and a bias of zeros.

    rng: a seed, a Generator, or None for other weights each time.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        bias: bool = True,
        std: float | None = None,
        rng: Rng = None,
    ):
        self.weight = normal(rng, (n_in, n_out), std)
        self.bias = Parameter(np.zeros(n_out, np.float32)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)
