"""Lesson 19, Attack and defence: the move that does most harm, and how far it may go."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Wrong, normal

# ------------------------------------------------------------------------------------- 19.1


def fgm_answer(x, g, epsilon):
    # the length of each text, and of its gradient
    size = np.sqrt((x * x).sum(axis=(1, 2), keepdims=True))
    slope = np.sqrt((g * g).sum(axis=(1, 2), keepdims=True))
    # along the gradient, as long as was asked for
    return epsilon * size * g / slope


def _length(a, axis=(1, 2)):
    return np.sqrt((a * a).sum(axis=axis, keepdims=True))


def against_the_gradient(x, g, epsilon):
    return -fgm_answer(x, g, epsilon)


def signs(x, g, epsilon):
    return epsilon * _length(x) * np.sign(g)


def plain_signs(x, g, epsilon):
    return epsilon * np.sign(g)


def as_long_as_the_gradient(x, g, epsilon):
    return epsilon * g


def not_divided(x, g, epsilon):
    return epsilon * _length(x) * g


def not_in_lengths_of_x(x, g, epsilon):
    return epsilon * g / _length(g)


def over_the_batch(x, g, epsilon):
    return epsilon * _length(x, None) * g / _length(g, None)


def slope_over_the_batch(x, g, epsilon):
    return epsilon * _length(x) * g / _length(g, None)


def for_each_token(x, g, epsilon):
    return epsilon * _length(x, -1) * g / _length(g, -1)


def squared_lengths(x, g, epsilon):
    return epsilon * _length(x) ** 2 * g / _length(g) ** 2


def slope_squared(x, g, epsilon):
    return epsilon * _length(x) * g / _length(g) ** 2


def moved_already(x, g, epsilon):
    return x + fgm_answer(x, g, epsilon)


def along_the_text(x, g, epsilon):
    return epsilon * x


def largest_for_length(x, g, epsilon):
    largest = np.abs(g).max(axis=(1, 2), keepdims=True)
    return epsilon * _length(x) * g / largest


def sum_for_length(x, g, epsilon):
    return epsilon * _length(x) * g / np.abs(g).sum(axis=(1, 2), keepdims=True)


FGM = Exercise(
    id="19.1",
    name="my_fgm",
    form="my_fgm(x, g (B, T, C), epsilon) -> r (B, T, C)",
    answer=fgm_answer,
    cases=(
        Case((normal(950, 3, 4, 5), normal(951, 3, 4, 5), 0.1)),
        Case((normal(952, 2, 3, 4), 1e-3 * normal(953, 2, 3, 4), 0.5), "a flat slope"),
        Case(
            (np.array([[[3.0, 0.0], [0.0, 4.0]]]), np.array([[[0.0, 6.0], [8.0, 0.0]]]), 0.2),
            "one text, by hand",
        ),
        Case(
            (
                normal(954, 2, 5, 3) * np.array([1.0, 10.0])[:, None, None],
                normal(955, 2, 5, 3),
                0.3,
            ),
            "a small text and a large one",
        ),
    ),
    wrongs=(
        Wrong(
            against_the_gradient,
            "It goes against the gradient: that is a step that makes the loss smaller.",
            "What does the attack want?",
        ),
        Wrong(
            signs,
            "You take the signs of the gradient. Then all numbers move equally far; here the slope "
            "says how far each one moves.",
            "Which of two numbers should move more: the one with the steeper slope?",
            (plain_signs,),
        ),
        Wrong(
            as_long_as_the_gradient,
            "The move is as long as the gradient is, times epsilon: in a flat place it is nothing.",
            "What makes an arrow 1 long?",
            (not_divided,),
        ),
        Wrong(
            not_in_lengths_of_x,
            "The move is epsilon long. Asked for is epsilon times the length of x.",
            "Which of the arguments is not used?",
        ),
        Wrong(
            over_the_batch,
            "You take one length for the whole batch. Each text has its own, else an attack on one "
            "hangs on the others.",
            "Over which axes does one text reach?",
            (slope_over_the_batch,),
        ),
        Wrong(
            for_each_token,
            "Every token is moved by the same share. The move of a text is one arrow, over all of "
            "its tokens.",
            "Over which axes does one text reach?",
        ),
        Wrong(
            squared_lengths,
            "You divide by the sum of the squares. A length is the root of it.",
            "How long is the arrow (3, 4): 5 or 25?",
            (slope_squared,),
        ),
        Wrong(
            moved_already,
            "That is the text after the move. Asked for is the move alone.",
            "What is added to x later?",
        ),
        Wrong(
            along_the_text,
            "The move goes along x itself: the gradient is not used.",
            "In which direction does the loss rise fastest?",
        ),
        Wrong(
            largest_for_length,
            "You divide by the largest number of the gradient. A length is the root of the sum of "
            "the squares.",
            "How long is the arrow (3, 4)?",
            (sum_for_length,),
        ),
    ),
    hints=(
        "An arrow divided by its length is 1 long and points where it did. Then it is made as long "
        "as was asked for. axis=(1, 2), keepdims=True: one length for each text.",
        "The same for a gust that pushes boats, each by a tenth of its own speed:\n\n"
        "    speed = np.sqrt((v * v).sum(axis=1, keepdims=True))\n"
        "    push = 0.1 * ____ * wind / np.sqrt((____).sum(axis=1, keepdims=True))",
    ),
)

# ------------------------------------------------------------------------------------- 19.2


def shorten_answer(r, most):
    # the length of each move
    length = np.sqrt((r * r).sum(axis=(1, 2), keepdims=True))
    # too long: shortened; else as it is
    return r * np.minimum(1, most / length)


def always_that_long(r, most):
    return r * most / _length(r)


def numbers_cut(r, most):
    return np.clip(r, -most, most)


def one_for_the_batch(r, most):
    return r * np.minimum(1, most / _length(r, None))


def token_by_token(r, most):
    return r * np.minimum(1, most / _length(r, -1))


def turned_over(r, most):
    return r * np.minimum(1, _length(r) / most)


def lengthened(r, most):
    return r * np.maximum(1, most / _length(r))


def thrown_away(r, most):
    return np.where(_length(r) > most, 0.0, r)


def by_the_square(r, most):
    return r * np.minimum(1, most / _length(r) ** 2)


def by_the_largest(r, most):
    return r * np.minimum(1, most / np.abs(r).max(axis=(1, 2), keepdims=True))


def a_length_alone(r, most):
    return np.minimum(_length(r), most)


def unit_then_all(r, most):
    return np.where(_length(r) > most, r / _length(r), r)


def first_text_decides(r, most):
    return r * np.minimum(1, most[0] / _length(r[:1]))


SHORTEN = Exercise(
    id="19.2",
    name="my_shorten",
    form="my_shorten(r (B, T, C), most (B, 1, 1)) -> (B, T, C)",
    answer=shorten_answer,
    cases=(
        Case((normal(960, 3, 4, 5), np.array([1.0, 2.0, 100.0])[:, None, None])),
        Case((np.array([[[3.0, 0.0], [0.0, 4.0]]]), np.array([[[2.5]]])), "5 long, at most 2.5"),
        Case((0.1 * normal(961, 2, 3, 4), np.full((2, 1, 1), 9.0)), "all short enough"),
        Case(
            (normal(962, 2, 3, 2) * np.array([0.1, 5.0])[:, None, None], np.full((2, 1, 1), 1.5)),
            "one short, one long",
        ),
    ),
    wrongs=(
        Wrong(
            always_that_long,
            "Short moves are made longer. They may stay as they are.",
            "What is the factor, where a move is short enough?",
            (lengthened,),
        ),
        Wrong(
            numbers_cut,
            "You cut each number by itself: that turns the move into another direction.",
            "Which number keeps a direction: one factor for all?",
        ),
        Wrong(
            one_for_the_batch,
            "One factor for the whole batch. Each text has its own.",
            "Over which axes does one text reach?",
            (first_text_decides,),
        ),
        Wrong(
            token_by_token,
            "Each token is shortened by itself. The length is that of the whole text.",
            "Over which axes does one text reach?",
        ),
        Wrong(
            turned_over,
            "The fraction is upside down: long moves stay, and short ones are shortened.",
            "Is the factor of a move that is twice too long 2, or a half?",
        ),
        Wrong(
            thrown_away,
            "Moves that are too long become 0. They are to be shortened.",
            "By which factor does a move of 5 become 2.5?",
        ),
        Wrong(
            by_the_square,
            "You compare with the square of the length.",
            "How long is the arrow (3, 4): 5 or 25?",
        ),
        Wrong(
            by_the_largest,
            "You compare with the largest number of a move. Its length is the root of the sum of "
            "the squares.",
            "How long is the arrow (3, 4)?",
        ),
        Wrong(
            a_length_alone,
            "Those are lengths. Asked for are the moves themselves.",
            "What is multiplied by the factor?",
        ),
        Wrong(
            unit_then_all,
            "Those that are too long become 1 long, whatever `most` is.",
            "Which length may they have?",
        ),
    ),
    hints=(
        "As clipping in lesson 13, but one length for each text: the factor is most / length, and "
        "never above 1.",
        "The same for dogs on leads of different lengths:\n\n"
        "    away = np.sqrt((place * place).sum(axis=1, keepdims=True))\n"
        "    place = place * np.minimum(____, lead / ____)",
    ),
)

EXERCISES = (FGM, SHORTEN)
