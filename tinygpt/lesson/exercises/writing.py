"""Lesson 15, Writing: temperature, top-k, top-p, and a head that keeps what it has read."""

import math

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Property, Wrong, normal, two
from tinygpt.lesson.exercises.attention import mask_answer as causal_mask
from tinygpt.lesson.exercises.loss import softmax_answer as to_chances

# ------------------------------------------------------------------------------------- 15.1


def temperature_answer(scores, temperature):
    # at 0 the likeliest alone; of several the first
    if temperature == 0:
        p = np.zeros_like(scores)
        p[np.argmax(scores)] = 1
        return p
    # else the chances of the scores, divided
    return to_chances(scores / temperature)


def _at_zero(scores):
    p = np.zeros_like(scores)
    p[np.argmax(scores)] = 1
    return p


def _warm(make):
    """make(scores, temperature) above 0; at 0 it is right."""

    def answer(scores, temperature):
        return make(scores, temperature) if temperature else _at_zero(scores)

    return answer


def multiplied(scores, temperature):
    return _warm(lambda s, t: to_chances(s * t))(scores, temperature)


def chances_divided(scores, temperature):
    return _warm(lambda s, t: to_chances(s) / t)(scores, temperature)


def chances_to_the_power(scores, temperature):
    def make(s, t):
        p = to_chances(s) ** t
        return p / p.sum()

    return _warm(make)(scores, temperature)


def not_normed_again(scores, temperature):
    return _warm(lambda s, t: to_chances(s) ** (1 / t))(scores, temperature)


def zero_divides(scores, temperature):
    return to_chances(scores / temperature)


def nearly_zero(scores, temperature):
    return to_chances(scores / max(temperature, 0.1))


def zero_left_out(scores, temperature):
    return to_chances(scores / temperature) if temperature else to_chances(scores)


def all_alike_at_zero(scores, temperature):
    return (
        to_chances(scores / temperature) if temperature else np.full_like(scores, 1 / len(scores))
    )


def ties_share(scores, temperature):
    if temperature:
        return to_chances(scores / temperature)
    p = (scores == scores.max()).astype(scores.dtype)
    return p / p.sum()


def all_of_equals(scores, temperature):
    if temperature:
        return to_chances(scores / temperature)
    return (scores == scores.max()).astype(scores.dtype)


def last_of_equals(scores, temperature):
    if temperature:
        return to_chances(scores / temperature)
    p = np.zeros_like(scores)
    p[len(scores) - 1 - np.argmax(scores[::-1])] = 1
    return p


def no_shift(scores, temperature):
    def make(s, t):
        e = np.exp(s / t)
        return e / e.sum()

    return _warm(make)(scores, temperature)


def temperature_added(scores, temperature):
    return _warm(lambda s, t: to_chances(s + t))(scores, temperature)


def temperature_taken_off(scores, temperature):
    return _warm(lambda s, t: to_chances(s - t))(scores, temperature)


def root_of_it(scores, temperature):
    return _warm(lambda s, t: to_chances(s / math.sqrt(t)))(scores, temperature)


def softmax_twice(scores, temperature):
    return _warm(lambda s, t: to_chances(to_chances(s) / t))(scores, temperature)


def scores_alone(scores, temperature):
    return _warm(lambda s, t: s / t)(scores, temperature)


def the_id_at_zero(scores, temperature):
    return to_chances(scores / temperature) if temperature else int(np.argmax(scores))


TEMPERATURE = Exercise(
    id="15.1",
    name="my_temperature",
    form="my_temperature(scores (V,), temperature) -> chances (V,)",
    answer=temperature_answer,
    cases=(
        Case((np.array([2.0, 1.0, 0.5, -1.0]), 0.5)),
        Case((normal(700, 7), 1.7), "above 1"),
        Case((np.array([0.3, 2.0, -1.0, 2.0]), 0.0), "temperature 0, and two are equally likely"),
        Case((np.array([30.0, 20.0, 29.0]), 0.01), "scores far apart, once they are divided"),
        Case((normal(701, 5).astype(np.float32), 0.8), "float32 must stay float32"),
    ),
    properties=(Property("the chances sum to 1", lambda o, scores, t: np.sum(o["result"]), 1.0),),
    wrongs=(
        Wrong(
            multiplied,
            "You multiply the scores by the temperature, or take the chances to the power of it: "
            "at 0.5 yours become more alike, and should become more different.",
            "Should a low temperature make the scores larger or smaller?",
            (chances_to_the_power,),
        ),
        Wrong(
            chances_divided,
            "You divide the chances. They no longer sum to 1, and their proportions are as before.",
            "What is divided: the scores, or the chances?",
        ),
        Wrong(
            not_normed_again,
            "The proportions are right. They no longer sum to 1.",
            "By what must they be divided?",
        ),
        Wrong(
            zero_divides,
            "Right above 0. At 0 you divide by 0.",
            "Which one is left, as the temperature goes down?",
        ),
        Wrong(
            nearly_zero,
            "At 0 the likeliest alone is left. You put a small temperature there instead.",
            "What are the chances at 0, exactly?",
        ),
        Wrong(
            zero_left_out,
            "At 0 you give the chances as they are, as if the temperature were 1.",
            "Which one is left, as the temperature goes down?",
        ),
        Wrong(
            all_alike_at_zero,
            "At 0 all are alike with you. That is what happens where it is very hot.",
            "Which one is left, as the temperature goes down?",
        ),
        Wrong(
            ties_share,
            "At 0 two that are equally likely share with you. One is asked for, the first.",
            "Which of several does np.argmax take?",
        ),
        Wrong(
            all_of_equals,
            "At 0 each of several that are equally likely gets 1: together they are more than 1.",
            "Which of several does np.argmax take?",
        ),
        Wrong(
            last_of_equals,
            "At 0 you take the last of several that are equally likely.",
            "Which of several does np.argmax take?",
        ),
        Wrong(
            no_shift,
            "Right on usual scores. exp(3000) is larger than any float.",
            "Which number may you subtract from all scores, as in lesson 05?",
        ),
        Wrong(
            temperature_added,
            "You add the temperature to the scores: one number added to all changes no chance.",
            "Which operation changes how far apart they are?",
            (temperature_taken_off,),
        ),
        Wrong(
            root_of_it,
            "You divide by the root of the temperature.",
            "By what is a score divided?",
        ),
        Wrong(
            softmax_twice,
            "You take a softmax of chances. It is taken once, of the divided scores.",
            "What goes into the softmax?",
        ),
        Wrong(
            scores_alone,
            "Those are the divided scores. Chances are asked for.",
            "Which function of lesson 05 makes chances of scores?",
        ),
        Wrong(
            the_id_at_zero,
            "At 0 you return a single number. Chances are asked for: 1 for the likeliest, 0 for "
            "all others.",
            "What shape has the result above 0?",
        ),
    ),
    hints=(
        "Divide the scores, then take the softmax of lesson 05 (`to_chances`). Low temperatures "
        "make the differences larger. At 0 you cannot divide: there the likeliest gets 1.",
        "The same for how mild a judge is, from 0 (only the best counts) upwards:\n\n"
        "    if mildness == 0:\n"
        "        votes = np.zeros_like(marks)\n"
        "        votes[np.____(marks)] = ____\n"
        "        return votes\n"
        "    return to_chances(marks ____ mildness)",
    ),
    lends=(("to_chances", "05.1"),),
)

# ------------------------------------------------------------------------------------- 15.2


def top_k_answer(p, k):
    # the ids from the likeliest down; of equals the lower one first
    order = np.argsort(-p, kind="stable")
    # the first k keep their chances, the others get 0; then all is divided by the sum
    kept = np.zeros_like(p)
    kept[order[:k]] = p[order[:k]]
    return kept / kept.sum()


def _kept(p, which):
    out = np.zeros_like(p)
    out[which] = p[which]
    return out / out.sum()


def _order(p):
    return np.argsort(-p, kind="stable")


def ties_keep_more(p, k):
    return _kept(p, p >= np.sort(p)[::-1][min(k, len(p)) - 1])


def ties_from_the_end(p, k):
    return _kept(p, np.argsort(p, kind="stable")[::-1][:k])


def above_the_next(p, k):
    edge = np.sort(p)[::-1][k] if k < len(p) else -1
    return _kept(p, p > edge) if (p > edge).any() else p.copy()


def k_not_divided(p, k):
    out = np.zeros_like(p)
    out[_order(p)[:k]] = p[_order(p)[:k]]
    return out


def order_as_ranks(p, k):
    return _kept(p, _order(p) < k)


def rest_shared_alike(p, k):
    out = np.zeros_like(p)
    top = _order(p)[:k]
    out[top] = p[top] + (1 - p[top].sum()) / len(top)
    return out


def strictly_above_the_last(p, k):
    out = np.where(p > np.sort(p)[::-1][min(k, len(p)) - 1], p, 0)
    return out / out.sum()


def the_least_likely(p, k):
    return _kept(p, np.argsort(p, kind="stable")[:k])


def one_more(p, k):
    return _kept(p, _order(p)[: k + 1])


def one_less(p, k):
    return _kept(p, _order(p)[: max(k - 1, 1)])


def the_first_k(p, k):
    return _kept(p, np.arange(len(p)) < k)


def alike_among_k(p, k):
    out = np.zeros_like(p)
    out[_order(p)[:k]] = 1 / min(k, len(p))
    return out


def in_their_order(p, k):
    out = np.zeros_like(p)
    out[:k] = np.sort(p)[::-1][:k]
    return out / out.sum()


def only_those(p, k):
    top = p[_order(p)[:k]]
    return top / top.sum()


def the_ids(p, k):
    return _order(p)[:k]


def softmax_of_them(p, k):
    out = np.where(np.isin(np.arange(len(p)), _order(p)[:k]), p, -np.inf)
    return to_chances(out)


def rest_to_the_likeliest(p, k):
    out = np.zeros_like(p)
    out[_order(p)[:k]] = p[_order(p)[:k]]
    out[np.argmax(p)] += 1 - out.sum()
    return out


def the_callers_p(p, k):
    p[_order(p)[k:]] = 0
    p /= p.sum()
    return p


def k_ignored(p, k):
    return p.copy()


_P = np.array([0.1, 0.3, 0.05, 0.25, 0.2, 0.1])
_TIES = np.array([0.2, 0.1, 0.2, 0.3, 0.2])

TOP_K = Exercise(
    id="15.2",
    name="my_top_k",
    form="my_top_k(p (V,), k) -> chances (V,)",
    answer=top_k_answer,
    cases=(
        Case((_P, 3)),
        Case((_TIES, 2), "several are equally likely"),
        Case((_TIES[::-1].copy(), 3), "several are equally likely, the other way round"),
        Case((_P, 1), "k = 1"),
        Case((_P[:4] / _P[:4].sum(), 9), "k is larger than V"),
        Case((_P.astype(np.float32), 4), "float32 must stay float32"),
    ),
    properties=(Property("the chances sum to 1", lambda o, p, k: np.sum(o["result"]), 1.0),),
    wrongs=(
        Wrong(
            ties_keep_more,
            "Right without ties. Where several are as likely as the last one kept, you keep them "
            "all: more than k.",
            "How many should be left, and which of several that are alike?",
        ),
        Wrong(
            ties_from_the_end,
            "Of several that are equally likely you keep those with the higher ids.",
            "Which of equals comes first, if you sort -p with kind='stable'?",
        ),
        Wrong(
            above_the_next,
            "Right without ties. You keep what is above the next one: of several that are alike "
            "none is.",
            "How many should be left, and which of several that are alike?",
        ),
        Wrong(
            k_not_divided,
            "The right ones are left. They no longer sum to 1.",
            "By what must they be divided?",
        ),
        Wrong(
            order_as_ranks,
            "order[0] is the id of the likeliest, and not the rank of id 0: you compare ids with "
            "k.",
            "What does np.argsort return: a rank for each id, or ids in order?",
        ),
        Wrong(
            rest_shared_alike,
            "You share the rest among those that are left, the same to each. They keep their "
            "proportions: all are divided by their sum.",
            "If 0.4 and 0.2 are left, what should they become?",
        ),
        Wrong(
            strictly_above_the_last,
            "The k-th itself falls with you: k - 1 are left, and with k = 1 none.",
            "Is the k-th one of the k?",
        ),
        Wrong(
            the_least_likely,
            "You keep the k least likely.",
            "At which end of a sorted list stand the large ones?",
        ),
        Wrong(
            one_more,
            "You keep k + 1.",
            "How many has order[:k]?",
        ),
        Wrong(
            one_less,
            "You keep k - 1.",
            "How many has order[:k]?",
        ),
        Wrong(
            the_first_k,
            "You keep the first k ids, whatever their chances are.",
            "Which function gives the ids from the likeliest down?",
        ),
        Wrong(
            alike_among_k,
            "Those that are left are all alike with you. They keep their proportions.",
            "If 0.4 and 0.2 are left, what should they become?",
        ),
        Wrong(
            in_their_order,
            "The chances are right, and stand at the wrong ids: they come sorted.",
            "Where does the chance of id 3 belong?",
        ),
        Wrong(
            only_those,
            "You return k chances. One for each id is asked for, 0 for those that are out.",
            "Which shape has p?",
        ),
        Wrong(
            the_ids,
            "Those are the ids. Chances are asked for.",
            "What stands at these ids, and what at the others?",
        ),
        Wrong(
            softmax_of_them,
            "You take a softmax of chances. They keep their proportions, and are divided by their "
            "sum.",
            "If 0.4 and 0.2 are left, what should they become?",
        ),
        Wrong(
            rest_to_the_likeliest,
            "What the others had goes to the likeliest alone. All that are left grow alike.",
            "If 0.4 and 0.2 are left, what should they become?",
        ),
        Wrong(
            the_callers_p,
            "The result is right, but p itself is changed, and it belongs to the caller.",
            "Which line makes an array of your own?",
        ),
        Wrong(
            k_ignored,
            "Nothing is taken out.",
            "What does k say?",
        ),
    ),
    hints=(
        "The ids from the likeliest down are np.argsort(-p, kind='stable'): of equals the lower "
        "one first. An array of zeros gets the chances of the first k; then it is divided by its "
        "sum.",
        "The same for the three best of a race, who share the prize by their points:\n\n"
        "    order = np.argsort(-points, kind='stable')\n"
        "    prize = np.zeros_like(____)\n"
        "    prize[order[____]] = points[order[____]]\n"
        "    return prize / ____",
    ),
)

# ------------------------------------------------------------------------------------- 15.3


def top_p_answer(p, share):
    # from the likeliest down: how much is given away before each
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    # those before which it is less than share: the one that crosses it too
    left = order[before < share]
    kept = np.zeros_like(p)
    kept[left] = p[left]
    return kept / kept.sum()


def the_crossing_one_left_out(p, share):
    order = _order(p)
    left = order[np.cumsum(p[order]) <= share]
    return _kept(p, left) if len(left) else np.zeros_like(p)


def the_crossing_one_left_out_but_never_all(p, share):
    order = _order(p)
    left = order[np.cumsum(p[order]) <= share]
    return _kept(p, left if len(left) else order[:1])


def unsorted(p, share):
    return _kept(p, np.cumsum(p) - p < share)


def from_the_least_likely(p, share):
    order = np.argsort(p, kind="stable")
    return _kept(p, order[np.cumsum(p[order]) - p[order] < share])


def those_above_share(p, share):
    return _kept(p, p >= share) if (p >= share).any() else np.zeros_like(p)


def those_near_the_best(p, share):
    return _kept(p, p >= share * p.max())


def share_not_divided(p, share):
    order = _order(p)
    left = order[np.cumsum(p[order]) - p[order] < share]
    out = np.zeros_like(p)
    out[left] = p[left]
    return out


def places_for_ids(p, share):
    falling = np.sort(p)[::-1]
    return _kept(p, np.cumsum(falling) - falling < share)


def sorted_result(p, share):
    falling = np.sort(p)[::-1]
    out = np.where(np.cumsum(falling) - falling < share, falling, 0)
    return out / out.sum()


def one_too_many(p, share):
    order = _order(p)
    n = int((np.cumsum(p[order]) - p[order] < share).sum())
    return _kept(p, order[: n + 1])


def the_tail_kept(p, share):
    order = _order(p)
    left = order[np.cumsum(p[order]) - p[order] >= share]
    return _kept(p, left) if len(left) else np.zeros_like(p)


def one_minus_share(p, share):
    return top_p_answer(p, 1 - share)


def share_met_is_not_enough(p, share):
    order = _order(p)
    return _kept(p, order[np.cumsum(p[order]) - p[order] <= share])


def equals_of_the_last(p, share):
    order = _order(p)
    last = p[order[np.cumsum(p[order]) - p[order] < share]].min()
    return _kept(p, p >= last)


def divided_by_share(p, share):
    return (share_not_divided(p, share) / share).astype(p.dtype)


def each_above_the_rest(p, share):
    out = np.where(p >= 1 - share, p, 0)
    return out / out.sum()


def crossing_one_cut(p, share):
    order = _order(p)
    before = np.cumsum(p[order]) - p[order]
    out = np.zeros_like(p)
    out[order] = np.clip(share - before, 0, p[order])
    return out / out.sum()


def that_share_of_the_ids(p, share):
    return _kept(p, _order(p)[: max(1, round(share * len(p)))])


def that_share_of_the_ids_and_more(p, share):
    return _kept(p, _order(p)[: max(1, math.ceil(share * len(p)))])


def that_share_of_the_ids_and_less(p, share):
    return _kept(p, _order(p)[: max(1, int(share * len(p)))])


def only_those_left(p, share):
    order = _order(p)
    left = p[order[np.cumsum(p[order]) - p[order] < share]]
    return left / left.sum()


def p_of_the_caller(p, share):
    p[:] = top_p_answer(p, share)
    return p


_Q = np.array([0.08, 0.33, 0.05, 0.22, 0.2, 0.12])

TOP_P = Exercise(
    id="15.3",
    name="my_top_p",
    form="my_top_p(p (V,), share) -> chances (V,)",
    answer=top_p_answer,
    cases=(
        Case((_Q, 0.6)),
        Case((np.array([0.1, 0.7, 0.05, 0.15]), 0.4), "the likeliest alone is more than share"),
        Case((_Q, 0.97), "nearly all of it"),
        Case((np.array([0.21, 0.19, 0.2, 0.18, 0.22]), 0.5), "all are nearly alike"),
        Case((np.array([0.25, 0.5, 0.25]), 0.5), "share is met exactly"),
        Case((np.array([0.125, 0.25, 0.25, 0.25, 0.125]), 0.5), "several are equally likely"),
        Case((_Q.astype(np.float32), 0.5), "float32 must stay float32"),
    ),
    properties=(Property("the chances sum to 1", lambda o, p, share: np.sum(o["result"]), 1.0),),
    wrongs=(
        Wrong(
            the_crossing_one_left_out,
            "You leave out the one that crosses share: what is left holds less than share.",
            "How much must those that are left have together, at least?",
            (the_crossing_one_left_out_but_never_all,),
        ),
        Wrong(
            unsorted,
            "You add up in the order of the ids. It is from the likeliest down.",
            "Which comes first: the lowest id, or the likeliest?",
        ),
        Wrong(
            from_the_least_likely,
            "You begin with the least likely.",
            "From which end is share given away?",
        ),
        Wrong(
            those_above_share,
            "You keep those whose own chance is above share.",
            "What must reach share: each of them, or all together?",
        ),
        Wrong(
            those_near_the_best,
            "You compare with the likeliest. (That is min-p, another rule.)",
            "What must reach share: each of them, or all together?",
        ),
        Wrong(
            share_not_divided,
            "The right ones are left. They no longer sum to 1.",
            "By what must they be divided?",
        ),
        Wrong(
            places_for_ids,
            "You count along the sorted chances and use the places as ids.",
            "Which id stands at place 0 of the sorted ones?",
        ),
        Wrong(
            sorted_result,
            "The chances are right, and stand at the wrong ids: they come sorted.",
            "Where does the chance of id 3 belong?",
        ),
        Wrong(
            one_too_many,
            "You keep one too many: the one that crosses share is the last.",
            "What is given away before the one after it?",
        ),
        Wrong(
            the_tail_kept,
            "You keep those that should fall.",
            "Which ones stand before share is reached?",
        ),
        Wrong(
            one_minus_share,
            "You take 1 - share for share.",
            "With share = 0.9, is much kept, or little?",
        ),
        Wrong(
            share_met_is_not_enough,
            "Where share is met exactly you keep one more. It is enough.",
            "Smaller, or also equal?",
        ),
        Wrong(
            equals_of_the_last,
            "You keep all that are as likely as the last one. Of equals the lower ids come first, "
            "and once share is reached the others fall.",
            "How many are left, where four have 0.25 each and share is 0.5?",
        ),
        Wrong(
            divided_by_share,
            "You divide by share. Those that are left have more than share together: the last one "
            "crosses it.",
            "What is the sum of those that are left?",
        ),
        Wrong(
            each_above_the_rest,
            "You compare each chance with 1 - share.",
            "What must reach share: each of them, or all together?",
        ),
        Wrong(
            crossing_one_cut,
            "You cut the one that crosses, so that the sum is exactly share. It stays as it is.",
            "Which proportions have those that are left?",
        ),
        Wrong(
            that_share_of_the_ids,
            "You keep that share of the ids, whatever their chances are.",
            "Of what is share a share: of the ids, or of the chance?",
            (that_share_of_the_ids_and_less, that_share_of_the_ids_and_more),
        ),
        Wrong(
            only_those_left,
            "You return the chances of those that are left. One for each id is asked for.",
            "Which shape has p?",
        ),
        Wrong(
            p_of_the_caller,
            "The result is right, but p itself is changed, and it belongs to the caller.",
            "Which line makes an array of your own?",
        ),
    ),
    hints=(
        "From the likeliest down, as in 15.2. For each: how much have those before it together? "
        "np.cumsum(x) - x gives that. It stays if that is still below share; so the one that "
        "crosses it stays.",
        "The same for guests who eat a cake, the hungriest first; a guest gets a plate if the cake "
        "is not yet eaten when it is his turn:\n\n"
        "    order = np.argsort(-hunger, kind='stable')\n"
        "    eaten_before = np.cumsum(hunger[order]) - ____\n"
        "    gets = order[eaten_before < ____]\n"
        "    plate = np.zeros_like(hunger)\n"
        "    plate[____] = hunger[gets]\n"
        "    return plate / ____",
    ),
)

# ------------------------------------------------------------------------------------- 15.4


def cached_head_answer(q, k, v, cache):
    # what was read before, and what is new
    if cache is not None:
        k, v = np.concatenate([cache[0], k]), np.concatenate([cache[1], v])
    # the new queries are the last of all positions
    scores = q @ k.T / math.sqrt(q.shape[1])
    scores = np.where(causal_mask(len(q), len(k)), scores, -np.inf)
    return to_chances(scores) @ v, (k, v)


def _look(q, k, v, mask):
    scores = np.where(mask, q @ k.T / math.sqrt(q.shape[1]), -np.inf)
    top = np.where(np.isfinite(scores.max(-1, keepdims=True)), scores.max(-1, keepdims=True), 0)
    w = np.exp(scores - top)
    total = w.sum(-1, keepdims=True)
    return w / np.where(total == 0, 1, total).astype(w.dtype) @ v


def _joined(k, v, cache):
    if cache is None:
        return k, v
    return np.concatenate([cache[0], k]), np.concatenate([cache[1], v])


def cache_not_read(q, k, v, cache):
    _, kept = cached_head_answer(q, k, v, cache)
    return _look(q, k, v, causal_mask(len(q), len(k))), kept


def cache_not_kept(q, k, v, cache):
    y, _ = cached_head_answer(q, k, v, cache)
    return y, (k, v)


def old_cache_returned(q, k, v, cache):
    y, kept = cached_head_answer(q, k, v, cache)
    return y, kept if cache is None else cache


def new_ones_in_front(q, k, v, cache):
    if cache is not None:
        k, v = np.concatenate([k, cache[0]]), np.concatenate([v, cache[1]])
    return _look(q, k, v, causal_mask(len(q), len(k))), (k, v)


def square_mask(q, k, v, cache):
    """The first rows of a square: the queries taken for the first positions."""
    k, v = _joined(k, v, cache)
    return _look(q, k, v, np.tri(len(q), len(k), dtype=bool)), (k, v)


def no_mask(q, k, v, cache):
    k, v = _joined(k, v, cache)
    return _look(q, k, v, np.ones((len(q), len(k)), bool)), (k, v)


def oneself_not_seen(q, k, v, cache):
    k, v = _joined(k, v, cache)
    return _look(q, k, v, np.tri(len(q), len(k), len(k) - len(q) - 1, dtype=bool)), (k, v)


def no_scale(q, k, v, cache):
    k, v = _joined(k, v, cache)
    s = np.where(causal_mask(len(q), len(k)), q @ k.T, -np.inf)
    return to_chances(s) @ v, (k, v)


def mask_at_first_alone(q, k, v, cache):
    keys, values = _joined(k, v, cache)
    mask = causal_mask(len(q), len(keys)) if cache is None else np.ones((len(q), len(keys)), bool)
    return _look(q, keys, values, mask), (keys, values)


def hidden_with_0(q, k, v, cache):
    k, v = _joined(k, v, cache)
    s = np.where(causal_mask(len(q), len(k)), q @ k.T / math.sqrt(q.shape[1]), 0)
    return to_chances(s.astype(q.dtype)) @ v, (k, v)


def mask_after_the_softmax(q, k, v, cache):
    k, v = _joined(k, v, cache)
    w = to_chances(q @ k.T / math.sqrt(q.shape[1]))
    return (w * causal_mask(len(q), len(k))).astype(q.dtype) @ v, (k, v)


def scaled_by_the_keys(q, k, v, cache):
    k, v = _joined(k, v, cache)
    s = np.where(causal_mask(len(q), len(k)), q @ k.T / math.sqrt(len(k)), -np.inf)
    return to_chances(s) @ v, (k, v)


def mask_of_the_new_ones(q, k, v, cache):
    k, v = _joined(k, v, cache)
    s = np.where(causal_mask(len(q), len(q)), q @ k.T / math.sqrt(q.shape[1]), -np.inf)
    return to_chances(s) @ v, (k, v)


def true_hides(q, k, v, cache):
    k, v = _joined(k, v, cache)
    s = np.where(causal_mask(len(q), len(k)), -np.inf, q @ k.T / math.sqrt(q.shape[1]))
    return to_chances(s) @ v, (k, v)


def values_not_cached(q, k, v, cache):
    new_k, _ = _joined(k, v, cache)
    values = v if cache is None else np.concatenate([np.zeros_like(cache[1]), v])
    return _look(q, new_k, values, causal_mask(len(q), len(new_k))), (new_k, values)


def keys_and_values_exchanged_in_the_cache(q, k, v, cache):
    y, (k, v) = cached_head_answer(q, k, v, cache)
    return y, (v, k)


def queries_cached_too(q, k, v, cache):
    y, (keys, values) = cached_head_answer(q, k, v, cache)
    return y, (q, keys, values)


def last_query_alone(q, k, v, cache):
    y, kept = cached_head_answer(q, k, v, cache)
    return y[-1:], kept


def y_of_all(q, k, v, cache):
    y, kept = cached_head_answer(q, k, v, cache)
    before = np.zeros((len(kept[0]) - len(q), y.shape[1]), y.dtype)
    return np.concatenate([before, y]), kept


def side_by_side(q, k, v, cache):
    if cache is not None:
        k, v = np.concatenate([cache[0], k], axis=-1), np.concatenate([cache[1], v], axis=-1)
    return _look(q, k, v, causal_mask(len(q), len(k))), (k, v)


def step_by_step(function, q, k, v, at) -> Outputs:
    """The text in pieces, which end at the places `at`, each with the cache of those before."""
    cache, found, start = None, [], 0
    for end in (*at, len(q)):
        piece = slice(start, end)
        result = function(q[piece].copy(), k[piece].copy(), v[piece].copy(), cache)
        if result is None:
            return {"y": None, "keys": None, "values": None}
        y, cache = two(result, "y, cache")
        if isinstance(cache, np.ndarray) and cache.ndim == 3 and len(cache) == 2:
            cache = tuple(cache)  # (2, S, D): as good as a pair
        keys, values = two(cache, "keys, values", "the cache: your function")
        found.append(np.asarray(y))
        cache, start = (keys, values), end
    return {"y": np.concatenate(found), "keys": keys, "values": values}


CACHED = Exercise(
    id="15.4",
    name="my_cached_head",
    form="my_cached_head(q, k, v (n, D), cache) -> y (n, D), cache;  cache: None, or keys, values",
    answer=cached_head_answer,
    observe=step_by_step,
    inputs=("q", "k", "v", "cuts"),
    lends=(("causal_mask", "07.2"), ("to_chances", "05.1")),
    cases=(
        Case((*(normal(s, 5, 4) for s in (710, 711, 712)), (1, 2, 3, 4)), "one letter at a time"),
        Case((*(normal(s, 6, 3) for s in (713, 714, 715)), (2, 5)), "some letters at a time"),
        Case((*(normal(s, 4, 5) for s in (716, 717, 718)), ()), "all at once, no cache yet"),
        Case((*(normal(s, 6, 6) for s in (719, 720, 721)), (3,)), "two pieces of three"),
        Case(
            (*(normal(s, 3, 4).astype(np.float32) for s in (722, 723, 724)), (1,)),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            cache_not_read,
            "You keep the cache, and do not look at it: each piece sees itself alone.",
            "Which keys should the new queries look at?",
        ),
        Wrong(
            cache_not_kept,
            "You return the new keys and values alone: what was read before is forgotten.",
            "What must the next call know?",
        ),
        Wrong(
            old_cache_returned,
            "You return the cache as it came: the new keys and values are not in it.",
            "What must the next call know?",
        ),
        Wrong(
            new_ones_in_front,
            "The new keys stand in front of the old ones: the order of the text is turned round.",
            "Which letters come first in the text?",
        ),
        Wrong(
            square_mask,
            "Your mask takes the new queries for the first positions: they do not see what is in "
            "the cache.",
            "Which positions have the new queries (lesson 07)?",
        ),
        Wrong(
            no_mask,
            "Right for one letter at a time. Of several new ones the first sees those after it.",
            "Which keys may the first of the new queries look at?",
        ),
        Wrong(
            mask_at_first_alone,
            "You hide the future in the first call alone. Of several new letters the first must "
            "not see those after it, in every call.",
            "Which keys may the first of the new queries look at?",
        ),
        Wrong(
            hidden_with_0,
            "A hidden score became 0, and its weight did not.",
            "What is exp(0)? Which score has the weight 0?",
        ),
        Wrong(
            mask_after_the_softmax,
            "You take weight away after the division: the rows no longer sum to 1.",
            "At which step is hiding free of traces?",
        ),
        Wrong(
            scaled_by_the_keys,
            "You divide by the root of the number of keys. It is the root of D, the width of a "
            "head.",
            "How many products are added up for one score?",
        ),
        Wrong(
            mask_of_the_new_ones,
            "Your mask has as many columns as there are new letters. There is a column for each "
            "key, those of the cache too.",
            "Which two numbers does causal_mask take?",
        ),
        Wrong(
            true_hides,
            "True means that a query may look. You hide what may be seen.",
            "np.where(mask, a, b): which of the two goes where the mask is True?",
        ),
        Wrong(
            oneself_not_seen,
            "A new query does not see itself.",
            "May a letter look at itself?",
        ),
        Wrong(
            no_scale,
            "The cache is right. The scores are not divided by the root of D.",
            "What did lesson 07 divide the scores by?",
        ),
        Wrong(
            values_not_cached,
            "The keys are kept, and the old values are lost.",
            "Which two things does the cache hold?",
        ),
        Wrong(
            keys_and_values_exchanged_in_the_cache,
            "You return keys and values the wrong way round: the next call takes one for the "
            "other.",
            "In which order does the cache hold them?",
        ),
        Wrong(
            queries_cached_too,
            "The cache: your function returned a tuple of 3, asked for are two things: keys, "
            "values.",
            "Who asks for an old query again?",
        ),
        Wrong(
            last_query_alone,
            "You return the result of the last query alone. There is one for each new letter.",
            "How many rows has q?",
        ),
        Wrong(
            y_of_all,
            "You return a row for each letter of the whole text. One for each new letter is asked "
            "for.",
            "How many rows has q?",
        ),
        Wrong(
            side_by_side,
            "You join along the channels. Letters are rows.",
            "Along which axis do the letters lie?",
        ),
    ),
    hints=(
        "Join what is in the cache with what is new, keys with keys, values with values; old ones "
        "first. The rest is a head of lesson 07, whose queries are the last of all positions. "
        "Return the joined ones for the next call.",
        "The same for a reader with a notebook, who reads a few pages at a time:\n\n"
        "    if notes is not None:\n"
        "        pages = np.concatenate([____, pages])\n"
        "    may_look = causal_mask(len(questions), len(____))\n"
        "    return answers(questions, pages, may_look), ____",
    ),
)

EXERCISES = (TEMPERATURE, TOP_K, TOP_P, CACHED)
