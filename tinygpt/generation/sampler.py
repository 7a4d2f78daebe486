"""Sampling: from the logits of the last position to the next token."""

import math

import numpy as np


def check_settings(temperature: float, top_k: int | None) -> None:
    """ValueError for a temperature below 0 or a top_k that is no whole number from 0 on."""
    if not 0 <= temperature < math.inf:
        raise ValueError(
            f"expected a finite temperature >= 0 (0: always the likeliest), got {temperature}"
        )
    if top_k is not None and (top_k < 0 or int(top_k) != top_k):
        raise ValueError(f"expected a whole number top_k >= 0 (0: off), got {top_k}")


def probabilities(
    logits: np.ndarray, *, temperature: float = 1.0, top_k: int | None = None
) -> np.ndarray:
    """softmax(logits / temperature) over the top_k largest logits.   (B, V) -> float64 (B, V)

    Below 1 the likely gets likelier, above 1 everything more alike; 0 leaves the largest alone.
    top_k keeps exactly k tokens, of equal logits the lower ids; None and 0 keep all.
    """
    check_settings(temperature, top_k)
    z = np.asarray(logits, np.float64)
    if np.isnan(z).any():
        raise ValueError("the logits are not numbers (nan): the model is broken")
    if temperature == 0:
        p = np.zeros_like(z)
        p[np.arange(len(z)), z.argmax(axis=-1)] = 1.0
        return p
    if top_k and top_k < z.shape[1]:
        dropped = np.argsort(-z, axis=-1, kind="stable")[:, int(top_k) :]
        z = z.copy()
        np.put_along_axis(z, dropped, -np.inf, axis=-1)
    z = z - z.max(axis=-1, keepdims=True)
    p = np.exp(z / temperature)
    return p / p.sum(axis=-1, keepdims=True)


def next_ids(
    logits: np.ndarray,
    rng: np.random.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> np.ndarray:
    """One token for each row, drawn with its probability.   (B, V) -> integers (B,)

    One uniform number a row, looked up in the cumulated probabilities.
    """
    p = probabilities(logits, temperature=temperature, top_k=top_k)
    cumulated = p.cumsum(axis=-1)
    u = rng.random((len(p), 1)) * cumulated[:, -1:]
    return (cumulated <= u).sum(axis=-1)
