"""Evaluation: every token once, bytes of the tokens themselves."""

import math

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig
from tinygpt.text import BPETokenizer, ByteTokenizer, CharTokenizer
from tinygpt.training.evaluation import evaluate

TEXT = "🐕 é 天 and the cat sat on the mat, and the dog lay on the log. " * 3


def model_for(tokenizer, block_size=8, zero=False):
    config = GPTConfig(
        vocab_size=tokenizer.vocab_size, block_size=block_size, n_layer=1, n_head=2, n_embd=8
    )
    model = GPT(config).to("float64")
    if zero:
        model.vector().data[:] = 0
    return model


@pytest.mark.parametrize("text", ["🐕 é 天", "plain", "天" * 100, TEXT])
def test_bits_per_byte_of_a_model_that_knows_nothing(text):
    """M8: 8 bits for every text, for a dog too, which is 4 bytes and not 12."""
    tokenizer = ByteTokenizer()
    ids = np.array(tokenizer.encode(text))
    result = evaluate(model_for(tokenizer, zero=True), ids, tokenizer)
    assert result.bits_per_byte == pytest.approx(8.0, rel=1e-12)
    assert result.perplexity == pytest.approx(256.0, rel=1e-12)
    assert result.tokens == result.bytes == len(text.encode()) - 1


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("block_size", [4, 8, 500])
def test_every_token_counts_once(batch_size, block_size):
    """The windows side by side, the last one shorter, each on its own: M2."""
    tokenizer = BPETokenizer.train(TEXT, 300)
    ids = np.array(tokenizer.encode(TEXT))
    model = model_for(tokenizer, block_size)
    losses, right = [], []
    for start in range(0, len(ids) - 1, block_size):
        x = ids[start : start + block_size + 1]
        logits = model(x[:-1]).numpy()[0]
        for row, target in zip(logits, x[1:], strict=True):
            z = row - row.max()
            losses.append(math.log(np.exp(z).sum()) - z[target])
            right.append(row.argmax() == target)
    result = evaluate(model, ids, tokenizer, batch_size)
    assert result.tokens == len(losses) == len(ids) - 1
    assert result.loss == pytest.approx(np.mean(losses), rel=1e-10)
    assert result.accuracy == pytest.approx(np.mean(right))
    n_bytes = len(TEXT.encode()) - len(tokenizer.token_bytes(ids[0]))
    assert result.bytes == n_bytes
    assert result.bits_per_byte == pytest.approx(np.sum(losses) / math.log(2) / n_bytes)


def test_unknown_characters_and_a_text_too_short():
    tokenizer = CharTokenizer.train("abc")
    result = evaluate(model_for(tokenizer), tokenizer.encode_corpus("ab☃c"), tokenizer)
    assert result.bytes == 1 + 3 + 1
    with pytest.raises(ValueError, match="has 1 tokens, but one window needs 2"):
        evaluate(model_for(tokenizer), np.array([1]), tokenizer)
