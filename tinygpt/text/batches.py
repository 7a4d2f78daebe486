"""Batches: windows of a text, and the same windows one token later.

ids      3 1 4 1 5 9 2 6
x        3 1 4 1              what the model sees
y          1 4 1 5            what comes next at each of its positions
"""

from typing import Self

import numpy as np

from tinygpt.backend import random_stream


def check_length(ids: np.ndarray, block_size: int, what: str = "the text") -> None:
    """ValueError with both lengths where not even one window fits, and for what are no ids."""
    if np.ndim(ids) != 1 or np.asarray(ids[:1]).dtype.kind not in "iu":
        raise ValueError(f"{what}: expected ids, one row of integers, got {type(ids).__name__} of "
                         f"shape {np.shape(ids)} and {np.asarray(ids[:1]).dtype}")  # fmt: skip
    if len(ids) < block_size + 1:
        raise ValueError(
            f"{what} has {len(ids)} tokens, but one window needs {block_size + 1} "
            f"(block_size + 1): give more text or a smaller block_size"
        )


def window_starts(ids: np.ndarray, block_size: int, begin: int) -> np.ndarray:
    """Where a window can begin that begins with the id `begin`. ValueError for nowhere."""
    starts = np.flatnonzero(ids[: len(ids) - block_size] == begin)
    if len(starts) == 0:
        raise ValueError(f"no window of {block_size + 1} tokens begins with the id {begin}")
    return starts


def windows(ids: np.ndarray, starts: np.ndarray, block_size: int) -> tuple[np.ndarray, np.ndarray]:
    """(x, y), each (len(starts), block_size) int64; y is x one token later."""
    at = np.asarray(starts)[:, None] + np.arange(block_size + 1)
    both = np.asarray(ids)[at].astype(np.int64)
    return both[:, :-1], both[:, 1:]


class RandomBatches:
    """Batches without end of windows at random places.   (x, y), each (batch_size, block_size)

    Starts are 0 ... len(ids) - block_size - 1, all equally likely; with `begin`, those of them
    where that id stands. What `rng` draws next is all that has to be kept to go on later.
    """

    def __init__(
        self,
        ids: np.ndarray,
        block_size: int,
        batch_size: int,
        *,
        seed: int = 0,
        begin: int | None = None,
    ):
        check_length(ids, block_size)
        self.ids, self.block_size, self.batch_size = ids, block_size, batch_size
        self.starts = None if begin is None else window_starts(ids, block_size, begin)
        self.rng = random_stream(seed, "batches")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        rng, ids, block_size, batch_size = self.rng, self.ids, self.block_size, self.batch_size
        if self.starts is None:
            starts = rng.integers(0, len(ids) - block_size, batch_size)
        else:
            starts = self.starts[rng.integers(0, len(self.starts), batch_size)]
        return windows(ids, starts, block_size)


def window_batches(
    ids: np.ndarray,
    block_size: int,
    batch_size: int,
    *,
    limit: int | None = None,
    begin: int | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The text once through, in windows side by side; the last batch may be smaller.

    What is left at the end and fills no window is left out. With `limit`, at most that many
    windows, evenly spread: the same ones at every call, so that losses can be compared. With
    `begin`, a window wherever that id stands, so they may overlap.
    """
    check_length(ids, block_size)
    if begin is None:
        starts = np.arange(0, len(ids) - block_size, block_size)
    else:
        starts = window_starts(ids, block_size, begin)
    if limit is not None and len(starts) > limit:
        starts = starts[np.linspace(0, len(starts) - 1, limit).round().astype(int)]
    cuts = range(0, len(starts), batch_size)
    return [windows(ids, starts[a : a + batch_size], block_size) for a in cuts]
