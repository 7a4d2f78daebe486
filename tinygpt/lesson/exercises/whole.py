"""Lesson 11, The MLP and the whole GPT: GELU's gradient, the parameters, a block, the model."""

import math

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.lesson.exercise import (
    NO_GRADIENT,
    Case,
    Exercise,
    FormError,
    Outputs,
    Wrong,
    normal,
    there_and_back,
)
from tinygpt.nn.gelu import erf, gelu

C_, A = math.sqrt(2 / math.pi), 0.044715  # of the tanh form

# ------------------------------------------------------------------------------------- 11.1


def gelu_answer(x):
    c, a = math.sqrt(2 / math.pi), 0.044715
    t = np.tanh(c * (x + a * x**3))
    y = x * (1 + t) / 2

    def backward(dy):
        # how fast u = c (x + a x^3) rises
        du = c * (1 + 3 * a * x**2)
        # y = x (1 + t) / 2 is a product: each factor in turn
        slope = (1 + t) / 2 + x * (1 - t**2) * du / 2
        return dy * slope

    return y, backward


def _gelu_with(slope):
    """slope(x, t) after the right forward, times dy."""

    def answer(x):
        t = np.tanh(C_ * (x + A * x**3))
        return x * (1 + t) / 2, lambda dy: dy * slope(x, t)

    return answer


def _du(x):
    return C_ * (1 + 3 * A * x**2)


def gelu_unwritten(x):
    t = np.tanh(C_ * (x + A * x**3))
    return x * (1 + t) / 2, lambda dy: None


def first_factor_alone(x):
    return _gelu_with(lambda x, t: (1 + t) / 2)(x)


def second_factor_alone(x):
    return _gelu_with(lambda x, t: x * (1 - t**2) * _du(x) / 2)(x)


def slope_of_u_forgotten(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) / 2)(x)


def slope_of_tanh_forgotten(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * _du(x) / 2)(x)


def tanh_not_squared(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t) * _du(x) / 2)(x)


def x_forgotten(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + (1 - t**2) * _du(x) / 2)(x)


def half_forgotten(x):
    return _gelu_with(lambda x, t: 1 + t + x * (1 - t**2) * _du(x))(x)


def half_forgotten_in_the_second(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) * _du(x))(x)


def half_forgotten_in_the_first(x):
    return _gelu_with(lambda x, t: 1 + t + x * (1 - t**2) * _du(x) / 2)(x)


def three_forgotten(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) * C_ * (1 + A * x**2) / 2)(x)


def cube_left(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) * C_ * (1 + 3 * A * x**3) / 2)(x)


def c_forgotten(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) * (1 + 3 * A * x**2) / 2)(x)


def one_forgotten_in_u(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) * C_ * 3 * A * x**2 / 2)(x)


def u_itself(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 - t**2) * C_ * (x + A * x**3) / 2)(x)


def of_the_exact_form(x):
    def slope(x, t):
        phi = 0.5 * (1 + erf(x * math.sqrt(0.5)))
        return phi + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    return _gelu_with(slope)(x)


def of_a_relu(x):
    return _gelu_with(lambda x, t: (x > 0).astype(x.dtype))(x)


def plus_the_square(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * (1 + t**2) * _du(x) / 2)(x)


def slope_of_a_sigmoid(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 + x * t * (1 - t) * _du(x) / 2)(x)


def slopes_multiplied(x):
    return _gelu_with(lambda x, t: (1 - t**2) * _du(x) / 2)(x)


def dy_in_the_first_part_alone(x):
    t = np.tanh(C_ * (x + A * x**3))
    return x * (1 + t) / 2, lambda dy: dy * (1 + t) / 2 + x * (1 - t**2) * _du(x) / 2


def factors_multiplied(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 * (x * (1 - t**2) * _du(x) / 2))(x)


def second_subtracted(x):
    return _gelu_with(lambda x, t: (1 + t) / 2 - x * (1 - t**2) * _du(x) / 2)(x)


def dy_forgotten(x):
    y, backward = gelu_answer(x)
    return y, lambda dy: backward(np.ones_like(dy))


def the_forward_of_dy(x):
    y, _ = gelu_answer(x)
    return y, lambda dy: gelu_answer(dy)[0]


def dy_times_y(x):
    y, _ = gelu_answer(x)
    return y, lambda dy: dy * y


GELU = Exercise(
    id="11.1",
    name="my_gelu",
    form="my_gelu(x) -> y, backward;  backward(dy) -> dx, of the shape of x",
    answer=gelu_answer,
    observe=there_and_back("dx"),
    inputs=("x", "dy"),
    blank=gelu_unwritten,
    blank_says=NO_GRADIENT,
    cases=(
        Case((normal(500, 4, 7), normal(501, 4, 7))),
        Case((3 * normal(502, 2, 3, 5), normal(503, 2, 3, 5)), "larger numbers, three axes"),
        Case((np.array([0.0, 0.0, 1.0, -1.0]), np.array([1.0, -2.0, 3.0, 0.5])), "x = 0, 1, -1"),
        Case((np.array([20.0, -20.0, 8.0]), np.array([0.7, 0.3, -1.2])), "far from 0"),
        Case(
            (normal(504, 3, 4).astype(np.float32), normal(505, 3, 4).astype(np.float32)),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            first_factor_alone,
            "You let x rise and hold the tanh still. t rises with x too: y is a product, and both "
            "of its factors move.",
            "How fast does t rise with x, and what does that do to y?",
        ),
        Wrong(
            second_factor_alone,
            "You let t rise and hold the first factor still. x itself stands before the bracket.",
            "y = x times something: how fast does y rise with this x alone?",
        ),
        Wrong(
            slope_of_u_forgotten,
            "The slope of the tanh is there. What stands inside it rises with a slope of its own: "
            "the chain rule.",
            "How fast does u = c (x + a x^3) rise with x?",
        ),
        Wrong(
            slope_of_tanh_forgotten,
            "The slope of what stands inside the tanh is there. The tanh's own is missing.",
            "How fast does tanh(u) rise with u?",
        ),
        Wrong(
            tanh_not_squared,
            "The slope of tanh is 1 - t^2, and you have 1 - t.",
            "Is tanh steeper at 0 or far from it, on both sides alike?",
        ),
        Wrong(
            x_forgotten,
            "In the second part the factor x is missing.",
            "y = x (1 + t) / 2: if t rises by 1, how much does y rise?",
        ),
        Wrong(
            half_forgotten,
            "Everything is twice as large: the division by 2 is missing.",
            "y = x (1 + t) / 2: where is its 2 in your slope?",
        ),
        Wrong(
            half_forgotten_in_the_second,
            "In the second part the division by 2 is missing.",
            "y = x (1 + t) / 2: does the 2 stand under both parts?",
        ),
        Wrong(
            half_forgotten_in_the_first,
            "In the first part the division by 2 is missing.",
            "y = x (1 + t) / 2: does the 2 stand under both parts?",
        ),
        Wrong(
            three_forgotten,
            "The slope of x^3 is 3 x^2: the 3 is missing.",
            "How fast does x^3 rise at x = 1?",
        ),
        Wrong(
            cube_left,
            "The slope of x^3 is 3 x^2, and you have 3 x^3.",
            "Which power is left of x^3?",
        ),
        Wrong(
            c_forgotten,
            "In the slope of u its factor c is missing.",
            "u = c (x + ...): how fast does u rise with x near 0?",
        ),
        Wrong(
            one_forgotten_in_u,
            "u = c (x + a x^3) has two terms, and you have the slope of the second alone.",
            "How fast does x itself rise with x?",
        ),
        Wrong(
            u_itself,
            "You multiply with u. What is asked for there is how fast u rises.",
            "What is the slope of x + a x^3?",
        ),
        Wrong(
            of_the_exact_form,
            "That is the slope of the exact GELU, x Phi(x). The forward here is the tanh form, and "
            "a gradient belongs to its own forward.",
            "Which function is y made with?",
        ),
        Wrong(
            of_a_relu,
            "That is the slope of a ReLU, 0 or 1.",
            "Which curve has no corner?",
        ),
        Wrong(
            plus_the_square,
            "The slope of tanh is 1 - t^2, and you have 1 + t^2.",
            "Is tanh steepest at 0, or far from it?",
        ),
        Wrong(
            slope_of_a_sigmoid,
            "t (1 - t) is the slope of a sigmoid. That of tanh is 1 - t^2.",
            "How fast does tanh rise at 0, where t is 0?",
        ),
        Wrong(
            slopes_multiplied,
            "You multiply the slopes of the two factors. In a product each slope is multiplied "
            "with the other factor as it is, and the two are added.",
            "How does the slope of a b look?",
        ),
        Wrong(
            dy_in_the_first_part_alone,
            "dy reaches the first part alone: a product binds more tightly than a sum.",
            "Which brackets make dy multiply all of it?",
        ),
        Wrong(
            factors_multiplied,
            "You multiply the two parts. In a product first one factor moves, then the other, and "
            "the two are added.",
            "How does the slope of a b look?",
        ),
        Wrong(
            second_subtracted,
            "You subtract the second part.",
            "Where t rises and x is above 0, does y rise?",
        ),
        Wrong(
            dy_forgotten,
            "That is the slope of y. What arrives from above is not in it.",
            "By what is the slope multiplied?",
        ),
        Wrong(
            the_forward_of_dy,
            "That is the GELU of dy: a forward once more.",
            "At which number is the slope taken?",
        ),
        Wrong(
            dy_times_y,
            "You multiply dy by y. It is multiplied by the slope of y.",
            "How fast does y rise with x?",
        ),
    ),
    hints=(
        "A product of two factors that both move, x and (1 + t) / 2: let each move in turn, and "
        "add. t is a tanh of u, so by the chain rule t rises as fast as 1 - t^2 times the slope "
        "of u.",
        "The same for y = x (2 + s), where s is the sine of v = k x^2:\n\n"
        "    s = np.sin(k * x**2)\n"
        "    dv = k * ____ * x\n"
        "    ds = np.cos(k * x**2) * ____\n"
        "    slope = (2 + s) + ____ * ds\n\n"
        "The slope of sine is cosine; that of tanh is 1 - tanh^2.",
    ),
    library=gelu,
    locked=(gelu,),
)

# ------------------------------------------------------------------------------------- 11.2


def count_answer(vocab_size, block_size, n_layer, n_embd):
    V, T, C = vocab_size, block_size, n_embd
    # two norms, each with a weight and a bias
    norms = 2 * (C + C)
    # queries, keys and values; and the projection back
    attention = C * 3 * C + 3 * C + C * C + C
    # four times wider, and back
    mlp = C * 4 * C + 4 * C + 4 * C * C + C
    # the two tables, the blocks, the last norm; the head is the first table again
    return V * C + T * C + n_layer * (norms + attention + mlp) + 2 * C


def _parts(V, T, L, C):
    """tables, one block, last norm"""
    return V * C + T * C, 12 * C * C + 13 * C, 2 * C


def _count(change):
    """change(V, T, L, C) -> what is too much"""
    return lambda V, T, L, C: count_answer(V, T, L, C) + change(V, T, L, C)


def biases_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 9 * C)(vocab_size, block_size, n_layer, n_embd)


def biases_and_norms_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 13 * C - 2 * C)(vocab_size, block_size, n_layer, n_embd)


def all_biases_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 11 * C - C)(vocab_size, block_size, n_layer, n_embd)


def norms_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 4 * C)(vocab_size, block_size, n_layer, n_embd)


def all_norms_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 4 * C - 2 * C)(vocab_size, block_size, n_layer, n_embd)


def last_norm_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -2 * C)(vocab_size, block_size, n_layer, n_embd)


def one_norm_in_a_block(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 2 * C)(vocab_size, block_size, n_layer, n_embd)


def one_number_for_a_norm(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: L * (4 - 4 * C) + 2 - 2 * C)(
        vocab_size, block_size, n_layer, n_embd
    )


def norms_without_bias(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 2 * C - C)(vocab_size, block_size, n_layer, n_embd)


def head_counted_again(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: V * C)(vocab_size, block_size, n_layer, n_embd)


def positions_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -T * C)(vocab_size, block_size, n_layer, n_embd)


def table_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -V * C)(vocab_size, block_size, n_layer, n_embd)


def tables_forgotten(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -V * C - T * C)(vocab_size, block_size, n_layer, n_embd)


def one_layer(vocab_size, block_size, n_layer, n_embd):
    return count_answer(vocab_size, block_size, 1, n_embd)


def everything_in_each_layer(vocab_size, block_size, n_layer, n_embd):
    return n_layer * count_answer(vocab_size, block_size, 1, n_embd)


def last_norm_in_each_layer(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: (L - 1) * 2 * C)(vocab_size, block_size, n_layer, n_embd)


def one_matrix_for_q_k_and_v(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * (2 * C * C + 2 * C))(
        vocab_size, block_size, n_layer, n_embd
    )


def attention_without_projection(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * (C * C + C))(vocab_size, block_size, n_layer, n_embd)


def mlp_without_the_way_back(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * (4 * C * C + C))(vocab_size, block_size, n_layer, n_embd)


def mlp_as_wide_as_the_stream(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * (6 * C * C + 3 * C))(
        vocab_size, block_size, n_layer, n_embd
    )


def bias_of_the_narrow_one_four_times(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: L * 3 * C)(vocab_size, block_size, n_layer, n_embd)


def bias_of_the_wide_one_once(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 3 * C)(vocab_size, block_size, n_layer, n_embd)


def bias_of_q_k_v_once(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: -L * 2 * C)(vocab_size, block_size, n_layer, n_embd)


def bias_of_a_head(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: V)(vocab_size, block_size, n_layer, n_embd)


def weights_of_attention_counted(vocab_size, block_size, n_layer, n_embd):
    return _count(lambda V, T, L, C: L * T * T)(vocab_size, block_size, n_layer, n_embd)


def the_mlp_alone(vocab_size, block_size, n_layer, n_embd):
    return n_layer * (8 * n_embd * n_embd + 5 * n_embd)


def the_blocks_alone(vocab_size, block_size, n_layer, n_embd):
    return n_layer * (12 * n_embd * n_embd + 13 * n_embd)


COUNT = Exercise(
    id="11.2",
    name="my_count",
    form="my_count(vocab_size, block_size, n_layer, n_embd) -> the number of parameters",
    answer=count_answer,
    cases=(
        Case((65, 16, 2, 8)),
        Case((100, 32, 3, 12)),
        Case((50_257, 1024, 12, 768), "GPT-2 small"),
        Case((7, 5, 1, 4), "a single layer"),
    ),
    wrongs=(
        Wrong(
            biases_forgotten,
            "Tables, norms and matrices are right. The matrices' biases are missing: one number "
            "for each column.",
            "How many numbers does y = x W + b have besides W?",
        ),
        Wrong(
            biases_and_norms_forgotten,
            "Tables and matrices are right. Biases and norms are missing.",
            "How many numbers does a norm have, and how many does a bias?",
        ),
        Wrong(
            all_biases_forgotten,
            "All weights are right. All biases are missing, those of the norms too.",
            "Which parts of a block have a bias?",
        ),
        Wrong(
            norms_forgotten,
            "The norms of the blocks are missing.",
            "How many norms stand in a block, and how many numbers has each?",
        ),
        Wrong(
            all_norms_forgotten,
            "The norms are missing.",
            "How many norms stand in a block, and which one stands at the end?",
        ),
        Wrong(
            last_norm_forgotten,
            "The norm at the end, ln_f, is missing.",
            "What stands between the last block and the head?",
        ),
        Wrong(
            one_norm_in_a_block,
            "In each block 2 C numbers are missing: that is a whole norm, weight and bias; or the "
            "bias of c_attn, which has 3 C numbers, and was counted as C.",
            "Which of the two did you leave out?",
            (bias_of_q_k_v_once,),
        ),
        Wrong(
            one_number_for_a_norm,
            "A norm has a weight and a bias for each channel, not one of each.",
            "What shape has the weight of lesson 10?",
        ),
        Wrong(
            norms_without_bias,
            "The norms have biases too.",
            "What is added after the norm was multiplied with its weight?",
        ),
        Wrong(
            head_counted_again,
            "The head is the table of embeddings once more: GPT-2 keeps it a single time.",
            "With which matrix are the scores of the letters made?",
        ),
        Wrong(
            positions_forgotten,
            "The table of positions is missing.",
            "What is added to the embedding of each letter?",
        ),
        Wrong(
            table_forgotten,
            "The table of embeddings is missing.",
            "Where does the row of a letter come from?",
        ),
        Wrong(
            tables_forgotten,
            "Both tables are missing.",
            "Where does what enters the first block come from?",
            (the_blocks_alone,),
        ),
        Wrong(
            one_layer,
            "You count one layer.",
            "How many blocks are there?",
        ),
        Wrong(
            everything_in_each_layer,
            "You multiply everything by the number of layers. The tables and the last norm are "
            "there once.",
            "Which parts stand in a block?",
        ),
        Wrong(
            last_norm_in_each_layer,
            "The norm at the end is there once, and not in each layer.",
            "Which parts stand in a block?",
        ),
        Wrong(
            one_matrix_for_q_k_and_v,
            "Queries, keys and values have a matrix each, or one that is three times as wide.",
            "How many columns has c_attn?",
        ),
        Wrong(
            attention_without_projection,
            "What attention found goes through one more matrix: c_proj is missing.",
            "Where do the heads meet (lesson 08)?",
        ),
        Wrong(
            mlp_without_the_way_back,
            "The MLP's second matrix, from 4 C back to C, is missing.",
            "How wide must what is added to the stream be?",
        ),
        Wrong(
            mlp_as_wide_as_the_stream,
            "Your MLP is C wide. It is 4 C wide.",
            "Which shape has c_fc?",
        ),
        Wrong(
            bias_of_the_narrow_one_four_times,
            "The MLP's second matrix has C columns, so its bias has C numbers.",
            "How many numbers come out of the MLP?",
        ),
        Wrong(
            bias_of_the_wide_one_once,
            "The MLP's first matrix has 4 C columns, so its bias has 4 C numbers.",
            "How many numbers come out of c_fc?",
        ),
        Wrong(
            bias_of_a_head,
            "The head has no bias in a GPT-2.",
            "Is there anything besides the table?",
        ),
        Wrong(
            weights_of_attention_counted,
            "The weights of attention are no parameters: they are made anew for every text "
            "(lesson 07).",
            "Which numbers stay from text to text?",
        ),
        Wrong(
            the_mlp_alone,
            "Those are the MLPs alone.",
            "What else holds parameters?",
        ),
    ),
    hints=(
        "Write a line for each part of the drawing: the two tables; in each block ln_1, c_attn, "
        "c_proj, ln_2, c_fc, c_proj; the last norm. A matrix from a to b has a b numbers and a "
        "bias of b.",
        "The same for a model with one matrix from 10 to 30 and a norm of 30, in 5 layers:\n\n"
        "    matrix = 10 * 30 + ____\n"
        "    norm = 2 * ____\n"
        "    return ____ * (matrix + norm)",
    ),
)

# ------------------------------------------------------------------------------------- 11.3


def block_answer(x, ln_1, attn, ln_2, mlp):
    # the positions look at those before them
    x = x + attn(ln_1(x))
    # each position thinks by itself
    return x + mlp(ln_2(x))


def norm_after(x, ln_1, attn, ln_2, mlp):
    x = ln_1(x + attn(x))
    return ln_2(x + mlp(x))


def no_residual(x, ln_1, attn, ln_2, mlp):
    return mlp(ln_2(attn(ln_1(x))))


def first_residual_missing(x, ln_1, attn, ln_2, mlp):
    x = attn(ln_1(x))
    return x + mlp(ln_2(x))


def second_residual_missing(x, ln_1, attn, ln_2, mlp):
    x = x + attn(ln_1(x))
    return mlp(ln_2(x))


def side_by_side(x, ln_1, attn, ln_2, mlp):
    return x + attn(ln_1(x)) + mlp(ln_2(x))


def from_the_beginning(x, ln_1, attn, ln_2, mlp):
    y = x + attn(ln_1(x))
    return x + mlp(ln_2(y))


def norms_on_the_straight_way(x, ln_1, attn, ln_2, mlp):
    n = ln_1(x)
    x = n + attn(n)
    n = ln_2(x)
    return n + mlp(n)


def no_norms(x, ln_1, attn, ln_2, mlp):
    x = x + attn(x)
    return x + mlp(x)


def first_norm_missing(x, ln_1, attn, ln_2, mlp):
    x = x + attn(x)
    return x + mlp(ln_2(x))


def second_norm_missing(x, ln_1, attn, ln_2, mlp):
    x = x + attn(ln_1(x))
    return x + mlp(x)


def one_norm_for_both(x, ln_1, attn, ln_2, mlp):
    x = x + attn(ln_1(x))
    return x + mlp(ln_1(x))


def norms_exchanged(x, ln_1, attn, ln_2, mlp):
    x = x + attn(ln_2(x))
    return x + mlp(ln_1(x))


def mlp_first(x, ln_1, attn, ln_2, mlp):
    x = x + mlp(ln_1(x))
    return x + attn(ln_2(x))


def mlp_first_with_its_norm(x, ln_1, attn, ln_2, mlp):
    x = x + mlp(ln_2(x))
    return x + attn(ln_1(x))


def stream_not_seen(x, ln_1, attn, ln_2, mlp):
    return x + mlp(ln_2(attn(ln_1(x))))


def norm_of_the_branch(x, ln_1, attn, ln_2, mlp):
    x = x + ln_1(attn(x))
    return x + ln_2(mlp(x))


def attention_alone(x, ln_1, attn, ln_2, mlp):
    return x + attn(ln_1(x))


def mlp_alone(x, ln_1, attn, ln_2, mlp):
    return x + mlp(ln_2(x))


def written_into_x(x, ln_1, attn, ln_2, mlp):
    x += attn(ln_1(x))
    x += mlp(ln_2(x))
    return x


def doubled(x, ln_1, attn, ln_2, mlp):
    x = x + attn(ln_1(x))
    return x + x + mlp(ln_2(x))


def multiplied(x, ln_1, attn, ln_2, mlp):
    x = x * attn(ln_1(x))
    return x * mlp(ln_2(x))


def on_tensors_too(function, *inputs) -> Outputs:
    """The answer on arrays; and does it run on Tensors, on which the lesson trains it?"""
    result = function(*inputs)
    if result is None:
        return {"result": None}
    tensors = [
        Tensor(a) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs
    ]
    try:
        function(*tensors)
    except Exception as error:
        raise FormError(
            f"on arrays it runs; on a Tensor, which the lesson will train, it raises "
            f"{type(error).__name__}: {error}. Calls, +, [ ], @ and .T are what both have"
        ) from None
    return {"result": result}


def _norm(x):
    """As in lesson 10, of an array or a Tensor."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / ((centred * centred).mean(axis=-1, keepdims=True) + 1e-5) ** 0.5


def norm_a(x):
    return _norm(x) * 1.5


def norm_b(x):
    return _norm(x) * 0.7 + 0.2


def looks_back(x):
    """The mean of the rows so far: what attention may do."""
    T = x.shape[-2]
    means = np.tri(T) / np.arange(1, T + 1)[:, None]
    return means.astype(x.dtype) @ x


def thinks(x):
    return x * x * x - 0.3 * x


def halves(x):
    return 0.5 * x + 0.1


BLOCK = Exercise(
    id="11.3",
    name="my_block",
    form="my_block(x (B, T, C), ln_1, attn, ln_2, mlp) -> (B, T, C)",
    answer=block_answer,
    observe=on_tensors_too,
    inputs=("x", "ln_1", "attn", "ln_2", "mlp"),
    cases=(
        Case((normal(510, 2, 4, 6), norm_a, looks_back, norm_b, thinks)),
        Case((normal(511, 1, 3, 5) + 1, norm_b, looks_back, norm_a, halves)),
        Case((normal(512, 2, 3, 4), norm_a, thinks, norm_b, looks_back), "other functions"),
        Case(
            (normal(513, 1, 2, 4).astype(np.float32), norm_a, looks_back, norm_b, thinks),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            norm_after,
            "You norm the sum, on the straight way: so did the first Transformer. In GPT-2 the "
            "norm stands in the branch, before its part.",
            "What is normed: the stream, or what goes into attention?",
        ),
        Wrong(
            no_residual,
            "Nothing is added to the stream: each part replaces what was there.",
            "What does x become after attention?",
        ),
        Wrong(
            first_residual_missing,
            "Attention replaces the stream. It should add to it.",
            "What does x become after attention?",
        ),
        Wrong(
            second_residual_missing,
            "The MLP replaces the stream. It should add to it.",
            "What does x become after the MLP?",
        ),
        Wrong(
            side_by_side,
            "Your MLP sees x as it was before attention. It should see what attention added.",
            "Which x goes into ln_2?",
        ),
        Wrong(
            from_the_beginning,
            "What attention added is lost at the end: you add the MLP's part to the first x.",
            "To what is the MLP's part added?",
        ),
        Wrong(
            norms_on_the_straight_way,
            "The stream itself is normed: the straight way should be left alone.",
            "What is added to attention's part: x, or its norm?",
        ),
        Wrong(
            no_norms,
            "The norms are missing.",
            "What goes into attention?",
        ),
        Wrong(
            first_norm_missing,
            "Attention gets the stream as it is, without a norm.",
            "What goes into attention?",
        ),
        Wrong(
            second_norm_missing,
            "The MLP gets the stream as it is, without a norm.",
            "What goes into the MLP?",
        ),
        Wrong(
            one_norm_for_both,
            "You use ln_1 twice. Each part has a norm of its own.",
            "Which norm stands before the MLP?",
        ),
        Wrong(
            norms_exchanged,
            "The two norms are exchanged.",
            "Which norm stands before attention?",
        ),
        Wrong(
            mlp_first,
            "The MLP comes first with you, and takes the first norm.",
            "Which comes first: looking, or thinking?",
        ),
        Wrong(
            mlp_first_with_its_norm,
            "The MLP comes first with you.",
            "Which comes first: looking, or thinking?",
        ),
        Wrong(
            stream_not_seen,
            "Your MLP gets what attention found alone, and neither it nor the end has the stream "
            "with attention's part added.",
            "What is x after the first line of the drawing?",
        ),
        Wrong(
            norm_of_the_branch,
            "You norm what comes out of each part. What goes in is normed.",
            "On which side of attention does its norm stand?",
        ),
        Wrong(
            attention_alone,
            "The MLP is missing.",
            "How many parts add to the stream?",
        ),
        Wrong(
            mlp_alone,
            "Attention is missing.",
            "How many parts add to the stream?",
        ),
        Wrong(
            written_into_x,
            "The result is right, but x itself is changed, and it belongs to the caller: += writes "
            "into the same array.",
            "Which sign makes a new array?",
        ),
        Wrong(
            doubled,
            "The stream is added twice at the end.",
            "How often does x stand in the last line of the drawing?",
        ),
        Wrong(
            multiplied,
            "You multiply. The parts add to the stream.",
            "Which sign stands in the drawing?",
        ),
    ),
    hints=(
        "Two lines of the drawing, one after the other. In each: the norm, then the part, then "
        "added to x. The second line goes on with what the first has made.",
        "The same for a text that is read twice, each time with other glasses:\n\n"
        "    text = text + notes_of(glasses_1(____))\n"
        "    text = ____ + thoughts_on(glasses_2(____))",
    ),
)

# ------------------------------------------------------------------------------------- 11.4


def gpt_answer(ids, wte, wpe, blocks, ln_f):
    # a row for each letter, and one for each place
    x = wte[ids] + wpe[: ids.shape[1]]
    # the blocks, one after the other
    for block in blocks:
        x = block(x)
    # how well each letter would fit next: the table again
    return ln_f(x) @ wte.T


def positions_left_out(ids, wte, wpe, blocks, ln_f):
    x = wte[ids]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def whole_table_of_positions(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def positions_of_the_ids(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[ids % len(wpe)]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def places_from_one(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + np.concatenate([wpe, wpe])[1 : ids.shape[1] + 1]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def places_from_one_beyond_the_end(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[1 : ids.shape[1] + 1]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def first_place_for_all(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[0]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def counted_in_texts(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: len(ids)]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def tables_multiplied(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] * wpe[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wte.T


def last_norm_left_out(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return x @ wte.T


def head_left_out(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return ln_f(x)


def blocks_left_out(ids, wte, wpe, blocks, ln_f):
    return ln_f(wte[ids] + wpe[: ids.shape[1]]) @ wte.T


def first_block_alone(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = block(x)
        return ln_f(x) @ wte.T


def last_block_alone(ids, wte, wpe, blocks, ln_f):
    x = y = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        y = block(x)
    return ln_f(y) @ wte.T


def blocks_added(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = x + block(x)
    return ln_f(x) @ wte.T


def blocks_back_to_front(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks[::-1]:
        x = block(x)
    return ln_f(x) @ wte.T


def norm_after_each_block(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = ln_f(block(x))
    return x @ wte.T


def norm_before_the_blocks(ids, wte, wpe, blocks, ln_f):
    x = ln_f(wte[ids] + wpe[: ids.shape[1]])
    for block in blocks:
        x = block(x)
    return x @ wte.T


def positions_at_each_block(ids, wte, wpe, blocks, ln_f):
    x = wte[ids]
    for block in blocks:
        x = block(x + wpe[: ids.shape[1]])
    return ln_f(x) @ wte.T


def chances(ids, wte, wpe, blocks, ln_f):
    scores = gpt_answer(ids, wte, wpe, blocks, ln_f)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def last_place_alone(ids, wte, wpe, blocks, ln_f):
    return gpt_answer(ids, wte, wpe, blocks, ln_f)[:, -1]


def norm_of_the_scores(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return ln_f(x @ wte.T)


def table_of_positions_as_head(ids, wte, wpe, blocks, ln_f):
    x = wte[ids] + wpe[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return ln_f(x) @ wpe.T


def first_block_of(x):
    return x + looks_back(norm_a(x))


def second_block_of(x):
    return x + 0.5 * thinks(norm_b(x))


_TABLE, _PLACES = normal(520, 7, 6), normal(521, 8, 6)

MODEL = Exercise(
    id="11.4",
    name="my_gpt",
    form="my_gpt(ids (B, T), wte (V, C), wpe (block_size, C), blocks, ln_f) -> scores (B, T, V)",
    answer=gpt_answer,
    observe=on_tensors_too,
    inputs=("ids", "wte", "wpe", "blocks", "ln_f"),
    cases=(
        Case(
            (
                np.array([[3, 0, 5, 3], [1, 1, 6, 2]]),
                _TABLE,
                _PLACES,
                [first_block_of, second_block_of],
                norm_a,
            )
        ),
        Case(
            (
                np.array([[6, 2, 4]] * 3),
                _TABLE,
                _PLACES,
                [second_block_of, first_block_of, thinks],
                norm_b,
            ),
            "three texts of three, 3 blocks",
        ),
        Case(
            (np.array([[2, 5, 5, 0, 1, 4, 6, 3]]), _TABLE, _PLACES, [first_block_of], norm_a),
            "a text as long as the table of places",
        ),
        Case(
            (
                np.array([[1, 0]]),
                _TABLE.astype(np.float32),
                _PLACES.astype(np.float32),
                [second_block_of, first_block_of],
                norm_b,
            ),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            positions_left_out,
            "The positions are missing: nobody knows who stands where.",
            "What is added to the rows of the letters?",
        ),
        Wrong(
            whole_table_of_positions,
            "You add the whole table of positions. A text may be shorter than it.",
            "How many rows of wpe does a text of T letters need?",
        ),
        Wrong(
            positions_of_the_ids,
            "You look the positions up by the ids. The first place gets row 0, whatever letter "
            "stands there.",
            "Which row of wpe belongs to place t?",
        ),
        Wrong(
            places_from_one,
            "The places are counted from 1: place 0 gets row 1.",
            "Which row of wpe belongs to the first letter?",
            (places_from_one_beyond_the_end,),
        ),
        Wrong(
            first_place_for_all,
            "Every place gets the row of place 0.",
            "Which row of wpe belongs to place t?",
        ),
        Wrong(
            counted_in_texts,
            "len(ids) is the number of texts, B. The places are the second axis.",
            "Which axis of ids counts the places?",
        ),
        Wrong(
            tables_multiplied,
            "You multiply letters and places. They are added.",
            "Which sign stands in the drawing?",
        ),
        Wrong(
            last_norm_left_out,
            "The norm at the end is missing.",
            "What stands between the last block and the table?",
        ),
        Wrong(
            head_left_out,
            "You return rows of C numbers. A score for each letter is asked for.",
            "Which matrix makes V numbers of C?",
        ),
        Wrong(
            blocks_left_out,
            "The blocks do nothing: they are missing, or what they give back is thrown away.",
            "What stands on the left of = in your loop?",
        ),
        Wrong(
            first_block_alone,
            "Only the first block is used.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            last_block_alone,
            "Each block gets the first x, and only the last one counts.",
            "What should the second block see?",
        ),
        Wrong(
            blocks_added,
            "You add x to what a block gives. It has added it itself.",
            "Where does the residual stand: here, or in the block?",
        ),
        Wrong(
            blocks_back_to_front,
            "The blocks come back to front.",
            "Which block comes first?",
        ),
        Wrong(
            norm_after_each_block,
            "ln_f stands after every block with you. It is there once, at the end.",
            "How far is that line indented?",
        ),
        Wrong(
            norm_before_the_blocks,
            "ln_f stands before the blocks with you.",
            "What does the f in ln_f stand for?",
        ),
        Wrong(
            positions_at_each_block,
            "You add the positions before every block. They are added once, at the beginning.",
            "How far is that line indented?",
        ),
        Wrong(
            chances,
            "Those are chances. Scores are asked for: the loss makes chances of them itself.",
            "Which step is one too many?",
        ),
        Wrong(
            last_place_alone,
            "Those are the scores at the last place. While training every place is asked.",
            "Which shape is asked for?",
        ),
        Wrong(
            norm_of_the_scores,
            "You norm the scores. The rows of C numbers are normed.",
            "Which comes first: the last norm, or the table?",
        ),
        Wrong(
            table_of_positions_as_head,
            "You compare with the positions. How well does each letter fit?",
            "Which table has a row for each letter?",
        ),
    ),
    hints=(
        "Follow the drawing from the top: rows of wte for the ids, plus the first T rows of wpe; "
        "each block in turn, on what the one before made; ln_f; and the product with the table on "
        "its side, which gives a score for each letter.",
        "The same for a kitchen: each dish gets its plate, then goes from cook to cook:\n\n"
        "    x = dishes[order] + plates[: order.shape[____]]\n"
        "    for cook in cooks:\n"
        "        x = ____\n\n"
        "At the end x is (B, T, C) and the table (V, C): laid on its side, it is (C, V).",
    ),
)

EXERCISES = (GELU, COUNT, BLOCK, MODEL)
