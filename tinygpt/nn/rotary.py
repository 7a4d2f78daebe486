"""Rotary positions: queries and keys turn by an angle that grows with the position.

Two channels a, b are a point of the plane. A turn by the angle t takes it to

    (a cos t - b sin t,  b cos t + a sin t)  =  R(t) (a, b)

A turn back undoes a turn, R(t)^T = R(-t), and turns add up, R(s) R(t) = R(s + t). So a query at
position m and a key at position n have the score

    (R(m t) q)^T (R(n t) k)  =  q^T R(-m t) R(n t) k  =  q^T R((n - m) t) k

in which only their distance is left. Each pair of channels has an angle t of its own, so some see
near and some see far. Su et al. 2021, "RoFormer", section 3.2.
"""

import math

from tinygpt.autograd.engine import op
from tinygpt.backend import Array, array_module, like

PAIRS = ("halves", "neighbours")  # of channels, that turn together


def rotary_plain(x, base=10_000.0):
    """Channels i and i + D/2 of position m turn by the angle m base^(-2i/D).   x (..., T, D)"""
    xp, (T, D) = array_module(x), x.shape[-2:]
    a, b = x[..., : D // 2], x[..., D // 2 :]
    t = xp.arange(T)[:, None] * base ** (-2 * xp.arange(D // 2) / D)  # (T, D/2)
    return xp.concatenate([a * xp.cos(t) - b * xp.sin(t), b * xp.cos(t) + a * xp.sin(t)], axis=-1)


@op
def rotary(x, /, *, start=0, positions=None, base=10_000.0, scaling=(), pairs="halves"):
    """Turn each pair of channels by an angle that grows with the position.   x (..., T, D), D even

    Pair i is the channels i and i + D/2; at position m its angle is  m base^(-2i/D). The rows stand
    at start, start + 1, ..., or at `positions`, (T,) or what broadcasts to (..., T). scaling: see
    `slower`. pairs: "halves" as above, Llama's; "neighbours" are the channels 2i and 2i + 1, as in
    the paper and in GPT-J. ValueError for odd D, for another word and for positions that do not
    fit.
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
