"""The weights that a Module begins with."""

import math
from typing import Literal

import numpy as np

from tinygpt.autograd.parameters import Parameter

# who draws the weights: a seed, a generator, None (other ones each time); "zeros": nobody
Rng = int | np.random.Generator | None | Literal["zeros"]


def normal(rng: Rng, shape: tuple[int, ...], std: float | None = None) -> Parameter:
    """A float32 Parameter drawn from a normal distribution of mean 0. Without a standard deviation
    it is 1 / sqrt(n_in): what leaves x W is then as large as what came in.

    rng: a seed, a Generator, or None for other numbers each time; "zeros", which cost no memory
    before they are written, for values that are about to be loaded.
    """
    rng = generator(rng)
    if isinstance(rng, str):
        return Parameter(np.zeros(shape, np.float32))
    std = 1 / math.sqrt(shape[0]) if std is None else std
    return Parameter((std * rng.standard_normal(shape)).astype(np.float32))


def generator(rng: Rng) -> np.random.Generator | Literal["zeros"]:
    """One generator for all the parts of a Module: with a seed in each, parts of one shape would
    get the same weights."""
    if isinstance(rng, str):
        if rng != "zeros":
            raise ValueError(
                f'expected rng to be a seed, a Generator, None or "zeros", got {rng!r}'
            )
        return rng
    return np.random.default_rng(rng)
