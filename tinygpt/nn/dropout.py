"""Dropout, whose mask is a hash of (seed, step, place in the model, element of the whole batch).

No stream of random numbers is consumed, so the same elements are dropped on a CPU and on a GPU and
in the forward and in the backward. Each forward of a Dropout draws a new mask. The Trainer says
which rows of the step's batch come next (ParameterVector.begin_part), and then they get the masks
that belong to these rows, however the batch is split over micro-batches and workers.
"""

import copy
import itertools
import math
from typing import Any, NamedTuple

from tinygpt.autograd.engine import Tensor, op
from tinygpt.backend import Array, array_module
from tinygpt.nn.module import Module


class Key(NamedTuple):
    """Which mask: `number` for seed, step and place; `row`, where these rows of the batch begin in
    the batch of the whole step."""

    number: int
    row: int = 0


def make_key(seed: int, step: int, site: int, forward: int = 0, *, row: int = 0) -> Key:
    """A 32-bit number from (seed, step, site, forward): splitmix64's finaliser over a weighted sum
    of them. forward: 0 for the first in a part of a batch, 1 for the next."""
    z = seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + site * 0x94D049BB133111EB
    z += forward * 0xD6E8FEB86659FD93
    for multiplier, shift in ((0xBF58476D1CE4E5B9, 30), (0x94D049BB133111EB, 27)):
        z %= 2**64
        z = (z ^ (z >> shift)) * multiplier
    z %= 2**64
    return Key((z ^ (z >> 31)) % 2**32, row)


def keep(index: Array, key: Key, p: float) -> Array:
    """Which elements stay: booleans, each True with probability 1 - p.   index uint32, any shape

    lowbias32 of Wellons ("Prospecting for Hash Functions", 2018) over the key and a first mixing of
    the index. With the bare index one key's mask would be another's in a different order; with the
    key only in the middle of lowbias32, keys that differ in a high bit would draw opposite masks.
    """
    h = index * 0x9E3779B1
    h ^= h >> 15
    h ^= key.number
    h ^= h >> 16
    h *= 0x7FEB352D
    h ^= h >> 15
    h *= 0x846CA68B
    h ^= h >> 16
    return h >= int(p * 2**32)


def draw_mask(x: Array, shape: tuple[int, ...], *, p: float, key: Key | None) -> Array:
    """Which elements stay, as booleans of this shape, where x lies; the first axis is the batch.

    Element i of row b has the number (key.row + b) (elements in a row) + i, whatever part of the
    batch this is. ValueError without a key.
    """
    if not 0 <= p < 1:
        raise ValueError(f"expected 0 <= p < 1, got p={p}")
    if key is None:
        raise ValueError(f"p={p} needs a key that says which mask: Dropout.settings() makes one")
    size = math.prod(shape)
    first = key.row * (size // shape[0]) % 2**32
    index = array_module(x).arange(size, dtype="uint32") + first
    return keep(index.reshape(shape), key, p)


@op
def dropout(x, /, *, p, key=None):
    """y = x keep / (1 - p): a share p becomes 0, the rest grows so that the mean stays.   any shape

    The first axis is the batch. Srivastava et al. 2014, "Dropout", section 4 (here scaled while
    training, so that nothing needs scaling afterwards). ValueError unless 0 <= p < 1.
    """
    if p == 0:
        return x, lambda dy: dy
    mask, scale = draw_mask(x, x.shape, p=p, key=key), 1 / (1 - p)

    def masked(a):  # y = x keep / (1 - p), so dx = dy keep / (1 - p): the same both ways
        y = a * mask
        y *= scale
        return y

    return masked(x), masked


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
