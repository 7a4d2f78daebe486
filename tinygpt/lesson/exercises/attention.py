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
    scores = keys @ q / math.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
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


_far_q = normal(20, 7)
_far = normal(11, 5, 7)
_far[3] = 900 * _far_q  # a score of more than 1000

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
    return np.arange(n_k)[None, :] <= np.arange(n_k - n_q, n_k)[:, None]


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


def yes_or_no(function, n_q, n_k) -> Outputs:
    """0 and 1 pass for False and True; other numbers are looked at as they are."""
    mask = function(n_q, n_k)
    return {"mask": mask.astype(float) if getattr(mask, "dtype", None) == np.bool_ else mask}


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


def mask_upside_down(q, k, v):
    s = _scores(q, k)
    return _softmax(np.where(np.tri(s.shape[-1], dtype=bool).T, s, -np.inf)) @ v


def values_forgotten(q, k, v):
    return _softmax(_hide(_scores(q, k))) @ k


_deep = normal(31, 2, 3, 7, 5)
_deep_q = -300.0 * np.ones((2, 3, 7, 5))
_deep_k = 40.0 + 10.0 * np.arange(7)[::-1, None] + normal(32, 2, 3, 7, 5)

ATTENTION = Exercise(
    id="07.3",
    name="my_attention",
    form="my_attention(q, k, v), each (B, H, T, D) -> (B, H, T, D)",
    answer=attention_answer,
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
