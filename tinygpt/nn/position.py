"""Where a token stands: attention alone cannot tell, it treats its keys as a set.

    learned      a trained vector for each position is added to the embedding     (GPT-2)
    sinusoidal   a fixed one: sines and cosines, from fast to slow                (Transformer)
    rotary       queries and keys turn by an angle that grows with the position   (Llama: rotary.py)
    alibi        a score loses  slope * distance                                  (BLOOM)
    none         nothing: each token still sees a different past, which tells a deep model the order

Learned positions end with the table. The others have a value for every position; whether the model
can use one that it never saw in training is another question.
"""

import math

from tinygpt.autograd.engine import Tensor
from tinygpt.backend import Array, array_module
from tinygpt.nn.initial import Rng, normal
from tinygpt.nn.module import Module

POSITIONS = ("learned", "sinusoidal", "rotary", "alibi", "none")


class LearnedPosition(Module):
    """A trained vector for each position, added to the embedding of the token there.

    weight (block_size, n_embd). Radford et al. 2018, "Improving Language Understanding by
    Generative Pre-Training", section 4.1.
    """

    def __init__(self, block_size: int, n_embd: int, *, rng: Rng = None):
        self.weight = normal(rng, (block_size, n_embd), 0.02)

    def __call__(self, x: Tensor, start: int = 0) -> Tensor:
        """x and the vectors of positions start ... start + T - 1.   (..., T, C) -> (..., T, C)"""
        return x + self.weight[start : start + x.shape[-2]]


class SinusoidalPosition(Module):
    """A fixed vector for each position: channel pair i turns once in 2 pi 10000^(2i/C) positions.

        v[t, 2i] = s sin(t / 10000^(2i/C)),   v[t, 2i + 1] = s cos(t / 10000^(2i/C)),   s = 0.02

    Vaswani et al. 2017, section 3.5. There the embeddings are scaled up to meet sines of size 1;
    here they keep GPT-2's size 0.02, and the sines come down to it.
    """

    def __call__(self, x: Tensor, start: int = 0) -> Tensor:
        """x and the vectors of positions start ... start + T - 1.   (..., T, C) -> (..., T, C)"""
        xp, (T, C) = array_module(x.data), x.shape[-2:]
        channel = xp.arange(C)
        angle = xp.arange(start, start + T)[:, None] * 10_000.0 ** (-(channel // 2) * 2 / C)
        vectors = 0.02 * xp.sin(angle + channel % 2 * (math.pi / 2))  # cos is sin, a quarter on
        return x + vectors.astype(x.dtype)


def alibi_slopes(n_head: int) -> tuple[float, ...]:
    """How much of its score a key loses per position of distance, in each head.   H numbers

    2^(-8h/H) for h = 1 ... H where H is a power of 2: the first head sees near, the last one far.
    Else those of the next smaller power of 2, then every second one of the next larger.
    Press et al. 2022, "Train Short, Test Long", section 3.
    """
    n = 2 ** int(math.log2(n_head))
    slopes = [2 ** (-8 * h / n) for h in range(1, n + 1)]
    slopes += [2 ** (-8 * h / (2 * n)) for h in range(1, 2 * n, 2)]
    return tuple(slopes[:n_head])


def distances(x: Array, T: int, S: int) -> Array:
    """How far back key j lies from query i, where the queries are the last T of the S positions:
    S - T + i - j, below 0 for the future.   (T, S), of x's dtype"""
    xp = array_module(x)
    return (xp.arange(S - T, S)[:, None] - xp.arange(S)).astype(x.dtype)
