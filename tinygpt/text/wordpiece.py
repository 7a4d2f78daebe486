"""WordPiece: BERT's tokenizer. A word is cut into the longest pieces that the vocabulary has.

    "unaffable"  ->  un ##aff ##able           ## : goes on from the piece before
    "天气 ok"    ->  天 气 ok                    a Chinese character is a word

First the text is cleaned (control characters out, letters small and without accents in an uncased
model) and cut into words at blanks, signs and Chinese characters; then each word from the left,
always the longest piece that fits; a word that cannot be made is [UNK]. A text cannot be had back
exactly: blanks and capitals are gone. Devlin et al. 2019, section 3; Wu et al. 2016, section 4.1.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tinygpt.files import read_json
from tinygpt.text.tokenizer import TOKENIZER_CONFIG, TOKENIZER_FILE

VOCAB_FILE = "vocab.txt"
LONGEST = 100  # characters of a word; a longer one is [UNK]
CHINESE = (  # code points, from and to
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def pieces_plain(word: str, vocabulary: Any) -> list[str]:
    """The longest piece that fits, from the left, again and again.   ["[UNK]"] where none does"""
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                found.append(piece)
                start = end
                break
        else:
            return ["[UNK]"]
    return found


def is_sign(c: str) -> bool:
    """Punctuation, as BERT counts it: all of ASCII's signs too, such as $ and ^."""
    if c.isascii():
        return c.isprintable() and not c.isalnum() and c != " "
    return unicodedata.category(c).startswith("P")


class WordPieceTokenizer:
    """WordPieceTokenizer.load(folder).encode("the cat") -> [101, 1996, 4937, 102]

    encode puts [CLS] before and [SEP] after a text, and takes a second text (types)."""

    def __init__(
        self, vocabulary: Sequence[str], *, lowercase: bool = True, accents: bool | None = None
    ):
        """accents: whether they stay; None: as lowercase says, they go with the capitals."""
        self.tokens = list(vocabulary)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.lowercase = lowercase
        self.accents = not lowercase if accents is None else accents
        missing = [t for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") if t not in self.ids]
        if missing:
            raise ValueError(f"it is no vocabulary of BERT: {', '.join(missing)} is not in it")
        self.pad_id, self.begin_id, self.end_id = (self.ids[t] for t in ("[PAD]", "[CLS]", "[SEP]"))
        self.mask_id = self.ids.get("[MASK]")

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return len(self.tokens)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The tokenizer in a folder: vocab.txt, or a tokenizer.json of the kind WordPiece.
        ValueError where there is none."""
        folder = Path(folder)
        whole = folder / TOKENIZER_FILE
        settings = folder / TOKENIZER_CONFIG
        said = read_json(settings, "tokenizer's settings") if settings.is_file() else {}
        small, strip = said.get("do_lower_case", True), said.get("strip_accents")
        if (folder / VOCAB_FILE).is_file():
            lines = (folder / VOCAB_FILE).read_text(encoding="utf-8").split("\n")
            tokens = lines[:-1] if lines[-1] == "" else lines
        elif whole.is_file():
            content = read_json(whole, "tokenizer")
            try:
                vocab = content["model"]["vocab"]
                if content["model"].get("type", "WordPiece") != "WordPiece":
                    raise ValueError(f"it is of the kind {content['model']['type']}, not WordPiece")
                tokens = sorted(vocab, key=vocab.__getitem__)
                normalizer = content.get("normalizer") or {}
                small = normalizer.get("lowercase", small)
                strip = normalizer.get("strip_accents", strip)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise ValueError(f"{whole} is no WordPiece tokenizer: {error}") from error
        else:
            raise ValueError(f"{folder} has no {VOCAB_FILE} and no {TOKENIZER_FILE}")
        return cls(tokens, lowercase=small, accents=None if strip is None else not strip)

    def words(self, text: str) -> list[str]:
        """The words and signs of a text, cleaned."""
        out = []
        for c in text:
            if c in "\t\n\r" or unicodedata.category(c) == "Zs":
                out.append(" ")
            elif c != "\ufffd" and unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs"):
                chinese = any(a <= ord(c) <= b for a, b in CHINESE)
                out.append(f" {c} " if chinese else c)
        text = "".join(out)
        if self.lowercase:
            text = "".join(c.lower() for c in text)  # one by one: a Σ at the end of a word is σ too
        if not self.accents:
            apart = unicodedata.normalize("NFD", text)
            text = "".join(c for c in apart if unicodedata.category(c) != "Mn")
        return "".join(f" {c} " if is_sign(c) else c for c in text).split()

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text.   "unaffable!" -> ["un", "##aff", "##able", "!"]"""
        return [
            piece
            for word in self.words(text)
            for piece in (pieces_plain(word, self.ids) if len(word) <= LONGEST else ["[UNK]"])
        ]

    def encode(self, text: str, second: str | None = None, longest: int = 0) -> list[int]:
        """[CLS] text [SEP], or [CLS] text [SEP] second [SEP]. longest: a longer text is cut off."""
        ids = [self.ids[t] for t in self.tokenize(text)]
        if longest:
            ids = ids[: longest - 2]
        ids = [self.begin_id, *ids, self.end_id]
        if second is not None:
            ids += [*(self.ids[t] for t in self.tokenize(second)), self.end_id]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The pieces put together: words with one blank between, without [CLS], [SEP] and [PAD]."""
        left_out = (self.pad_id, self.begin_id, self.end_id)
        return " ".join(self.tokens[i] for i in ids if i not in left_out).replace(" ##", "")
