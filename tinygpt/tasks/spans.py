"""Answers that are marked in the text: BERT says where one begins, and where it ends.

    [CLS] Mia went to the park with a little dog . ... Who was with Mia ? [SEP]
                                  ^ begin      ^ end

Every token gets two scores; of all pairs begin <= end, no more than LONGEST tokens apart, the best
one is the answer. Devlin et al. 2019, "BERT", section 4.2.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygpt.autograd.mode import no_grad
from tinygpt.backend import random_stream, to_cpu
from tinygpt.models.bert import BERT, BertConfig
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.chat import Example

SPECIAL = ("<|pad|>", "<|cls|>", "<|sep|>")
LONGEST = 12  # tokens of an answer
ROWS = 24


def single_questions(examples: Sequence[Example]) -> list[Example]:
    """Each question with the text before it, where several were asked about one; without those
    whose answer is no piece of the text."""
    found = []
    for e in examples:
        text = e.turns[0].rpartition(". ")[0]
        for asked, answer in zip(e.turns[::2], e.turns[1::2], strict=True):
            question = asked.rpartition(". ")[2]
            if answer in text:
                found.append(Example((f"{text}. {question}", answer), e.task))
    return found


def find_span(tokenizer: BPETokenizer, text: str, answer: str) -> tuple[list[int], int, int]:
    """The ids of a row, and the places in it of the first and of the last token of the answer,
    where that stands first in the text. ValueError where it does not stand there."""
    ids = tokenizer.encode(text)
    ends = np.cumsum([len(tokenizer.token_bytes(i)) for i in ids])  # in bytes, of each token
    at = text.encode("utf-8").find(answer.encode("utf-8"))
    if at < 0:
        raise ValueError(f"the answer {answer!r} does not stand in the text {text[:60]!r} ...")
    first = int(np.searchsorted(ends, at, side="right"))
    last = int(np.searchsorted(ends, at + len(answer.encode("utf-8")), side="left"))
    special = tokenizer.special_tokens
    return [special["<|cls|>"], *ids, special["<|sep|>"]], first + 1, last + 1


def span_rows(
    tokenizer: BPETokenizer, examples: Sequence[Example]
) -> tuple[np.ndarray, np.ndarray]:
    """Padded rows (n, T), and begin and end of each answer (n, 2)."""
    found = [find_span(tokenizer, e.turns[0], e.answer) for e in examples]
    x = np.full(
        (len(found), max(len(ids) for ids, *_ in found)), tokenizer.special_tokens[SPECIAL[0]]
    )
    for row, (ids, *_) in zip(x, found, strict=True):
        row[: len(ids)] = ids
    return x, np.array([(first, last) for _, first, last in found])


def span_batches(x: np.ndarray, y: np.ndarray, pad: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Batches without end, cut to the longest row in them."""
    rng, lengths = random_stream(seed, "batches"), (x != pad).sum(axis=1)
    while True:
        i = rng.integers(0, len(x), ROWS)
        yield x[i, : lengths[i].max()], y[i]


def span_model(tokenizer: BPETokenizer, length: int, seed: int) -> BERT:
    """A small BERT that marks answers."""
    pad = tokenizer.special_tokens["<|pad|>"]
    return BERT(
        BertConfig(
            tokenizer.vocab_size, block_size=length, n_layer=3, n_head=4, n_embd=96, n_types=1,
            dropout=0.0, pad_id=pad, pooler=False, head="span",
        ),
        seed=seed,
    )  # fmt: skip


def marked_answers(model: BERT, tokenizer: BPETokenizer, examples: Sequence[Example]) -> list[str]:
    """The best span of each text, as text."""
    x, _ = span_rows(tokenizer, examples)
    answers = []
    for start in range(0, len(x), 64):
        rows = x[start : start + 64]
        with no_grad(), np.errstate(all="ignore"):
            scores = to_cpu(model(rows).data)  # (B, T, 2)
        scores[rows == model.config.pad_id] = -np.inf
        for ids, (begin, end) in zip(rows, scores.transpose(0, 2, 1), strict=True):
            both = begin[:, None] + end[None, :]
            allowed = np.tri(len(ids), k=LONGEST - 1, dtype=bool) & np.tri(len(ids), dtype=bool).T
            first, last = np.unravel_index(np.where(allowed, both, -np.inf).argmax(), both.shape)
            answers.append(tokenizer.decode(ids[first : last + 1]).strip())
    return answers
