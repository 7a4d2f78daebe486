"""Lesson 07, Attention, looking: one query in loops, the mask, all queries at once."""

import math

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Property, Wrong, normal
from tinygpt.nn.attention import attention
from tinygpt.nn.softmax import softmax


def _softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# ------------------------------------------------------------------------------------- 07.1


def look_answer(q, keys, values):
    # scores, one for each key
    scores = keys @ q / math.sqrt(len(q))
    # weights: positive, with the sum 1
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    # mix the values
    return weights @ values


def unscaled(q, keys, values):
    return _softmax(keys @ q) @ values


def scaled_by_d(q, keys, values):
    return _softmax(keys @ q / len(q)) @ values


def scaled_by_the_keys(q, keys, values):
    return _softmax(keys @ q / math.sqrt(len(keys))) @ values


def no_shift(q, keys, values):
    w = np.exp(keys @ q / math.sqrt(len(q)))
    return w / w.sum() @ values


def weights_alone(q, keys, values):
    return _softmax(keys @ q / math.sqrt(len(q)))


def not_normalised(q, keys, values):
    return np.exp(keys @ q / math.sqrt(len(q))) @ values


def shares_of_the_scores(q, keys, values):
    scores = keys @ q / math.sqrt(len(q))
    return scores / scores.sum() @ values


def the_best_alone(q, keys, values):
    return values[np.argmax(keys @ q)].copy()


def mixes_the_keys(q, keys, values):
    return _softmax(keys @ q / math.sqrt(len(q))) @ keys


def plain_mean(q, keys, values):
    return values.mean(axis=0)


def _weighted(q, keys, values, score, soft=_softmax):
    return soft(score(q, keys)) @ values


def _scaled(q, keys):
    return keys @ q / math.sqrt(len(q))


def powers_of_two(q, keys, values):
    s = _scaled(q, keys)
    w = 2.0 ** (s - s.max())
    return w / w.sum() @ values


def scaled_by_eight(q, keys, values):
    return _softmax(keys @ q / 8) @ values


def scaled_by_root_of_eight(q, keys, values):
    return _softmax(keys @ q / math.sqrt(8)) @ values


def cosine_of_the_angle(q, keys, values):
    norms = np.sqrt((q * q).sum()) * np.sqrt((keys * keys).sum(axis=1))
    return _softmax(keys @ q / norms) @ values


def first_value_alone(q, keys, values):
    return _softmax(_scaled(q, keys))[0] * values[0]


def last_value_alone(q, keys, values):
    return _softmax(_scaled(q, keys))[-1] * values[-1]


def summed_over_channels(q, keys, values):
    return (_softmax(_scaled(q, keys))[:, None] * values).sum(axis=1)


def summed_over_everything(q, keys, values):
    return (_softmax(_scaled(q, keys))[:, None] * values).sum()


def not_summed(q, keys, values):
    return _softmax(_scaled(q, keys))[:, None] * values


def over_the_largest(q, keys, values):
    s = _scaled(q, keys)
    return np.exp(s - s.max()) @ values


def root_of_the_scores(q, keys, values):
    return _softmax(np.sqrt(abs(keys @ q))) @ values


def every_weight_one(q, keys, values):
    return values.sum(axis=0)


def scores_weigh(q, keys, values):
    return _scaled(q, keys) @ values


def values_asked(q, keys, values):
    return _softmax(values @ q / math.sqrt(len(q))) @ values


def keys_and_values_exchanged(q, keys, values):
    return _softmax(values @ q / math.sqrt(len(q))) @ keys


def times_the_root(q, keys, values):
    return _softmax(keys @ q * math.sqrt(len(q))) @ values


def scaled_after_the_softmax(q, keys, values):
    return _softmax(keys @ q) / math.sqrt(len(q)) @ values


def clipped_scores(q, keys, values):
    w = np.exp(np.clip(_scaled(q, keys), -50, 50))
    return w / w.sum() @ values


def mean_of_the_mixture(q, keys, values):
    return _softmax(_scaled(q, keys)) @ values / len(keys)


def shifted_by_the_mean(q, keys, values):
    s = _scaled(q, keys)
    w = np.exp(s - s.mean())
    return w / w.sum() @ values


def distances_for_scores(q, keys, values):
    return _softmax(-np.sqrt(((keys - q) ** 2).sum(axis=1))) @ values


def the_least_alike(q, keys, values):
    return _softmax(-_scaled(q, keys)) @ values


_far_q = normal(20, 7)
_far = normal(11, 5, 7)
_far[3] = 900 * _far_q  # a score of more than 1000
_high = np.outer([60.0, 100.0, 0.0], np.full(4, 0.25))  # times q / sqrt(4): the scores themselves

LOOK = Exercise(
    id="07.1",
    name="my_look",
    form="my_look(q (D,), keys (S, D), values (S, D)) -> (D,)",
    answer=look_answer,
    cases=(
        Case((normal(12, 7), normal(13, 5, 7), normal(14, 5, 7))),
        Case((normal(15, 3), normal(16, 11, 3), normal(17, 11, 3))),
        Case((normal(18, 7), normal(19, 5, 7), np.ones((5, 7))), "every value is 1"),
        Case((_far_q, _far, normal(21, 5, 7)), "a score of more than 1000"),
        Case((np.full(4, 2.0), _high, normal(36, 3, 4)), "the scores 60, 100 and 0"),
        Case(
            tuple(
                normal(s, *n).astype(np.float32)
                for s, n in ((37, (7,)), (38, (4, 7)), (39, (4, 7)))
            ),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            unscaled,
            "With values 1 you get 1: good. But your weights are too sharp: scores grow with D, "
            "the number of products in the sum.",
            "By what does the formula divide q . k?",
        ),
        Wrong(
            scaled_by_d,
            "Your weights are too flat: you divide by D.",
            "A sum of D random products grows like which power of D?",
        ),
        Wrong(
            scaled_by_the_keys,
            "You divide by the root of the number of keys.",
            "How many products are added up for one score?",
        ),
        Wrong(
            not_normalised,
            "With values 1 the result should be 1: your weights do not sum to 1.",
            "What comes after exp in a softmax?",
        ),
        Wrong(
            no_shift,
            "Right for small scores. But exp(1000) is larger than any float.",
            "Which number may you subtract from all scores, as in lesson 05?",
            (shifted_by_the_mean,),
        ),
        Wrong(
            weights_alone,
            "Those are the weights.",
            "The weights say how much of each value is taken. What is taken?",
        ),
        Wrong(
            shares_of_the_scores,
            "You divided the scores by their sum. Some scores are negative, and so are your "
            "weights.",
            "Which function of lesson 05 makes chances of scores?",
        ),
        Wrong(
            the_best_alone,
            "You took the value of the best key alone: a choice, and a choice has no slope.",
            "How can the others have a say, each by its score?",
        ),
        Wrong(
            mixes_the_keys,
            "You mixed the keys. A key says what a token offers, not what it passes on.",
            "Which of the three is passed on?",
        ),
        Wrong(
            plain_mean,
            "Everybody got the same weight: q was not asked.",
            "What measures how well a key fits q?",
        ),
        Wrong(
            powers_of_two,
            "You take powers of 2, not of e.",
            "Which number does a softmax raise to the power of the scores?",
        ),
        Wrong(
            scaled_by_eight,
            "You divide by a number of your own, whatever D is.",
            "Where does D stand in what you are given?",
            (scaled_by_root_of_eight,),
        ),
        Wrong(
            cosine_of_the_angle,
            "You divide by the lengths of q and the key: only their angle counts then.",
            "By what does the formula divide q . k?",
        ),
        Wrong(
            first_value_alone,
            "You come back after the first key: only its value is in your result.",
            "Does `return` stand inside the loop?",
        ),
        Wrong(
            last_value_alone,
            "Only the last key's value is left: each round overwrites the one before.",
            "Which sign adds to what is there?",
        ),
        Wrong(
            summed_over_channels,
            "You summed over the channels: one number for each key is left.",
            "Which axis goes: that of the keys, or that of the channels?",
        ),
        Wrong(
            summed_over_everything,
            "You summed over everything: one number is left.",
            "Which axis goes: that of the keys, or that of the channels?",
        ),
        Wrong(
            not_summed,
            "You have the weighted values of all keys, and did not add them up.",
            "How many rows should be left, and which sum does that?",
        ),
        Wrong(
            over_the_largest,
            "Your largest weight is 1, and together they are more than 1.",
            "By what is each weight of a softmax divided?",
        ),
        Wrong(
            root_of_the_scores,
            "You took the root of the scores.",
            "Of which number does the formula take the root?",
        ),
        Wrong(
            every_weight_one,
            "You added up all the values: q was not asked.",
            "How much of each value is taken?",
        ),
        Wrong(
            scores_weigh,
            "You weigh with the scores themselves.",
            "Which function makes of scores weights that sum to 1?",
        ),
        Wrong(
            values_asked,
            "You compared q with the values.",
            "What does a token offer to be compared with: its key, or its value?",
        ),
        Wrong(
            keys_and_values_exchanged,
            "Keys and values are exchanged.",
            "Which of the two is compared with q, and which one is mixed?",
        ),
        Wrong(
            times_the_root,
            "You multiply by the root of D.",
            "The scores grow with D: should they be made larger or smaller?",
        ),
        Wrong(
            scaled_after_the_softmax,
            "You divide the weights, and not the scores.",
            "What should be made smaller before exp is taken?",
        ),
        Wrong(
            clipped_scores,
            "You cut the scores off: above your limit, 60 and 100 weigh the same.",
            "Which change of all scores leaves their differences as they are?",
        ),
        Wrong(
            mean_of_the_mixture,
            "You divide the mixture by the number of keys besides.",
            "The weights sum to 1 already: what is there to divide?",
        ),
        Wrong(
            distances_for_scores,
            "Your scores are distances.",
            "Which product measures in the formula how well a key fits q?",
        ),
        Wrong(
            the_least_alike,
            "The key that fits least gets the largest weight.",
            "Which sign has the score in the exponent?",
        ),
    ),
    hints=(
        "Three steps. A score for each key: the sum of the products q[d] key[d], divided by the "
        "root of D. Weights: the softmax of the scores. The result: the sum of weight times value.",
        "The same for a menu: how much you like each dish, and what you eat in the end:\n\n"
        "    liking = [(taste * dish).sum() / math.sqrt(____) for dish in dishes]\n"
        "    share = np.exp(liking - np.max(liking))\n"
        "    share /= ____\n"
        "    meal = sum(s * dish for s, dish in zip(share, dishes))\n\n"
        "In attention, what is judged (keys) and what is mixed (values) are two lists.",
    ),
    locked=(softmax, attention),
)

# ------------------------------------------------------------------------------------- 07.2


def mask_answer(n_q, n_k):
    # where each query stands, as a column
    position = np.arange(n_k - n_q, n_k)[:, None]
    # which keys are not after it
    return np.arange(n_k)[None, :] <= position


def not_oneself(n_q, n_k):
    return np.arange(n_k)[None, :] < np.arange(n_k - n_q, n_k)[:, None]


def the_future(n_q, n_k):
    return np.arange(n_k)[None, :] >= np.arange(n_k - n_q, n_k)[:, None]


def the_first_queries(n_q, n_k):
    return np.tril(np.ones((n_q, n_k), bool))


def as_numbers(n_q, n_k):
    return np.where(mask_answer(n_q, n_k), 0.0, -1e9)


def as_infinite_numbers(n_q, n_k):
    return np.where(mask_answer(n_q, n_k), 0.0, -np.inf)


def one_too_many(n_q, n_k):
    return np.arange(n_k)[None, :] <= np.arange(n_k - n_q, n_k)[:, None] + 1


def square(n_q, n_k):
    return np.tri(n_k, dtype=bool)


def hidden_is_true(n_q, n_k):
    return ~mask_answer(n_q, n_k)


def everything(n_q, n_k):
    return np.ones((n_q, n_k), bool)


def _positions(n_q, n_k):
    return np.arange(n_k - n_q, n_k)[:, None], np.arange(n_k)[None, :]


def oneself_alone(n_q, n_k):
    at, key = _positions(n_q, n_k)
    return at == key


def shifted_the_other_way(n_q, n_k):
    return np.arange(n_k)[None, :] <= np.arange(n_q)[:, None] + n_q - n_k


def a_shift_of_two(n_q, n_k):
    return np.arange(n_k)[None, :] <= np.arange(n_q)[:, None] + 2


def one_shift_too_few(n_q, n_k):
    return np.arange(n_k)[None, :] <= np.arange(n_q)[:, None] + n_k - n_q - 1


def upside_down(n_q, n_k):
    return mask_answer(n_q, n_k)[::-1]


def back_to_front(n_q, n_k):
    return mask_answer(n_q, n_k)[:, ::-1]


def nothing_seen(n_q, n_k):
    return np.zeros((n_q, n_k), bool)


def the_last_key_alone(n_q, n_k):
    return np.broadcast_to(np.arange(n_k) == n_k - 1, (n_q, n_k)).copy()


def keys_as_queries(n_q, n_k):
    return np.tri(n_q, dtype=bool)


def on_its_side(n_q, n_k):
    return mask_answer(n_q, n_k).T


def a_row_alone(n_q, n_k):
    return np.arange(n_k) <= n_k - n_q


def the_neighbour_before_alone(n_q, n_k):
    at, key = _positions(n_q, n_k)
    return key == at - 1


def the_last_two(n_q, n_k):
    at, key = _positions(n_q, n_k)
    return (key == at) | (key == at - 1)


def yes_or_no(function, n_q, n_k) -> Outputs:
    return {"mask": function(n_q, n_k)}


MASK = Exercise(
    id="07.2",
    name="my_causal_mask",
    form="my_causal_mask(n_q, n_k) -> (n_q, n_k) of True and False",
    answer=mask_answer,
    observe=yes_or_no,
    cases=(
        Case((7, 7)),
        Case((2, 7), "the 2 queries are the last of 7 positions"),
        Case((1, 5), "a single query, the last position"),
    ),
    properties=(
        Property(
            "every query sees itself",
            lambda o, n_q, n_k: [o["mask"][i, n_k - n_q + i] for i in range(n_q)],
            1.0,
        ),
    ),
    wrongs=(
        Wrong(
            not_oneself,
            "A token may look at itself. Here position 0 sees nothing at all, and a softmax over "
            "nothing is 0 / 0.",
            "Smaller than, or also equal?",
            (one_shift_too_few,),
        ),
        Wrong(
            the_future,
            "Position 0 may see 6, and 6 may not see 0: that is the future.",
            "Rows look, columns are looked at. Which columns lie before row i?",
        ),
        Wrong(
            the_first_queries,
            "Right for 7 queries. The 2 queries of 7 are the last two positions, 5 and 6; yours "
            "behave like 0 and 1.",
            "At which position does query 0 stand?",
        ),
        Wrong(
            as_numbers,
            "Numbers to be added to scores are a good idea, one step later. Here a yes or no is "
            "asked for.",
            "What does a comparison of two arrays return?",
            (as_infinite_numbers,),
        ),
        Wrong(
            one_too_many,
            "Each query sees one key too many: the very next position, which it has to guess.",
            "Up to which position may the query at position 3 look?",
        ),
        Wrong(
            square,
            "Your table always has n_k rows. There may be fewer queries than keys.",
            "How many rows should it have, and which of yours are they?",
        ),
        Wrong(
            hidden_is_true,
            "Your table is the opposite: True where a key is hidden.",
            "True should mean: this query may look at this key. Which way round is yours?",
        ),
        Wrong(
            everything,
            "Nothing is hidden.",
            "Which positions does query i not know when it has to guess the next letter?",
        ),
        Wrong(
            oneself_alone,
            "Each query sees itself and nothing else.",
            "May a token look at those before it?",
            (the_neighbour_before_alone,),
        ),
        Wrong(
            shifted_the_other_way,
            "You shift the wrong way: the queries are the last positions, and n_q - n_k is below "
            "0.",
            "At which position stands query 0: at 0, or at n_k - n_q?",
        ),
        Wrong(
            a_shift_of_two,
            "Your shift is a number of your own.",
            "How far back begin the last n_q of n_k positions?",
        ),
        Wrong(
            upside_down,
            "Your table stands upside down: the first query sees most.",
            "Which query comes latest in the text?",
        ),
        Wrong(
            back_to_front,
            "Your keys run backwards.",
            "Which column is the key of position 0?",
        ),
        Wrong(
            nothing_seen,
            "No query sees anything.",
            "What should be True?",
        ),
        Wrong(
            the_last_key_alone,
            "Every query sees the last key alone.",
            "Which keys lie before a query?",
        ),
        Wrong(
            keys_as_queries,
            "Your table always has n_q columns. There may be more keys than queries.",
            "How many columns should it have?",
        ),
        Wrong(
            on_its_side,
            "Your rows are keys, and your columns queries.",
            "Which of the two looks, and stands for a row?",
        ),
        Wrong(
            a_row_alone,
            "You have one row, for one query.",
            "How does a comparison of two aranges become a table?",
        ),
        Wrong(
            the_last_two,
            "Each query sees itself and the one before, no more.",
            "How far back may a token look?",
        ),
    ),
    hints=(
        "Write the 4 x 4 table by hand, then the one for 2 queries and 4 keys: it is the lower "
        "half of the first. Query i stands at position n_k - n_q + i, and sees keys up to there.",
        "Two aranges, one of them as a column, compared. For 'may see keys *after* itself' it "
        "would be\n\n"
        "    position = np.arange(n_k - n_q, n_k)[:, None]      # (n_q, 1)\n"
        "    key = np.arange(n_k)[None, :]                      # (1, n_k)\n"
        "    after = key ____ position",
    ),
)

# ------------------------------------------------------------------------------------- 07.3


def _scores(q, k):
    return q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])


def _hide(s, value=-np.inf):
    return np.where(np.tri(*s.shape[-2:], dtype=bool), s, value)


def attention_answer(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    visible = np.tri(q.shape[2], dtype=bool)
    scores = np.where(visible, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights @ v


def no_scale(q, k, v):
    return _softmax(_hide(q @ k.swapaxes(-1, -2))) @ v


def no_mask(q, k, v):
    return _softmax(_scores(q, k)) @ v


def softmax_over_queries(q, k, v):
    return _softmax(_hide(_scores(q, k)), axis=-2) @ v


def mask_after_softmax(q, k, v):
    w = _softmax(_scores(q, k))
    return w * np.tri(w.shape[-1]) @ v


def mask_times_scores(q, k, v):
    s = _scores(q, k)
    return _softmax(s * np.tri(s.shape[-1])) @ v


def not_low_enough(q, k, v):
    return _softmax(_hide(_scores(q, k), -1e4)) @ v


def not_low_enough_either(q, k, v):
    return _softmax(_hide(_scores(q, k), -1e3)) @ v


def divided_by_d(q, k, v):
    return _softmax(_hide(q @ k.swapaxes(-1, -2) / q.shape[-1])) @ v


def divided_by_root_t(q, k, v):
    return _softmax(_hide(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-2]))) @ v


def divided_by_root_b(q, k, v):
    return _softmax(_hide(q @ k.swapaxes(-1, -2) / math.sqrt(len(q)))) @ v


def weights_not_divided(q, k, v):
    s = _hide(_scores(q, k))
    return np.exp(s - s.max(axis=-1, keepdims=True)) @ v


def mask_inverted(q, k, v):
    s = _scores(q, k)
    return _softmax(np.where(np.tri(s.shape[-1], dtype=bool), -np.inf, s)) @ v


def mask_inverted_low(q, k, v):
    s = _scores(q, k)
    return _softmax(np.where(np.tri(s.shape[-1], dtype=bool), -1e9, s)) @ v


def mask_inverted_lowest(q, k, v):
    s = _scores(q, k)
    return _softmax(np.where(np.tri(s.shape[-1], dtype=bool), -1e30, s)) @ v


def mask_upside_down(q, k, v):
    s = _scores(q, k)
    return _softmax(np.where(np.tri(s.shape[-1], dtype=bool).T, s, -np.inf)) @ v


def values_forgotten(q, k, v):
    return _softmax(_hide(_scores(q, k))) @ k


def _attend(q, k, v, *, scores=_scores, hide=_hide, soft=_softmax):
    return soft(hide(scores(q, k))) @ v


def neither_scale_nor_mask(q, k, v):
    return _softmax(q @ k.swapaxes(-1, -2)) @ v


def max_over_the_hidden(q, k, v):
    s = _scores(q, k)
    w = np.exp(s - s.max(axis=-1, keepdims=True)) * np.tri(s.shape[-1], dtype=s.dtype)
    return w / w.sum(axis=-1, keepdims=True) @ v


def weights_hidden_and_divided_anew(q, k, v):
    w = _softmax(_scores(q, k))
    w = w * np.tri(w.shape[-1], dtype=w.dtype)
    return w / w.sum(axis=-1, keepdims=True) @ v


def no_shift(q, k, v):
    w = np.exp(_hide(_scores(q, k)))
    return w / w.sum(axis=-1, keepdims=True) @ v


def divided_by_root_c(q, k, v):
    return _softmax(_hide(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[1] * q.shape[-1]))) @ v


def hidden_with_plus_infinity(q, k, v):
    return _softmax(_hide(_scores(q, k), np.inf)) @ v


def zero_times_infinity(q, k, v):
    s = _scores(q, k)
    return _softmax(s + np.triu(np.ones(s.shape[-2:]), 1) * -np.inf) @ v


def weights_transposed(q, k, v):
    return _softmax(_hide(_scores(q, k))).swapaxes(-1, -2) @ v


def one_key_too_many(q, k, v):
    s = _scores(q, k)
    return _softmax(np.where(np.tri(s.shape[-1], k=1, dtype=bool), s, -np.inf)) @ v


def one_key_too_few(q, k, v):
    s = _scores(q, k)
    w = _softmax(np.where(np.tri(s.shape[-1], k=-1, dtype=bool), s, -1e30))
    return w @ v


def without_oneself(q, k, v):
    s = _scores(q, k)
    sees = np.tri(s.shape[-1], k=-1, dtype=bool)
    sees[0, 0] = True
    return _softmax(np.where(sees, s, -np.inf)) @ v


def softmax_over_heads(q, k, v):
    s = _hide(_scores(q, k))
    with np.errstate(all="ignore"):
        return _softmax(s, axis=1) @ v


def softmax_over_everything(q, k, v):
    s = _hide(_scores(q, k))
    w = np.exp(s - s.max())
    return w / w.sum() @ v


def one_shift_for_all(q, k, v):
    s = _hide(_scores(q, k))
    w = np.exp(s - s.max())
    return w / w.sum(axis=-1, keepdims=True) @ v


def reshaped_for_transposed(q, k, v):
    B, H, T, D = k.shape
    return _softmax(_hide(q @ k.reshape(B, H, D, T) / math.sqrt(D))) @ v


def queries_and_keys_exchanged(q, k, v):
    return _attend(k, q, v)


def times_the_root(q, k, v):
    return _softmax(_hide(q @ k.swapaxes(-1, -2) * math.sqrt(q.shape[-1]))) @ v


def weights_alone(q, k, v):
    return _softmax(_hide(_scores(q, k)))


def mean_over_heads(q, k, v):
    return attention_answer(q, k, v).mean(axis=1, keepdims=True)


def sum_over_heads(q, k, v):
    return attention_answer(q, k, v).sum(axis=1)


def hidden_is_zero(q, k, v):
    return _softmax(_hide(_scores(q, k), 0.0)) @ v


def queries_mixed(q, k, v):
    return _softmax(_hide(_scores(q, k))) @ q


def scaled_after_the_softmax(q, k, v):
    w = _softmax(_hide(q @ k.swapaxes(-1, -2)))
    return w / math.sqrt(q.shape[-1]) @ v


def root_forgotten_and_no_shift(q, k, v):
    w = np.exp(_hide(q @ k.swapaxes(-1, -2)))
    return w / w.sum(axis=-1, keepdims=True) @ v


def everybody_alike(q, k, v):
    return _softmax(_hide(0 * _scores(q, k))) @ v


def the_best_alone(q, k, v):
    s = _hide(_scores(q, k))
    return (s == s.max(axis=-1, keepdims=True)).astype(v.dtype) @ v


def last_query_for_all(q, k, v):
    return np.broadcast_to(attention_answer(q, k, v)[:, :, -1:], q.shape).copy()


_deep = normal(31, 2, 3, 7, 5)
_deep_q = -300.0 * np.ones((2, 3, 7, 5))
_deep_k = 40.0 + 10.0 * np.arange(7)[::-1, None] + normal(32, 2, 3, 7, 5)

ATTENTION = Exercise(
    id="07.3",
    name="my_attention",
    form="my_attention(q, k, v), each (B, H, T, D) -> (B, H, T, D)",
    answer=attention_answer,
    lends=(("causal_mask", "07.2"), ("look", "07.1")),
    cases=(
        Case(tuple(normal(s, 3, 5, 7, 11) for s in (22, 23, 24))),
        Case(tuple(normal(s, 2, 3, 4, 4) for s in (25, 26, 27)), "T = D: shapes warn of nothing"),
        Case(
            (*(normal(s, 3, 5, 7, 11) for s in (28, 29)), np.ones((3, 5, 7, 11))),
            "every value is 1",
        ),
        Case((_deep_q, _deep_k, _deep), "scores far below -10000"),
        Case(
            tuple(normal(s, 2, 3, 7, 5).astype(np.float32) for s in (33, 34, 35)),
            "float32 must stay float32",
        ),
    ),
    properties=(
        Property(
            "the first query gets exactly the first value: difference 0",
            lambda o, q, k, v: o["result"][:, :, 0] - v[:, :, 0],
            0.0,
        ),
    ),
    wrongs=(
        Wrong(
            no_scale,
            "The future is hidden, and with values 1 you get 1: good. But the weights are too "
            "sharp.",
            "What did the formula divide the scores by?",
        ),
        Wrong(
            no_mask,
            "The first query sees the future: every value has a say in its result.",
            "Where must the scores of later keys be changed, and into what?",
        ),
        Wrong(
            softmax_over_queries,
            "With values 1 you do not get 1: your weights sum to 1 over the queries.",
            "Along which axis do the keys of one query lie?",
        ),
        Wrong(
            mask_after_softmax,
            "You took weight away after the division: the rows no longer sum to 1, and the sum "
            "still knows the future.",
            "At which step is hiding free of traces?",
        ),
        Wrong(
            mask_times_scores,
            "A hidden score became 0, and its weight did not.",
            "What is exp(0)? Which score has the weight 0?",
            (hidden_is_zero,),
        ),
        Wrong(
            not_low_enough,
            "Right on usual inputs. Here the allowed scores lie below the number that you put in, "
            "and the future got all the weight.",
            "Which number lies below every score?",
            (not_low_enough_either,),
        ),
        Wrong(
            divided_by_d,
            "The future is hidden, but the weights are too flat or too sharp: you divide by "
            "another number than the root of D.",
            "Which axis of q has the size D?",
            (divided_by_root_t, divided_by_root_b),
        ),
        Wrong(
            weights_not_divided,
            "With values 1 you do not get 1: exp alone makes no weights.",
            "By what must each row be divided?",
        ),
        Wrong(
            mask_inverted,
            "You hid what may be seen: True means that a query may look.",
            "np.where(mask, a, b): which of the two goes where the mask is True?",
            (mask_inverted_low, mask_inverted_lowest),
        ),
        Wrong(
            mask_upside_down,
            "You hid the past.",
            "Rows look, columns are looked at. Is the allowed part below or above the diagonal?",
        ),
        Wrong(
            values_forgotten,
            "You mixed the keys.",
            "Which of the three is passed on?",
        ),
        Wrong(
            neither_scale_nor_mask,
            "The scores are not divided, and the future is not hidden: two things are missing.",
            "Which two steps of the formula stand between q k and the softmax?",
        ),
        Wrong(
            max_over_the_hidden,
            "Right on usual inputs. You take the largest score over the hidden keys too: where "
            "one of them is far larger, all visible exp are 0, and 0 / 0 is nan.",
            "Which scores of a row should have a say in its largest?",
            (weights_hidden_and_divided_anew,),
        ),
        Wrong(
            no_shift,
            "Right on usual inputs. Here all visible scores lie far below 0, their exp are all 0,"
            " and 0 / 0 is nan.",
            "Which score of a row may you subtract from all, as in lesson 05?",
        ),
        Wrong(
            divided_by_root_c,
            "You divide by the root of H D. A head has D channels.",
            "How many products are added up for one score?",
        ),
        Wrong(
            hidden_with_plus_infinity,
            "You hide with plus infinity: inf - inf is nan.",
            "Which number lies below every score?",
        ),
        Wrong(
            zero_times_infinity,
            "0 times infinity is nan, and so is every score that may be seen.",
            "np.where chooses: what does multiplying do?",
        ),
        Wrong(
            weights_transposed,
            "You turned the weights round: each value is sent to the keys' places.",
            "Row i of the weights belongs to query i: which product mixes the values?",
        ),
        Wrong(
            one_key_too_many,
            "Each query sees one key too many: the very next one.",
            "Which key is the last one that query i may see?",
        ),
        Wrong(
            one_key_too_few,
            "A query does not see itself.",
            "May a token look at itself?",
            (without_oneself,),
        ),
        Wrong(
            softmax_over_heads,
            "Your weights sum to 1 over the heads.",
            "Along which axis do the keys of one query lie?",
        ),
        Wrong(
            softmax_over_everything,
            "All your weights together sum to 1. Each query makes a choice of its own.",
            "Over which axis do you sum, and do you keep it for the division?",
        ),
        Wrong(
            one_shift_for_all,
            "You subtract the largest score of all. A row far below it has only exp that are 0.",
            "Whose largest score should a row subtract?",
        ),
        Wrong(
            reshaped_for_transposed,
            "reshape keeps the order in memory and cuts it anew: the numbers of one key come "
            "apart.",
            "What exchanges two axes?",
        ),
        Wrong(
            queries_and_keys_exchanged,
            "Queries and keys are exchanged: rows and columns of the scores.",
            "Who looks, and stands for a row?",
        ),
        Wrong(
            times_the_root,
            "You multiply by the root of D.",
            "The scores grow with D: should they be made larger or smaller?",
        ),
        Wrong(
            weights_alone,
            "Those are the weights.",
            "What is mixed with them?",
        ),
        Wrong(
            mean_over_heads,
            "You took the heads together. Each has a result of its own.",
            "Which axes has the result?",
            (sum_over_heads,),
        ),
        Wrong(
            queries_mixed,
            "You mixed the queries.",
            "Which of the three is passed on?",
        ),
        Wrong(
            scaled_after_the_softmax,
            "You divide the weights, and not the scores.",
            "What should be made smaller before exp is taken?",
        ),
        Wrong(
            everybody_alike,
            "Every key that is seen has the same weight: q has no say.",
            "What measures how well a key fits a query?",
        ),
        Wrong(
            the_best_alone,
            "You take the value of the best key alone: a choice, and a choice has no slope.",
            "How can the others have a say, each by its score?",
        ),
        Wrong(
            last_query_for_all,
            "Every query gets the result of the last one.",
            "Which axis counts the queries?",
        ),
    ),
    hints=(
        "Scores: q times k with its last two axes exchanged, (B, H, T, T), divided by the root of "
        "D. Hide: where the mask is False, minus infinity. Weights: softmax over the last axis, "
        "the keys. Result: weights @ v.",
        "The same with two axes only, and a rule 'look at even positions only':\n\n"
        "    s = q @ k.T / math.sqrt(q.shape[-1])\n"
        "    s = np.where(np.arange(T) % 2 == 0, s, ____)\n"
        "    w = np.exp(s - s.max(axis=____, keepdims=True))\n"
        "    w /= w.sum(axis=____, keepdims=True)\n"
        "    y = w @ v\n\n"
        "With more axes, k.T becomes k.swapaxes(-1, -2).",
    ),
    library=attention,
    locked=(softmax, attention),
)

EXERCISES = (LOOK, MASK, ATTENTION)
