"""Where a token stands: attention alone cannot tell, it treats its keys as a set.

    learned      a trained vector for each position is added to the embedding     (GPT-2)
    sinusoidal   a fixed one: sines and cosines, from fast to slow                (Transformer)
    rotary       queries and keys turn by an angle that grows with the position   (Llama)
    alibi        a score loses  slope * distance                                  (BLOOM)
    none         nothing: each token still sees a different past, which tells a deep model the order

Learned positions end with the table. The others have a value for every position; whether the model
can use one that it never saw in training is another question.
"""

import math

from tinygpt.autograd.engine import Tensor, op
from tinygpt.backend import Array, array_module, like
from tinygpt.nn.module import Module, Rng, normal

PAIRS = ("halves", "neighbours")  # of channels, that rotary positions turn together
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


@op
def rotary(x, /, *, start=0, positions=None, base=10_000.0, scaling=(), pairs="halves"):
    """Turn each pair of channels by an angle that grows with the position.   x (..., T, D), D even

    Pair i is the channels i and i + D/2; at position m = start + t its angle is  m base^(-2i/D):

        y_i = x_i cos - x_{i+D/2} sin,    y_{i+D/2} = x_{i+D/2} cos + x_i sin

    A turned query times a turned key is q^T R(n - m) k: only the distance is left. scaling: see
    `slower`. positions, (T,) or what broadcasts to (..., T): where the rows stand, where that is
    not start, start + 1, ... pairs: "halves" as above, Llama's; "neighbours" are the channels 2i
    and 2i + 1, as in the paper and in GPT-J. Su et al. 2021, "RoFormer", section 3.2. ValueError
    for odd D, for another word and for positions that do not fit.
    """
    xp, (T, D), half = array_module(x), x.shape[-2:], x.shape[-1] // 2
    if D % 2:
        raise ValueError(f"rotary turns pairs of channels: D must be even, got {D}")
    if pairs not in PAIRS:
        raise ValueError(f"expected pairs to be one of {PAIRS}, got {pairs!r}")
    first, second = (
        (slice(0, half), slice(half, D)) if pairs == "halves" else (slice(0, D, 2), slice(1, D, 2))
    )
    positions = xp.arange(start, start + T) if positions is None else like(positions, x)
    if positions.shape[-1:] != (T,) or positions.ndim >= x.ndim:
        raise ValueError(f"expected a position for each of {T} rows, got {positions.shape}")
    speed = slower(base ** (xp.arange(half) * (-2 / D)), scaling)
    angle = positions[..., None] * speed
    cos, sin = xp.cos(angle).astype(x.dtype), xp.sin(angle).astype(x.dtype)  # (..., T, D/2)

    def turned(x, sin):
        y = xp.empty(x.shape, x.dtype)
        a, b = x[..., first], x[..., second]
        y[..., first] = a * cos - b * sin
        y[..., second] = b * cos + a * sin
        return y

    # y = R x with a matrix that turns, so dx = R^T dy; and the transpose of a turn is the turn back
    return turned(x, sin), lambda dy: turned(dy, -sin)


def slower(speed: Array, scaling: tuple[float, ...]) -> Array:
    """The angles per position of a model that was stretched to longer texts.

    (): as they are. (factor,): all divided by it (Chen et al. 2023, "Extending Context Window of
    Large Language Models via Positional Interpolation"). (factor, low, high, length): as Llama 3.1;
    pairs that turn more than `high` times in `length` positions stay, those below `low` turns are
    divided, between them it is mixed. ValueError for another number of numbers.
    """
    xp = array_module(speed)
    if not scaling:
        return speed
    if len(scaling) == 1:
        return speed / scaling[0]
    if len(scaling) != 4:
        raise ValueError(f"expected 0, 1 or 4 numbers of rope_scaling, got {scaling}")
    factor, low, high, length = scaling
    turns = speed * (length / (2 * math.pi))
    kept = xp.clip((turns - low) / (high - low), 0.0, 1.0)
    return kept * speed + (1.0 - kept) * speed / factor


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
