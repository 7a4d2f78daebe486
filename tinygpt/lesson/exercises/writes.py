"""Lesson 00, A GPT writes: which scores count, a draw, the writing loop."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, FormError, Outputs, Wrong, kind_of, normal

# ------------------------------------------------------------------------------------- 00.1


def last_answer(scores):
    # which text, which place, which letters
    return scores[0, -1]


def the_first_place(scores):
    return scores[0, 0]


def the_last_text(scores):
    return scores[-1, -1]


def every_place(scores):
    return scores[0]


def every_text(scores):
    return scores[:, -1]


def one_letter(scores):
    return scores[0, :, -1]


def mean_of_places(scores):
    return scores[0].mean(axis=0)


def one_place_early(scores):
    return scores[0, -2]


def largest_of_places(scores):
    return scores[0].max(axis=0)


def already_chances(scores):
    e = np.exp(scores[0, -1] - scores[0, -1].max())
    return e / e.sum()


def texts_for_places(scores):
    return scores[0, len(scores) - 1]


LAST = Exercise(
    id="00.1",
    name="my_last_scores",
    form="my_last_scores(scores (B, T, V)) -> (V,)",
    answer=last_answer,
    cases=(
        Case((normal(61, 1, 7, 5),)),
        Case((normal(62, 3, 4, 6),), "three texts"),
        Case((normal(63, 1, 5, 5),), "T and V are equal: shapes warn of nothing"),
        Case((normal(64, 1, 3, 60),), "60 letters"),
    ),
    wrongs=(
        Wrong(
            the_first_place,
            "Those are the scores for what comes after the *first* letter.",
            "Which index takes the last element of an axis?",
        ),
        Wrong(
            the_last_text,
            "Right for one text. With three you took the last of them.",
            "Which axis counts the texts, and which of them was asked for?",
        ),
        Wrong(
            every_place,
            "You still have the scores of all places.",
            "How many axes should be left, and which one goes next?",
        ),
        Wrong(
            every_text,
            "Your result has an axis too many.",
            "How many axes should be left, and which of the others goes?",
        ),
        Wrong(
            one_letter,
            "You took one letter's score at every place.",
            "Which of the three axes must stay whole, because it holds a score for each letter?",
        ),
        Wrong(
            mean_of_places,
            "You took the mean over all places.",
            "Which place knows the whole text so far?",
        ),
        Wrong(
            one_place_early,
            "Those are the scores of the last place but one.",
            "Counted from the end, which number has the last element?",
        ),
        Wrong(
            largest_of_places,
            "You took the largest score of each letter over all places.",
            "One place has read the whole text so far: which one?",
        ),
        Wrong(
            already_chances,
            "Those are chances: you took the softmax already.",
            "Which of the two was asked for, scores or chances?",
        ),
        Wrong(
            texts_for_places,
            "len(scores) counts the texts, and not the places.",
            "Which axis counts the places, and how is its last element reached from the end?",
        ),
    ),
    hints=(
        "Three axes: which text, which place in it, which letter. Take the first text, the last "
        "place, and all letters. Indexing from the end is -1.",
        "For a table degrees[town, day, hour], all hours of the last day in the third town:\n\n"
        "    degrees[2, ____]\n\n"
        "An axis that you do not mention stays whole.",
    ),
)

# ------------------------------------------------------------------------------------- 00.2


def draw_answer(chances, u):
    # go along the line
    gone = 0.0
    for i in range(len(chances)):
        # the end of this letter's stretch
        gone += chances[i]
        if u < gone:
            return i
    # rounding: the sum may be a little below 1
    return len(chances) - 1


def the_likeliest(chances, u):
    return int(np.argmax(chances))


def not_summed(chances, u):
    return int(np.argmax(chances > u)) if (chances > u).any() else len(chances) - 1


def not_summed_and_no_end(chances, u):
    for i in range(len(chances)):
        if u < chances[i]:
            return i


def falls_off_the_end(chances, u):
    gone = 0.0
    for i in range(len(chances)):
        gone += chances[i]
        if u < gone:
            return i


def the_nearest(chances, u):
    return int(np.argmin(abs(chances - u)))


def all_alike(chances, u):
    return int(u * len(chances))


def one_too_many(chances, u):
    return min(draw_answer(chances, u) + 1, len(chances) - 1)


def sorted_first(chances, u):
    return int(np.searchsorted(np.cumsum(np.sort(chances)[::-1]), u, side="right"))


def never_the_last(chances, u):
    return min(draw_answer(chances, u), len(chances) - 2)


def _first_letter(chances, u, found):
    """The first letter of which found(sum before it, sum with it, its chance) says yes; else the
    last."""
    gone = 0.0
    for i, chance in enumerate(chances):
        if found(gone, gone + chance, chance):
            return i
        gone += chance
    return len(chances) - 1


def beyond_for_within(chances, u):
    return _first_letter(chances, u, lambda before, after, c: u > after)


def beyond_the_letters_before(chances, u):
    return _first_letter(chances, u, lambda before, after, c: u >= before)


def decided_in_the_first_round(chances, u):
    return 0 if u < chances[0] else len(chances) - 1


def first_or_nothing(chances, u):
    return 0 if u < chances[0] else None


def first_counted_twice(chances, u):
    end = chances[0]
    for i, chance in enumerate(chances):
        end += chance
        if u < end:
            return i
    return len(chances) - 1


def one_beyond_at_the_end(chances, u):
    return int(np.searchsorted(np.cumsum(chances), u, side="right"))


def the_first_at_the_end(chances, u):
    return int(np.argmax(np.cumsum(chances) > u))


def minus_one_at_the_end(chances, u):
    i = int(np.searchsorted(np.cumsum(chances), u, side="right"))
    return i if i < len(chances) else -1


def the_chance_itself(chances, u):
    return float(chances[draw_answer(chances, u)])


def the_sum_itself(chances, u):
    return float(np.cumsum(chances)[draw_answer(chances, u)])


def rank_of_the_letter(chances, u):
    order = np.argsort(-chances, kind="stable")
    return int(order[draw_answer(chances[order], u)])


def nothing_but_zero(chances, u):
    return 0


def yes_and_no(chances, u):
    return np.cumsum(chances) > u


def from_the_back(chances, u):
    return len(chances) - 1 - draw_answer(chances[::-1], u)


def one_off(chances, u):
    return draw_answer(chances, u) + 1


def one_back(chances, u):
    return draw_answer(chances, u) - 1


def all_that_are_beyond(chances, u):
    return np.where(np.cumsum(chances) > u)[0]


def rank_the_other_way(chances, u):
    order = np.argsort(chances)[::-1]
    return int(order[draw_answer(chances[order], u)])


def up_to_the_border(chances, u):
    return _first_letter(chances, u, lambda before, after, c: u <= after)


def border_by_search(chances, u):
    return min(int(np.searchsorted(np.cumsum(chances), u)), len(chances) - 1)


def many_draws(function, chances, us) -> Outputs:
    names = [f"the letter for u = {u:g} and chances {chances.tolist()}" for u in us]
    return {name: function(chances, u) for name, u in zip(names, us, strict=True)}


_us = (0.05, 0.45, 0.55, 0.68, 0.72, 0.88, 0.93, 0.99)

DRAW = Exercise(
    id="00.2",
    name="my_draw",
    form="my_draw(chances (V,), u from 0 to 1) -> the number of a letter, from 0 to V - 1",
    answer=draw_answer,
    observe=many_draws,
    inputs=("chances", "u"),
    cases=(
        Case((np.array([0.5, 0.2, 0.2, 0.1]), _us)),
        Case((np.array([0.1, 0.0, 0.6, 0.3]), _us), "a letter with the chance 0"),
        Case((np.array([0.02, 0.08, 0.1, 0.1, 0.7]), _us), "the likeliest letter is the last"),
        Case((np.array([0.3, 0.3, 0.3999]), (0.0, 0.4, 0.99995)), "rounding: the sum is below 1"),
        Case((np.array([0.0, 0.4, 0.6]), (0.0, 0.2, 0.7)), "the first letter has the chance 0"),
    ),
    wrongs=(
        Wrong(
            the_likeliest,
            "You always take the likeliest letter, whatever u is: no draw, and soon the same words "
            "for ever.",
            "For which u should the second letter come?",
        ),
        Wrong(
            not_summed,
            "You compared u with each chance by itself.",
            "The letters lie side by side on a line from 0 to 1. Where does the stretch of the "
            "second one begin?",
            (not_summed_and_no_end,),
        ),
        Wrong(
            falls_off_the_end,
            "Right, but for a u above the whole sum your function returns nothing: a sum of "
            "chances can be a little below 1.",
            "Which letter should come then?",
        ),
        Wrong(
            the_nearest,
            "You took the letter whose chance is nearest to u.",
            "Which of the stretches on the line does the point u fall into?",
        ),
        Wrong(
            all_alike,
            "You cut the line into equal stretches: all letters would come equally often.",
            "How long should the stretch of a letter be?",
        ),
        Wrong(
            one_too_many,
            "You are one letter too far.",
            "If u lies below the first chance, which letter is it?",
        ),
        Wrong(
            sorted_first,
            "You sorted the chances, so your numbers are ranks, and no longer letters.",
            "Which letter has the number 0?",
        ),
        Wrong(
            never_the_last,
            "The last letter never comes.",
            "For which u should it?",
        ),
        Wrong(
            beyond_for_within,
            "You stop where u is larger than the sum so far: the wrong way round.",
            "u lies in a stretch when it is below, or above, the end of it?",
        ),
        Wrong(
            decided_in_the_first_round,
            "You decide in the first round of the loop: it is either the first letter or the end.",
            "Which lines belong into the loop, and which one after it?",
            (first_or_nothing,),
        ),
        Wrong(
            first_counted_twice,
            "The first chance is counted twice, so every border lies too far to the right.",
            "How long is the way before the first letter?",
        ),
        Wrong(
            one_beyond_at_the_end,
            "Right, but for a u above the whole sum you give V, one beyond the last letter: a sum"
            " of chances can be a little below 1.",
            "Which number has the last letter?",
        ),
        Wrong(
            the_first_at_the_end,
            "Right, but for a u above the whole sum you give 0: a sum of chances can be a little "
            "below 1.",
            "Which letter lies at the end of the line?",
            (minus_one_at_the_end,),
        ),
        Wrong(
            the_chance_itself,
            "You give the chance of the letter.",
            "What tells the tokenizer which letter it is: its chance, or its number?",
        ),
        Wrong(
            the_sum_itself,
            "You give the sum at which you stopped.",
            "What was asked for: a place on the line, or the number of a letter?",
        ),
        Wrong(
            rank_of_the_letter,
            "You laid the letters on the line by their size, the likeliest first: as good a draw,"
            " but another letter for the same u.",
            "In which order do the chances stand that you were given?",
            (rank_the_other_way,),
        ),
        Wrong(
            nothing_but_zero,
            "You always give 0.",
            "For which u should the second letter come?",
            (beyond_the_letters_before,),
        ),
        Wrong(
            yes_and_no,
            "You give several numbers, and one is asked for.",
            "Which is the first letter whose end lies beyond u?",
            (all_that_are_beyond,),
        ),
        Wrong(
            from_the_back,
            "You laid the letters on the line from the last one to the first.",
            "Which letter lies at 0?",
        ),
        Wrong(
            one_off,
            "Your number is one too large: letters are counted from 0.",
            "What has i been before you added 1?",
        ),
        Wrong(
            one_back,
            "Your number is one too small.",
            "At which round do you stop, and what is i then?",
        ),
        Wrong(
            up_to_the_border,
            "For u = 0 you give a letter with the chance 0: u is at least 0 and below 1, so a "
            "stretch has its beginning, and not its end.",
            "Smaller than, or also equal?",
            (border_by_search,),
        ),
    ),
    hints=(
        "Lay the letters side by side on a line from 0 to 1, each as long as its chance. u is a "
        "point on that line: whose stretch is it in? Go along and add up the chances until the sum "
        "is larger than u.",
        "A walk of u kilometres along villages, each so many kilometres long; in which one do you "
        "end?\n\n"
        "    gone = 0.0\n"
        "    for i in range(len(lengths)):\n"
        "        gone += ____\n"
        "        if u < ____:\n"
        "            return i",
    ),
)

# ------------------------------------------------------------------------------------- 00.3


def write_answer(ids, n, block_size, choose):
    # a list of our own
    ids = list(ids)
    for _ in range(n):
        # what the model sees
        window = ids[-block_size:]
        # one more
        ids.append(choose(window))
    return ids


def never_cut(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids))
    return ids


def cut_at_the_wrong_end(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[:block_size]))
    return ids


def only_the_last_letter(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[-1:]))
    return ids


def always_the_prompt(ids, n, block_size, choose):
    return list(ids) + [choose(list(ids)[-block_size:]) for _ in range(n)]


def new_ones_alone(ids, n, block_size, choose):
    return write_answer(ids, n, block_size, choose)[len(ids) :]


def returns_too_early(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[-block_size:]))
        return ids


def keeps_the_window(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids = ids[-block_size:]
        ids.append(choose(ids))
    return ids


def until_n_in_all(ids, n, block_size, choose):
    ids = list(ids)
    while len(ids) < n:
        ids.append(choose(ids[-block_size:]))
    return ids


def one_too_few(ids, n, block_size, choose):
    return write_answer(ids, n - 1, block_size, choose)


def into_the_prompt(ids, n, block_size, choose):
    for _ in range(n):
        ids.append(choose(ids[-block_size:]))
    return ids


def one_too_many(ids, n, block_size, choose):
    return write_answer(ids, n + 1, block_size, choose)


def without_the_newest(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[-block_size:-1]))
    return ids


def window_too_short(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[-(block_size - 1) :]))
    return ids


def window_too_long(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[-(block_size + 1) :]))
    return ids


def start_below_zero(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(choose(ids[len(ids) - block_size :]))
    return ids


def the_last_once_more(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.append(ids[-1])
    return ids


def asked_once(ids, n, block_size, choose):
    ids = list(ids)
    return ids + [choose(ids[-block_size:])] * n


def in_front(ids, n, block_size, choose):
    ids = list(ids)
    for _ in range(n):
        ids.insert(0, choose(ids[-block_size:]))
    return ids


def the_prompt_alone(ids, n, block_size, choose):
    return list(ids)


def a_model_of_numbers(limit):
    """In place of a model: the next id depends on every id in the window, and on its length."""

    def choose(window):
        window = list(window)
        if not 0 < len(window) <= limit:
            raise ValueError(f"{len(window)} letters, but this model sees {limit} at most")
        return (sum((i + 1) * id for i, id in enumerate(window)) + 3 * len(window)) % 11

    return choose


def written(function, ids, n, block_size) -> Outputs:
    result = function(ids, n, block_size, a_model_of_numbers(block_size))
    if result is not None and type(result) is not list:
        raise FormError(f"your function returned {kind_of(result)}, asked for is a list")
    return {"result": result}


WRITE = Exercise(
    id="00.3",
    name="my_write",
    form="my_write(ids, n, block_size, choose) -> a list: ids and n more",
    answer=write_answer,
    observe=written,
    inputs=("ids", "n", "block_size"),
    cases=(
        Case(([3, 1, 4], 5, 20)),
        Case(([3, 1, 4, 1, 5], 9, 7), "the text grows longer than block_size"),
        Case(([2, 7, 1, 8, 2, 8, 1, 8, 2], 2, 6), "the prompt is longer than block_size"),
    ),
    wrongs=(
        Wrong(
            never_cut,
            "The model sees block_size letters at most, and the text has grown longer.",
            "Which part of a long text should it see?",
        ),
        Wrong(
            cut_at_the_wrong_end,
            "You gave the model the *first* letters of a long text.",
            "Which letters decide what comes next: the first or the last ones?",
        ),
        Wrong(
            only_the_last_letter,
            "You gave the model the last letter alone.",
            "How much of the text may it see?",
        ),
        Wrong(
            always_the_prompt,
            "Every new letter is chosen from the prompt alone: what was written is in no window.",
            "What should the text contain when the second letter is chosen?",
            (asked_once,),
        ),
        Wrong(
            new_ones_alone,
            "The prompt is missing in your result.",
            "What stands before the n new ones?",
        ),
        Wrong(
            returns_too_early,
            "One letter, and the function was over.",
            "How far is `return` indented: does it belong to the loop?",
        ),
        Wrong(
            keeps_the_window,
            "You cut the text itself, so its beginning is lost.",
            "What should be cut: the text, or what the model sees of it?",
        ),
        Wrong(
            until_n_in_all,
            "You stopped at n letters in all.",
            "n *new* ones: how often should the loop run?",
        ),
        Wrong(
            one_too_few,
            "One letter is missing at the end.",
            "How often does range(n - 1) run?",
        ),
        Wrong(
            into_the_prompt,
            "The text is right, but you appended to the caller's own list.",
            "How do you get a list of your own with the same content?",
        ),
        Wrong(
            one_too_many,
            "One letter too many at the end.",
            "How often does your loop run?",
        ),
        Wrong(
            without_the_newest,
            "The model does not see the newest letter: [a:-1] leaves the last one out.",
            "Where does a slice end that has nothing after the colon?",
        ),
        Wrong(
            window_too_short,
            "Your window is one letter too short.",
            "How many elements has ids[-3:]?",
        ),
        Wrong(
            start_below_zero,
            "Right for long texts. While the text is shorter than block_size, len(ids) - "
            "block_size is below 0, and a negative start counts from the end.",
            "What does ids[-5:] give of a list of 3?",
        ),
        Wrong(
            the_last_once_more,
            "You append a letter of the text itself, not what the model chooses.",
            "What does choose return, and where does that go?",
        ),
        Wrong(
            in_front,
            "You put the new letters before the text.",
            "At which end does a text go on?",
        ),
        Wrong(
            the_prompt_alone,
            "You give the prompt back, and nothing new.",
            "Where do the chosen letters go?",
        ),
    ),
    hints=(
        "Make a list of your own from ids. Then n times: cut the window, the last block_size ids; "
        "ask `choose` for the next one; append it. Return the whole list.",
        "A diary in which each day depends on the last week:\n\n"
        "    days = list(diary)\n"
        "    for _ in range(n):\n"
        "        days.append(live(days[____]))\n"
        "    return ____",
    ),
)

EXERCISES = (LAST, DRAW, WRITE)
