"""Masking: what BERT is trained on. A share of the tokens is hidden, and is to be guessed.

    ids   the  cat  sat  on   the  mat
    x     the [MASK] sat on   dog  mat        15 % are chosen; of these 80 % become [MASK],
    y      .   cat   .   on   the  .          10 % another token, 10 % stay as they are

Chosen tokens that stay, or lie, keep the model from trusting what it sees: at the end there are no
[MASK]s in a text. Devlin et al. 2019, section 3.1. The mask is drawn anew each time a row comes
(Liu et al. 2019, "RoBERTa", section 4.1: BERT had drawn ten, once and for all).
"""

from collections.abc import Collection

import numpy as np

from tinygpt.text.examples import IGNORE


def masked(
    ids: np.ndarray,
    rng: np.random.Generator,
    *,
    mask_id: int,
    vocab_size: int,
    special_ids: Collection[int] = (),
    share: float = 0.15,
) -> tuple[np.ndarray, np.ndarray]:
    """x and y (B, T) of rows of ids (B, T). special_ids, such as [CLS] and padding, are never
    chosen, and never put in."""
    special = list(special_ids)
    chosen = (rng.random(ids.shape) < share) & ~np.isin(ids, special)
    y = np.where(chosen, ids, IGNORE)
    what = rng.random(ids.shape)
    ordinary = np.setdiff1d(np.arange(vocab_size), [*special, mask_id])
    x = np.where(chosen & (what < 0.8), mask_id, ids)
    x = np.where(chosen & (what >= 0.9), rng.choice(ordinary, ids.shape), x)
    return x, y
