"""BPETokenizer: byte-pair encoding of whole texts, which are cut into pieces first."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import regex

from tinygpt.text.bpe import Pair, apply_merges_plain
from tinygpt.text.bpe_fast import learn_merges, merged_by_heap
from tinygpt.text.bpe_files import content_of, files_of, merges_in, two_files
from tinygpt.text.reading import chunks
from tinygpt.text.tokenizer import CUT, Tokenizer, cut_into_parts, split_special, utf8

# How a text is cut into pieces; no token reaches over a cut. Contractions, then words, numbers and
# signs with what may stand before them, then blanks. gpt2: Radford et al. 2019, section 2.2, as in
# the published encoder.py; gpt4 (cl100k_base) and o200k: OpenAI's tiktoken 0.14; llama3: its
# tokenizer.json, which is how gpt4 was before.
_ENDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
_BLANKS = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "gpt4": _ENDS + _WORDS + r"|\s+(?![\s\S])" + _BLANKS,  # blanks at the end stay one piece
    "llama3": _ENDS + _WORDS + _BLANKS,
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_ENDS}?"
             rf"|[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_ENDS}?"
             r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    # digits, signs, Chinese characters and the capitals of "RAIN" by themselves: so a number, and a
    # word that is to be spelled, is always cut alike. Other words with the blank before them
    "single": r"\p{N}|\p{Han}| ?\p{Lu}?(?:(?![\p{Han}\p{Lu}])\p{L})+|\p{Lu}|[^\s\p{L}\p{N}]"
              r"|\s+(?!\S)|\s+",
    "none": r"[\s\S]+",
}  # fmt: skip

# where a long text may be cut. In the newer patterns line ends belong to the sign before them; but
# what follows a line end begins anew ("/" apart, in o200k)
CUT_NEWER = re.compile(r"(?<=\S)(?= )|(?<=\n)(?=[^\s/])")
CUTS = {"gpt2": CUT, "none": None}

LONG = 200  # bytes in a piece from which on it is merged by heap, and not remembered


class BPETokenizer(Tokenizer):
    """A tokenizer over bytes and merges.

    Token ids: 0 to 255 are the bytes, 256 + i is what merge i makes, then the special tokens.
    BPETokenizer.train(text, 1024) learns the merges; BPETokenizer.load(file or folder) reads a
    tokenizer.json, or GPT-2's vocab.json with merges.txt, or encoder.json with vocab.bpe.
    """

    def __init__(
        self,
        merges: Sequence[Pair],
        special_tokens: Sequence[str] | Mapping[str, int] = (),
        byte_order: Sequence[int] = range(256),
        pattern: str = "gpt2",
    ):
        """merges: pairs of ids, in the order in which they were learned. byte_order: the bytes with
        the ids 0 to 255; in GPT-2 those that can be printed come first. pattern: a name of
        PATTERNS, how the text is cut. special_tokens: with ids of their own where it is a mapping;
        the other tokens then have the numbers that are left, in order."""
        if pattern not in PATTERNS:
            raise ValueError(
                f"expected pattern to be one of {', '.join(PATTERNS)}, got {pattern!r}"
            )
        self.pattern, self.pieces = pattern, regex.compile(PATTERNS[pattern])
        self.cut = CUTS.get(pattern, CUT_NEWER)
        self.merges, self.byte_order = list(merges), list(byte_order)
        self.ranks = {pair: i for i, pair in enumerate(self.merges)}
        self.byte_ids = {byte: i for i, byte in enumerate(byte_order)}
        tokens = [bytes([b]) for b in byte_order]
        for a, b in self.merges:
            tokens.append(tokens[a] + tokens[b])
        super().__init__(tokens, special_tokens)
        self._cache: dict[str, list[int]] = {}  # piece -> ids: the same words come again and again

    @classmethod
    def train(
        cls,
        text: str | Path | Iterable[str],
        vocab_size: int,
        special_tokens: Sequence[str] = (),
        *,
        pattern: str = "gpt2",
        ties: str = "ids",
    ) -> Self:
        """Learn vocab_size - 256 - len(special_tokens) merges from a text, the file at a path, or
        several texts, which may come one after the other and need not fit into memory.

        The commonest pair of neighbours inside the pieces is merged first; among equally frequent
        ones the pair with the smallest ids, or with ties="bytes" the one whose bytes come last in
        the alphabet. Fewer merges are learned where no pair is left. ValueError for a vocab_size
        that has no room for the bytes and the special tokens, and for another rule of ties.
        """
        least = 256 + len(special_tokens)
        if vocab_size < least:
            raise ValueError(
                f"expected vocab_size >= {least} (all bytes are tokens), got {vocab_size}"
            )
        if ties not in ("ids", "bytes"):
            raise ValueError(f'expected ties to be "ids" or "bytes", got {ties!r}')
        tokenizer = cls((), special_tokens, pattern=pattern)  # refuses what cannot be
        texts = (
            [text]
            if isinstance(text, str)
            else chunks(text, cut=tokenizer.cut)
            if isinstance(text, Path)
            else text
        )
        pieces: Counter[str] = Counter()
        for one in texts:
            for part in split_special(one, special_tokens):
                if part not in tokenizer.special_tokens:
                    for chunk in cut_into_parts(part, tokenizer.cut):
                        pieces.update(tokenizer.pieces.findall(chunk))
        merges = learn_merges(pieces, vocab_size - least, ties)
        return cls(merges, special_tokens, pattern=pattern)

    def _ids(self, text: str, at: int, allow_unknown: bool) -> Any:
        ids = []
        for piece in self.pieces.findall(text):
            known = self._cache.get(piece)
            if known is None:
                known = self._merged(piece)
                if len(piece) < LONG:
                    if len(self._cache) > 1_000_000:
                        self._cache.clear()
                    self._cache[piece] = known
            ids += known
        return ids

    def _merged(self, piece: str) -> list[int]:
        ids = [self.byte_ids[b] for b in utf8(piece)]
        return (apply_merges_plain if len(ids) <= LONG else merged_by_heap)(ids, self.ranks)

    # --------------------------------------------------------------------------------- files

    def _content(self) -> dict[str, Any]:
        return content_of(self._ordinary(), self.merges, PATTERNS, self.pattern)

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a tokenizer.json, or a vocabulary with its merges, or the one in a folder.

        ValueError where there is none, where it is cut short, and where it does something to a text
        that this class does not."""
        pair = files_of(Path(where))
        if pair is None:
            return super().load(where)
        vocab, merges = pair
        try:
            content, special = two_files(vocab, merges)
            return cls._from_content(content, special)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{vocab} and {merges.name} are cut short or no tokenizer like GPT-2's: {error!r}"
            ) from error

    @classmethod
    def _from_content(cls, content: Any, special_tokens: dict[str, int]) -> Self:
        merges, byte_order, pattern = merges_in(content, special_tokens, PATTERNS)
        return cls(merges, special_tokens, byte_order, pattern)
