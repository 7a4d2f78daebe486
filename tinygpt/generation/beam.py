"""Beam search: the few best beginnings go on together, and what leads nowhere is dropped late.

Greedy writing takes the likeliest token each time; the likeliest text may begin with another.

    "a"  0.5 -> 0.4, 0.3, 0.3      best text with "a":  0.20
    "b"  0.4 -> 0.9, 0.1           best text with "b":  0.36, which greedy never sees

Sutskever et al. 2014, "Sequence to Sequence Learning with Neural Networks", section 3.2.
"""

from collections.abc import Callable, Collection

import numpy as np

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]


def beam_search(
    step: Step, ids: np.ndarray, n: int, *, num_beams: int, stop_ids: Collection[int] = ()
) -> np.ndarray:
    """The best continuation found: the one of the largest mean log-probability per new token.

    step(ids, rows): logits (K, V) of what follows each beam's ids (K, T); beam i goes on from what
    was row rows[i] in the call before. ids (T,) -> at most n more, the stop id included. A text
    that stopped is kept aside and compared at the end, so a long one is not at a disadvantage.
    """
    beams, scores = ids[None], np.zeros(1)  # (K, T) and the sum of each beam's log-probabilities
    rows = np.zeros(1, np.int64)
    best, best_score = ids, -np.inf
    for written in range(1, n + 1):
        total = scores[:, None] + log_softmax(step(beams, rows))  # (K, V)
        order = np.argsort(-total, axis=None, kind="stable")  # the best first, whichever the beam
        live: list[int] = []
        for i in order[:1] if written == n else order:
            beam, token = divmod(int(i), total.shape[1])
            if written < n and token not in stop_ids:
                live.append(i)
            elif total.flat[i] / written > best_score:
                best, best_score = np.append(beams[beam], token), total.flat[i] / written
            if len(live) == num_beams:
                break
        if not live:
            break
        rows, tokens = np.divmod(np.array(live), total.shape[1])
        beams, scores = np.column_stack([beams[rows], tokens]), total.flat[live]
    return best


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log of softmax over the last axis, in float64."""
    z = np.asarray(logits, np.float64)
    if np.isnan(z).any():
        raise ValueError("the logits are not numbers (nan): the model is broken")
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
