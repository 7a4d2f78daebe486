"""Dropout: while training, a share p of all numbers is set to 0, other ones at each forward.

    y = x keep / (1 - p)          keep: 0 with the chance p, else 1

So no number can rely on any single other one, and less is learned by heart. Of x a share 1 - p is
left in the mean; divided by 1 - p, the mean of y is x, and nothing needs scaling when the model
writes. Which elements stay is in dropout_mask.py. Srivastava et al. 2014, "Dropout", section 4
(which scales afterwards).
"""

from typing import Any

from tinygpt.autograd.engine import Tensor, op
from tinygpt.nn.dropout_mask import MaskKeys, draw_mask
from tinygpt.nn.module import Module


@op
def dropout(x, /, *, p, key=None):
    """y = x keep / (1 - p): a share p becomes 0, the rest grows so that the mean stays.   any shape

    The first axis is the batch. key: which elements stay. draw_mask raises the ValueErrors: for p
    that is not 0 <= p < 1, and for p > 0 without a key.
    """
    if p == 0:
        return x, lambda dy: dy
    mask, scale = draw_mask(x, x.shape, p=p, key=key), 1 / (1 - p)

    def masked(a):
        y = a * mask
        y *= scale
        return y

    return masked(x), masked  # y is x times a constant, so dx is dy times the same constant


class Dropout(Module):
    """Drops a share p in train mode, nothing in eval mode; other elements at each forward."""

    def __init__(self, p: float):
        if not 0 <= p < 1:
            raise ValueError(f"expected 0 <= p < 1, got p={p}")
        self.p, self.mask_keys = p, MaskKeys()

    def __call__(self, x: Tensor) -> Tensor:
        return dropout(x, **self.for_one_forward())

    def for_one_forward(self) -> dict[str, Any]:
        """p, and a key that was not used before, for an op that drops; in eval mode p is 0."""
        if not self.training or self.p == 0:
            return {"p": 0.0, "key": None}
        return {"p": self.p, "key": self.mask_keys.next()}
