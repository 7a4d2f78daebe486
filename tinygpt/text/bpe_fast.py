"""The two loops of byte-pair encoding, quick enough for a whole corpus. The rule is in bpe.py, and
the tests hold these to it."""

import heapq
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygpt.progress import progress
from tinygpt.text.tokenizer import utf8

Pair = tuple[int, int]
HALF = 32  # a pair of ids as one number: a << HALF | b, in the order of the pairs


class _Last:
    """Orders the other way round: in a heap the last of the alphabet comes first."""

    def __init__(self, of: Any):
        self.of = of

    def __lt__(self, other: "_Last") -> bool:
        return other.of < self.of


def learn_merges(pieces: Mapping[str, int], n: int, ties: str = "ids") -> list[Pair]:
    """The same merges as learn_merges_plain, n at most.

    All pieces lie one after the other in `tokens`, chained by `after` and `before`. It is known
    where each pair stands and how often it occurs, and a heap knows the commonest. A merge changes
    only what it touches: the pair itself and its neighbours to the left and to the right. So all
    merges together cost no more than there are tokens, also where a piece is a whole book.
    """
    words = [utf8(piece) for piece in pieces]
    lengths = np.array([len(w) for w in words], np.int64)
    N = int(lengths.sum())  # the place behind everything: no token, its own neighbour
    tokens = np.append(np.frombuffer(b"".join(words), np.uint8).astype(np.int64), -1)
    times = np.append(np.repeat(np.array(list(pieces.values()), np.int64), lengths), 0)
    ends = np.cumsum(lengths)[lengths > 0]
    after, before = np.arange(1, N + 2), np.arange(-1, N)
    after[ends - 1], before[np.append(0, ends[:-1])] = N, N
    after[N] = N

    def pairs_at(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the places where a pair begins, and the pairs."""
        at = at[(tokens[at] >= 0) & (tokens[after[at]] >= 0)]
        return at, tokens[at] << HALF | tokens[after[at]]

    counts: dict[int, int] = {}
    where: defaultdict[int, list[np.ndarray]] = defaultdict(list)
    heap: list[tuple[int, Any, int]] = []
    made = [bytes([b]) for b in range(256)]

    def note(at: np.ndarray, pairs: np.ndarray) -> None:
        """These pairs stand at these places."""
        order = np.argsort(pairs, kind="stable")
        at, pairs = at[order], pairs[order]
        first = np.flatnonzero(np.diff(pairs, prepend=-1))
        for pair, places in zip(pairs[first].tolist(), np.split(at, first[1:]), strict=True):
            where[pair].append(places)

    def count(pairs: np.ndarray, change: np.ndarray) -> None:
        kinds, which = np.unique(pairs, return_inverse=True)
        for pair, more in zip(kinds.tolist(), np.bincount(which, change).tolist(), strict=True):
            if more:
                counts[pair] = counts.get(pair, 0) + int(more)
                if counts[pair] > 0:
                    a, b = pair >> HALF, pair & (1 << HALF) - 1
                    rank = pair if ties == "ids" else _Last((made[a], made[b]))
                    heapq.heappush(heap, (-counts[pair], rank, pair))

    places, pairs = pairs_at(np.arange(N))
    if len(places):
        note(places, pairs)
        count(pairs, times[places])
    merges: list[Pair] = []
    with progress(total=n, desc="learning tokens", unit="token", delay=2) as bar:
        while heap and len(merges) < n:
            negative, _, pair = heapq.heappop(heap)
            if counts.get(pair) != -negative:  # an entry from before its count changed
                continue
            a, b, new = pair >> HALF, pair & (1 << HALF) - 1, 256 + len(merges)
            merges.append((a, b))
            made.append(made[a] + made[b])
            at = np.sort(np.concatenate(where.pop(pair)))
            at = at[(tokens[at] == a) & (tokens[after[at]] == b)]  # some were merged since
            if a == b:
                at = _every_second(at, after)
            right, left = after[at], before[at]
            touched, old = pairs_at(np.unique(np.concatenate([left, at, right])))
            tokens[at], tokens[right] = new, -1
            after[at] = after[right]
            before[after[at]] = at
            after[N] = N
            places, pairs = pairs_at(np.unique(np.concatenate([left, at])))
            del counts[pair]
            old_stay = old != pair
            count(
                np.concatenate([old[old_stay], pairs]),
                np.concatenate([-times[touched][old_stay], times[places]]),
            )
            if len(places):
                note(places, pairs)
            bar.update()
    return merges


def _every_second(at: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Of a run of one token, aaaa, the pairs that a merge from left to right takes: (aa)(aa)."""
    goes_on = np.append(False, after[at[:-1]] == at[1:])  # this pair begins where the last one ends
    i = np.arange(len(at))
    begin = np.maximum.accumulate(np.where(goes_on, 0, i))
    return at[(i - begin) % 2 == 0]


def merged_by_heap(ids: list[int], ranks: Mapping[Pair, int]) -> list[int]:
    """The same as apply_merges_plain, for a piece without end, such as a page of Chinese: a heap
    knows the first pair, and only its neighbours are looked at again. n log n in place of n^2."""
    n = len(ids)
    token: list[int | None] = [*ids, None]  # None: merged into the one before, or the end
    after, before = [*range(1, n + 1)], [*range(-1, n - 1)]
    heap: list[tuple[int, int]] = []  # rank of a pair, and where its first token stands

    def look(i: int) -> None:
        rank = ranks.get((token[i], token[after[i]]))  # type: ignore[arg-type]
        if rank is not None:
            heapq.heappush(heap, (rank, i))

    for i in range(n - 1):
        look(i)
    while heap:
        rank, i = heapq.heappop(heap)
        j = after[i] if token[i] is not None else n
        if j == n or ranks.get((token[i], token[j])) != rank:  # type: ignore[arg-type]
            continue  # one of the two is gone since
        token[i], token[j], after[i] = 256 + rank, None, after[j]
        if after[i] < n:
            before[after[i]] = i
            look(i)
        if before[i] >= 0:
            look(before[i])
    return [t for t in token if t is not None]
