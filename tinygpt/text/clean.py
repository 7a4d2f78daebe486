"""Cleaning: what `--clean` does to a text, and how much of it there was.

A model learns what is in its text: two ways to write "é" are two things to learn, a page that
occurs twice is learned by heart twice as well, and a held-out copy of it makes the loss look better
than it is.
"""

import re
import unicodedata
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")  # all but tab, LF and CR


def clean(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    """The documents cleaned, and what was done as lines to print. In this order:

    1. line ends CR LF and CR become LF;
    2. control characters other than tab and LF, and byte-order marks, are removed;
    3. Unicode normalisation NFC: "e" + U+0301 becomes "é" (Unicode Standard Annex 15);
    4. of documents that are then equal the first is kept.
    """
    kept: dict[str, None] = {}
    line_ends = controls = composed = 0
    for document in documents:
        text = document.replace("\r\n", "\n").replace("\r", "\n")
        line_ends += document.count("\r")
        text, removed = _CONTROL.subn("", text)
        controls += removed
        normal = unicodedata.normalize("NFC", text)
        composed += normal != text
        kept[normal] = None
    counts = {
        "line ends CR LF or CR made LF": line_ends,
        "control characters removed": controls,
        "documents changed by NFC": composed,
        "duplicate documents removed": len(documents) - len(kept),
    }
    return list(kept), [f"clean: {n:,} {what}" for what, n in counts.items()]


def overlap(train: str, validation: str, length: int = 50, at_most: int = 200) -> tuple[int, int]:
    """How many pieces of the held-out text stand in the training text word for word.

    Pieces of `length` characters, evenly spread, at most so many. -> (found, tried)
    """
    places = len(validation) // length
    tried = min(places, at_most)
    starts = [length * (i * places // tried) for i in range(tried)]
    return sum(validation[a : a + length] in train for a in starts), tried
