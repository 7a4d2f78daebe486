"""Where a token stands: attention alone cannot tell, it treats its keys as a set."""

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.backend import array_module
from tinygpt.nn.embedding import embedding
from tinygpt.nn.module import Module, normal


class LearnedPosition(Module):
    """A trained vector for each position, added to the embedding of the token there.

    weight (block_size, n_embd). Radford et al. 2018, "Improving Language Understanding by
    Generative Pre-Training", section 4.1.
    """

    def __init__(self, block_size: int, n_embd: int, *, rng: np.random.Generator):
        self.weight = normal(rng, (block_size, n_embd), 0.02)

    def __call__(self, n: int) -> Tensor:
        """The vectors of positions 0 ... n - 1.   -> (n, C)"""
        return embedding(self.weight, array_module(self.weight.data).arange(n))
