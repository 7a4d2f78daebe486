"""Text from a model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt import GPT, GPTConfig, generate_text
from tinygpt.generation import TextWriter, generate_texts, stream_text
from tinygpt.text import BPETokenizer, ByteTokenizer


class Scripted:
    """A model that writes given bytes."""

    stop_ids = ()

    class config:
        vocab_size = 256

    def __init__(self, *texts):
        self.data = [t.encode("utf-8") if isinstance(t, str) else t for t in texts]

    def stream(self, ids, max_new_tokens, stop_ids=(), **settings):
        for column in list(zip(*self.data, strict=True))[:max_new_tokens]:
            yield np.array(column)


class Pieces:
    """A tokenizer whose tokens are these pieces of text."""

    def __init__(self, *pieces):
        self.pieces = [p.encode("utf-8") if isinstance(p, str) else p for p in pieces]

    def token_bytes(self, id):
        return self.pieces[id]


def written(pieces, stop):
    """What comes out at each token, and at the end."""
    writer = TextWriter(Pieces(*pieces), stop)
    return [*(writer.write(i) for i in range(len(pieces))), writer.close()]


def model(vocab_size=256):
    return GPT(GPTConfig(vocab_size=vocab_size, block_size=8, n_layer=1, n_head=1, n_embd=8))


# ---------------------------------------------------------------------------- whole characters


def test_characters_come_whole():
    pieces = list(stream_text(Scripted("aé天🐕"), ByteTokenizer(), "x", 100))
    assert pieces == ["a", "é", "天", "🐕"]


def test_half_a_character_at_the_end_is_marked():
    assert list(stream_text(Scripted("a天"), ByteTokenizer(), "x", 3)) == ["a", "\ufffd"]


def test_bytes_that_are_no_text_do_not_stop_it():
    assert (
        "".join(stream_text(Scripted(b"a\xff\xfeb"), ByteTokenizer(), "x", 9)) == "a\ufffd\ufffdb"
    )


# -------------------------------------------------------------------------------- stop strings


@pytest.mark.parametrize(
    ("pieces", "stop", "expected"),
    [
        (["The ", "Par", "is."], ["Pari"], ["The ", "", "", ""]),  # S5: spread over two tokens
        (["The ", "Par", "ty."], ["Pari"], ["The ", "", "Party.", ""]),  # held back, then printed
        (["The Paris of"], ["Paris"], ["The ", ""]),  # inside one token
        (["a", "a", "a", "b"], ["aab"], ["", "", "a", "", ""]),  # begins anew inside itself
        (["x", "y"], ["xyz"], ["", "", "xy"]),  # at the end it is clear that it is none
        (["one two"], ["two", "one"], ["", ""]),  # the first in the text, not in the list
        (["b", "a", "a"], ["a", "baa"], ["", "b", "", ""]),  # "a" is complete before "baa"
        (["q\n", "\n", "r"], ["\n\n"], ["q", "", "", ""]),
        ([b"a\xe5\xa4", b"\xa9b"], ["天"], ["a", "", ""]),  # in half a character
    ],
)
def test_stop_strings(pieces, stop, expected):
    assert written(pieces, stop) == expected


@given(st.lists(st.text("ab", max_size=3)), st.lists(st.text("ab", min_size=1), max_size=3))
@settings(max_examples=500, deadline=None)
def test_what_is_printed_is_the_text_up_to_the_first_stop_string(pieces, stop):
    """The first is the one that is complete first, of those with one end the longest: so it does
    not matter how the text is cut into tokens."""
    text = "".join(pieces)
    expected = text
    for end in range(len(text) + 1):
        starts = [end - len(s) for s in stop if text[:end].endswith(s)]
        if starts:
            expected = text[: min(starts)]
            break
    assert "".join(written(pieces, stop)) == expected
    assert "".join(written([text], stop)) == expected
    assert "".join(written(list(text), stop)) == expected


def test_a_stop_string_in_the_prompt_is_no_matter():
    assert list(stream_text(Scripted("cd."), ByteTokenizer(), "a.b", stop=".")) == ["c", "d"]


def test_stop_ids_are_not_printed_and_end_the_text():
    tokenizer = BPETokenizer.train("a b c", 258, ["<|endoftext|>", "<|end|>"])

    class Ends(Scripted):
        class config:
            vocab_size = 258

        def stream(self, ids, max_new_tokens, stop_ids=(), **settings):
            self.given = stop_ids
            for id in (97, 257, 98, 256, 99):
                yield np.array([id])

    scripted = Ends()
    assert "".join(stream_text(scripted, tokenizer, "x")) == "a<|end|>b"
    assert scripted.given == [256]  # <|endoftext|> ends a text unasked
    assert "".join(stream_text(scripted, tokenizer, "x", stop="<|end|>")) == "a"
    assert scripted.given == [256, 257]
    assert generate_texts(scripted, tokenizer, "x", stop_ids=(98,)) == ["xa<|end|>"]


# -------------------------------------------------------------------------------- several texts


def test_several_samples_stop_apart():
    texts = generate_texts(
        Scripted("ab.d", "efgh"), ByteTokenizer(), "x", num_samples=2, stop=["."]
    )
    assert texts == ["xab", "xefgh"]


def test_samples_differ_and_repeat_with_their_seed():
    a, b = (generate_texts(model(), ByteTokenizer(), "x", 20, num_samples=3, seed=1) for _ in "ab")
    assert a == b
    assert len(set(a)) == 3
    assert all(text.startswith("x") for text in a)


def test_generate_text_begins_with_the_prompt_and_repeats_with_its_seed():
    settings = {"temperature": 0.9, "top_k": 20, "seed": 4}
    a, b = (generate_text(model(), ByteTokenizer(), "Hé", 20, **settings) for _ in range(2))
    assert a == b
    assert a.startswith("Hé")
    assert len(a.encode("utf-8", errors="replace")) >= 20
    assert a == "Hé" + "".join(stream_text(model(), ByteTokenizer(), "Hé", 20, **settings))


def test_beams():
    a, b = (generate_text(model(), ByteTokenizer(), "x", 12, num_beams=3) for _ in range(2))
    assert a == b
    ids = model().generate([[ord("x")]], 12, num_beams=3)[0]
    assert a == ByteTokenizer().decode(ids)


def test_refusals():
    with pytest.raises(ValueError, match="prompt is empty"):
        generate_text(model(), ByteTokenizer(), "")
    with pytest.raises(ValueError, match="tokenizer has 256 tokens, the model 11"):
        generate_text(model(11), ByteTokenizer(), "x")
    with pytest.raises(ValueError, match="stop string is empty"):
        generate_text(model(), ByteTokenizer(), "x", stop="")
    with pytest.raises(ValueError, match="num_samples >= 1"):
        generate_texts(model(), ByteTokenizer(), "x", num_samples=0)
    with pytest.raises(ValueError, match="stop id 256 is outside the vocabulary of 256"):
        generate_text(model(), ByteTokenizer(), "x", stop_ids=(256,))
