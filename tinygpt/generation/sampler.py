"""Sampling: from the logits of the last position to the next token.

The logits pass these in this order; each that is off changes nothing:

    repetition_penalty   tokens that are there already get less likely
    temperature          below 1 the likely gets likelier, above 1 all more alike
    top_k                only the k likeliest
    top_p                only the likeliest that together reach p
    min_p                only those with at least the share p of the likeliest
    a draw               one of the rest, each with its probability
"""

import math
from collections.abc import Collection
from typing import Any

import numpy as np


def check_settings(
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
) -> None:
    """ValueError that names the setting, what it may be and what it is."""
    if not 0 <= temperature < math.inf:
        raise ValueError(
            f"expected a finite temperature >= 0 (0: always the likeliest), got {temperature}"
        )
    if top_k is not None and (top_k < 0 or int(top_k) != top_k):
        raise ValueError(f"expected a whole number top_k >= 0 (0: off), got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"expected 0 < top_p <= 1 (1: off), got {top_p}")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ValueError(f"expected 0 <= min_p <= 1 (0: off), got {min_p}")
    if not 0 < repetition_penalty < math.inf:
        raise ValueError(f"expected repetition_penalty > 0 (1: off), got {repetition_penalty}")


def probabilities(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> np.ndarray:
    """softmax(logits / temperature), filtered, and summing to 1 again.   (B, V) -> float64 (B, V)

    temperature 0 leaves the largest alone. None turns a filter off, and so do top_k 0, top_p 1 and
    min_p 0. Of equals the lower id is the likelier. ValueError for logits that are not numbers.
    """
    check_settings(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    z = np.asarray(logits, np.float64)
    if np.isnan(z).any():
        raise ValueError("the logits are not numbers (nan): the model is broken")
    if temperature == 0:
        p = np.zeros_like(z)
        p[np.arange(len(z)), z.argmax(axis=-1)] = 1.0
        return p
    z = z - z.max(axis=-1, keepdims=True)
    p = np.exp(z / temperature)
    p /= p.sum(axis=-1, keepdims=True)
    if top_k:
        # the k likeliest; by z, because where p is 0 the logits still tell which is larger
        p = _only(p, rank_of(z) < top_k)
    if top_p is not None and top_p < 1:
        # those before which, from the likeliest down, less than top_p has been given away
        p = _only(p, likelier_sum(p) < top_p)
    if min_p:
        # those with at least the share min_p of the likeliest
        p = _only(p, p >= min_p * p.max(axis=-1, keepdims=True))
    return p


def _only(p: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """p where it is kept, 0 elsewhere, and the sum 1 again."""
    p = np.where(kept, p, 0.0)
    return p / p.sum(axis=-1, keepdims=True)


def rank_of(x: np.ndarray) -> np.ndarray:
    """0 for the largest of each row, 1 for the next; of equals the lower index comes first."""
    order = np.argsort(-x, axis=-1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(x.shape[-1])[None], axis=-1)
    return rank


def likelier_sum(p: np.ndarray) -> np.ndarray:
    """The sum of what comes before a token, from the likeliest down.   (B, V) -> (B, V)

    It is 0 for the likeliest, so top_p keeps at least one; and it is still below top_p for the
    token that crosses it, which is kept. Holtzman et al. 2020, "The Curious Case of Neural Text
    Degeneration", section 3.1.
    """
    order = np.argsort(-p, axis=-1, kind="stable")
    falling = np.take_along_axis(p, order, axis=-1)
    before = np.zeros_like(p)
    before[:, 1:] = falling.cumsum(axis=-1)[:, :-1]
    sums = np.empty_like(p)
    np.put_along_axis(sums, order, before, axis=-1)
    return sums


def penalised(logits: np.ndarray, ids: np.ndarray, penalty: float) -> np.ndarray:
    """The logits, with those of tokens that occur in the ids made smaller.   (B, V), (B, T)

    Positive ones are divided by the penalty and negative ones multiplied, since a division would
    bring those up. Keskar et al. 2019, "CTRL", section 4.1, which has the division alone.
    """
    z = np.array(logits, np.float64)
    seen = np.take_along_axis(z, ids, axis=-1)
    np.put_along_axis(z, ids, np.where(seen > 0, seen / penalty, seen * penalty), axis=-1)
    return z


def without(logits: np.ndarray, banned_ids: Collection[int]) -> np.ndarray:
    """The logits, -inf for tokens that are not to be written."""
    if not banned_ids:
        return logits
    logits = np.array(logits)
    logits[:, list(banned_ids)] = -np.inf
    return logits


def next_ids(
    logits: np.ndarray,
    rng: np.random.Generator,
    *,
    ids: np.ndarray | None = None,
    repetition_penalty: float = 1.0,
    banned_ids: Collection[int] = (),
    **settings: Any,
) -> np.ndarray:
    """One token for each row, drawn with its probability.   (B, V) -> integers (B,)

    ids (B, T): what is there already, for the penalty. banned_ids: never drawn. settings: those
    of `probabilities`. One uniform number a row, looked up in the cumulated probabilities.
    """
    if repetition_penalty != 1.0 and ids is not None:
        logits = penalised(logits, ids, repetition_penalty)
    p = probabilities(without(logits, banned_ids), **settings)
    cumulated = p.cumsum(axis=-1)
    u = rng.random((len(p), 1)) * cumulated[:, -1:]
    return (cumulated <= u).sum(axis=-1)
