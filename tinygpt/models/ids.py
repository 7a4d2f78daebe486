"""Ids and targets as a model gets them: (B, T) integers of its vocabulary, or words on why not."""

import warnings
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.backend import ARRAYS, Array, array_module, is_host
from tinygpt.nn.embedding import check_ids
from tinygpt.text.examples import IGNORE


def checked_ids(ids: Any, vocab_size: int, what: str = "id", ignore: int | None = None) -> Array:
    """(B, T) integers, checked where they are still on the CPU: a GPU would wrap those beyond the
    table around. ids: an array, a list or a Tensor, (T,) or (B, T)."""
    ids = ids.data if isinstance(ids, Tensor) else ids
    if type(ids) not in ARRAYS and array_module(ids) is np:  # a list, a PyTorch tensor
        try:
            ids = np.asarray(ids)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"expected {what}s as a list or array of integers, (T,) or (B, T) with rows of one "
                f"length, got {type(ids).__name__}: texts of different lengths go one by one"
            ) from error
    if ids.ndim == 1:
        ids = ids[None]
    if ids.ndim != 2 or 0 in ids.shape:
        raise ValueError(f"expected {what}s of shape (T,) or (B, T), not empty: {ids.shape}")
    if is_host(ids):
        check_ids(ids, vocab_size, what, ignore)
    return ids


def checked_pair(
    ids: Any, targets: Any, vocab_size: int, n_classes: int | None = None
) -> tuple[Array, Array]:
    """The same for ids and what comes after each of them, one of n_classes (None: a token).
    ValueError where the shapes differ or no target is left."""
    if ids is targets:
        warnings.warn("the targets are the ids themselves; nothing is shifted here: "
                      "model.loss(ids[:, :-1], ids[:, 1:])", stacklevel=3)  # fmt: skip
    ids = checked_ids(ids, vocab_size)
    targets = checked_ids(targets, n_classes or vocab_size, "target", IGNORE)
    if ids.shape != targets.shape:
        raise ValueError(f"ids {ids.shape} and targets {targets.shape} must have one shape")
    if is_host(targets) and not (targets != IGNORE).any():
        raise ValueError(f"every target is {IGNORE}: there is nothing to learn from")
    return ids, targets
