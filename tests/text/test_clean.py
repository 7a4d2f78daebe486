"""Cleaning: what it changes, what it leaves alone, and that it counts both."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt.text.clean import clean, overlap


def test_what_it_does_and_counts():
    documents = ["\ufeffone\r\ntwo\rthree\x00\x07", "cafe\u0301", "caf\u00e9", "same", "same"]
    kept, said = clean(documents)
    assert kept == ["one\ntwo\nthree", "café", "same"]
    assert said == [
        "clean: 2 line ends CR LF or CR made LF",
        "clean: 3 control characters removed",
        "clean: 1 documents changed by NFC",
        "clean: 2 duplicate documents removed",
    ]


def test_what_it_leaves_alone():
    """Tabs, line ends, ideographs, joined emoji, and letters that only look alike."""
    text = "a\tb\n\n天地 ﬁ ² 👩‍👩‍👧 \u00a0 end"
    assert clean([text])[0] == [text]


@given(st.lists(st.text(max_size=20), max_size=5))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_twice_is_once(documents):
    once, _ = clean(documents)
    twice, said = clean(once)
    assert twice == once
    assert all(line.startswith("clean: 0 ") for line in said)
    assert all(unicodedata.is_normalized("NFC", d) and "\r" not in d for d in once)


def test_overlap():
    train = "".join(chr(0x4E00 + i) for i in range(5000))
    other = "".join(chr(0x9000 - i) for i in range(1000))
    assert overlap(train, other) == (0, 20)
    assert overlap(train, train[1000:2000]) == (20, 20)
    assert overlap(train, other[:500] + train[7:507]) == (10, 20)
    assert overlap(train, train, at_most=30) == (30, 30)
    assert overlap(train, "short") == (0, 0)
