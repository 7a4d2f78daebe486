"""Byte-pair encoding: start from bytes, and again and again make the commonest pair one token.

    "low lower"   l o w _ l o w e r   ->   lo w _ lo w e r   ->   low _ low e r

Common words become one token, rare ones a few, and every text can be written, because every byte is
a token. Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword
Units"; on bytes: Radford et al. 2019, section 2.2.
"""

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import regex

from tinygpt.text.tokenizer import TOKENIZER_FILE, Tokenizer, split_special

# GPT-2's way to cut text into pieces; no token reaches over a cut. Contractions, then words,
# numbers and signs with the space before them, then spaces.
PIECES = regex.compile(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


LONG = 200  # bytes in a piece from which on it is merged by heap


class BPETokenizer(Tokenizer):
    """A tokenizer over bytes and merges.

    Token ids: 0 to 255 are the bytes, 256 + i is what merge i makes, then the special tokens.
    BPETokenizer.train(text, 1024) learns the merges; BPETokenizer.load(file or folder) reads a
    tokenizer.json, or GPT-2's vocab.json with merges.txt, or encoder.json with vocab.bpe.
    """

    def __init__(
        self,
        merges: Sequence[tuple[int, int]],
        special_tokens: Sequence[str] = (),
        byte_order: Sequence[int] = range(256),
    ):
        """merges: pairs of ids, in the order in which they were learned. byte_order: the bytes with
        the ids 0 to 255; in GPT-2 those that can be printed come first."""
        self.merges = list(merges)
        self.ranks = {pair: i for i, pair in enumerate(self.merges)}
        self.byte_ids = {byte: i for i, byte in enumerate(byte_order)}
        tokens = [bytes([b]) for b in byte_order]
        for a, b in self.merges:
            tokens.append(tokens[a] + tokens[b])
        super().__init__(tokens, special_tokens)
        self._cache: dict[str, list[int]] = {}  # piece -> ids: the same words come again and again

    @classmethod
    def train(cls, text: str, vocab_size: int, special_tokens: Sequence[str] = ()) -> Self:
        """Learn vocab_size - 256 - len(special_tokens) merges from the text.

        The commonest pair of neighbours inside the pieces is merged first; among equally frequent
        pairs the one with the smallest ids. Fewer merges are learned where no pair is left.
        ValueError for a vocab_size that has no room for the bytes and the special tokens.
        """
        least = 256 + len(special_tokens)
        if vocab_size < least:
            raise ValueError(
                f"expected vocab_size >= {least} (all bytes are tokens), got {vocab_size}"
            )
        tokenizer = cls((), special_tokens)  # refuses special tokens that cannot be
        pieces: Counter[str] = Counter()
        for part in split_special(text, special_tokens):
            if part not in tokenizer.special_tokens:
                pieces.update(PIECES.findall(part))
        return cls(_learn_merges(pieces, vocab_size - least), special_tokens)

    def _ids(self, text: str, at: int, allow_unknown: bool) -> Any:
        ids = []
        for piece in PIECES.findall(text):
            known = self._cache.get(piece)
            if known is None:
                known = self._cache[piece] = self._merged(piece.encode("utf-8"))
                if len(self._cache) > 1_000_000:
                    self._cache.clear()
            ids += known
        return ids

    def _merged(self, piece: bytes) -> list[int]:
        """Merge the pair that was learned first, wherever it stands, until none is left."""
        ids, never = [self.byte_ids[b] for b in piece], len(self.merges)
        if len(ids) > LONG:
            return self._merged_by_heap(ids)
        while len(ids) > 1:
            pair = min(pairwise(ids), key=lambda p: self.ranks.get(p, never))
            if pair not in self.ranks:
                break
            ids = merge(ids, pair, 256 + self.ranks[pair])
        return ids

    def _merged_by_heap(self, ids: list[int]) -> list[int]:
        """The same for a piece without end, such as a page of Chinese or of blanks: a heap knows
        the first pair, and only its neighbours are looked at again. n log n in place of n^2."""
        n = len(ids)
        token: list[int | None] = [*ids, None]  # None: merged into the one before, or the end
        after, before = [*range(1, n + 1)], [*range(-1, n - 1)]
        heap: list[tuple[int, int]] = []  # rank of a pair, and where its first token stands

        def look(i: int) -> None:
            rank = self.ranks.get((token[i], token[after[i]]))  # type: ignore[arg-type]
            if rank is not None:
                heapq.heappush(heap, (rank, i))

        for i in range(n - 1):
            look(i)
        while heap:
            rank, i = heapq.heappop(heap)
            j = after[i] if token[i] is not None else n
            if j == n or self.ranks.get((token[i], token[j])) != rank:  # type: ignore[arg-type]
                continue  # one of the two is gone since
            token[i], token[j], after[i] = 256 + rank, None, after[j]
            if after[i] < n:
                before[after[i]] = i
                look(i)
            if before[i] >= 0:
                look(before[i])
        return [t for t in token if t is not None]

    # --------------------------------------------------------------------------------- files

    def _content(self) -> dict[str, Any]:
        tokens = self._bytes[: 256 + len(self.merges)]
        names = ["".join(_BYTE_TO_CHAR[b] for b in token) for token in tokens]
        byte_level = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        return {
            "pre_tokenizer": {"type": "ByteLevel", **byte_level},
            "decoder": {"type": "ByteLevel", **byte_level},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {name: i for i, name in enumerate(names)},
                "merges": [[names[a], names[b]] for a, b in self.merges],
            },
        }

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a tokenizer.json, or a vocabulary with its merges, or the one in a folder.

        ValueError where there is none, where it is cut short, and where it cuts text in another
        way than GPT-2's."""
        for vocab, merges in _pairs_of_files(Path(where)):
            if vocab.is_file() and merges.is_file():
                return cls._from_two_files(vocab, merges)
        return super().load(where)

    @classmethod
    def _from_two_files(cls, vocab_file: Path, merges_file: Path) -> Self:
        try:
            vocab = json.loads(vocab_file.read_text(encoding="utf-8"))
            lines = merges_file.read_text(encoding="utf-8").split("\n")
            pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
            special = sorted(vocab, key=vocab.__getitem__)[256 + len(pairs) :]
            content = {"model": {"vocab": vocab, "merges": pairs}}
            return cls._from_content(content, special)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{vocab_file} and {merges_file.name} are cut short or no tokenizer like GPT-2's: "
                f"{error!r}"
            ) from error

    @classmethod
    def _from_content(cls, content: Any, special_tokens: list[str]) -> Self:
        """The merges, checked against the vocabulary that stands beside them."""
        _check_cuts(content)
        vocab, pairs = dict(content["model"]["vocab"]), content["model"]["merges"]
        for i, token in enumerate(special_tokens):
            if vocab.pop(token, 256 + len(pairs) + i) != 256 + len(pairs) + i:
                raise ValueError(f"its special token {token!r} does not stand at the end")
        ids = {bytes(_CHAR_TO_BYTE[c] for c in name): i for name, i in vocab.items()}
        merges = []
        for i, pair in enumerate(pairs):
            a, b = pair.split(" ") if isinstance(pair, str) else pair
            left, right = (bytes(_CHAR_TO_BYTE[c] for c in name) for name in (a, b))
            if ids[left + right] != 256 + i:
                raise ValueError(f"merge {i} makes token {ids[left + right]}, not {256 + i}")
            merges.append((ids[left], ids[right]))
        order = sorted(range(256), key=lambda b: ids[bytes([b])])
        if len(ids) != 256 + len(merges) or any(ids[bytes([b])] != i for i, b in enumerate(order)):
            raise ValueError("its tokens are not the 256 bytes and one for each merge")
        return cls(merges, special_tokens, order)


def _pairs_of_files(where: Path) -> list[tuple[Path, Path]]:
    """Where a vocabulary and its merges may lie, for a folder or one of the two files."""
    names = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")]
    if where.is_dir():
        if (where / TOKENIZER_FILE).is_file():
            return []
        return [(where / a, where / b) for a, b in names]
    return [(where.parent / a, where.parent / b) for a, b in names if where.name in (a, b)]


def _check_cuts(content: Any) -> None:
    """ValueError for a tokenizer.json that changes or cuts the text in another way than GPT-2's."""
    cutter = content.get("pre_tokenizer") or {"type": "ByteLevel"}
    as_gpt2 = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    other = {k: v for k, v in cutter.items() if as_gpt2.get(k, v) != v}
    for name in ("normalizer", "truncation", "padding"):
        if content.get(name) is not None:
            other[name] = content[name]
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if content["model"].get(name):
            other[name] = content["model"][name]
    for name in ("byte_fallback", "ignore_merges"):
        if content["model"].get(name):
            other[name] = True
    if other:
        raise ValueError(f"it works in another way than GPT-2's: {str(other)[:200]}")


def merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace every occurrence of pair by new, from left to right: aaa -> (aa) a, not twice."""
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def learn_merges_plain(pieces: dict[str, int], n: int) -> list[tuple[int, int]]:
    """The rule itself: count all pairs, merge the commonest, count again. Slow."""
    words = [(list(piece.encode("utf-8")), count) for piece, count in pieces.items()]
    merges: list[tuple[int, int]] = []
    while len(merges) < n:
        counts: Counter[tuple[int, int]] = Counter()
        for ids, count in words:
            for pair in pairwise(ids):
                counts[pair] += count
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], p))
        words = [(merge(ids, pair, 256 + len(merges)), count) for ids, count in words]
        merges.append(pair)
    return merges


def _learn_merges(pieces: dict[str, int], n: int) -> list[tuple[int, int]]:
    """The same merges as learn_merges_plain: after a merge only the words that held the pair are
    counted again, and a heap knows the commonest pair."""
    words = [list(piece.encode("utf-8")) for piece in pieces]
    times = list(pieces.values())
    counts: Counter[tuple[int, int]] = Counter()
    where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for w, ids in enumerate(words):
        for pair in pairwise(ids):
            counts[pair] += times[w]
            where[pair].add(w)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    merges: list[tuple[int, int]] = []
    while heap and len(merges) < n:
        negative, pair = heapq.heappop(heap)
        if counts[pair] != -negative:  # an entry from before its count changed
            continue
        new = 256 + len(merges)
        merges.append(pair)
        changed: Counter[tuple[int, int]] = Counter()
        for w in where.pop(pair):
            old, ids = words[w], merge(words[w], pair, new)
            for p in pairwise(old):
                changed[p] -= times[w]
            for p in pairwise(ids):
                changed[p] += times[w]
                where[p].add(w)
            words[w] = ids
        for p, change in changed.items():
            if change:
                counts[p] += change
                if counts[p] > 0:
                    heapq.heappush(heap, (-counts[p], p))
        del counts[pair]
    return merges


# ------------------------------------------------------------------------- GPT-2's byte alphabet


def _byte_alphabet() -> dict[int, str]:
    """Byte -> a printable character that stands for it in a vocabulary file.

    A JSON file cannot hold half a character, so GPT-2 writes printable Latin-1 bytes as themselves
    and numbers the others from U+0100 on: the space is "Ġ".
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


_BYTE_TO_CHAR = _byte_alphabet()
_CHAR_TO_BYTE = {c: b for b, c in _BYTE_TO_CHAR.items()}
