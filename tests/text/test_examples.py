"""Rows of examples: padding changes nothing, and only answers count."""

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Tensor
from tinygpt.nn import cross_entropy
from tinygpt.text.char import CharTokenizer
from tinygpt.text.chat import Example, special_tokens
from tinygpt.text.examples import (
    IGNORE,
    ExampleBatches,
    answer_row,
    example_batches,
    label_row,
    pad_id,
    padded,
)

TOKENIZER = CharTokenizer.train("abcdefgh", special_tokens=special_tokens(["t"]))
PAD = pad_id(TOKENIZER)
SHORT, LONG = Example(("ab", "c"), "t"), Example(("abcd", "efg"), "t")


def model(**settings):
    shape = {"block_size": 16, "n_layer": 2, "n_head": 2, "n_embd": 8}
    return GPT(GPTConfig(vocab_size=TOKENIZER.vocab_size, **shape, **settings), seed=1)


def test_the_targets_are_the_answer_one_place_earlier():
    x, y = answer_row(TOKENIZER, SHORT, 16)
    assert TOKENIZER.decode(x) == "<|t|><|user|>ab<|assistant|>c"
    assert y[:4].tolist() == [IGNORE] * 4
    assert TOKENIZER.decode(y[4:]) == "c<|endoftext|>"


def test_padding_changes_neither_loss_nor_gradient():
    rows = [answer_row(TOKENIZER, e, 16) for e in (SHORT, LONG)]
    together, apart = model(), model()
    kept = [int((y != IGNORE).sum()) for _, y in rows]
    together.loss(*padded(rows, PAD)).backward()
    for (x, y), n in zip(rows, kept, strict=True):
        (apart.loss(x[None], y[None]) * (n / sum(kept))).backward()
    for (name, a), (_, b) in zip(
        together.named_parameters(), apart.named_parameters(), strict=True
    ):
        assert np.allclose(a.grad, b.grad, atol=1e-6), name


def test_what_is_said_by_the_user_teaches_nothing():
    """The gradient with respect to the logits is 0 wherever the target is no answer."""
    x, y = padded([answer_row(TOKENIZER, e, 16) for e in (SHORT, LONG)], PAD)
    logits = Tensor(np.random.default_rng(0).standard_normal((*x.shape, 5)), requires_grad=True)
    cross_entropy(logits, np.where(y == IGNORE, y, 0)).backward()
    assert not logits.grad[y == IGNORE].any()
    assert logits.grad[y != IGNORE].all()


def test_a_label_stands_at_the_last_token_of_the_prompt():
    x, y = label_row(TOKENIZER, SHORT, ["a", "c"], 16)
    assert TOKENIZER.decode(x) == "<|t|><|user|>ab<|assistant|>"
    assert y.tolist() == [IGNORE] * (len(x) - 1) + [1]


def test_a_head_chooses_after_the_whole_text():
    classifier = model(n_classes=3)
    x, y = padded([label_row(TOKENIZER, e, ["c", "efg"], 16) for e in (SHORT, LONG)], PAD)
    assert classifier(x).shape == (*x.shape, 3)
    assert np.isfinite(classifier.loss(x, y).item())
    with pytest.raises(ValueError, match="target 3 at"):
        classifier.loss(x, np.where(y == IGNORE, y, 3))
    with pytest.raises(ValueError, match="writes nothing"):
        classifier.generate(x, 3)


def test_too_long_is_said_with_its_place():
    e = Example(("abcdefgh", "abcdefgh"), "t", "my.tsv, line 7")
    with pytest.raises(ValueError, match=r"my.tsv, line 7: 19 tokens are more than .* 10:"):
        answer_row(TOKENIZER, e, 10)
    with pytest.raises(ValueError, match=r"my.tsv, line 7: 11 tokens"):
        label_row(TOKENIZER, e, ["abcdefgh"], 10)


def test_the_oldest_exchanges_of_a_long_chat_are_left_out():
    long = Example(("a", "b", "c", "d"), "t")
    x, y = answer_row(TOKENIZER, long, 6)
    assert TOKENIZER.decode(x) == "<|t|><|user|>c<|assistant|>d"
    assert (y != IGNORE).sum() == 2


def test_batches_draw_every_row_equally_often_and_pad_little():
    rows = [(np.arange(1, n + 1), np.arange(1, n + 1)) for n in range(1, 65)]
    batches = ExampleBatches(rows, 2, pad=0, seed=0)
    counts, cells, real = np.zeros(65), 0, 0
    for _ in range(3200):
        x, y = next(batches)
        assert x.shape == y.shape
        lengths = (y != IGNORE).sum(axis=1)
        np.add.at(counts, lengths, 1)
        cells, real = cells + x.size, real + lengths.sum()
    assert counts[1:].min() > 50  # 100 each on average; below 50 would be five deviations
    assert counts[1:].max() < 150
    assert real > 0.85 * cells


def test_the_same_seed_draws_the_same_and_goes_on_from_its_state():
    rows = [answer_row(TOKENIZER, e, 16) for e in (SHORT, LONG)] * 9
    one, other = (ExampleBatches(rows, 3, pad=PAD, seed=5) for _ in range(2))
    for _ in range(4):
        assert np.array_equal(next(one)[0], next(other)[0])
    other.rng.bit_generator.state = one.rng.bit_generator.state
    assert np.array_equal(next(one)[0], next(other)[0])


def test_all_rows_once_to_measure_on():
    rows = [answer_row(TOKENIZER, e, 16) for e in (LONG, SHORT, SHORT)]
    batches = example_batches(rows, 2, pad=PAD)
    assert [len(x) for x, _ in batches] == [2, 1]
    assert sum(int((y != IGNORE).sum()) for _, y in batches) == 2 + 2 + 4
    assert len(example_batches(rows, 2, pad=PAD, limit=1)) == 1
    with pytest.raises(ValueError, match="no example"):
        ExampleBatches([], 2, pad=PAD)
