"""Dropout: while training, a share p of all numbers is set to 0, other ones at each forward.

    y = x keep / (1 - p)          keep: 0 with the chance p, else 1

So no part can rely on any single other one. Of x a share 1 - p is left in the mean; divided by
1 - p, the mean of y is x, and nothing needs scaling when the model writes. Which elements stay is
in dropout_mask.py. Srivastava et al. 2014, "Dropout", section 4 (which scales afterwards).
"""

import copy
import itertools
from typing import Any

from tinygpt.autograd.engine import Tensor, op
from tinygpt.nn.dropout_mask import draw_mask, make_key
from tinygpt.nn.module import Module


@op
def dropout(x, /, *, p, key=None):
    """y = x keep / (1 - p): a share p becomes 0, the rest grows so that the mean stays.   any shape

    The first axis is the batch. key: which elements stay. ValueError unless 0 <= p < 1.
    """
    if p == 0:
        return x, lambda dy: dy
    mask, scale = draw_mask(x, x.shape, p=p, key=key), 1 / (1 - p)

    def masked(a):
        y = a * mask
        y *= scale
        return y

    return masked(x), masked  # y is x times a constant, so dx is dy times the same constant


_made = itertools.count(1 << 16)  # sites of Dropouts that are in no packed model yet


class Dropout(Module):
    """Drops a share p in train mode, nothing in eval mode; other elements at each forward.

    `site` tells two Dropouts apart, and pack() numbers those of a model. `clock` is the vector of
    that model, with the seed, the step and the row; both are given by pack().
    """

    def __init__(self, p: float):
        if not 0 <= p < 1:
            raise ValueError(f"expected 0 <= p < 1, got p={p}")
        self.p, self.site = p, next(_made)
        self.now: Any = None  # the clock's step and part, and how many forwards there were in it
        self.forwards = 0

    def settings(self) -> dict[str, Any]:
        """p and key for an op that drops, as the mode demands. Asking counts as a forward."""
        if not self.training or self.p == 0:
            return {"p": 0.0, "key": None}
        c = self.clock
        if c is not None and self.now != (c.steps, c.parts):
            self.now, self.forwards = (c.steps, c.parts), 0
        seed, steps, row = (0, 0, 0) if c is None else (c.seed, c.steps, c.row)
        self.forwards += 1
        key = make_key(seed, steps, self.site or 0, self.forwards - 1, row=row)
        return {"p": self.p, "key": key}

    def __call__(self, x: Tensor) -> Tensor:
        return dropout(x, **self.settings())

    def __deepcopy__(self, memo: dict) -> "Dropout":
        """A copy drops other elements, unless it belongs to a copy of a whole model."""
        new = Dropout(self.p)
        new.training = self.training
        if self.clock is not None:
            new.site, new.now, new.forwards = self.site, self.now, self.forwards
            new.clock = copy.deepcopy(self.clock, memo)
        return new
