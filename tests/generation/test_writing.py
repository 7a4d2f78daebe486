"""Text from a model."""

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, generate_text
from tinygpt.generation import stream_text
from tinygpt.text import ByteTokenizer


class Scripted:
    """A model that writes given bytes."""

    class config:
        vocab_size = 256

    def __init__(self, text):
        self.data = text.encode("utf-8") if isinstance(text, str) else text

    def stream(self, ids, max_new_tokens, **settings):
        for byte in self.data[:max_new_tokens]:
            yield np.array([byte])


def test_characters_come_whole():
    pieces = list(stream_text(Scripted("aé天🐕"), ByteTokenizer(), "x", 100))
    assert pieces == ["a", "é", "天", "🐕"]


def test_half_a_character_at_the_end_is_marked():
    assert list(stream_text(Scripted("a天"), ByteTokenizer(), "x", 3)) == ["a", "\ufffd"]


def test_bytes_that_are_no_text_do_not_stop_it():
    assert (
        "".join(stream_text(Scripted(b"a\xff\xfeb"), ByteTokenizer(), "x", 9)) == "a\ufffd\ufffdb"
    )


def test_generate_text_begins_with_the_prompt_and_repeats_with_its_seed():
    model = GPT(GPTConfig(vocab_size=256, block_size=8, n_layer=1, n_head=1, n_embd=8))
    settings = {"temperature": 0.9, "top_k": 20, "seed": 4}
    a, b = (generate_text(model, ByteTokenizer(), "Hé", 20, **settings) for _ in range(2))
    assert a == b
    assert a.startswith("Hé")
    assert len(a.encode("utf-8", errors="replace")) >= 20


def test_refusals():
    model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=1, n_embd=8))
    with pytest.raises(ValueError, match="prompt is empty"):
        generate_text(model, ByteTokenizer(), "")
    with pytest.raises(ValueError, match="tokenizer has 256 tokens, the model 11"):
        generate_text(model, ByteTokenizer(), "x")
