"""Lesson 09, Position: does the order count, a rotary turn, ALiBi's slopes."""

import numpy as np

from tinygpt.lesson.exercise import (
    Case,
    Exercise,
    FormError,
    Outputs,
    Property,
    Wrong,
    kind_of,
    normal,
)
from tinygpt.nn.position import alibi_slopes
from tinygpt.nn.rotary import rotary

# ------------------------------------------------------------------------------------- 09.1


def order_answer(layer, x, i, j):
    # the same rows, two of them exchanged: a copy, x stays as it is
    exchanged = x.copy()
    exchanged[[i, j]] = x[[j, i]]
    # how much the last row of the output moves
    return abs(layer(exchanged)[-1] - layer(x)[-1]).max()


def _exchanged(x, i, j):
    other = x.copy()
    other[[i, j]] = x[[j, i]]
    return other


def signs_kept_the_other_way(layer, x, i, j):
    return (layer(x)[-1] - layer(_exchanged(x, i, j))[-1]).max()


def sign_taken_off_too_late(layer, x, i, j):
    return abs((layer(_exchanged(x, i, j))[-1] - layer(x)[-1]).max())


def sign_taken_off_too_late_the_other_way(layer, x, i, j):
    return abs((layer(x)[-1] - layer(_exchanged(x, i, j))[-1]).max())


def two_rows_alone(layer, x, i, j):
    return abs(layer(x[[j, i]])[-1] - layer(x)[-1]).max()


def last_column(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[:, -1] - layer(x)[:, -1]).max()


def columns_beyond_the_end(layer, x, i, j):
    other = x.copy()
    other[:, [i, j]] = x[:, [j, i]]
    return abs(layer(other)[-1] - layer(x)[-1]).max()


def rows_that_are_views(layer, x, i, j):
    other = x.copy()
    other[i], other[j] = other[j], other[i]
    return abs(layer(other)[-1] - layer(x)[-1]).max()


def one_row_written_over(layer, x, i, j):
    other = x.copy()
    other[i] = x[j]
    return abs(layer(other)[-1] - layer(x)[-1]).max()


def the_other_row_written_over(layer, x, i, j):
    other = x.copy()
    other[j] = x[i]
    return abs(layer(other)[-1] - layer(x)[-1]).max()


def the_callers_x(layer, x, i, j):
    before = layer(x)[-1].copy()
    x[[i, j]] = x[[j, i]]
    return abs(layer(x)[-1] - before).max()


def x_changed_and_compared_with_itself(layer, x, i, j):
    other = x
    other[[i, j]] = other[[j, i]]
    return abs(layer(other)[-1] - layer(x)[-1]).max()


def not_exchanged(layer, x, i, j):
    return abs(layer(x.copy())[-1] - layer(x)[-1]).max()


def all_rows(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j)) - layer(x)).max()


def first_row(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[0] - layer(x)[0]).max()


def the_exchanged_rows(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[[i, j]] - layer(x)[[i, j]]).max()


def output_exchanged(layer, x, i, j):
    y = layer(x)
    return abs(_exchanged(y, i, j)[-1] - y[-1]).max()


def signs_kept(layer, x, i, j):
    return (layer(_exchanged(x, i, j))[-1] - layer(x)[-1]).max()


def mean_of_them(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[-1] - layer(x)[-1]).mean()


def sum_of_them(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[-1] - layer(x)[-1]).sum()


def length_of_them(layer, x, i, j):
    return np.sqrt(((layer(_exchanged(x, i, j))[-1] - layer(x)[-1]) ** 2).sum())


def difference_of_the_largest(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[-1].max() - layer(x)[-1].max())


def the_differences(layer, x, i, j):
    return abs(layer(_exchanged(x, i, j))[-1] - layer(x)[-1])


def yes_or_no(layer, x, i, j):
    return not np.allclose(layer(_exchanged(x, i, j))[-1], layer(x)[-1])


def the_inputs_compared(layer, x, i, j):
    return abs(_exchanged(x, i, j)[-1] - x[-1]).max()


def upside_down(layer, x, i, j):
    return abs(layer(x[::-1].copy())[-1] - layer(x)[-1]).max()


def columns_exchanged(layer, x, i, j):
    other = x.copy()
    other[..., [i % x.shape[-1], j % x.shape[-1]]] = x[..., [j % x.shape[-1], i % x.shape[-1]]]
    return abs(layer(other)[-1] - layer(x)[-1]).max()


def set_of_rows(x):
    """Mixes the rows as a set: the mean of those so far, cubed."""
    counts = np.arange(1, len(x) + 1).reshape(-1, *[1] * (x.ndim - 1))
    return (np.cumsum(x, axis=0) / counts) ** 3


def weighed_by_place(x):
    """A row counts the more, the later it stands."""
    places = np.arange(1.0, len(x) + 1).reshape(-1, *[1] * (x.ndim - 1))
    return np.cumsum(x * places, axis=0)


def each_for_itself(x):
    return x**2


def embedded(ids):
    """A row for each id, then by neighbours: as a GPT takes them."""
    return by_neighbours(np.cos(np.arange(20.0).reshape(5, 4))[ids])


def by_neighbours(x):
    """Products of each row with the one before."""
    return np.cumsum(x * np.concatenate([x[:1], x[:-1]]), axis=0)


ORDER = Exercise(
    id="09.1",
    name="my_order_test",
    form="my_order_test(layer, x (T, C) or ids (T,), i, j) -> a number",
    answer=order_answer,
    cases=(
        Case((weighed_by_place, normal(300, 6, 5), 1, 3)),
        Case((by_neighbours, normal(301, 7, 4), 0, 4)),
        Case((set_of_rows, normal(302, 5, 3), 0, 2), "a layer that does not mind the order"),
        Case((embedded, np.array([3, 0, 2, 4, 1, 0]), 2, 3), "x are ids, a single axis"),
        Case((by_neighbours, normal(304, 5, 4), 1, 4), "one of the two is the last row"),
        Case((weighed_by_place, -normal(300, 6, 5), 1, 3)),
        Case((weighed_by_place, normal(307, 5, 1), 0, 2), "a single channel"),
        Case((weighed_by_place, -normal(307, 5, 1), 0, 2), "a single channel, all signs turned"),
        Case((each_for_itself, normal(305, 4, 3), 0, 1), "each row for itself"),
    ),
    wrongs=(
        Wrong(
            rows_that_are_views,
            "Both places hold the same row now: x[i] is a view of the row, no copy. When the first "
            "place is written, what the second should get is gone.",
            "What do lists do in a, b = b, a that rows of an array do not?",
            (one_row_written_over,),
        ),
        Wrong(
            the_other_row_written_over,
            "Row j is written over by row i, and row i stays: one row is there twice.",
            "Which rows should stand at i and at j?",
        ),
        Wrong(
            the_callers_x,
            "The result is right, but x itself is changed, and it belongs to the caller.",
            "Which method makes an array of your own?",
        ),
        Wrong(
            x_changed_and_compared_with_itself,
            "`other = x` is a second name for the same array: x itself is changed, and compared "
            "with itself.",
            "Which method makes an array of your own?",
        ),
        Wrong(
            not_exchanged,
            "You compare the output with itself: nothing is exchanged.",
            "What stands at i, and what at j, when the layer runs the second time?",
            (the_inputs_compared,),
        ),
        Wrong(
            all_rows,
            "You look at all rows of the output. The rows between i and j see other letters before "
            "them, so they move in any case.",
            "Which row sees both in either order?",
        ),
        Wrong(
            first_row,
            "You look at the first row. It sees nothing but itself.",
            "Which row sees everything?",
        ),
        Wrong(
            the_exchanged_rows,
            "You look at the rows i and j, which hold other letters now.",
            "Which row sees both in either order?",
        ),
        Wrong(
            output_exchanged,
            "You exchange rows of the output. The question is what the layer makes of other input.",
            "How often must the layer run?",
        ),
        Wrong(
            signs_kept,
            "You take the largest difference with its sign: one far below 0 is overlooked.",
            "What is larger, a change by 1 or one by -5?",
            (signs_kept_the_other_way,),
        ),
        Wrong(
            sign_taken_off_too_late,
            "You take the largest first, and its sign off then: a change far below 0 is "
            "overlooked.",
            "What comes first: without signs, or the largest?",
            (sign_taken_off_too_late_the_other_way,),
        ),
        Wrong(
            two_rows_alone,
            "x[[j, i]] is these two rows alone, and only they go into the layer.",
            "How many rows should go into the layer?",
        ),
        Wrong(
            last_column,
            "You look at the last column of the output. A letter is a row.",
            "Which axis of (T, C) counts the letters?",
        ),
        Wrong(
            mean_of_them,
            "That is the mean change. The largest one is asked for.",
            "A single number of a hundred moves: how small does the mean become?",
        ),
        Wrong(
            sum_of_them,
            "That is the sum of the changes. The largest one is asked for.",
            "How does a sum grow with the width of the row?",
        ),
        Wrong(
            length_of_them,
            "That is the length of the change, the root of the sum of squares. The largest one is "
            "asked for.",
            "Which function gives the largest of several numbers?",
        ),
        Wrong(
            difference_of_the_largest,
            "You compare the largest of one with the largest of the other. They may stand at "
            "different places.",
            "What comes first: the difference, or the largest?",
        ),
        Wrong(
            the_differences,
            "You return the changes of all channels. One number is asked for.",
            "Which one of them?",
        ),
        Wrong(
            yes_or_no,
            "You return True or False. Asked for is how much it moves.",
            "Which number did you compare with 0?",
        ),
        Wrong(
            upside_down,
            "You turn the whole text round. Two rows should change places.",
            "Which rows should stand where they stood?",
        ),
        Wrong(
            columns_exchanged,
            "You exchange columns. A letter is a row.",
            "Which axis of (T, C) counts the letters?",
            (columns_beyond_the_end,),
        ),
    ),
    hints=(
        "Copy x. In the copy row i becomes what row j was, and row j what row i was. Run the layer "
        "on both, take the last row of each, subtract; of the absolute values the largest.",
        "The same for two players who exchange their shirts:\n\n"
        "    shirts = players.____()\n"
        "    shirts[[i, j]] = players[[____, ____]]\n"
        "    moved = abs(photo(shirts)[____] - photo(players)[____])\n"
        "    return moved.____()",
    ),
)

# ------------------------------------------------------------------------------------- 09.2


def turn_answer(x, positions, base=10_000.0):
    D = x.shape[-1]
    # an angle for each position and each pair
    angle = positions[:, None] * base ** (-2 * np.arange(D // 2) / D)  # (T, D/2)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    # each pair (a, b) turned by its angle
    a, b = x[..., : D // 2], x[..., D // 2 :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def _halves(x):
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def _turned(x, angle):
    a, b = _halves(x)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def _angle(x, positions, base, exponent=lambda i, D: -2 * i / D):
    D = x.shape[-1]
    return positions[:, None] * base ** exponent(np.arange(D // 2), D)


def the_other_way(x, positions, base=10_000.0):
    return _turned(x, -_angle(x, positions, base))


def neighbours_paired(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    y = np.empty_like(x)
    a, b = x[..., ::2], x[..., 1::2]
    y[..., ::2], y[..., 1::2] = a * cos - b * sin, b * cos + a * sin
    return y


def neighbours_paired_then_halves(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    a, b = x[..., ::2], x[..., 1::2]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def one_angle_for_all(x, positions, base=10_000.0):
    return _turned(x, positions[:, None] * np.ones(x.shape[-1] // 2))


def without_the_two(x, positions, base=10_000.0):
    return _turned(x, _angle(x, positions, base, lambda i, D: -i / D))


def two_over_half(x, positions, base=10_000.0):
    return _turned(x, _angle(x, positions, base, lambda i, D: -2 * i / (D // 2)))


def faster_and_faster(x, positions, base=10_000.0):
    return _turned(x, _angle(x, positions, base, lambda i, D: 2 * i / D))


def counted_from_one(x, positions, base=10_000.0):
    return _turned(x, _angle(x, positions + 1, base))


def pairs_counted_from_one(x, positions, base=10_000.0):
    return _turned(x, _angle(x, positions, base, lambda i, D: -2 * (i + 1) / D))


def positions_not_used(x, positions, base=10_000.0):
    return _turned(x, _angle(x, np.arange(x.shape[-2]), base))


def base_not_used(x, positions, base=10_000.0):
    return _turned(x, _angle(x, positions, 10_000.0))


def first_half_alone(x, positions, base=10_000.0):
    first, _ = _halves(turn_answer(x, positions, base))
    return np.concatenate([first, _halves(x)[1]], axis=-1)


def second_from_the_new_first(x, positions, base=10_000.0):
    y = x.copy()
    angle = _angle(x, positions, base)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    a, b = _halves(y)
    a[...] = a * cos - b * sin
    b[...] = b * cos + a * sin
    return y


def the_callers_rows(x, positions, base=10_000.0):
    a, b = _halves(x)
    a[...], b[...] = _halves(turn_answer(x, positions, base))
    return x


def degrees(x, positions, base=10_000.0):
    return _turned(x, np.radians(_angle(x, positions, base)))


def cosine_and_sine_exchanged(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    a, b = _halves(x)
    cos, sin = np.sin(angle).astype(x.dtype), np.cos(angle).astype(x.dtype)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def interleaved(x, positions, base=10_000.0):
    a, b = _halves(turn_answer(x, positions, base))
    return np.stack([a, b], axis=-1).reshape(x.shape)


def one_under_the_other(x, positions, base=10_000.0):
    return np.concatenate(_halves(turn_answer(x, positions, base)))


def both_plus(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    a, b = _halves(x)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    return np.concatenate([a * cos + b * sin, b * cos + a * sin], axis=-1)


def both_minus(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    a, b = _halves(x)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    return np.concatenate([a * cos - b * sin, b * cos - a * sin], axis=-1)


def no_crossing(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    a, b = _halves(x)
    return np.concatenate([a * np.cos(angle), b * np.sin(angle)], axis=-1).astype(x.dtype)


def sines_added(x, positions, base=10_000.0):
    angle = _angle(x, positions, base)
    return x + np.concatenate([np.sin(angle), np.cos(angle)], axis=-1).astype(x.dtype)


def as_if_at_one(x, positions, base=10_000.0):
    return _turned(x, _angle(x, np.ones(len(positions)), base))


def halves_come_back_exchanged(x, positions, base=10_000.0):
    a, b = _halves(turn_answer(x, positions, base))
    return np.concatenate([b, a], axis=-1)


TURN = Exercise(
    id="09.2",
    name="my_turn",
    form="my_turn(x (..., T, D), positions (T,), base) -> of the shape of x",
    answer=turn_answer,
    cases=(
        Case((normal(310, 7, 6), np.arange(7), 10_000.0)),
        Case((normal(311, 2, 3, 5, 8), np.arange(5), 10_000.0), "texts and heads"),
        Case(
            (normal(312, 4, 8), np.arange(100, 104), 100.0), "T = D / 2, other positions and base"
        ),
        Case((normal(313, 5, 2), np.array([0, 3, 3, 1, 9]), 50.0), "a single pair"),
        Case((normal(314, 3, 6), -np.arange(3), 10_000.0), "turned back"),
        Case(
            (normal(315, 3, 4).astype(np.float32), np.arange(3), 10_000.0),
            "float32 must stay float32",
        ),
    ),
    properties=(
        Property(
            "a turn leaves each row as long as it is",
            lambda o, x, positions, base: (o["result"] ** 2).sum(axis=-1) - (x**2).sum(axis=-1),
            0.0,
        ),
    ),
    wrongs=(
        Wrong(
            the_other_way,
            "You turn the other way round.",
            "(1, 0), turned by a quarter, is (0, 1): what does your line make of it?",
        ),
        Wrong(
            neighbours_paired,
            "You pair the channels 2 i and 2 i + 1. (Some models do; here channel i goes with i + "
            "D / 2.)",
            "Which channels stand in the first half?",
            (neighbours_paired_then_halves,),
        ),
        Wrong(
            one_angle_for_all,
            "All pairs turn by the same angle, the position itself.",
            "By which factor does each further pair turn more slowly?",
        ),
        Wrong(
            without_the_two,
            "Your pairs slow down too little: the 2 in the exponent is missing.",
            "Which exponent has the pair i?",
        ),
        Wrong(
            two_over_half,
            "Your pairs slow down too fast: you divide by the number of pairs, not by D.",
            "Which exponent has the pair i?",
        ),
        Wrong(
            faster_and_faster,
            "Your pairs turn faster and faster: a sign in the exponent.",
            "Is base^(-2 i / D) above or below 1?",
        ),
        Wrong(
            counted_from_one,
            "You add 1 to the positions.",
            "By which angle does position 0 turn?",
        ),
        Wrong(
            pairs_counted_from_one,
            "You count the pairs from 1: even the first turns slowly.",
            "Which exponent has the pair 0?",
        ),
        Wrong(
            positions_not_used,
            "You count the rows. They stand where `positions` says.",
            "At which position does the first row stand?",
        ),
        Wrong(
            base_not_used,
            "You take 10000 for base, whatever is given.",
            "Which argument is not in your lines?",
        ),
        Wrong(
            first_half_alone,
            "The first half is turned, and the second is as it was.",
            "What becomes of b in the formula?",
        ),
        Wrong(
            second_from_the_new_first,
            "The first half is right. In the second you use the new a: it was written over.",
            "Which a does the formula for b mean, and where could it be kept?",
        ),
        Wrong(
            the_callers_rows,
            "The result is right, but x itself is changed, and it belongs to the caller.",
            "Which array of your own could hold the result?",
        ),
        Wrong(
            degrees,
            "Your angles are degrees. np.cos takes radians, and so does the formula.",
            "How large is a full turn?",
        ),
        Wrong(
            cosine_and_sine_exchanged,
            "cos and sin are exchanged.",
            "Where does position 0, with the angle 0, leave a?",
        ),
        Wrong(
            both_plus,
            "Two plus signs: that is no turn, the rows do not keep their length.",
            "Which of the two lines has a minus?",
        ),
        Wrong(
            both_minus,
            "Two minus signs: that is no turn, the rows do not keep their length.",
            "Which of the two lines has a plus?",
        ),
        Wrong(
            interleaved,
            "Turned rightly; then the halves are put together like a zip, a b a b.",
            "Which channels form the first half?",
        ),
        Wrong(
            one_under_the_other,
            "Turned rightly; then one half is put under the other: concatenate joins along the "
            "first axis, unless it is told another.",
            "Along which axis do the halves lie side by side?",
        ),
        Wrong(
            no_crossing,
            "a and b stay apart. In a turn each takes something of the other.",
            "How many terms has each line of the formula?",
        ),
        Wrong(
            sines_added,
            "You add sines and cosines. That is the sinusoidal way; here the channels are turned.",
            "Which rows keep their length: those that are added to, or those that are turned?",
        ),
        Wrong(
            as_if_at_one,
            "Every row is turned by the angle of position 1.",
            "By what is the angle of a pair multiplied?",
        ),
        Wrong(
            halves_come_back_exchanged,
            "Turned rightly; then the halves are put together in the wrong order.",
            "Which half comes first?",
        ),
    ),
    hints=(
        "Three steps: the angles, a table of (T, D/2): each position times base^(-2 i / D). The "
        "two halves of the channels, a and b. And the formula of the turn for both at once.",
        "The same for points (x, y) of a clock's hand that moves on by `hours`:\n\n"
        "    angle = hours[:, None] * ____          # a row for each hour, a column for each hand\n"
        "    x, y = points[..., :half], points[..., ____]\n"
        "    new_x = x * np.cos(angle) - y * ____\n"
        "    new_y = y * ____ + x * ____\n"
        "    return np.concatenate([new_x, new_y], axis=-1)",
    ),
    library=rotary,
    locked=(rotary,),
)

# ------------------------------------------------------------------------------------- 09.3


def alibi_answer(n_head, T):
    # a slope for each head
    slopes = 2.0 ** (-8 * np.arange(1, n_head + 1) / n_head)
    # how far back each key lies
    distance = np.arange(T)[:, None] - np.arange(T)
    return -slopes[:, None, None] * distance


def _back(T):
    return np.arange(T)[:, None] - np.arange(T)


def _slopes(n_head):
    return 2.0 ** (-8 * np.arange(1, n_head + 1) / n_head)[:, None, None]


def a_bonus(n_head, T):
    return _slopes(n_head) * _back(T)


def heads_from_zero(n_head, T):
    return -(2.0 ** (-8 * np.arange(n_head) / n_head))[:, None, None] * _back(T)


def halved_from_head_to_head(n_head, T):
    return -(2.0 ** -np.arange(1.0, n_head + 1))[:, None, None] * _back(T)


def halved_from_one(n_head, T):
    return -(2.0 ** -np.arange(0.0, n_head))[:, None, None] * _back(T)


def one_slope_for_all(n_head, T):
    return -np.full((n_head, 1, 1), 2.0**-8) * _back(T)


def the_first_slope_for_all(n_head, T):
    return -np.full((n_head, 1, 1), 2.0 ** (-8 / n_head)) * _back(T)


def no_slope(n_head, T):
    return -np.ones((n_head, 1, 1)) * _back(T)


def by_the_keys_place(n_head, T):
    return -_slopes(n_head) * np.arange(T) + np.zeros((n_head, T, T))


def by_the_querys_place(n_head, T):
    return -_slopes(n_head) * np.arange(T)[:, None] + np.zeros((n_head, T, T))


def from_the_end(n_head, T):
    return -_slopes(n_head) * (T - 1 - np.arange(T)) + np.zeros((n_head, T, T))


def own_place_counts_one(n_head, T):
    return -_slopes(n_head) * (_back(T) + 1)


def key_nearest_the_start(n_head, T):
    """As some programs store it: the position of the key times the slope, which a softmax takes
    for the same."""
    return _slopes(n_head) * np.arange(T) + np.zeros((n_head, T, T))


def shares_of_the_heads(n_head, T):
    return -(1 / np.arange(1, n_head + 1))[:, None, None] * _back(T)


def steeper_and_steeper(n_head, T):
    return -_slopes(n_head)[::-1] * _back(T)


def growing_powers(n_head, T):
    return -(2.0 ** (8 * np.arange(1, n_head + 1) / n_head))[:, None, None] * _back(T)


def powers_of_e(n_head, T):
    return -np.exp(-8 * np.arange(1, n_head + 1) / n_head)[:, None, None] * _back(T)


def power_first(n_head, T):
    return -np.array([2.0**-8 * h / n_head for h in range(1, n_head + 1)])[:, None, None] * _back(T)


def whole_exponents(n_head, T):
    return -np.array([2.0 ** -(8 * h // n_head) for h in range(1, n_head + 1)])[
        :, None, None
    ] * _back(T)


def by_eighths(n_head, T):
    return -(2.0 ** (-np.arange(1, n_head + 1) / 8))[:, None, None] * _back(T)


def in_whole_numbers(n_head, T):
    table = np.zeros((n_head, T, T), dtype=int)
    table[:] = alibi_answer(n_head, T)
    return table


def nothing_where_it_counts(n_head, T):
    return -_slopes(n_head) * np.minimum(_back(T), 0)


def squares(n_head, T):
    return -_slopes(n_head) * _back(T) ** 2


def logarithms(n_head, T):
    return -_slopes(n_head) * np.log(1 + np.maximum(_back(T), 0))


def the_slopes_alone(n_head, T):
    return _slopes(n_head)[:, 0, 0]


def the_first_head_alone(n_head, T):
    return alibi_answer(n_head, T)[0]


def heads_added_up(n_head, T):
    return alibi_answer(n_head, T).sum(axis=0)


def heads_last(n_head, T):
    return alibi_answer(n_head, T).transpose(1, 2, 0)


def whole_powers(n_head, T):
    return -(2.0 ** (-(8 // n_head) * np.arange(1, n_head + 1)))[:, None, None] * _back(T)


def visible_part(function, n_head, T) -> Outputs:
    """What lies above the diagonal is hidden, whatever it is."""
    result = function(n_head, T)
    if result is None:
        return {"bias": None}
    if isinstance(result, tuple):
        raise FormError(f"your function returned {kind_of(result)}, asked for is one array")
    table = np.asarray(result)
    if table.ndim >= 2 and table.shape[-2:] == (T, T) and table.dtype.kind in "if":
        return {"bias": np.where(np.tri(T, dtype=bool), table, 0.0)}
    return {"bias": result}


ALIBI = Exercise(
    id="09.3",
    name="my_alibi",
    form="my_alibi(n_head, T) -> (n_head, T, T), to be added to the scores",
    answer=alibi_answer,
    observe=visible_part,
    cases=(
        Case((4, 6)),
        Case((8, 7), "eight heads"),
        Case((2, 9), "two heads"),
        Case((16, 4), "sixteen heads"),
        Case((1, 5), "a single head"),
    ),
    properties=(
        Property(
            "a letter loses nothing at itself: the diagonal is 0",
            lambda o, n_head, T: np.diagonal(o["bias"], axis1=-2, axis2=-1),
            0.0,
        ),
    ),
    wrongs=(
        Wrong(
            a_bonus,
            "What lies far back gains: a sign.",
            "Should a key that is far away have a higher score, or a lower one?",
        ),
        Wrong(
            heads_from_zero,
            "You count the heads from 0: the first one loses 1 for each step.",
            "Which exponent has the first head, h = 1?",
        ),
        Wrong(
            halved_from_head_to_head,
            "Your slopes are 1/2, 1/4, 1/8, ...: right for eight heads, and not for others.",
            "Which exponent has the last head, however many there are?",
        ),
        Wrong(
            halved_from_one,
            "Your slopes are 1, 1/2, 1/4, ...",
            "Which exponents have the first head and the last?",
        ),
        Wrong(
            one_slope_for_all,
            "All heads have the slope of the last one.",
            "What does h stand for in the formula?",
        ),
        Wrong(
            the_first_slope_for_all,
            "All heads have the slope of the first one.",
            "What does h stand for in the formula?",
        ),
        Wrong(
            no_slope,
            "Every head loses 1 for each step: the slope is missing.",
            "By what is the distance multiplied?",
        ),
        Wrong(
            by_the_keys_place,
            "You take the place of the key for the distance: what stands at the beginning loses "
            "least.",
            "How far is it from the query at i to the key at j?",
        ),
        Wrong(
            by_the_querys_place,
            "You take the place of the query for the distance: a whole row loses the same, and a "
            "softmax does not notice.",
            "How far is it from the query at i to the key at j?",
        ),
        Wrong(
            from_the_end,
            "You count from the last place. Each row is off by one number, which a softmax does "
            "not notice; but asked for is the distance from the query.",
            "How far is it from the query at i to the key at j?",
        ),
        Wrong(
            own_place_counts_one,
            "A letter is at the distance 0 from itself, and you count 1. (A softmax does not "
            "notice; but it is another table.)",
            "What stands on the diagonal?",
        ),
        Wrong(
            key_nearest_the_start,
            "You add slope times the key's place. Each row is off by one number, which a softmax "
            "does not notice; but asked for is what is lost by the distance.",
            "What stands on the diagonal?",
        ),
        Wrong(
            shares_of_the_heads,
            "Your slopes are 1, 1/2, 1/3, ...",
            "Of which number are the slopes powers?",
        ),
        Wrong(
            steeper_and_steeper,
            "Your heads are in the other order: the first one should be the steepest.",
            "Is 2^(-8 h / H) larger for h = 1 or for h = H?",
        ),
        Wrong(
            growing_powers,
            "Your slopes are above 1: the minus in the exponent is missing.",
            "Is 2^(-8 h / H) above or below 1?",
        ),
        Wrong(
            powers_of_e,
            "Your slopes are powers of e.",
            "Of which number are they powers in the formula?",
        ),
        Wrong(
            power_first,
            "Python takes the power first: 2 ** -8 * h / H is (2 ** -8) * h / H.",
            "Where must brackets stand, so that all of -8 h / H is the exponent?",
        ),
        Wrong(
            whole_exponents,
            "Your exponents are whole numbers: // cuts off what is behind the point.",
            "What is 8 * 1 // 16, and what is 8 * 1 / 16?",
        ),
        Wrong(
            by_eighths,
            "Your exponents are h / 8. It is 8 h / H.",
            "Which exponents have the first head and the last?",
        ),
        Wrong(
            in_whole_numbers,
            "Your array holds whole numbers: what is written into it loses what is behind the "
            "point.",
            "Which dtype must the array have?",
        ),
        Wrong(
            nothing_where_it_counts,
            "Your table is 0 at every key before the query: there it counts. Those after it are "
            "hidden in any case.",
            "For j before i, which sign has i - j?",
        ),
        Wrong(
            squares,
            "You square the distance.",
            "What does the fifth step back cost more than the fourth?",
        ),
        Wrong(
            logarithms,
            "You take the logarithm of the distance: far steps cost less and less.",
            "What does the fifth step back cost more than the fourth?",
        ),
        Wrong(
            the_slopes_alone,
            "Those are the slopes.",
            "By what are they multiplied?",
        ),
        Wrong(
            the_first_head_alone,
            "That is the table of the first head alone.",
            "Which shape has the result?",
        ),
        Wrong(
            heads_added_up,
            "You add the heads up. Each has a table of its own.",
            "Which shape has the result?",
        ),
        Wrong(
            heads_last,
            "The heads stand last.",
            "Which axis comes first in (n_head, T, T)?",
        ),
        Wrong(
            whole_powers,
            "Right where 8 / H is a whole number. With // sixteen heads lose nothing.",
            "What is 8 // 16, and what is 8 / 16?",
        ),
    ),
    hints=(
        "Two things: the slopes, one for each head, h from 1 to H; and a table of distances, i - j "
        "for the query i and the key j. Then minus slope times distance, heads first.",
        "The same for H runners whose strength falls by a rate of their own with each lap:\n\n"
        "    rates = 3.0 ** (-2 * np.arange(1, ____) / H)\n"
        "    laps = np.arange(T)[:, ____] - np.arange(T)\n"
        "    return -rates[:, None, ____] * laps",
    ),
    library=alibi_slopes,
)

EXERCISES = (ORDER, TURN, ALIBI)
