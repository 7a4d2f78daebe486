"""Lesson 18, GPT beside BERT: who sees whom, what is hidden, one vector for a text."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Wrong, normal, two

# ------------------------------------------------------------------------------------- 18.1


def sees_answer(is_token, causal):
    T = len(is_token)
    # every position may look at every token, not at padding
    sees = np.tile(is_token, (T, 1))
    # in a GPT not at the later ones
    if causal:
        sees = sees & np.tri(T, dtype=bool)
    return sees


def rows_for_columns(is_token, causal):
    sees = np.tile(is_token[:, None], (1, len(is_token)))
    return sees & np.tri(len(is_token), dtype=bool) if causal else sees


def padding_does_not_look(is_token, causal):
    return sees_answer(is_token, causal) & is_token[:, None]


def padding_is_seen(is_token, causal):
    T = len(is_token)
    return np.tri(T, dtype=bool) if causal else np.ones((T, T), bool)


def always_causal(is_token, causal):
    return sees_answer(is_token, True)


def never_causal(is_token, causal):
    return sees_answer(is_token, False)


def causal_turned_round(is_token, causal):
    return sees_answer(is_token, not causal)


def the_future_alone(is_token, causal):
    sees = sees_answer(is_token, False)
    return sees & np.tri(len(is_token), dtype=bool).T if causal else sees


def not_itself(is_token, causal):
    sees = sees_answer(is_token, False)
    return sees & np.tri(len(is_token), k=-1, dtype=bool) if causal else sees


def never_itself(is_token, causal):
    return sees_answer(is_token, causal) & ~np.eye(len(is_token), dtype=bool)


def hidden_for_seen(is_token, causal):
    return ~sees_answer(is_token, causal)


def tokens_for_padding(is_token, causal):
    return sees_answer(~is_token, causal)


def either_of_both(is_token, causal):
    sees = np.tile(is_token, (len(is_token), 1))
    return sees | np.tri(len(is_token), dtype=bool) if causal else sees


def numbers_for_scores(is_token, causal):
    return np.where(sees_answer(is_token, causal), 0.0, -np.inf)


def padding_sees_itself(is_token, causal):
    return sees_answer(is_token, causal) | np.eye(len(is_token), dtype=bool)


def padding_seen_in_a_gpt(is_token, causal):
    T = len(is_token)
    return np.tri(T, dtype=bool) if causal else np.tile(is_token, (T, 1))


def padding_seen_in_bert(is_token, causal):
    T = len(is_token)
    return np.tri(T, dtype=bool) & is_token if causal else np.ones((T, T), bool)


def the_next_one_too(is_token, causal):
    sees = np.tile(is_token, (len(is_token), 1))
    return sees & np.tri(len(is_token), k=1, dtype=bool) if causal else sees


def one_row(is_token, causal):
    return is_token.copy()


def _real(*flags):
    return np.array(flags, bool)


SEES = Exercise(
    id="18.1",
    name="my_sees",
    form="my_sees(is_token (T,) booleans, causal True or False) -> (T, T) booleans",
    answer=sees_answer,
    cases=(
        Case((_real(1, 1, 1, 1, 0), False)),
        Case((_real(1, 1, 1, 1, 0, 0), True)),
        Case((_real(0, 1, 1), True), "padding on the left"),
        Case((_real(1, 1, 0, 1), True), "padding in the middle"),
        Case((_real(1, 1, 1), False), "no padding"),
        Case(
            (
                _real(
                    1,
                ),
                True,
            ),
            "a single token",
        ),
    ),
    wrongs=(
        Wrong(
            rows_for_columns,
            "The padding is a row of yours: it does not look. It should be a column: nobody looks "
            "at it.",
            "Row i is who looks: which axis is looked at?",
        ),
        Wrong(
            padding_does_not_look,
            "Padding does not look, in yours. It may: nobody reads what it finds. And a row "
            "without a key would be 0/0.",
            "Is there anything wrong with a row that nobody uses?",
        ),
        Wrong(
            padding_is_seen,
            "Padding is seen: `is_token` is not used, and what fills a row up would change it.",
            "Which columns are no tokens?",
        ),
        Wrong(
            always_causal,
            "You hide the later tokens in both. BERT sees both sides.",
            "What does `causal` say?",
        ),
        Wrong(
            never_causal,
            "Nothing is hidden in a GPT: it sees what it is to say.",
            "What does `causal` say?",
        ),
        Wrong(
            causal_turned_round,
            "It is the wrong way round: the causal one sees everything.",
            "Which of the two may look ahead?",
        ),
        Wrong(
            the_future_alone,
            "The causal one sees what comes later and not what came before.",
            "Is key j seen by query i where j is smaller, or larger?",
        ),
        Wrong(
            not_itself,
            "In the causal one a token does not see itself, and the first sees nothing.",
            "Is the token itself known when it is read?",
            (never_itself,),
        ),
        Wrong(
            hidden_for_seen,
            "True stands where nothing is seen.",
            "What does the name of the function say?",
        ),
        Wrong(
            tokens_for_padding,
            "Padding is seen and tokens are not: `is_token` is turned round.",
            "What does True mean in it?",
        ),
        Wrong(
            either_of_both,
            "One of the two conditions is enough, in yours. Both have to hold.",
            'Which sign stands for "and" between arrays?',
        ),
        Wrong(
            numbers_for_scores,
            "Those are numbers to be added to scores. Asked for are booleans.",
            "Which of them are True?",
        ),
        Wrong(
            padding_seen_in_a_gpt,
            "In BERT padding is hidden, in a GPT it is not: where it does not stand at the end, "
            "later tokens see it.",
            "Which of the two conditions does your GPT leave out?",
        ),
        Wrong(
            padding_seen_in_bert,
            "In a GPT padding is hidden, in BERT it is not.",
            "Which columns does BERT not see?",
        ),
        Wrong(
            the_next_one_too,
            "In a GPT each position sees the one after it as well, and that is what it is to say.",
            "Is key j seen by query i where j is i + 1?",
        ),
        Wrong(
            padding_sees_itself,
            "Padding sees itself. Nobody looks at padding, it neither.",
            "What should stand in the column of padding?",
        ),
        Wrong(
            one_row,
            "That is one row. Each position has its own.",
            "How many positions look?",
        ),
    ),
    hints=(
        "Row i, column j: does position i see position j? One condition is about j alone, the "
        "other about i and j. np.tri(T, dtype=bool) has True where j <= i.",
        "The same for who may read whose letters: only those that were sent, and a boss all:\n\n"
        "    reads = np.tile(was_sent, (____, 1))\n"
        "    if not boss:\n"
        "        reads = reads ____ np.eye(n, dtype=bool)",
    ),
)

# ------------------------------------------------------------------------------------- 18.2


def mask_answer(ids, chosen, draw, other, mask_id):
    # what is to be guessed
    y = np.where(chosen, ids, -100)
    # 80 % are hidden
    x = np.where(chosen & (draw < 0.8), mask_id, ids)
    # 10 % are exchanged, the rest stays
    x = np.where(chosen & (draw >= 0.9), other, x)
    return x, y


def _masked(ids, chosen, draw, other, mask_id, low=0.8, high=0.9):
    x = np.where(chosen & (draw < low), mask_id, ids)
    return np.where(chosen & (draw >= high), other, x)


def _targets(ids, chosen):
    return np.where(chosen, ids, -100)


def all_hidden(ids, chosen, draw, other, mask_id):
    return np.where(chosen, mask_id, ids), _targets(ids, chosen)


def everything_guessed(ids, chosen, draw, other, mask_id):
    return _masked(ids, chosen, draw, other, mask_id), ids.copy()


def guessed_from_itself(ids, chosen, draw, other, mask_id):
    x = _masked(ids, chosen, draw, other, mask_id)
    return x, np.where(chosen, x, -100)


def guessed_where_it_changed(ids, chosen, draw, other, mask_id):
    x = _masked(ids, chosen, draw, other, mask_id)
    return x, np.where(x != ids, ids, -100)


def guessed_where_hidden(ids, chosen, draw, other, mask_id):
    x = _masked(ids, chosen, draw, other, mask_id)
    return x, np.where(x == mask_id, ids, -100)


def not_chosen_hidden(ids, chosen, draw, other, mask_id):
    everywhere = np.ones(len(ids), bool)
    return _masked(ids, everywhere, draw, other, mask_id), _targets(ids, chosen)


def the_others_chosen(ids, chosen, draw, other, mask_id):
    return _masked(ids, ~chosen, draw, other, mask_id), _targets(ids, ~chosen)


def nothing_stays(ids, chosen, draw, other, mask_id):
    return _masked(ids, chosen, draw, other, mask_id, 0.8, 0.8), _targets(ids, chosen)


def nothing_exchanged(ids, chosen, draw, other, mask_id):
    return np.where(chosen & (draw < 0.8), mask_id, ids), _targets(ids, chosen)


def hidden_to_090(ids, chosen, draw, other, mask_id):
    return _masked(ids, chosen, draw, other, mask_id, 0.9, 0.9), _targets(ids, chosen)


def hidden_above(ids, chosen, draw, other, mask_id):
    x = np.where(chosen & (draw >= 0.2), mask_id, ids)
    return np.where(chosen & (draw < 0.1), other, x), _targets(ids, chosen)


def exchanged_in_the_middle(ids, chosen, draw, other, mask_id):
    x = np.where(chosen & (draw < 0.8), mask_id, ids)
    return np.where(chosen & (draw >= 0.8) & (draw < 0.9), other, x), _targets(ids, chosen)


def hidden_and_exchanged_swapped(ids, chosen, draw, other, mask_id):
    x = np.where(chosen & (draw < 0.8), other, ids)
    return np.where(chosen & (draw >= 0.9), mask_id, x), _targets(ids, chosen)


def zero_where_nothing(ids, chosen, draw, other, mask_id):
    return _masked(ids, chosen, draw, other, mask_id), np.where(chosen, ids, 0)


def shifted(ids, chosen, draw, other, mask_id):
    y = np.full(len(ids), -100)
    y[:-1] = np.where(chosen[1:], ids[1:], -100)
    return _masked(ids, chosen, draw, other, mask_id), y


def bounds_included(ids, chosen, draw, other, mask_id):
    x = np.where(chosen & (draw <= 0.8), mask_id, ids)
    return np.where(chosen & (draw > 0.9), other, x), _targets(ids, chosen)


def nothing_to_read(ids, chosen, draw, other, mask_id):
    x = _masked(ids, chosen, draw, other, mask_id)
    return np.where(chosen, x, -100), _targets(ids, chosen)


def exchanged_everywhere(ids, chosen, draw, other, mask_id):
    x = np.where(chosen & (draw < 0.8), mask_id, ids)
    return np.where(draw >= 0.9, other, x), _targets(ids, chosen)


def guessed_where_not_chosen(ids, chosen, draw, other, mask_id):
    return _masked(ids, chosen, draw, other, mask_id), np.where(chosen, -100, ids)


def written_into_the_row(ids, chosen, draw, other, mask_id):
    y = np.where(chosen, ids, -100)
    ids[chosen & (draw < 0.8)] = mask_id
    ids[chosen & (draw >= 0.9)] = other[chosen & (draw >= 0.9)]
    return ids.copy(), y


def row_and_guess(function, *inputs) -> Outputs:
    x, y = two(function(*inputs), "x, y")
    return {"x": x, "y": y}


def _case(seed, n, share):
    rng = np.random.default_rng(seed)
    ids, other = rng.integers(1, 30, (2, n))
    return ids, rng.random(n) < share, rng.random(n), other, 99


MASK = Exercise(
    id="18.2",
    name="my_mask",
    form="my_mask(ids (n,), chosen (n,) booleans, draw (n,) from 0 to 1, other (n,) ids, mask_id) "
    "-> x (n,), y (n,)",
    answer=mask_answer,
    observe=row_and_guess,
    cases=(
        Case(_case(3, 40, 0.5)),
        Case(_case(4, 60, 0.3)),
        Case(
            (
                np.array([5, 6, 7, 8, 11, 12]),
                np.ones(6, bool),
                np.array([0.1, 0.85, 0.95, 0.79, 0.8, 0.9]),
                np.array([1, 2, 3, 4, 21, 22]),
                99,
            ),
            "one of each kind, and the bounds themselves",
        ),
        Case(
            (
                np.array([5, 6, 7]),
                np.zeros(3, bool),
                np.array([0.1, 0.85, 0.95]),
                np.array([1, 2, 3]),
                50,
            ),
            "nothing is chosen",
        ),
    ),
    wrongs=(
        Wrong(
            all_hidden,
            "Everything that is chosen becomes the mask: `draw` is not used. At the end there are "
            "no masks in a text.",
            "What happens to the two tenths?",
        ),
        Wrong(
            everything_guessed,
            "Every token is to be guessed, those too that stand there plainly.",
            "What stands in y where nothing was chosen?",
        ),
        Wrong(
            guessed_from_itself,
            "y has what stands in x, the mask among it: the model is to say what was there before.",
            "Where does the token itself still stand?",
        ),
        Wrong(
            guessed_where_it_changed,
            "Those that are chosen and stay are not guessed. They are to be, like the others: else "
            "it learns that what it sees is right.",
            "Which array says what is guessed?",
        ),
        Wrong(
            guessed_where_hidden,
            "Only what is hidden is guessed. Those that are exchanged, or stay, are to be guessed "
            "too.",
            "Which array says what is guessed?",
        ),
        Wrong(
            not_chosen_hidden,
            "Tokens that are not chosen are hidden or exchanged too.",
            "Which two conditions have to hold?",
        ),
        Wrong(
            the_others_chosen,
            "It is the wrong way round: what is not chosen is hidden and guessed.",
            "What does True in `chosen` mean?",
        ),
        Wrong(
            nothing_stays,
            "Of the chosen ones none stays: from 0.8 to 0.9 nothing should happen to a token.",
            "Which tenth stays?",
        ),
        Wrong(
            nothing_exchanged,
            "None is exchanged: from 0.9 on the token of `other` stands there.",
            "Which of the arguments is not used?",
        ),
        Wrong(
            hidden_to_090,
            "Nine tenths are hidden, and none stays.",
            "How large is the share that is hidden?",
        ),
        Wrong(
            hidden_above,
            "The shares are right, and `draw` is read from the other end: below 0.8 a token is "
            "hidden.",
            "What happens where `draw` is 0.1?",
        ),
        Wrong(
            exchanged_in_the_middle,
            "From 0.8 to 0.9 you exchange, and above you leave it. Asked for is: from 0.8 to 0.9 "
            "it stays.",
            "What happens where `draw` is 0.95?",
        ),
        Wrong(
            hidden_and_exchanged_swapped,
            "The mask and the other token have changed places.",
            "Which of the two is the commoner?",
        ),
        Wrong(
            bounds_included,
            "Right but on the bounds themselves: hidden is what lies below 0.8, exchanged what is "
            "0.9 or more.",
            "Which of < and <= is meant by below?",
        ),
        Wrong(
            nothing_to_read,
            "-100 stands in x, and is no id: what is not chosen is to be read.",
            "In which of the two does -100 stand?",
        ),
        Wrong(
            exchanged_everywhere,
            "Tokens that are not chosen are exchanged too.",
            "Which condition is missing in the last line for x?",
        ),
        Wrong(
            guessed_where_not_chosen,
            "y is the wrong way round: what was not chosen is to be guessed.",
            "Which of the two does np.where take where the condition holds?",
        ),
        Wrong(
            zero_where_nothing,
            "y is 0 where nothing is to be guessed, and 0 is a token.",
            "Which number counts nowhere?",
        ),
        Wrong(
            shifted,
            "y is shifted, as for a GPT. BERT guesses a token at its own place.",
            "Where does the gap stand, and where is it filled?",
        ),
        Wrong(
            written_into_the_row,
            "The numbers are right, but you write into the ids that were lent to you: the next "
            "round would begin with the masks of this one.",
            "Which function makes a new array?",
        ),
    ),
    hints=(
        "Three arrays of booleans: chosen; chosen and draw below 0.8; chosen and draw from 0.9 on. "
        "One np.where for y, two for x.",
        "The same for a day on which some guests are asked to dance, and few of them to sing:\n\n"
        '    does = np.where(asked & (mood < 0.8), "dance", before)\n'
        "    does = np.where(asked & (mood ____ 0.9), song, ____)",
    ),
)

# ------------------------------------------------------------------------------------- 18.3


def vector_answer(x, is_token):
    # the mean over the tokens
    mean = x[is_token].mean(axis=0)
    # of length 1
    return mean / np.sqrt((mean * mean).sum())


def _unit(v):
    return v / np.sqrt((v * v).sum())


def padding_too(x, is_token):
    return _unit(x.mean(axis=0))


def not_length_1(x, is_token):
    return x[is_token].mean(axis=0)


def summed_only(x, is_token):
    return x[is_token].sum(axis=0)


def the_first_token(x, is_token):
    return _unit(x[is_token][0])


def the_first_place(x, is_token):
    return _unit(x[0])


def one_mean_of_all(x, is_token):
    return _unit(np.full(x.shape[1], x[is_token].mean()))


def the_last_token(x, is_token):
    return _unit(x[is_token][-1])


def the_largest_of_each(x, is_token):
    return _unit(x[is_token].max(axis=0))


def over_the_channels(x, is_token):
    return _unit(x[is_token].mean(axis=1))


def each_first(x, is_token):
    rows = x[is_token]
    return _unit((rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True))).mean(axis=0))


def sums_to_1(x, is_token):
    mean = x[is_token].mean(axis=0)
    return mean / mean.sum()


def square_for_length(x, is_token):
    mean = x[is_token].mean(axis=0)
    return mean / (mean * mean).sum()


def by_the_largest(x, is_token):
    mean = x[is_token].mean(axis=0)
    return mean / np.abs(mean).max()


def padding_alone(x, is_token):
    return _unit(x[~is_token].mean(axis=0))


def absolute_length(x, is_token):
    mean = x[is_token].mean(axis=0)
    return mean / np.abs(mean).sum()


def _hidden(seed, T, n, C=5):
    return normal(seed, T, C) + 0.5, np.arange(T) < n


VECTOR = Exercise(
    id="18.3",
    name="my_vector",
    form="my_vector(x (T, C), is_token (T,) booleans) -> (C,), of length 1",
    answer=vector_answer,
    cases=(
        Case(_hidden(900, 6, 4)),
        Case(_hidden(901, 7, 5, 3)),
        Case((normal(902, 4, 3), np.array([False, True, True, False])), "padding on both sides"),
        Case((20 * normal(903, 5, 4), np.arange(5) < 4), "large numbers"),
    ),
    wrongs=(
        Wrong(
            padding_too,
            "The mean is over all positions, padding too: the vector of a text would depend on how "
            "far it was filled up.",
            "Which rows of x count?",
        ),
        Wrong(
            not_length_1,
            "It is not of length 1: the cosine of two vectors is their product only then.",
            "What do you divide a vector by, for the length 1?",
            (summed_only,),
        ),
        Wrong(
            the_first_token,
            "That is the vector of the first token alone.",
            "How do the other tokens come in?",
        ),
        Wrong(
            the_first_place,
            "That is the vector of the first place alone, as [CLS] has one. Asked for is the mean "
            "of all tokens.",
            "How do the other tokens come in?",
        ),
        Wrong(
            one_mean_of_all,
            "You take one mean of all numbers: the axis is missing.",
            "How many numbers has the mean of vectors?",
        ),
        Wrong(
            the_last_token,
            "That is the vector of the last token alone.",
            "How do the other tokens come in?",
        ),
        Wrong(
            the_largest_of_each,
            "You take the largest number of each channel. Asked for is the mean.",
            "What is the mean of 1, 2 and 6?",
        ),
        Wrong(
            over_the_channels,
            "The mean is over the channels: one number for each token is left.",
            "Which axis has the tokens?",
        ),
        Wrong(
            each_first,
            "You make each token's vector 1 long before the mean. Here long ones count more.",
            "In which order are the mean and the length taken?",
        ),
        Wrong(
            sums_to_1,
            "Its numbers sum to 1. A length is the root of the sum of the squares.",
            "How long is the arrow (3, 4)?",
            (absolute_length,),
        ),
        Wrong(
            square_for_length,
            "You divide by the square of the length.",
            "How long is the arrow (3, 4): 5 or 25?",
        ),
        Wrong(
            by_the_largest,
            "You divide by the largest number. A length is the root of the sum of the squares.",
            "How long is the arrow (3, 4)?",
        ),
        Wrong(
            padding_alone,
            "That is the mean over the padding.",
            "What does True in `is_token` mean?",
        ),
    ),
    hints=(
        "x[is_token] are the rows that count. Their mean over the tokens has C numbers. Its length "
        "is the root of the sum of the squares.",
        "The same for the direction in which a crowd walks, without those who stand:\n\n"
        "    mean = step[walks].mean(axis=____)\n"
        "    direction = mean / np.sqrt((____).sum())",
    ),
)

EXERCISES = (SEES, MASK, VECTOR)
