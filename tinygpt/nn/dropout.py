"""Dropout, whose mask is a hash of (seed, step, place in the model, element of the whole batch).

No stream of random numbers is consumed, so the same elements are dropped on a CPU and on a GPU, in
the forward and in the backward, and however a batch is split over micro-batches and workers.
"""

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


def make_key(seed: int, step: int, site: int, row: int = 0) -> Key:
    """A 32-bit number from (seed, step, site): splitmix64's finaliser over their weighted sum."""
    z = seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + site * 0x94D049BB133111EB
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


def draw_mask(x: Array, shape: tuple[int, ...], p: float, key: Key | None) -> Array:
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
def dropout(x, /, *, p=0.0, key=None):
    """y = x keep / (1 - p): a share p becomes 0, the rest grows so that the mean stays.   any shape

    The first axis is the batch. Srivastava et al. 2014, "Dropout", section 4 (here scaled while
    training, so that nothing needs scaling afterwards). ValueError unless 0 <= p < 1.
    """
    if p == 0:
        return x, lambda dy: dy
    mask, scale = draw_mask(x, x.shape, p, key), 1 / (1 - p)

    def masked(a):
        y = a * mask
        y *= scale
        return y

    return masked(x), masked


class Dropout(Module):
    """Drops a share p in train mode, nothing in eval mode. Module.pack() numbers its site."""

    def __init__(self, p: float):
        if not 0 <= p < 1:
            raise ValueError(f"expected 0 <= p < 1, got p={p}")
        self.p, self.site = p, 0

    def settings(self) -> dict[str, Any]:
        """p and key for an op that drops, as the mode demands."""
        if not self.training or self.p == 0:
            return {"p": 0.0, "key": None}
        c = self.clock
        if c is None:  # in no packed model: the mask of seed 0, step 0
            return {"p": self.p, "key": make_key(0, 0, 0)}
        return {"p": self.p, "key": make_key(c.seed, c.steps, self.site or 0, c.row)}

    def __call__(self, x: Tensor) -> Tensor:
        return dropout(x, **self.settings())
