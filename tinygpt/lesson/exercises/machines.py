"""Lesson 21, Many machines: the gradient of all, and a ring that sums up."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Wrong, normal

# ------------------------------------------------------------------------------------- 21.1


def whole_answer(gradients, rows):
    # each rank's mean counts by its rows
    total = sum(n * g for n, g in zip(rows, gradients))
    # the mean over all rows
    return total / sum(rows)


def mean_of_means(gradients, rows):
    return sum(gradients) / len(gradients)


def mean_of_those_with_rows(gradients, rows):
    used = [g for n, g in zip(rows, gradients) if n]
    return sum(used) / len(used)


def sum_of_means(gradients, rows):
    return sum(gradients)


def not_divided(gradients, rows):
    return sum(n * g for n, g in zip(rows, gradients))


def divided_by_the_ranks(gradients, rows):
    return not_divided(gradients, rows) / len(gradients)


def rounded_down(gradients, rows):
    return not_divided(gradients, rows) // sum(rows)


def divided_by_the_most(gradients, rows):
    return not_divided(gradients, rows) / max(rows)


def divided_by_its_rows(gradients, rows):
    return sum(g / max(n, 1) for n, g in zip(rows, gradients))


def divided_twice(gradients, rows):
    return whole_answer(gradients, rows) / len(gradients)


def divided_twice_by_the_rows(gradients, rows):
    return whole_answer(gradients, rows) / sum(rows)


def sum_by_the_rows(gradients, rows):
    return sum(gradients) / sum(rows)


def weighted_the_wrong_way_round(gradients, rows):
    weights = np.array(rows)[::-1]
    return sum(n * g for n, g in zip(weights, gradients)) / sum(rows)


def the_first_ranks(gradients, rows):
    return gradients[0]


def the_largest_ranks(gradients, rows):
    return gradients[int(np.argmax(rows))]


def one_number(gradients, rows):
    return sum(n * g.mean() for n, g in zip(rows, gradients)) / sum(rows)


WHOLE = Exercise(
    id="21.1",
    name="my_whole_gradient",
    form="my_whole_gradient(gradients: a list of (L,), rows: a list of counts) -> (L,)",
    answer=whole_answer,
    cases=(
        Case(([normal(2100 + i, 5) for i in range(3)], [4, 1, 7])),
        Case(([np.array([2.0]), np.array([5.0])], [2, 1]), "two ranks, by hand"),
        Case(([normal(2110 + i, 4) for i in range(2)], [3, 3]), "as many rows for each"),
        Case(([normal(2120, 3), np.zeros(3), normal(2121, 3)], [2, 0, 5]), "a rank without rows"),
        Case(([normal(2130, 6)], [8]), "one rank alone"),
    ),
    wrongs=(
        Wrong(
            mean_of_means,
            "You take the mean of the means: a row of a rank with few rows then counts more than "
            "one of a rank with many.",
            "If a rank has 1 row and another 7, how much should each mean count?",
            (mean_of_those_with_rows,),
        ),
        Wrong(
            sum_of_means,
            "You add the means up. With n ranks the gradient would be about n times too long.",
            "What must be divided by, so that it is a mean again?",
        ),
        Wrong(
            not_divided,
            "That is the sum over all rows. Asked for is the mean.",
            "How many rows are there in all?",
        ),
        Wrong(
            divided_by_the_ranks,
            "You divide by the number of ranks. What was added up are rows.",
            "How many rows are there in all?",
        ),
        Wrong(
            divided_by_the_most,
            "You divide by the rows of the rank that has most.",
            "How many rows are there in all?",
        ),
        Wrong(
            rounded_down,
            "The division // rounds down to a whole number. Slopes are seldom whole.",
            "Which sign divides without rounding?",
        ),
        Wrong(
            divided_by_its_rows,
            "You divide each gradient by its rows. It is a mean already: that was done.",
            "What must a mean be multiplied with, to become the sum again?",
        ),
        Wrong(
            divided_twice,
            "Right, and then divided once too often.",
            "Which of the two divisions makes it the mean over all rows?",
            (divided_twice_by_the_rows,),
        ),
        Wrong(
            sum_by_the_rows,
            "You divide by all rows, but what you add up are means and not sums.",
            "What must a mean be multiplied with, to become the sum again?",
        ),
        Wrong(
            weighted_the_wrong_way_round,
            "The weights belong to other ranks: they are in reverse order.",
            "Which rank's rows belong to gradients[0]?",
        ),
        Wrong(
            the_first_ranks,
            "That is the gradient of one rank alone: the rows of the others teach nothing.",
            "Over which rows is the mean to be?",
            (the_largest_ranks,),
        ),
        Wrong(
            one_number,
            "You average over the elements, too: all elements of your result are the same. "
            "Each parameter has a slope of its own.",
            "Over what is the mean: ranks, or elements?",
        ),
    ),
    hints=(
        "A mean times its rows is a sum. Add the sums of all ranks, and divide by the rows of all.",
        "The same for two classes and their mean marks, 25 pupils with 2.0 and 5 with 3.2:\n\n"
        "    total = ____ * 2.0 + ____ * 3.2\n"
        "    mean = total / (____ + ____)",
    ),
)

# ------------------------------------------------------------------------------------- 21.2


def add_round_answer(numbers, step):
    n = len(numbers)
    # lists of its own: those that were given stay as they are
    new = [list(row) for row in numbers]
    for rank in range(n):
        # the part that it sends, and to whom
        part, to = (rank - step) % n, (rank + 1) % n
        # the neighbour adds it to its own
        new[to][part] += numbers[rank][part]
    return new


def _to_the_right(rank, n):
    return (rank + 1) % n


def _to_the_left(rank, n):
    return (rank - 1) % n


def _add(own, got):
    return own + got


def _sent(numbers, step, part_of, to_of=_to_the_right, put=_add):
    n = len(numbers)
    new = [list(row) for row in numbers]
    for rank in range(n):
        part, to = part_of(rank, step, n) % n, to_of(rank, n)
        new[to][part] = put(new[to][part], numbers[rank][part])
    return new


def overwritten(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r - s, put=lambda own, got: got)


def to_the_left(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r - s, _to_the_left)


def part_goes_up(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r + s)


def always_its_own_part(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r)


def the_part_of_the_step(numbers, step):
    return _sent(numbers, step, lambda r, s, n: s)


def one_part_too_few(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r - s - 1)


def one_part_too_many(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r - s + 1)


def whole_lists(numbers, step):
    n = len(numbers)
    return [[a + b for a, b in zip(numbers[rank], numbers[rank - 1])] for rank in range(n)]


def sums_at_once(numbers, step):
    total = [sum(column) for column in zip(*numbers)]
    return [list(total) for _ in numbers]


def given_away(numbers, step):
    n = len(numbers)
    new = add_round_answer(numbers, step)
    for rank in range(n):
        new[rank][(rank - step) % n] -= numbers[rank][(rank - step) % n]
    return new


def the_last_does_not_send(numbers, step):
    n = len(numbers)
    new = [list(row) for row in numbers]
    for rank in range(n - 1):
        part = (rank - step) % n
        new[rank + 1][part] += numbers[rank][part]
    return new


def from_the_right(numbers, step):  # the part is that of the rank that takes
    return _sent(numbers, step, lambda r, s, n: r - 1 - s, _to_the_left)


def into_its_own_part(numbers, step):
    n = len(numbers)
    new = [list(row) for row in numbers]
    for rank in range(n):
        to = (rank + 1) % n
        new[to][(to - step) % n] += numbers[rank][(rank - step) % n]
    return new


def one_rank_sends(numbers, step):
    n = len(numbers)
    new = [list(row) for row in numbers]
    rank = step % n
    part = (rank - step) % n
    new[(rank + 1) % n][part] += numbers[rank][part]
    return new


def unchanged(numbers, step):
    return [list(row) for row in numbers]


def _numbers(seed, n):
    """n numbers of n whole numbers as plain lists."""
    return np.random.default_rng(seed).integers(1, 100, (n, n)).tolist()


RING_CASES = (
    Case((_numbers(2200, 4), 0)),
    Case((_numbers(2201, 4), 1), "the second round"),
    Case((_numbers(2202, 5), 3), "five ranks, a later round"),
    Case((_numbers(2203, 2), 0), "two ranks"),
    Case(([[1, 2, 3], [10, 20, 30], [100, 200, 300]], 0), "by hand"),
)

ADD_ROUND = Exercise(
    id="21.2",
    name="my_add_round",
    form="my_add_round(numbers: n lists of n numbers, step) -> n lists of n numbers",
    answer=add_round_answer,
    cases=RING_CASES,
    wrongs=(
        Wrong(
            overwritten,
            "What arrives takes the place of what was there: the neighbour's own number is lost.",
            "What becomes of two numbers, if their sum is wanted?",
        ),
        Wrong(
            to_the_left,
            "The parts go to the left neighbour, rank - 1.",
            "Who gets the part of rank 0: rank 1, or the last one?",
        ),
        Wrong(
            part_goes_up,
            "The number of the part gnumbers with the round. It should fall: rank - step.",
            "Rank 1 has just got part 0 from rank 0. Which part does it send on in round 1?",
        ),
        Wrong(
            always_its_own_part,
            "In every round each rank sends the part of its own number. What arrived in the round "
            "before should travel on.",
            "Rank 1 has just got part 0 from rank 0. Which part does it send on in round 1?",
        ),
        Wrong(
            the_part_of_the_step,
            "All ranks send the same part. Then one part goes round, and the others stay at home.",
            "How can all n parts travel at the same time?",
        ),
        Wrong(
            one_part_too_few,
            "The part is one too low: in round 0 rank r sends part r.",
            "What is (rank - step) % n for rank 0 in round 0?",
        ),
        Wrong(
            one_part_too_many,
            "The part is one too high: it is rank - step of the one that sends, not of the one "
            "that receives.",
            "Rank 0 sends to rank 1 in round 0: which part?",
        ),
        Wrong(
            whole_lists,
            "Each rank sends all its parts. In a round only one of them travels.",
            "How many numbers does a rank send in one round?",
        ),
        Wrong(
            sums_at_once,
            "Those are the sums of all ranks already. One round adds two numbers.",
            "What can a rank know that hears from its neighbour alone?",
        ),
        Wrong(
            given_away,
            "The sender's own number is gone after it was sent. A copy is sent: it stays.",
            "Does a letter disappear from your memory when you send it?",
        ),
        Wrong(
            the_last_does_not_send,
            "The last rank sends nothing: then it is a line, not a ring.",
            "Who is right of the last rank?",
        ),
        Wrong(
            from_the_right,
            "Each rank takes from its right neighbour. It should give to it.",
            "Who gets the part of rank 0: rank 1, or the last one?",
        ),
        Wrong(
            into_its_own_part,
            "A part arrives in another place than it came from: part 0 is added to part 1. Parts "
            "of different numbers belong to different parameters.",
            "To which of its own numbers does rank 1 add part 0 of rank 0?",
        ),
        Wrong(
            one_rank_sends,
            "Only one rank sends. In a round all of them do, each another part.",
            "Over what should the loop run?",
        ),
        Wrong(
            unchanged,
            "Nothing has changed: the numbers come back as they were.",
            "Which of the lists does your line write into?",
        ),
    ),
    hints=(
        "New lists first, so that those that were given stay as they are. Then for each rank: "
        "which part (rank - step) % n, to whom (rank + 1) % n, and add.",
        "The same for people round a table, who each tell the one on the left how many birds of "
        "one kind they counted, and that one adds it to his own:\n\n"
        "    new = [list(counted) for counted in people]\n"
        "    for person in range(n):\n"
        "        kind = (person + ____) % n\n"
        "        new[(person - 1) % n][kind] += people[____][____]",
    ),
)

# ------------------------------------------------------------------------------------- 21.3


def copy_round_answer(numbers, step):
    n = len(numbers)
    # lists of its own: those that were given stay as they are
    new = [list(row) for row in numbers]
    for rank in range(n):
        # the part that is complete there, and to whom it goes
        part, to = (rank + 1 - step) % n, (rank + 1) % n
        # the neighbour takes it in place of its own
        new[to][part] = numbers[rank][part]
    return new


def _copied(numbers, step, part_of, to_of=_to_the_right):
    return _sent(numbers, step, part_of, to_of, lambda own, got: got)


def added(numbers, step):
    return _sent(numbers, step, lambda r, s, n: r + 1 - s)


def the_first_phases_part(numbers, step):
    return _copied(numbers, step, lambda r, s, n: r - s)


def part_above(numbers, step):
    return _copied(numbers, step, lambda r, s, n: r + 2 - s)


def copied_from_the_right(numbers, step):
    return _copied(numbers, step, lambda r, s, n: r - s, _to_the_left)


def copied_into_its_own_part(numbers, step):
    n = len(numbers)
    new = [list(row) for row in numbers]
    for rank in range(n):
        to = (rank + 1) % n
        new[to][(to + 1 - step) % n] = numbers[rank][(rank + 1 - step) % n]
    return new


def gone_where_it_was_sent(numbers, step):
    n = len(numbers)
    new = copy_round_answer(numbers, step)
    for rank in range(n):
        new[rank][(rank + 1 - step) % n] = 0
    return new


def told_to_everybody(numbers, step):
    n = len(numbers)
    new = [list(row) for row in numbers]
    for rank in range(n):
        part = (rank + 1 - step) % n
        for to in range(n):
            new[to][part] = numbers[rank][part]
    return new


def goes_up(numbers, step):
    return _copied(numbers, step, lambda r, s, n: r + 1 + s)


def copied_to_the_left(numbers, step):
    return _copied(numbers, step, lambda r, s, n: r + 1 - s, _to_the_left)


def without_the_step(numbers, step):
    return _copied(numbers, step, lambda r, s, n: r + 1)


def numbers_copied(numbers, step):
    return [list(numbers[rank - 1]) for rank in range(len(numbers))]


def complete_at_once(numbers, step):
    n = len(numbers)
    done = [numbers[(part - 1 + step) % n][part] for part in range(n)]
    return [list(done) for _ in numbers]


def line_of_ranks(numbers, step):
    n = len(numbers)
    new = [list(row) for row in numbers]
    for rank in range(n - 1):
        part = (rank + 1 - step) % n
        new[rank + 1][part] = numbers[rank][part]
    return new


COPY_ROUND = Exercise(
    id="21.3",
    name="my_copy_round",
    form="my_copy_round(numbers: n lists of n numbers, step) -> n lists of n numbers",
    answer=copy_round_answer,
    cases=RING_CASES,
    wrongs=(
        Wrong(
            added,
            "What arrives is added. It is complete already, and takes the place of what was there.",
            "What would the neighbour have, if it added its own number to the sum of all?",
        ),
        Wrong(
            the_first_phases_part,
            "You send part rank - step, as while the sums were made. Complete is now the part "
            "above it.",
            "Which part is complete in rank 0 after the first phase?",
        ),
        Wrong(
            part_above,
            "The part is one too high: it is rank + 1 - step of the one that sends, not of the one "
            "that receives.",
            "Which part is complete in rank 0 after the first phase?",
        ),
        Wrong(
            goes_up,
            "The number of the part gnumbers with the round. It should fall, as before.",
            "Rank 1 has just got part 1 from rank 0. Which part does it send on in round 1?",
        ),
        Wrong(
            copied_to_the_left,
            "The parts go to the left neighbour, rank - 1.",
            "In which direction did they go before?",
        ),
        Wrong(
            without_the_step,
            "In every round the same part is sent. What arrived in the round before should travel "
            "on.",
            "Rank 1 has just got part 1 from rank 0. Which part does it send on in round 1?",
        ),
        Wrong(
            numbers_copied,
            "Whole lists are copied. In a round one part travels; the rest of the neighbour's list "
            "stays.",
            "How many numbers does a rank send in one round?",
        ),
        Wrong(
            copied_from_the_right,
            "Each rank takes from its right neighbour. It should give to it.",
            "In which direction did the parts go before?",
        ),
        Wrong(
            copied_into_its_own_part,
            "A part arrives in another place than it came from.",
            "In which place of rank 1 belongs what rank 0 sends as part 1?",
        ),
        Wrong(
            gone_where_it_was_sent,
            "The sender's own number is gone after it was sent. A copy is sent: it stays.",
            "Does what you know disappear when you tell it?",
        ),
        Wrong(
            told_to_everybody,
            "Each rank gives its part to everybody. In a ring it talks to its right neighbour "
            "alone, and the others hear it later.",
            "To how many ranks does a rank send in one round?",
            (complete_at_once,),
        ),
        Wrong(
            line_of_ranks,
            "The last rank sends nothing: then it is a line, not a ring.",
            "Who is right of the last rank?",
        ),
        Wrong(
            unchanged,
            "Nothing has changed: the numbers come back as they were.",
            "Which of the lists does your line write into?",
        ),
    ),
    hints=(
        "As my_add_round, with two changes: the part is (rank + 1 - step) % n, and it is put "
        "there, not added.",
        "The same for news that goes round a table, each person telling the next:\n\n"
        "    new = [list(heard) for heard in people]\n"
        "    for person in range(n):\n"
        "        item = (person + 1 - ____) % n\n"
        "        new[____][item] = people[____][item]",
    ),
)

EXERCISES = (WHOLE, ADD_ROUND, COPY_ROUND)
