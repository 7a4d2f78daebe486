"""Evaluation: how well a model predicts a text, in four units."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygpt.autograd.mode import no_grad
from tinygpt.backend import array_module, like, to_float
from tinygpt.models.ids import IGNORE
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.progress import progress as shown
from tinygpt.text.batches import check_length, window_batches
from tinygpt.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Evaluation:
    """loss in nats per token; bits_per_byte compares models with different tokenizers."""

    loss: float
    accuracy: float  # share of tokens that the model held for the likeliest
    tokens: int  # that were predicted
    bytes: int  # in them

    @property
    def perplexity(self) -> float:
        """exp(loss): the model is as uncertain as between so many equally likely tokens."""
        return math.exp(self.loss) if self.loss < 700 else math.inf

    @property
    def bits_per_byte(self) -> float:
        """tokens loss / (ln 2 bytes): what a compressor with this model would need."""
        return self.tokens * self.loss / (math.log(2) * self.bytes) if self.bytes else math.nan


def mean_loss(
    model: Any,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    each: Callable[..., Iterable[tuple[float, int]]] = map,
) -> float:
    """The mean loss per target in eval mode; every one counts alike, in a smaller batch too.
    each(work, batches): how they are worked off, one after the other or divided over ranks."""

    def sum_of(batch: tuple[np.ndarray, np.ndarray]) -> tuple[float, int]:
        x, y = batch
        kept = int((y != IGNORE).sum())
        return to_float(model.loss(x, y).data) * kept, kept

    total, count = 0.0, 0
    model.eval()
    with no_grad(), np.errstate(all="ignore"):
        for nats, kept in each(sum_of, batches):
            total += nats
            count += kept
    return total / count


def evaluate(
    model: Any,
    ids: np.ndarray,
    tokenizer: Tokenizer,
    batch_size: int = 12,
    progress: bool = False,
    begin: int | None = None,
) -> Evaluation:
    """Every token of the text but its first, predicted from those before it in its window.

    Windows of block_size stand side by side, so a token sees half a window on average; the last one
    is shorter. Bytes are those of the tokens themselves: a token that is half a character counts
    for the bytes it has, not for those of U+FFFD, which it would be decoded to. With `begin` every
    window begins where that id stands, and they may overlap. ValueError for a text of fewer than
    two tokens.
    """
    check_length(ids, 1)
    block_size = min(model.config.block_size, len(ids) - 1)
    batches = window_batches(ids, block_size, batch_size, begin=begin)
    rest = len(ids) - 1 - sum(y.size for _, y in batches)
    if begin is None and rest:
        batches += window_batches(ids[-rest - 1 :], rest, 1)
    lengths = np.zeros(model.config.vocab_size, np.int64)  # 0 for an id without a token
    missing = set(tokenizer.missing_ids(len(lengths)))
    for i in set(range(len(lengths))) - missing:
        lengths[i] = len(tokenizer.token_bytes(i))
    total = right = tokens = n_bytes = 0
    model.eval()
    with no_grad(), np.errstate(all="ignore"):  # the caller looks at what comes out
        for x, y in shown(batches, desc="evaluating", disable=not progress, delay=1):
            logits = model(x)
            targets = like(y, logits.data)
            total += to_float(cross_entropy(logits, targets).data) * y.size
            likeliest = array_module(logits.data).argmax(logits.data, axis=-1)
            right += int(to_float((likeliest == targets).sum()))
            tokens += y.size
            n_bytes += int(lengths[y].sum())
    return Evaluation(total / tokens, right / tokens, tokens, n_bytes)
