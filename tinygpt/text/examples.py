"""Rows of examples: padded to one length, and learned only where the answer stands.

ids      <s> 2 + 3 = 5 <e>        one example; its answer is "5 <e>"
x        <s> 2 + 3 = 5 <e> <e>    what the model sees, padded up to the longest of the batch
y         .  . . . 5 <e> .  .     what it is to say; . is -100, which counts nowhere

Padding stands on the right, where a causal model never looks back from, and counts in no loss: so
it changes nothing, and needs no mask.
"""

import bisect
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from tinygpt.backend import random_stream
from tinygpt.text.chat import Example, row_ids
from tinygpt.text.tokenizer import END, Tokenizer

IGNORE = -100  # a target that counts nowhere, as in cross_entropy
Row = tuple[np.ndarray, np.ndarray]  # ids (n,), and the targets (n,) of each
GROUPS = 8  # of rows of similar length


class Parts(NamedTuple):
    """Examples to learn from, to choose the best model by, and to report a number on: once, at the
    end, and on nothing that a choice was made by."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]


def answer_row(tokenizer: Tokenizer, example: Example, block_size: int) -> Row:
    """An example to be written: x and y (n,). Of a chat that is longer than the block the oldest
    exchanges are left out. ValueError, with its place, where one exchange alone is too long."""
    turns = example.turns
    while True:
        ids, learned = row_ids(tokenizer, Example(turns, example.task, example.where))
        if len(ids) - 1 <= block_size:
            return ids[:-1], np.where(learned[1:], ids[1:], IGNORE)
        if len(turns) < 4:
            raise ValueError(_too_long(example, len(ids) - 1, block_size))
        turns = turns[2:]


def label_row(
    tokenizer: Tokenizer, example: Example, labels: Sequence[str], block_size: int
) -> Row:
    """An example whose label is chosen by a head: the target stands at the last token of the
    prompt, from where the whole text was seen, and is the number of the label."""
    ids, learned = row_ids(tokenizer, example)
    x = ids[: int(np.argmax(learned))]  # up to where the answer would begin
    if len(x) > block_size:
        raise ValueError(_too_long(example, len(x), block_size))
    y = np.full(len(x), IGNORE)
    y[-1] = labels.index(example.answer)
    return x, y


def _too_long(example: Example, n: int, block_size: int) -> str:
    where = f"{example.where}: " if example.where else ""
    return (
        f"{where}{n} tokens are more than the model sees at once, which are {block_size}: shorten "
        f"it, or give a larger --block-size"
    )


def padded(rows: Sequence[Row], pad: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y (B, T) of several rows, T the longest one's length."""
    T = max(len(ids) for ids, _ in rows)
    x = np.full((len(rows), T), pad, np.int64)
    y = np.full((len(rows), T), IGNORE, np.int64)
    for i, (ids, targets) in enumerate(rows):
        x[i, : len(ids)], y[i, : len(ids)] = ids, targets
    return x, y


class ExampleBatches:
    """Batches without end of rows drawn at random.   (x, y), each (batch_size, T): every batch has
    a length of its own

    The rows of a batch are of similar length, so that little is padded: a group of them is drawn
    first, as often as it has rows. What `rng` draws next is all that has to be kept to go on."""

    def __init__(self, rows: Sequence[Row], batch_size: int, *, pad: int, seed: int = 0):
        if not rows:
            raise ValueError("there is no example to learn from")
        self.rows = sorted(rows, key=lambda row: len(row[0]))
        self.batch_size, self.pad = batch_size, pad
        n = max(1, min(GROUPS, len(rows) // (4 * batch_size)))
        self.ends = [len(rows) * i // n for i in range(n + 1)]  # of the groups
        self.rng = random_stream(seed, "batches")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        any_row = self.rng.integers(0, len(self.rows))
        group = bisect.bisect_right(self.ends, any_row)
        chosen = self.rng.integers(self.ends[group - 1], self.ends[group], self.batch_size)
        return padded([self.rows[i] for i in chosen], self.pad)


def example_batches(
    rows: Sequence[Row], batch_size: int, *, pad: int, limit: int | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """All rows once, those of similar length together; with `limit`, only so many of them."""
    in_order = sorted(rows[:limit], key=lambda row: len(row[0]))
    cuts = range(0, len(in_order), batch_size)
    return [padded(in_order[a : a + batch_size], pad) for a in cuts]


def pad_id(tokenizer: Tokenizer) -> int:
    """The id that fills a row up: the end of a text, as nothing follows it."""
    return tokenizer.special_tokens[END]
