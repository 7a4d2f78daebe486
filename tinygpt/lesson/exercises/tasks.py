"""Lesson 17, Tasks and markers: what is learned of a row, rows of one length, a score."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Wrong, two, whole_numbers
from tinygpt.text.examples import padded

# ------------------------------------------------------------------------------------- 17.1


def targets_answer(ids, learned):
    # the model sees all but the last
    x = ids[:-1]
    # it is to say the next one, where that is to be learned
    y = np.where(learned[1:], ids[1:], -100)
    return x, y


def everything_learned(ids, learned):
    return ids[:-1], ids[1:]


def not_shifted(ids, learned):
    return ids[:-1], np.where(learned[:-1], ids[:-1], -100)


def not_shifted_whole(ids, learned):
    return ids, np.where(learned, ids, -100)


def marks_not_shifted(ids, learned):
    return ids[:-1], np.where(learned[:-1], ids[1:], -100)


def prompt_learned(ids, learned):
    return ids[:-1], np.where(learned[1:], -100, ids[1:])


def zero_for_nothing(ids, learned):
    return ids[:-1], np.where(learned[1:], ids[1:], 0)


def zero_by_product(ids, learned):
    return ids[:-1], ids[1:] * learned[1:]


def one_below_zero(ids, learned):
    return ids[:-1], np.where(learned[1:], ids[1:], -1)


def answer_alone(ids, learned):
    return ids[:-1][learned[1:]], ids[1:][learned[1:]]


def prompt_hidden(ids, learned):
    return np.where(learned[:-1], ids[:-1], -100), np.where(learned[1:], ids[1:], -100)


def end_left_out(ids, learned):
    y = np.where(learned[1:], ids[1:], -100)
    y[-1] = -100
    return ids[:-1], y


def two_places_on(ids, learned):
    x, y = ids[:-1], np.full(len(ids) - 1, -100)
    y[:-1] = np.where(learned[2:], ids[2:], -100)
    return x, y


def written_into_the_ids(ids, learned):
    x = ids[:-1].copy()
    ids[~learned] = -100
    return x, ids[1:].copy()


def prompt_and_answer(ids, learned):
    return ids[~learned], ids[learned]


def targets_dropped(ids, learned):
    return ids[:-1], ids[1:][learned[1:]]


def as_x_and_y(function, *inputs) -> Outputs:
    x, y = two(function(*inputs), "x, y")
    return {"x": whole_numbers(x, "x"), "y": whole_numbers(y, "y")}


def _row(*ids, learned):
    return np.array(ids), np.array([i in learned for i in range(len(ids))])


TARGETS = Exercise(
    id="17.1",
    name="my_targets",
    form="my_targets(ids (n,), learned (n,) booleans) -> x (n - 1,), y (n - 1,)",
    answer=targets_answer,
    observe=as_x_and_y,
    library=None,
    cases=(
        Case(_row(9, 3, 4, 5, 8, 5, 4, 7, learned=(5, 6, 7))),
        Case(_row(9, 2, 8, 6, 7, 1, 8, 5, 0, 7, learned=(3, 4, 7, 8, 9)), "a chat, two answers"),
        Case(_row(9, 1, 8, 7, learned=(3,)), "an empty answer: only its end"),
        Case(_row(3, 1, 4, 1, 5, learned=(0, 1, 2, 3, 4)), "everything is learned"),
    ),
    wrongs=(
        Wrong(
            everything_learned,
            "Every token is a target, those of the prompt too: `learned` is not used.",
            "Who writes the question: the user, or the model?",
        ),
        Wrong(
            not_shifted,
            "y is what stands at the same place as in x: the model sees what it is to say.",
            "What comes after the first id?",
            (not_shifted_whole,),
        ),
        Wrong(
            marks_not_shifted,
            "y is shifted, and `learned` is not: the mark belongs to the token that is said, which "
            "is one place on.",
            "Which of the two ids at a place is the one that is learned?",
        ),
        Wrong(
            prompt_learned,
            "It is the wrong way round: the prompt is learned, and the answer counts nowhere.",
            "Which of the two does np.where take where the condition holds?",
        ),
        Wrong(
            zero_for_nothing,
            '0 stands for "counts nowhere", but 0 is a token: the model learns to say it.',
            "Which number can be no id?",
            (zero_by_product,),
        ),
        Wrong(
            one_below_zero,
            '-1 stands for "counts nowhere". The loss leaves out -100, and refuses -1.',
            "Which number does cross_entropy ignore?",
        ),
        Wrong(
            answer_alone,
            "The prompt is cut out of x too: the model has to answer without the question.",
            "What may the model see, and what is it to say?",
        ),
        Wrong(
            prompt_and_answer,
            "You cut the row in two: x has the prompt, and y the answer. A GPT says something at "
            "every place of x, so y is as long as x.",
            "What is x, if the model is to see each token before the next one comes?",
        ),
        Wrong(
            targets_dropped,
            "You drop the targets that are not learned. Their places have to stay: -100 stands "
            "there.",
            "How long is y beside x?",
        ),
        Wrong(
            prompt_hidden,
            "-100 stands in x, and is no id: the model is to see the prompt, it is only not judged "
            "for it.",
            "In which of the two does nothing change?",
        ),
        Wrong(
            end_left_out,
            "The last target is -100: the end is not learned, and the model will not stop.",
            "What does it say when the answer is over?",
        ),
        Wrong(
            two_places_on,
            "y is two places on: one is left out.",
            "What comes right after the first id?",
        ),
        Wrong(
            written_into_the_ids,
            "The numbers are right, but you write -100 into the ids that were lent to you.",
            "Which function makes a new array?",
        ),
    ),
    hints=(
        "x and y are as in lesson 06: all but the last, all but the first. Only y changes, and "
        "each target has its own mark: that of the id that is said.",
        "The same for prices that are to be compared with those of the next day, on some days "
        "alone:\n\n"
        "    today = price[:-1]\n"
        "    tomorrow = np.where(open_[____], price[____], np.nan)",
    ),
)

# ------------------------------------------------------------------------------------- 17.2


def batch_answer(rows, pad):
    # as long as the longest
    T = max(len(x) for x, _ in rows)
    # everything padded, nothing learned
    x = np.full((len(rows), T), pad)
    y = np.full((len(rows), T), -100)
    # each row at the left
    for i, (ids, targets) in enumerate(rows):
        x[i, : len(ids)] = ids
        y[i, : len(ids)] = targets
    return x, y


def _filled(rows, pad, T, in_y=-100, left=True):
    x, y = np.full((len(rows), T), pad), np.full((len(rows), T), in_y)
    for i, (ids, targets) in enumerate(rows):
        n = min(len(ids), T)
        at = slice(0, n) if left else slice(T - n, T)
        x[i, at], y[i, at] = ids[:n], targets[:n]
    return x, y


def _longest(rows):
    return max(len(x) for x, _ in rows)


def padded_on_the_left(rows, pad):
    return _filled(rows, pad, _longest(rows), left=False)


def padding_learned(rows, pad):
    return _filled(rows, pad, _longest(rows), in_y=pad)


def zeros_learned(rows, pad):
    return _filled(rows, pad, _longest(rows), in_y=0)


def cut_to_the_shortest(rows, pad):
    return _filled(rows, pad, min(len(x) for x, _ in rows))


def as_long_as_the_first(rows, pad):
    return _filled(rows, pad, len(rows[0][0]))


def one_too_long(rows, pad):
    return _filled(rows, pad, _longest(rows) + 1)


def zeros_for_padding(rows, pad):
    return _filled(rows, 0, _longest(rows))


def nothing_in_x(rows, pad):
    return _filled(rows, -100, _longest(rows))


def targets_forgotten(rows, pad):
    x, y = _filled(rows, pad, _longest(rows))
    return x, np.full_like(y, -100)


def ids_as_targets(rows, pad):
    x, _ = _filled(rows, pad, _longest(rows))
    return x, x.copy()


def one_row_after_the_other(rows, pad):
    return np.concatenate([x for x, _ in rows]), np.concatenate([y for _, y in rows])


def repeated(rows, pad):
    T = _longest(rows)
    x = np.array([np.resize(ids, T) for ids, _ in rows])
    return x, np.array([np.resize(y, T) for _, y in rows])


def padding_by_its_id(rows, pad):
    x, y = _filled(rows, pad, _longest(rows), in_y=pad)
    return x, np.where(y == pad, -100, y)


def padding_by_its_id_in_x(rows, pad):
    x, y = _filled(rows, pad, _longest(rows))
    return x, np.where(x == pad, -100, y)


def the_other_way_round(rows, pad):
    x, y = _filled(rows, pad, _longest(rows))
    return y, x


def a_second_end(rows, pad):
    x, y = _filled(rows, pad, _longest(rows))
    for i, (_, targets) in enumerate(rows):
        if len(targets) < y.shape[1]:
            y[i, len(targets)] = pad
    return x, y


def the_last_row_everywhere(rows, pad):
    x, y = _filled(rows, pad, _longest(rows))
    for i in range(len(rows)):
        x[i], y[i] = x[-1], y[-1]
    return x, y


def _rows(*lengths):
    rng = np.random.default_rng(sum(lengths))
    return [
        (rng.integers(1, 9, n), np.where(np.arange(n) < n // 2, -100, rng.integers(1, 9, n)))
        for n in lengths
    ]


def _ends():
    """Rows whose last target is the id that fills them up, as where that is the end of a text."""
    first = np.array([3, 4, 9, 5]), np.array([-100, 4, 9, 9])
    return [first, (np.array([6, 2]), np.array([-100, 9]))]


BATCH = Exercise(
    id="17.2",
    name="my_batch",
    form="my_batch(rows: [(x, y), ...] of different lengths, pad) -> x (B, T), y (B, T)",
    answer=batch_answer,
    observe=as_x_and_y,
    library=padded,
    cases=(
        Case((_rows(4, 7, 5), 9)),
        Case((_rows(6, 3), 9), "the longest one comes first"),
        Case((_rows(5, 5), 9), "rows of one length"),
        Case((_rows(1, 6, 2), 10), "another padding, a row of one"),
        Case((_ends(), 9), "the rows end with what fills them up"),
    ),
    wrongs=(
        Wrong(
            padded_on_the_left,
            "The padding stands before the rows. A token looks back, so it would look at padding, "
            "and its position is another one.",
            "On which side does nobody look at it?",
        ),
        Wrong(
            padding_learned,
            "Where x is padded, y is too: so to say padding is learned.",
            "Which number counts nowhere?",
            (zeros_learned,),
        ),
        Wrong(
            cut_to_the_shortest,
            "The rows are cut to the shortest: ends of answers are gone.",
            "How long is the longest of them?",
        ),
        Wrong(
            as_long_as_the_first,
            "T is the length of the first row, and others may be longer.",
            "How long is the longest of them?",
        ),
        Wrong(
            one_too_long, "T is one more than the longest row.", "How long is the longest of them?"
        ),
        Wrong(
            zeros_for_padding,
            "x is filled up with 0, and that is a token: asked for is `pad`.",
            "Which of the arguments is not used?",
        ),
        Wrong(
            nothing_in_x,
            "x is filled up with -100, which is no id: the table of embeddings has no such row.",
            "Which of the arguments is not used?",
        ),
        Wrong(
            targets_forgotten,
            "y is -100 everywhere: nothing is learned from any row.",
            "Where do the targets of a row go?",
        ),
        Wrong(
            ids_as_targets,
            "y is x once more: the model sees what it is to say, and padding is learned.",
            "What does the second thing in each row hold?",
        ),
        Wrong(
            one_row_after_the_other,
            "The rows stand one behind the other in one long row: a token would look at another "
            "example.",
            "How many axes does a batch have?",
        ),
        Wrong(
            repeated,
            "Short rows are repeated until they are long enough, and so some targets count twice.",
            "What fills a row up, without being learned?",
        ),
        Wrong(
            padding_by_its_id,
            "You tell padding by its id. Where rows end with that same id, their ends are taken "
            "for padding, and the model never learns to stop.",
            "What else, but the id, says where a row is over?",
            (padding_by_its_id_in_x,),
        ),
        Wrong(the_other_way_round, "x and y have changed places.", "Which comes first?"),
        Wrong(
            a_second_end,
            "Behind the end of a short row you have it learn padding once more.",
            "What is to be said when the answer is over?",
        ),
        Wrong(
            the_last_row_everywhere,
            "All rows are the last one.",
            "Which row of x does a row go to?",
        ),
    ),
    hints=(
        "np.full((B, T), number) makes an array that is filled with one number. Then each row goes "
        "over its beginning. What fills x, and what fills y?",
        "The same for words of different lengths in a table of letters:\n\n"
        "    table = np.full((len(words), longest), ____)\n"
        "    for i, word in enumerate(words):\n"
        "        table[i, : ____] = list(word)",
    ),
)

# ------------------------------------------------------------------------------------- 17.3


def macro_answer(given, right, labels):
    scores = []
    for label in labels:
        # called so and so, called so, is so
        hit = sum(g == r == label for g, r in zip(given, right, strict=True))
        called, there = given.count(label), right.count(label)
        # of both together
        scores.append(2 * hit / (called + there) if called + there else 0.0)
    # each label counts alike
    return sum(scores) / len(labels)


def _counts(given, right, label):
    hit = sum(g == r == label for g, r in zip(given, right, strict=True))
    return hit, given.count(label), right.count(label)


def accuracy(given, right, labels):
    return sum(g == r for g, r in zip(given, right, strict=True)) / len(right)


def precision_alone(given, right, labels):
    parts = [_counts(given, right, label) for label in labels]
    return sum(hit / called if called else 0.0 for hit, called, _ in parts) / len(labels)


def recall_alone(given, right, labels):
    parts = [_counts(given, right, label) for label in labels]
    return sum(hit / there if there else 0.0 for hit, _, there in parts) / len(labels)


def mean_of_both(given, right, labels):
    total = 0.0
    for label in labels:
        hit, called, there = _counts(given, right, label)
        total += ((hit / called if called else 0) + (hit / there if there else 0)) / 2
    return total / len(labels)


def by_how_many(given, right, labels):
    total = 0.0
    for label in labels:
        hit, called, there = _counts(given, right, label)
        total += there * (2 * hit / (called + there) if called + there else 0.0)
    return total / len(right)


def of_the_means(given, right, labels):
    p, r = precision_alone(given, right, labels), recall_alone(given, right, labels)
    return 2 * p * r / (p + r) if p + r else 0.0


def two_forgotten(given, right, labels):
    return macro_answer(given, right, labels) / 2


def product_of_both(given, right, labels):
    total = 0.0
    for label in labels:
        hit, called, there = _counts(given, right, label)
        total += (hit / called if called else 0) * (hit / there if there else 0)
    return total / len(labels)


def not_divided(given, right, labels):
    return macro_answer(given, right, labels) * len(labels)


def those_that_are_there(given, right, labels):
    return macro_answer(given, right, [x for x in labels if x in given or x in right])


def those_that_are_right(given, right, labels):
    return macro_answer(given, right, [x for x in labels if x in right])


def in_per_cent(given, right, labels):
    return 100 * macro_answer(given, right, labels)


def overlap_by_union(given, right, labels):
    total = 0.0
    for label in labels:
        hit, called, there = _counts(given, right, label)
        total += hit / (called + there - hit) if called + there - hit else 0.0
    return total / len(labels)


def the_worst(given, right, labels):
    return min(macro_answer(given, right, [label]) for label in labels)


MACRO_F1 = Exercise(
    id="17.3",
    name="my_macro_f1",
    form="my_macro_f1(given, right: lists of labels, labels) -> a number from 0 to 1",
    answer=macro_answer,
    cases=(
        Case((list("aabbbcca"), list("abbbacca"), list("abc"))),
        Case((list("aaaaaaaaab"), list("aaaaaaaabb"), list("ab")), "one label is rare"),
        Case((list("aabbdb"), list("abbaba"), list("abcd")), "a label that nobody has or gives"),
        Case((list("aaaa"), list("abab"), list("ab")), "always the same answer"),
        Case((list("abcab"), list("abcab"), list("abc")), "all right"),
    ),
    wrongs=(
        Wrong(
            accuracy,
            "That is accuracy, the share of right answers: a rare label hardly counts in it.",
            "What is the score of one label, before the mean?",
        ),
        Wrong(
            precision_alone,
            "Of what was called so you ask how much is so, and not how much of what is so was "
            "found.",
            "What does a model get that says a label only once, and rightly?",
        ),
        Wrong(
            recall_alone,
            "Of what is so you ask how much was found, and not how much was called so wrongly.",
            "What does a model get that always says the same?",
        ),
        Wrong(
            mean_of_both,
            "You take the usual mean of P and R. F1 is 2PR / (P + R), which is small where one of "
            "them is.",
            "What is it for P = 1 and R = 0?",
        ),
        Wrong(
            by_how_many,
            "Each label counts by how often it occurs. Macro means that all count alike.",
            "What do you divide by?",
        ),
        Wrong(
            of_the_means,
            "You take the means of P and of R first, and then one F1. Each label has its own F1.",
            "In which order are the mean and the F1 taken?",
        ),
        Wrong(
            two_forgotten,
            "Everything is half as large: 2 PR / (P + R) has a 2.",
            "What is F1 where all is right?",
        ),
        Wrong(
            product_of_both,
            "You multiply P by R. F1 divides that by their mean.",
            "What is it where both are a half?",
        ),
        Wrong(
            not_divided,
            "It is the sum over the labels, and above 1.",
            "What makes a sum a mean?",
        ),
        Wrong(
            those_that_are_there,
            "You leave out a label that nobody gave and that is never right. Here it counts 0, so "
            "that scores of different answers have the same labels in them.",
            "How many labels are there?",
            (those_that_are_right,),
        ),
        Wrong(
            in_per_cent, "It is in per cent; asked for is a number from 0 to 1.", "Is it above 1?"
        ),
        Wrong(
            overlap_by_union,
            "You divide by how many are called so or are so. F1 divides twice the hits by the sum "
            "of both.",
            "Of 2 that are called so and 2 that are, 1 is the same: what is 2 PR / (P + R)?",
        ),
        Wrong(the_worst, "That is the F1 of the worst label.", "How do all labels come in?"),
    ),
    hints=(
        "For one label: P is hit / called, R is hit / there. Put them into 2 P R / (P + R): what "
        "is left is a fraction with three counts. Then the mean over the labels.",
        "The same for two lists of guests, how alike they are:\n\n"
        "    both = sum(name in second for name in first)\n"
        "    alike = 2 * ____ / (len(first) + len(____))",
    ),
)

EXERCISES = (TARGETS, BATCH, MACRO_F1)
