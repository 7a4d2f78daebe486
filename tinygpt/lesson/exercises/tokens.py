"""Lesson 04, Text to ids: merge a pair, find the commonest, encode, decode."""

from collections import Counter
from itertools import pairwise

import numpy as np

from tinygpt.lesson.exercise import (
    Case,
    Exercise,
    FormError,
    Outputs,
    Wrong,
    kind_of,
    whole_numbers,
)
from tinygpt.text.bpe import encode_plain  # fmt: skip
from tinygpt.text.bpe import merge as merge_plain

# ------------------------------------------------------------------------------------- 04.1


def merge_answer(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        # the pair stands here: one token for two
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            out.append(new)
            i += 2
        # anything else stays
        else:
            out.append(ids[i])
            i += 1
    return out


def as_ids(function, *inputs) -> Outputs:
    return {"result": whole_numbers(function(*inputs))}


def _is_pair(ids, i, pair):
    return i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair)


def second_stays(ids, pair, new):
    return [new if _is_pair(ids, i, pair) else v for i, v in enumerate(ids)]


def second_stays_and_new_is_added(ids, pair, new):
    out = []
    for i, v in enumerate(ids):
        out.append(v)
        if i and _is_pair(ids, i - 1, pair):
            out.append(new)
    return out


def twice_in_a_row(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if _is_pair(ids, i, pair):
            out.append(new)
            i += 1 if _is_pair(ids, i + 1, pair) else 2
        else:
            out.append(ids[i])
            i += 1
    return out


def last_one_lost(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        if _is_pair(ids, i, pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def last_pair_overlooked(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 2 < len(ids) and _is_pair(ids, i, pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def first_occurrence_alone(ids, pair, new):
    for i in range(len(ids)):
        if _is_pair(ids, i, pair):
            return ids[:i] + [new] + ids[i + 2 :]
    return list(ids)


def from_the_right(ids, pair, new):
    out, i = [], len(ids) - 1
    while i >= 0:
        if i and (ids[i - 1], ids[i]) == tuple(pair):
            out.append(new)
            i -= 2
        else:
            out.append(ids[i])
            i -= 1
    return out[::-1]


def either_order(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if _is_pair(ids, i, pair) or _is_pair(ids, i, tuple(pair)[::-1]):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def first_half_is_enough(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if ids[i] == pair[0]:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def each_of_the_two(ids, pair, new):
    return [new if v in pair else v for v in ids]


def taken_out(ids, pair, new):
    return [v for v in merge_answer(ids, pair, new) if v != new or v in ids]


def the_callers_list(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if _is_pair(ids, i, pair):
            ids[i : i + 2] = [new]
        i += 1
    return ids


def nothing_merged(ids, pair, new):
    return list(ids)


def the_rest_dropped(ids, pair, new):
    return [v for v in merge_answer(ids, pair, new) if v == new]


def pairs_from_even_places(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i % 2 == 0 and _is_pair(ids, i, pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def goes_on_by_one(ids, pair, new):
    out = []
    for i, v in enumerate(ids):
        if _is_pair(ids, i, pair):
            out.append(new)
        elif not (i == len(ids) - 1 and i and _is_pair(ids, i - 1, pair)):
            out.append(v)
    return out


def always_by_two(ids, pair, new):
    return [new if _is_pair(ids, i, pair) else ids[i] for i in range(0, len(ids), 2)]


def in_the_text_of_the_list(ids, pair, new):
    text = ",".join(map(str, ids)).replace(f"{pair[0]},{pair[1]}", str(new))
    return [int(v) for v in text.split(",")]


MERGE = Exercise(
    id="04.1",
    name="my_merge",
    form="my_merge(ids, pair, new) -> a new list of ids",
    answer=merge_answer,
    observe=as_ids,
    cases=(
        Case(([5, 1, 2, 4, 6, 3, 1, 2], (1, 2), 256)),
        Case(([1, 2, 1, 2, 9, 2, 1, 1], (1, 2), 300), "the pair stands at the beginning"),
        Case(([7, 7, 7, 3, 7, 7], (7, 7), 256), "three equal ones in a row"),
        Case(([4, 4, 4, 4, 4], (4, 4), 260), "five equal ones in a row"),
        Case(([3, 4, 5, 2], (5, 4), 256), "the pair is not there"),
        Case(([5], (5, 5), 256), "a single id"),
        Case(([11, 2, 3, 1, 23, 1, 2], (1, 2), 256), "11 2 and 1 23 look like 1 2 in print"),
    ),
    wrongs=(
        Wrong(
            second_stays,
            "The new token takes the place of the first one, and the second one stays beside it.",
            "By how many places must you go on, once you have merged two?",
            (second_stays_and_new_is_added, goes_on_by_one),
        ),
        Wrong(
            always_by_two,
            "You go on by two where nothing was merged too: ids are lost.",
            "By how many places must you go on, where the pair is not there?",
        ),
        Wrong(
            in_the_text_of_the_list,
            "You replace in the printed list: there 11, 2 holds a 1, 2, and 1, 23 does too.",
            "How can ids be compared as numbers?",
        ),
        Wrong(
            twice_in_a_row,
            "In 7 7 7 you use the middle one twice.",
            "Which id comes next, once two have become one?",
        ),
        Wrong(
            last_one_lost,
            "The last id is missing in your result.",
            "Where does your loop end, and what is left then?",
        ),
        Wrong(
            last_pair_overlooked,
            "A pair at the very end is not merged.",
            "Which is the last place at which a pair can begin?",
        ),
        Wrong(
            first_occurrence_alone,
            "Only the first occurrence is merged.",
            "What comes after the first one was found?",
        ),
        Wrong(
            from_the_right,
            "You merge from the right: 7 7 7 becomes 7 (7 7). Everybody must do it alike, and the "
            "rule is from left to right.",
            "Which end does your loop begin at?",
        ),
        Wrong(
            either_order,
            "You merge 2 1 as well as 1 2.",
            "Are 'on' and 'no' the same two letters?",
        ),
        Wrong(
            first_half_is_enough,
            "You look at the first half of the pair only.",
            "What must stand at i + 1?",
        ),
        Wrong(
            each_of_the_two,
            "You replace each half by itself, wherever it stands.",
            "What must stand next to the first half?",
        ),
        Wrong(
            taken_out,
            "The pairs are gone, and nothing stands in their place.",
            "What is appended where the pair was found?",
        ),
        Wrong(
            the_callers_list,
            "The result is right, but the list that you were given is changed too: it belongs to "
            "the caller.",
            "Which line makes a list of your own?",
        ),
        Wrong(
            nothing_merged,
            "Nothing is merged: your result is the list as it was. (A list is never equal to a "
            "tuple.)",
            "Is your condition ever true?",
        ),
        Wrong(
            the_rest_dropped,
            "Only the new tokens are left.",
            "What is appended where no pair stands?",
        ),
        Wrong(
            pairs_from_even_places,
            "You look at every second place only.",
            "By how many places do you go on where no pair stands?",
        ),
    ),
    hints=(
        "Go through the list with an index. Where ids[i] and ids[i + 1] are the pair, append the "
        "new id and go on by two; else append ids[i] and go on by one. Mind the last place: "
        "there is no i + 1.",
        "The same for 'replace every 0 0 by one 0' in a list of bits:\n\n"
        "    out, i = [], 0\n"
        "    while i < len(bits):\n"
        "        if i + 1 < len(bits) and bits[i] == 0 and bits[____] == 0:\n"
        "            out.append(0)\n"
        "            i += ____\n"
        "        else:\n"
        "            out.append(bits[i])\n"
        "            i += 1",
    ),
    library=merge_plain,
)

# ------------------------------------------------------------------------------------- 04.2


def best_pair_answer(ids):
    # how often each pair stands there
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1
    # the commonest; of equally common ones the smallest
    return min(counts, key=lambda pair: (-counts[pair], pair))


def _counts(ids):
    return Counter(zip(ids, ids[1:]))


def the_first_of_equals(ids):
    return _counts(ids).most_common(1)[0][0]


def the_last_of_equals(ids):
    counts = _counts(ids)
    best = None
    for pair in counts:
        if best is None or counts[pair] >= counts[best]:
            best = pair
    return best


def the_largest_of_equals(ids):
    counts = _counts(ids)
    return max(counts, key=lambda p: (counts[p], p))


def smallest_second_of_equals(ids):
    counts = _counts(ids)
    return min(counts, key=lambda p: (-counts[p], p[1], p[0]))


def the_rarest(ids):
    counts = _counts(ids)
    return min(counts, key=lambda p: (counts[p], p))


def the_smallest_pair(ids):
    return min(_counts(ids))


def the_largest_pair(ids):
    return max(_counts(ids))


def every_second_pair(ids):
    counts = Counter(zip(ids[::2], ids[1::2]))
    return min(counts, key=lambda p: (-counts[p], p))


def order_ignored(ids):
    counts = Counter(tuple(sorted(p)) for p in zip(ids, ids[1:]))
    return min(counts, key=lambda p: (-counts[p], p))


def last_pair_not_counted(ids):
    counts = Counter(zip(ids[:-1], ids[1:-1]))
    return min(counts, key=lambda p: (-counts[p], p))


def the_two_commonest_ids(ids):
    counts = Counter(ids)
    first, second = sorted(counts, key=lambda v: (-counts[v], v))[:2]
    return first, second


def how_often(ids):
    return max(_counts(ids).values())


def pair_and_how_often(ids):
    best = best_pair_answer(ids)
    return best, _counts(ids)[best]


def pair_and_how_often_in_one(ids):
    best = best_pair_answer(ids)
    return (*best, _counts(ids)[best])


def the_whole_count(ids):
    return _counts(ids)


def no_overlap(ids):
    """7 7 7 counted once."""
    counts, i = Counter(), 0
    last = {}
    for i, pair in enumerate(zip(ids, ids[1:])):
        if last.get(pair) != i - 1:
            counts[pair] += 1
            last[pair] = i
    return min(counts, key=lambda p: (-counts[p], p))


def the_first_pair(ids):
    return ids[0], ids[1]


def pairs_two_apart(ids):
    counts = Counter(zip(ids, ids[2:]))
    return min(counts, key=lambda p: (-counts[p], p))


def the_two_commonest_ids_by_place(ids):
    (first, _), (second, _) = Counter(ids).most_common(2)
    return first, second


def first_number_alone_of_equals(ids):
    counts = _counts(ids)
    return min(counts, key=lambda p: (-counts[p], p[0]))


BEST_PAIR = Exercise(
    id="04.2",
    name="my_best_pair",
    form="my_best_pair(ids) -> (a, b)",
    answer=best_pair_answer,
    cases=(
        Case(([9, 5, 6, 5, 6, 8, 5, 6, 1, 9, 2],)),
        Case(([1, 2, 9, 3, 1, 2, 7, 7, 1, 4, 2, 1],)),
        Case(([8, 2, 1, 3, 5, 1, 3, 8, 2],), "two pairs are equally common"),
        Case(([4, 2, 9, 6, 4, 7, 4, 2, 0, 6, 4],), "two are equally common, the other way round"),
        Case(([1, 3, 7, 8, 2, 5, 1, 3, 0, 8, 2],), "two are equally common: 1 3 and 8 2"),
        Case(([2, 9, 7, 1, 9, 2, 7, 1],), "9 2 and 2 9 are two pairs"),
        Case(([3, 3, 3, 3, 1, 4, 1, 4, 2],), "four equal ones in a row"),
        Case(([9, 8, 9, 8],), "the last pair decides"),
        Case(([1, 4, 8, 1, 3, 7, 1, 4, 6, 1, 3],), "two are equally common: 1 4 and 1 3"),
    ),
    wrongs=(
        Wrong(
            the_first_of_equals,
            "Of equally common pairs you take the one that came first in the text.",
            "Which of two equally common pairs does the rule ask for?",
        ),
        Wrong(
            the_last_of_equals,
            "Of equally common pairs you take the one that came last.",
            "Which of two equally common pairs does the rule ask for?",
        ),
        Wrong(
            the_largest_of_equals,
            "Of equally common pairs you take the largest.",
            "In (count, pair), the larger count should win, and the smaller pair: how can one "
            "`min` do both?",
        ),
        Wrong(
            smallest_second_of_equals,
            "Of equally common pairs you compare the second numbers first.",
            "How does Python compare (2, 9) with (3, 1)?",
        ),
        Wrong(
            first_number_alone_of_equals,
            "Of equally common pairs you compare the first numbers only: 1 4 and 1 3 have the "
            "same.",
            "How does Python compare (1, 4) with (1, 3)?",
        ),
        Wrong(
            the_rarest,
            "That is the rarest pair.",
            "Does `min` of the counts find the commonest?",
        ),
        Wrong(
            the_smallest_pair,
            "That is the smallest pair: how often each comes does not count.",
            "What should be compared first?",
        ),
        Wrong(
            the_largest_pair,
            "That is the largest pair: max() of a dict compares its keys.",
            "What does `key=counts.get` change?",
        ),
        Wrong(
            every_second_pair,
            "You look at every second pair only.",
            "1 2 3 has two pairs. Which?",
        ),
        Wrong(
            order_ignored,
            "2 9 and 9 2 are one pair with you.",
            "Are 'on' and 'no' the same two letters?",
        ),
        Wrong(
            last_pair_not_counted,
            "The last pair is not counted.",
            "How many pairs have four ids?",
        ),
        Wrong(
            the_two_commonest_ids,
            "Those are the two commonest ids. Do they stand side by side?",
            "What should be counted: ids, or pairs of neighbours?",
            (the_two_commonest_ids_by_place,),
        ),
        Wrong(
            how_often,
            "That is how often it comes.",
            "What is asked for: the count, or the pair?",
        ),
        Wrong(
            pair_and_how_often,
            "You return the count too. Asked for is the pair alone.",
            "Which part of it is (a, b)?",
            (pair_and_how_often_in_one,),
        ),
        Wrong(
            the_whole_count,
            "You return all counts. Asked for is one pair.",
            "Which of the pairs has the largest count?",
        ),
        Wrong(
            no_overlap,
            "In 3 3 3 you count one pair. There are two: the middle one has a neighbour on each "
            "side.",
            "How many pairs of neighbours have three ids?",
        ),
        Wrong(
            the_first_pair,
            "That is the first pair of the text.",
            "How often does each pair come?",
        ),
        Wrong(
            pairs_two_apart,
            "Your pairs stand two places apart.",
            "Which slice of ids stands one place further?",
        ),
    ),
    hints=(
        "Count: a dict from pair to how often it stands there; zip(ids, ids[1:]) gives all pairs "
        "of neighbours. Then the one with the largest count. Of several with that count, the "
        "smallest pair, as Python compares tuples.",
        "The same for words, the commonest first, of equally common ones the first in the "
        "alphabet:\n\n    counts = Counter(words)\n    best = min(counts, key=lambda word: "
        "(-counts[____], ____))\n\nmin compares the first of the two, and where they are equal, "
        "the second.",
    ),
)

# ------------------------------------------------------------------------------------- 04.3


def encode_answer(ids, merges):
    # the merges in the order in which they were learned, each wherever it fits
    for i, pair in enumerate(merges):
        ids = merge_answer(ids, pair, 256 + i)
    return list(ids)


def _ranks(merges):
    return {tuple(pair): 256 + i for i, pair in enumerate(merges)}


def one_pass_from_the_left(ids, merges):
    known, out, i = _ranks(merges), [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) in known:
            out.append(known[ids[i], ids[i + 1]])
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def leftmost_again_and_again(ids, merges):
    known, ids = _ranks(merges), list(ids)
    while True:
        at = next((i for i, p in enumerate(pairwise(ids)) if p in known), None)
        if at is None:
            return ids
        ids[at : at + 2] = [known[ids[at], ids[at + 1]]]


def passes_from_the_left(ids, merges):
    while (out := one_pass_from_the_left(ids, merges)) != list(ids):
        ids = out
    return out


def _parts(merges):
    """id -> the bytes it stands for"""
    parts: dict[int, tuple[int, ...]] = {b: (b,) for b in range(256)}
    for i, (a, b) in enumerate(merges):
        parts[256 + i] = parts[a] + parts[b]
    return parts


def the_longest_from_the_left(ids, merges):
    by_bytes = {part: id for id, part in _parts(merges).items()}
    out, i, ids = [], 0, tuple(ids)
    while i < len(ids):
        n = max(n for n in range(1, len(ids) - i + 1) if ids[i : i + n] in by_bytes)
        out.append(by_bytes[ids[i : i + n]])
        i += n
    return out


def latest_first(ids, merges):
    for i, pair in reversed(list(enumerate(merges))):
        ids = merge_answer(ids, pair, 256 + i)
    return list(ids)


def first_merge_alone(ids, merges):
    return merge_answer(ids, merges[0], 256) if merges else list(ids)


def ends_at_the_first_that_is_missing(ids, merges):
    for i, pair in enumerate(merges):
        if tuple(pair) not in set(pairwise(ids)):
            break
        ids = merge_answer(ids, pair, 256 + i)
    return list(ids)


def numbered_from_0(ids, merges):
    known = {256 + i: i for i in range(len(merges))}
    return [known.get(v, v) for v in encode_answer(ids, merges)]


def numbered_from_255(ids, merges):
    for i, pair in enumerate(merges):
        ids = merge_answer(ids, pair, 255 + i)
    return list(ids)


def numbered_from_257(ids, merges):
    for i, pair in enumerate(merges):
        ids = merge_answer(ids, pair, 257 + i)
    return list(ids)


def every_merge_256(ids, merges):
    for pair in merges:
        ids = merge_answer(ids, pair, 256)
    return list(ids)


def result_forgotten(ids, merges):
    for i, pair in enumerate(merges):
        merge_answer(ids, pair, 256 + i)
    return list(ids)


def always_the_bytes_again(ids, merges):
    out = list(ids)
    for i, pair in enumerate(merges):
        out = merge_answer(ids, pair, 256 + i)
    return out


def learned_anew(ids, merges):
    ids = list(ids)
    for i in range(len(merges)):
        if len(ids) < 2:
            break
        ids = merge_answer(ids, best_pair_answer(ids), 256 + i)
    return ids


def last_merge_left_out(ids, merges):
    return encode_answer(ids, merges[:-1])


def first_merge_left_out(ids, merges):
    out = list(ids)
    for i, pair in enumerate(merges):
        if i:
            out = merge_answer(out, pair, 256 + i)
    return out


def numbered_by_what_occurs(ids, merges):
    ids, new = list(ids), 256
    for pair in merges:
        if tuple(pair) in set(pairwise(ids)):
            ids = merge_answer(ids, pair, new)
            new += 1
    return ids


def new_id_is_the_number(ids, merges):
    for i, pair in enumerate(merges):
        ids = merge_answer(ids, pair, i)
    return list(ids)


def each_at_one_place(ids, merges):
    for i, pair in enumerate(merges):
        ids = first_occurrence_alone(ids, pair, 256 + i)
    return list(ids)


def the_commonest_of_this_text(ids, merges):
    ids, known = list(ids), _ranks(merges)
    while True:
        counts = Counter(p for p in pairwise(ids) if p in known)
        if not counts:
            return ids
        best = max(counts, key=lambda p: counts[p])
        ids = merge_answer(ids, best, known[best])


def the_commonest_of_this_text_smallest_first(ids, merges):
    ids, known = list(ids), _ranks(merges)
    while True:
        counts = Counter(p for p in pairwise(ids) if p in known)
        if not counts:
            return ids
        best = min(counts, key=lambda p: (-counts[p], p))
        ids = merge_answer(ids, best, known[best])


def _bytes(text):
    return list(text.encode("utf-8"))


_STORY = [  # he, " t", " the", an, ed, " the ", in, ing, and
    (104, 101), (32, 116), (257, 256), (97, 110), (101, 100), (258, 32), (105, 110), (262, 103),
    (259, 100),
]  # fmt: skip
_ABC = [(98, 99), (97, 98), (257, 256), (99, 100), (256, 259)]  # bc, ab, abbc, cd, bccd
_LOW = [(108, 111), (256, 119), (257, 101), (258, 114), (101, 114)]  # lo, low, lowe, lower, er

ENCODE = Exercise(
    id="04.3",
    name="my_encode",
    form="my_encode(ids, merges): bytes as a list of ids -> a list of ids",
    answer=encode_answer,
    observe=as_ids,
    lends=(("merge", "04.1"),),
    cases=(
        Case((_bytes("in the thing he painted and the end"), _STORY)),
        Case((_bytes("abcd"), _ABC), "two merges claim the same byte"),
        Case((_bytes("aabbccdabcab"), _ABC), "two merges claim the same byte, again and again"),
        Case((_bytes("newer lower low"), _LOW), "a merge of merges"),
        Case((_bytes("猫 the 猫"), _STORY), "characters of three bytes"),
        Case((_bytes("xyz"), _ABC), "nothing can be merged"),
        Case((_bytes("bcdcdcd"), _ABC), "the merge that fits most often was learned later"),
    ),
    wrongs=(
        Wrong(
            one_pass_from_the_left,
            "You go through the text once, from the left, and merge what you meet. What was "
            "learned first must be merged first, and merges of merges come later.",
            "In which order were the merges learned?",
        ),
        Wrong(
            leftmost_again_and_again,
            "You merge the leftmost pair that is known. In a b c with the merges (b c), (a b) that "
            "gives ab c; the one that was learned first is b c.",
            "Which decides: where a pair stands, or when it was learned?",
            (passes_from_the_left,),
        ),
        Wrong(
            the_longest_from_the_left,
            "You take the longest token that fits, from the left. The text was not cut so when the "
            "merges were learned.",
            "In which order were the merges learned?",
        ),
        Wrong(
            latest_first,
            "You begin with the merge that was learned last. What it merges may not be there yet.",
            "Which merges had happened when (256, 119) was learned?",
        ),
        Wrong(
            first_merge_alone,
            "Only the first merge is made.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            ends_at_the_first_that_is_missing,
            "You stop at the first merge that the text does not have. Later ones may still fit.",
            "What should happen where a pair is not there?",
        ),
        Wrong(
            numbered_from_0,
            "Your new ids begin with 0, and those are bytes.",
            "Which ids are taken already?",
            (new_id_is_the_number,),
        ),
        Wrong(
            numbered_by_what_occurs,
            "You count only the merges that this text has. Merge number i makes 256 + i in every "
            "text, or the ids would mean something else in each.",
            "What should happen to the number where a pair is not there?",
        ),
        Wrong(
            each_at_one_place,
            "Each merge is made at its first place only.",
            "Who goes through the whole list: you, or my_merge?",
        ),
        Wrong(
            the_commonest_of_this_text,
            "You take the commonest known pair of this text first. What was learned first must be "
            "merged first.",
            "Which decides: how often a pair stands here, or when it was learned?",
            (the_commonest_of_this_text_smallest_first,),
        ),
        Wrong(
            numbered_from_255,
            "Your first new id is 255, and that is a byte.",
            "Bytes have the ids 0 to 255: which comes next?",
        ),
        Wrong(
            numbered_from_257,
            "Your first new id is 257, and merges of merges do not find theirs.",
            "Bytes have the ids 0 to 255: which comes next?",
        ),
        Wrong(
            every_merge_256,
            "All your merges get the id 256.",
            "Which id does the second merge get, and the third?",
        ),
        Wrong(
            result_forgotten,
            "The bytes come out as they went in: what merge returns is not kept.",
            "What does ids stand for after your loop?",
        ),
        Wrong(
            always_the_bytes_again,
            "Each merge begins with the bytes again: only the last one is left.",
            "On what should the second merge work?",
        ),
        Wrong(
            learned_anew,
            "You learn merges anew from this text. Those that are given count.",
            "Where in your lines do the given merges stand?",
        ),
        Wrong(
            last_merge_left_out,
            "The last merge is left out.",
            "How far does range(len(merges) - 1) run?",
        ),
        Wrong(
            first_merge_left_out,
            "The first merge is left out.",
            "At which number does your loop begin?",
        ),
    ),
    hints=(
        "Training made the merges one after the other, each on what the ones before had left. Do "
        "the same again: a loop over the merges, in their order, and in it `merge`, your "
        "function of exercise 04.1. Merge number i makes the id 256 + i.",
        "The same for folding a sheet of paper by a list of instructions:\n\n"
        "    for i, fold in enumerate(folds):\n"
        "        sheet = folded(____, fold)\n"
        "    return ____\n\n"
        "Each fold works on the sheet as the one before left it.",
    ),
    library=encode_plain,
)

# ------------------------------------------------------------------------------------- 04.4


def decode_answer(ids, pieces):
    # all bytes first, then characters
    return b"".join(pieces[i] for i in ids).decode("utf-8", errors="replace")


def each_by_itself(ids, pieces):
    return "".join(pieces[i].decode("utf-8", errors="replace") for i in ids)


def each_by_itself_ignored(ids, pieces):
    return "".join(pieces[i].decode("utf-8", errors="ignore") for i in ids)


def no_handler(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("utf-8")


def each_by_itself_no_handler(ids, pieces):
    return "".join(pieces[i].decode("utf-8") for i in ids)


def ignored(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("utf-8", errors="ignore")


def as_latin(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("latin-1")


def as_code_points(ids, pieces):
    return "".join(chr(b) for i in ids for b in pieces[i])


def blanks_between(ids, pieces):
    return b" ".join(pieces[i] for i in ids).decode("utf-8", errors="replace")


def bytes_returned(ids, pieces):
    return b"".join(pieces[i] for i in ids)


def printed_bytes(ids, pieces):
    return "".join(str(pieces[i]) for i in ids)


def printed_bytes_joined(ids, pieces):
    return str(b"".join(pieces[i] for i in ids))


def ids_as_characters(ids, pieces):
    return "".join(chr(i) for i in ids)


def list_of_texts(ids, pieces):
    return [pieces[i].decode("utf-8", errors="replace") for i in ids]


def list_of_bytes(ids, pieces):
    return [pieces[i] for i in ids]


def the_first_alone(ids, pieces):
    return pieces[ids[0]].decode("utf-8", errors="replace") if ids else ""


def the_last_alone(ids, pieces):
    return pieces[ids[-1]].decode("utf-8", errors="replace") if ids else ""


def back_to_front(ids, pieces):
    return decode_answer(ids[::-1], pieces)


def as_ascii(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("ascii", errors="replace")


def as_ascii_ignored(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("ascii", errors="ignore")


def all_or_nothing(ids, pieces):
    try:
        return no_handler(ids, pieces)
    except UnicodeDecodeError:
        return "\ufffd"


def blanks_cut_off(ids, pieces):
    return decode_answer(ids, pieces).strip()


def as_text(function, ids, pieces) -> Outputs:
    text = function(ids, pieces)
    if text is None:
        return {"code points": None}
    if isinstance(text, bytes):
        raise FormError("your function returned bytes, asked for is a text: bytes.decode makes one")
    if not isinstance(text, str):
        raise FormError(f"your function returned {kind_of(text)}, asked for is one text (str)")
    return {"code points": np.array([ord(c) for c in text], dtype=np.int64)}


_PIECES = {
    0: b"th", 1: b"e ", 2: "猫".encode(), 3: "猫".encode()[:1], 4: "猫".encode()[1:], 5: b" sat",
    6: "坐在".encode()[:4], 7: "坐在".encode()[4:], 8: "é".encode(), 9: b"cat",
}  # fmt: skip

DECODE = Exercise(
    id="04.4",
    name="my_decode",
    form="my_decode(ids, pieces): ids and a dict from id to bytes -> str",
    answer=decode_answer,
    observe=as_text,
    cases=(
        Case(([0, 1, 9, 5], _PIECES)),
        Case(([0, 1, 2, 5], _PIECES), "a character of three bytes"),
        Case(([3, 4, 6, 7, 8], _PIECES), "a character in two pieces"),
        Case(([9, 3], _PIECES), "the text ends in the middle of a character"),
        Case(([5, 0, 1], _PIECES), "blanks at both ends"),
    ),
    wrongs=(
        Wrong(
            each_by_itself,
            "You decode each piece by itself. A piece may hold a part of a character, and alone it "
            "means nothing.",
            "What should be joined first: bytes, or texts?",
            (each_by_itself_ignored,),
        ),
        Wrong(
            each_by_itself_no_handler,
            "You decode each piece by itself. A piece may hold a part of a character, and Python "
            "refuses that.",
            "What should be joined first: bytes, or texts?",
        ),
        Wrong(
            no_handler,
            "Right for whole texts. A model may stop in the middle of a character, and then you "
            "get an error instead of what it wrote.",
            "Which argument of decode says what becomes of broken bytes?",
        ),
        Wrong(
            ignored,
            "You drop broken bytes in silence. It should be seen that something is missing.",
            "Which value of errors= puts a sign in their place?",
        ),
        Wrong(
            all_or_nothing,
            "One broken character, and you give up the whole text.",
            "Which argument of decode puts a sign in the place of the broken bytes alone?",
        ),
        Wrong(
            blanks_cut_off,
            "You cut off the blanks at the ends. They belong to the text: the pieces hold them.",
            "What does strip() take away?",
        ),
        Wrong(
            as_latin,
            "You make one character of each byte. In UTF-8 a Chinese character is three of them.",
            "Which encoding were the bytes made with?",
            (as_code_points,),
        ),
        Wrong(
            as_ascii,
            "ASCII knows 128 characters. All others are lost.",
            "Which encoding were the bytes made with?",
            (as_ascii_ignored,),
        ),
        Wrong(
            blanks_between,
            "You put a blank between the pieces. A token is no word: the blanks are in the pieces.",
            "What stands before .join?",
        ),
        Wrong(
            bytes_returned,
            "Your function returned bytes, asked for is a text.",
            "Which method makes a text of bytes?",
        ),
        Wrong(
            printed_bytes,
            "str() of bytes is how Python prints them, with b and quotation marks: \"b'cat'\".",
            "Which method makes a text of bytes?",
            (printed_bytes_joined,),
        ),
        Wrong(
            ids_as_characters,
            "You make characters of the ids. What a token stands for is in `pieces`.",
            "What is pieces[9]?",
        ),
        Wrong(
            the_first_alone,
            "Only the first piece comes back.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            the_last_alone,
            "Only the last piece comes back.",
            "What becomes of the pieces before, in each round?",
        ),
        Wrong(
            back_to_front,
            "The pieces come back to front.",
            "On which side do you add the next piece?",
        ),
    ),
    hints=(
        "Look up the bytes of each id, join all bytes, and only then make a text of them. Say what "
        "should happen to bytes that are no character: errors='replace' puts a sign there.",
        "The same for a message in three packets:\n\n"
        "    data = b''.join(packet for packet in ____)\n"
        "    text = data.decode('utf-8', errors=____)\n\n"
        "A packet may end in the middle of a character, so no packet is decoded by itself.",
    ),
)

EXERCISES = (MERGE, BEST_PAIR, ENCODE, DECODE)
