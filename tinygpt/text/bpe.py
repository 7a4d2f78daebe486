"""Byte-pair encoding: start from bytes, and again and again make the commonest pair one token.

    "low lower"   l o w _ l o w e r   ->   lo w _ lo w e r   ->   low _ low e r

Common words become one token, rare ones a few, and every text can be written, because every byte is
a token. Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword
Units"; on bytes: Radford et al. 2019, section 2.2.

    merges = learn_merges_plain({"low": 1, "lower": 1}, 2)    [(108, 111), (256, 119)]
    encode_plain("lower", merges)                             [257, 101, 114], which is low e r
    decode_plain([257, 101, 114], merges)                     "lower"

The ids 0 to 255 are the bytes (l is 108, o is 111), and 256 + i is what merge i makes.

This file is the rule. BPETokenizer (bpe_tokenizer.py) cuts a text into pieces first, so that no
token reaches over a word's end; bpe_fast.py gives the same quicker; bpe_files.py is the formats.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

Pair = tuple[int, int]


def merge(ids: list[int], pair: Pair, new: int) -> list[int]:
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


def learn_merges_plain(pieces: Mapping[str, int], n: int) -> list[Pair]:
    """Training: count all pairs, merge the commonest, count again.   {"low": 2, "lower": 1}, 9

    pieces: piece of text -> how often it occurs. Of equally frequent pairs the smallest ids."""
    words = [(list(piece.encode("utf-8")), count) for piece, count in pieces.items()]
    merges: list[Pair] = []
    while len(merges) < n:
        counts: Counter[Pair] = Counter()
        for ids, count in words:
            for pair in pairwise(ids):
                counts[pair] += count
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], p))
        words = [(merge(ids, pair, 256 + len(merges)), count) for ids, count in words]
        merges.append(pair)
    return merges


def encode_plain(text: str, merges: Sequence[Pair]) -> list[int]:
    """The ids of a text: its bytes, merged as in training."""
    ranks = {pair: i for i, pair in enumerate(merges)}
    return apply_merges_plain(list(text.encode("utf-8")), ranks)


def apply_merges_plain(ids: list[int], ranks: Mapping[Pair, int]) -> list[int]:
    """Encoding: merge the pair that was learned first, wherever it stands, until none is left."""
    while len(ids) > 1:
        pair = min(pairwise(ids), key=lambda p: ranks.get(p, len(ranks)))
        if pair not in ranks:
            break
        ids = merge(ids, pair, 256 + ranks[pair])
    return ids


def decode_plain(ids: Sequence[int], merges: Sequence[Pair]) -> str:
    """The text of these ids. A token is the bytes of the two that it was merged from."""
    tokens = [bytes([b]) for b in range(256)]
    for a, b in merges:
        tokens.append(tokens[a] + tokens[b])
    return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")
