# %% [markdown]
# # 03 Tensors: slopes of whole arrays
#
# In lesson 02 a node was one number. A GPT computes with whole arrays, and one line of it, `y = x @ w + b`, uses
# each weight many times. What happens to a slope when a number is used in many places?
#
# After this lesson you can
# 1. write the way back of a sum (`my_sum`),
# 2. undo a broadcast (`my_unbroadcast`),
# 3. write both gradients of a matrix product (`my_matmul`), also for a batch of texts.
#
# *Time: 40 minutes for you, 8 seconds for the machine. Needs lessons 01 (a check by trying) and 02 (`backward`, `dy`),
# matrix products and the axes of NumPy arrays.*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, check_gradient
from tinygpt.autograd.engine import add, matmul, op
from tinygpt.autograd.engine import unbroadcast as unbroadcast_of_the_library
from tinygpt.autograd.ops import sum as sum_op
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn.linear import linear

row, column = np.array([[1.0, 2, 3, 4]]), np.array([[10.0], [20], [30]])
plots.tiles(
    {"column (3, 1)": column, "row (1, 4)": row, "column + row (3, 4)": column + row},
    "NumPy stretches both to 3 rows and 4 columns before it adds: the column is copied to the right, the "
    "row downwards. This is called broadcasting. Each number of the row is used in three places.",
)

# %% [markdown]
# ## One slope for each element
# The gradient of an array has **the shape of the array**: `dx[i]` says how fast the end result rises with
# `x[i]`. As in lesson 02, `dy` is what arrives from above, now one number for each element of `y`.
#
# By hand: $y = x_1 + x_2 + x_3$. If $x_2$ rises by 1, $y$ rises by 1. So with $dy = 7$ each of the three gets 7:
#
# $$x = (2, 5, 1) \qquad y = 8 \qquad dx = (7, 7, 7)$$
#
# What the forward **adds up**, the way back **copies**.

# %% [markdown]
# ## Exercise 03.1: a sum along an axis
# `x.sum(axis=1)` of a (3, 5) array has the shape (3,): one sum for each row, and `dy` has that shape too. Write
# the way back: `dx`, of the shape of `x`.
#
# `x` may have more axes than two, and `axis` may be -1, the last one.
#
# - `np.expand_dims(dy, axis)` puts an axis of size 1 where you say: (3,) becomes (3, 1) with `axis=1`.
# - An axis of size 1 is stretched by itself when you add or multiply with a larger array.
#
# `dy` is not 1 in the check. Stuck? `hint("03.1")` in a new cell; `reveal("03.1")` shows an answer.


# %%
def my_sum(x, axis):
    """y: the sums of x along one axis, which goes;   backward(dy) -> dx"""

    def backward(dy):
        ### BEGIN SOLUTION
        # the axis that went, back with one place in it
        dy = np.expand_dims(dy, axis)
        # every element that was added has the same slope
        return dy + np.zeros_like(x)
        ### END SOLUTION

    return x.sum(axis=axis), backward


check("03.1", my_sum)

# %% [markdown]
# ## What is copied is summed
# Now the other way round. In `y = x + b`, with the shapes (3, 4) and (4,), NumPy puts an axis in front of `b` and
# copies it down: `b[0]` is used in three rows. By hand, with what arrives at `y`:
#
# | dy | b[0] | b[1] | b[2] | b[3] |
# |---|---|---|---|---|
# | row 0 | 1 | 0 | 2 | 5 |
# | row 1 | 4 | 1 | 0 | 0 |
# | row 2 | 2 | 1 | 1 | 3 |
# | **together** | **7** | **2** | **3** | **8** |
#
# If `b[0]` rises by 1, its copy in row 0 lifts the end by 1, the one in row 1 by 4, the one in row 2 by 2: 7 together.
# Gradients **add**, as in lesson 02.

# %% [markdown]
# ## Exercise 03.2: undo a broadcast
# Write `my_unbroadcast(dy, shape)`: it gives the gradient for an array of that `shape`, which was stretched to the
# shape of `dy`. NumPy stretches in two ways, which may come together:
#
# - it puts axes **in front**: (5,) beside (3, 5) or (2, 3, 5);
# - it copies along axes **of size 1**: (3, 1) beside (3, 5).
#
# `a.sum(axis=0)` takes an axis away; `a.sum(axis=0, keepdims=True)` leaves it there with size 1. Write it for any
# number of axes.


# %%
def my_unbroadcast(dy, shape):
    """the gradient of an array of this shape, which was stretched to that of dy"""
    ### ANSWER 03.2


check("03.2", my_unbroadcast)

# %% [markdown]
# ## A matrix product
# By hand: $y = x w$, where $x$ has two rows, and what arrives from above is $dy$.
#
# $$x = \begin{pmatrix} 1 & 2 \\ 5 & 6 \end{pmatrix} \quad w = \begin{pmatrix} 3 & 0 \\ 4 & 1 \end{pmatrix} \quad
# y = \begin{pmatrix} 11 & 2 \\ 39 & 6 \end{pmatrix} \quad
# dy = \begin{pmatrix} 10 & 1 \\ 1 & 2 \end{pmatrix}$$
#
# The 2 in `x[0, 1]` meets the weights 4 and 1: once in `y[0, 0]`, once in `y[0, 1]`. So its slope is $10 \cdot 4 + 1
# \cdot 1 = 41$. The weight 3 meets 1 in row 0 and 5 in row 1: its slope is $10 \cdot 1 + 1 \cdot 5 = 15$.
#
# $$dx = \begin{pmatrix} 30 & 41 \\ 3 & 6 \end{pmatrix} \qquad dw = \begin{pmatrix} 15 & 11 \\ 26 & 14 \end{pmatrix}$$

# %% [markdown]
# In letters, with $t$ for a row, $i$ for an input, $j$ for an output, and $y_{tj} = \sum_i x_{ti} w_{ij}$:
#
# $$dx_{ti} = \sum_j dy_{tj}\, w_{ij} \qquad dw_{ij} = \sum_t x_{ti}\, dy_{tj}$$
#
# Both are matrix products again, with something lying on its side (`x.T`: rows and columns exchanged). For `dw`
# alone there are eight candidates: `x` or `x.T` times `dy` or `dy.T`, or the other way round. "If I take a wrong one,
# NumPy will tell me."

# %%
# Guess: x has 3 rows and 4 columns, dy 3 rows and 5 columns. How many of the eight run without an error?
guess_1 = 2  ### SOLUTION


def those_that_run(rows, inputs, outputs):
    x, dy, run = np.ones((rows, inputs)), np.ones((rows, outputs)), 0
    for a in (x, x.T):
        for b in (dy, dy.T):
            run += (a.shape[1] == b.shape[0]) + (b.shape[1] == a.shape[0])
    return run


predict("03.P1", guess_1, those_that_run)

# %% [markdown]
# ## Exercise 03.3: both gradients
# Write the way back. Look at the two formulas: over which letter is the sum? In the product `a @ b` of two matrices it
# runs over the *last* axis of `a` and the *first* of `b`.
#
# `x` has C columns and `w` the shape (C, D). Before them `x` may have any axes: a single text is (T, C), a batch of B
# texts (B, T, C), and then `y` and `dy` are (B, T, D). All texts use the same `w`. `a.reshape(-1, a.shape[-1])` makes
# one tall matrix of all rows.


# %%
def my_matmul(x, w):
    """x (..., C), w (C, D) -> y (..., D), backward;   backward(dy) -> dx, dw"""

    def backward(dy):
        ### BEGIN SOLUTION
        # a rise of x[t, i] moves y[t, j] by w[i, j], for every j
        dx = dy @ w.T
        # a rise of w[i, j] moves y[t, j] by x[t, i], in every row t
        rows = x.reshape(-1, x.shape[-1])
        dw = rows.T @ dy.reshape(-1, dy.shape[-1])
        return dx, dw
        ### END SOLUTION

    return x @ w, backward


check("03.3", my_matmul)

# %% [markdown]
# ## In a real GPT
# Where a GPT multiplies by weights inside its layers, it is `y = x w + b`, with a bias `b` of shape (D,) that is added
# to every row. Below that is made of **your** two functions.
#
# **Guess.** The same small GPT, the same 30 steps, once with the library's `linear` and once with this one. How
# far apart are the two last losses: 1, 0.01 or 0?

# %%
# (.to("float64"): numbers of 16 digits. AdamW and the five lines of a step are lessons 06 and 13.)
product, unbroadcast = use("03.3"), use("03.2")


def my_linear(x, weight, bias=None):
    y, back = product(x, weight)
    if bias is None:
        return y, back
    return y + bias, lambda dy: (*back(dy), unbroadcast(dy, bias.shape))


def train(steps=30):
    text = np.arange(400) * 7 % 11  # 0, 7, 3, 10, ...: the next one is always known
    model = (
        GPT(GPTConfig(11, block_size=16, n_layer=2, n_head=2, n_embd=32), seed=0)
        .to("float64")
        .train()
    )
    optimizer, losses = AdamW(model, lr=1e-2), []
    for step in range(steps):
        starts = (np.arange(8) * 40 + step)[:, None] + np.arange(16)
        loss = model.loss(text[starts], text[starts + 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


with_the_library = train()
with swap(linear, my_linear):
    with_mine = train()

# %%
guess_2 = 0  ### SOLUTION
predict("03.P2", guess_2, with_the_library, with_mine)
print(f"the loss fell from {with_mine[0]:.2f} to {with_mine[-1]:.3f}")

# %% [markdown]
# ## The last word: try it
# A check by trying (lesson 01) knows no formula. `op(...)` makes an operation of the library from yours; then
# `check_gradient` moves every element a little and compares. A right gradient is off by rounding alone, which is far
# below 1e-6; a wrong one by a tenth or more.

# %%
mine, draw = op(use("03.3")), np.random.default_rng(0).standard_normal
x, w, batch, b = draw((3, 4)), draw((4, 5)), draw((2, 3, 4)), draw(4)


@op
def my_add(a, b):
    return a + b, lambda dy: (unbroadcast(dy, a.shape), unbroadcast(dy, b.shape))


total = use("03.1")
my_row_sum = op(lambda x: total(x, 1))
print(f"{'':<28}worst relative error")
for name, f, arrays in (
    ("the library's add", add, (x, b)),
    ("add, my_unbroadcast", my_add, (x, b)),
    ("the library's sum", lambda x: sum_op(x, axis=1), (x,)),
    ("my_sum", my_row_sum, (x,)),
    ("the library's matmul", matmul, (batch, w)),
    ("my_matmul", mine, (batch, w)),
):
    print(f"{name:<28}{check_gradient(f, *arrays).worst_error:.0e}")

# %%
dy = np.array([[1.0, 0, 2, 5], [4, 1, 0, 0], [2, 1, 1, 3]])
down, right = unbroadcast(dy, (1, 4)), unbroadcast(dy, (3, 1))
plots.tiles(
    {"dy (3, 4)": dy, "for a row (1, 4)": down, "for a column (3, 1)": right},
    "the slopes that arrive at 12 copies. If a row was copied down, its slopes are the sums of the "
    f"columns; if a column was copied to the right, the sums of the rows. Both add up to {dy.sum():g}: "
    "nothing is lost.",
)

# %% [markdown]
# **Two questions without code**
# 1. Why may the gradient of a weight be large only because the batch is large?
# 2. Your forward has `x.mean(axis=0)`. What is its way back?
#
# <details><summary>Answers</summary>
#
# 1. It is a sum over all places where the weight was used. That is why a loss is a *mean* over all letters of a
#    batch.
# 2. That of the sum, divided by the number of rows.
#
# </details>
#
# **Next:** make `b` in the check above a column, `draw((3, 1))`: does it still pass? Then lesson 04.
# What you did so far: `progress()`.

# %%
# The library's own: for stacks of matrices on both sides too. (.swapaxes(-1, -2) lays the last two axes on
# their side; `@op` makes a function an operation.)
show(unbroadcast_of_the_library)
show(matmul)
