"""The ids of a corpus: the width that holds them, pieces that change nothing, a file when large."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt.text import BPETokenizer, ByteTokenizer, CharTokenizer, corpus_ids, ids
from tinygpt.text import tokenizer as tokenizer_module
from tinygpt.text.bpe_tokenizer import PATTERNS
from tinygpt.text.tokenizer import cut_into_parts

TEXT = "The cat's  dog\n\n  sat 12 times; they've  gone\tto 天地 and back.  \r\n" * 3
BPE = BPETokenizer.train(TEXT, 320)
BY_PATTERN = {name: BPETokenizer.train(TEXT, 320, pattern=name) for name in PATTERNS}


@pytest.mark.parametrize(
    ("vocab_size", "width"), [(2, 2), (65_535, 2), (65_536, 2), (65_537, 4), (200_000, 4)]
)
def test_ids_in_16_bits_as_long_as_they_fit(vocab_size, width):
    """T6"""
    assert ids.id_dtype(vocab_size).itemsize == width
    assert np.iinfo(ids.id_dtype(vocab_size)).max >= vocab_size - 1


def test_an_id_that_does_not_fit_is_an_error_and_no_other_token():
    class Wrong(ByteTokenizer):
        def encode_corpus(self, text, allow_special=False, allow_unknown=True):
            return np.array([65_536])

    with pytest.raises(ValueError, match="id 65536 does not fit into uint16"):
        corpus_ids(Wrong(), "a")


@given(st.text(alphabet="aB '\n\r\t1,./天", max_size=80), st.integers(1, 20))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_pieces_change_nothing(text, size):
    for tokenizer in BY_PATTERN.values():
        parts = cut_into_parts(text, tokenizer.cut, size)
        assert "".join(parts) == text
        whole = tokenizer.encode(text)
        assert [i for part in parts for i in tokenizer.encode(part)] == whole
        with mock.patch.object(tokenizer_module, "PART", size):
            assert list(tokenizer.encode_iterable(text)) == whole  # letter by letter


@pytest.mark.parametrize(
    "tokenizer", [BPE, ByteTokenizer((), ["<|end|>"]), CharTokenizer.train("The cat's dog")]
)
def test_ids_in_a_file_are_the_same(tmp_path, monkeypatch, tokenizer):
    monkeypatch.setattr(ids, "PIECE", 7)
    text = TEXT + "<|end|>" + TEXT
    here = corpus_ids(tokenizer, text)
    there = corpus_ids(tokenizer, text, tmp_path / "ids.bin", large=50)
    assert isinstance(there, np.memmap) and not isinstance(here, np.memmap)
    assert here.dtype == there.dtype == np.uint16
    assert np.array_equal(here, there)
    assert not there.flags.writeable
    assert (tmp_path / "ids.bin").stat().st_size == 2 * len(here)
    assert here.tolist() == tokenizer.encode_corpus(text, allow_special=True).tolist()


def test_a_small_text_needs_no_file(tmp_path):
    assert not isinstance(corpus_ids(BPE, TEXT, tmp_path / "ids.bin"), np.memmap)
    assert list(tmp_path.iterdir()) == []
    assert len(corpus_ids(BPE, "")) == 0
