"""Batches: windows of a text, and the same windows one token later.

ids      3 1 4 1 5 9 2 6
x        3 1 4 1              what the model sees
y          1 4 1 5            what comes next at each of its positions
"""

from collections.abc import Iterator

import numpy as np

from tinygpt.backend import random_stream


def check_length(ids: np.ndarray, block_size: int, what: str = "the text") -> None:
    """ValueError with both lengths where not even one window fits."""
    if len(ids) < block_size + 1:
        raise ValueError(
            f"{what} has {len(ids)} tokens, but one window needs {block_size + 1} "
            f"(block_size + 1): give more text or a smaller block_size"
        )


def windows(ids: np.ndarray, starts: np.ndarray, block_size: int) -> tuple[np.ndarray, np.ndarray]:
    """(x, y), each (len(starts), block_size) int64; y is x one token later."""
    at = np.asarray(starts)[:, None] + np.arange(block_size + 1)
    both = np.asarray(ids)[at].astype(np.int64)
    return both[:, :-1], both[:, 1:]


def random_batches(
    ids: np.ndarray, block_size: int, batch_size: int, *, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches without end of windows at random places.   (x, y), each (batch_size, block_size)

    Starts are 0 ... len(ids) - block_size - 1, all equally likely."""
    check_length(ids, block_size)
    return _random_batches(ids, block_size, batch_size, random_stream(seed, "batches"))


def _random_batches(
    ids: np.ndarray, block_size: int, batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        yield windows(ids, rng.integers(0, len(ids) - block_size, batch_size), block_size)


def window_batches(
    ids: np.ndarray, block_size: int, batch_size: int, *, limit: int | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The text once through, in windows side by side; the last batch may be smaller.

    What is left at the end and fills no window is left out. With `limit`, at most that many
    windows, evenly spread: the same ones at every call, so that losses can be compared.
    """
    check_length(ids, block_size)
    starts = np.arange(0, len(ids) - block_size, block_size)
    if limit is not None and len(starts) > limit:
        starts = starts[np.linspace(0, len(starts) - 1, limit).round().astype(int)]
    cuts = range(0, len(starts), batch_size)
    return [windows(ids, starts[a : a + batch_size], block_size) for a in cuts]
