"""Which elements dropout drops: a hash of (seed, step, place in the model, element of the batch).

No stream of random numbers is consumed, so the same elements are dropped on a CPU and on a GPU, in
the forward and in the backward, and however a batch is split over micro-batches and workers.
"""

import copy
import itertools
import math
from typing import Any, NamedTuple

from tinygpt.backend import Array, array_module


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
        raise ValueError(
            f"p={p} needs a key that says which mask: Dropout.for_one_forward() makes one"
        )
    size = math.prod(shape)
    first = key.row * (size // shape[0]) % 2**32
    index = array_module(x).arange(size, dtype="uint32") + first
    return keep(index.reshape(shape), key, p)


_made = itertools.count(1 << 16)  # sites of those that are in no packed model yet


class MaskKeys:
    """The keys of one Dropout, a new one for each forward.

    `clock` is the vector of the model: it knows the seed, the step, the row where this part of the
    batch begins, and how many parts were announced. Forwards are counted within a part, so a part
    that is computed again gets its keys again. `site` tells two Dropouts apart. Module.pack() sets
    both; without a clock the step is 0, and each forward still has a key of its own.
    """

    def __init__(self) -> None:
        self.site, self.clock = next(_made), None
        self.part: Any = None  # (step, part) of the clock to which `forwards` belongs
        self.forwards = 0  # how many there were in it

    def next(self) -> Key:
        c: Any = self.clock
        if c is None:
            seed, step, row = 0, 0, 0
        else:
            seed, step, row = c.seed, c.steps, c.row
            if self.part != (c.steps, c.parts):
                self.part, self.forwards = (c.steps, c.parts), 0
        self.forwards += 1
        return make_key(seed, step, self.site, self.forwards - 1, row=row)

    def __deepcopy__(self, memo: dict) -> "MaskKeys":
        """In a copy of a whole model, the same keys; of a Dropout alone, others."""
        new = MaskKeys()
        if self.clock is not None:
            new.__dict__ |= self.__dict__ | {"clock": copy.deepcopy(self.clock, memo)}
        return new
