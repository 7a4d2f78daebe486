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
# *Time: 40 minutes for you, 8 seconds for the machine. Needs lesson 02 (`backward` and `dy`), matrix products
# and the axes of NumPy arrays.*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, check_gradient
from tinygpt.autograd.engine import add, matmul, op
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
# Now the other way round. In `x (3, 4) + b (4,)` NumPy puts an axis in front of `b` and copies it down: `b[0]` is
# used in three rows. By hand, with the `dy` of the sum:
#
# | dy | b[0] | b[1] | b[2] | b[3] |
# |---|---|---|---|---|
# | row 0 | 1 | 0 | 2 | 5 |
# | row 1 | 4 | 1 | 0 | 0 |
# | row 2 | 2 | 1 | 1 | 3 |
# | **together** | **7** | **2** | **3** | **8** |
#
# The end rises 1 times as fast as the copy in row 0, 4 times as fast as the one in row 1, and 2 times as fast as
# the one in row 2. All three move together: 7. Gradients **add**, as in lesson 02.

# %% [markdown]
# ## Exercise 03.2: undo a broadcast
# Write `my_unbroadcast(dy, shape)`: it gives the gradient for an array of that `shape`, which was stretched to the
# shape of `dy`. NumPy stretches in two ways:
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
# By hand. Two rows $x$, a matrix $w$ with one column, and $y = x w$:
#
# $$x = \begin{pmatrix} 1 & 2 \\ 5 & 6 \end{pmatrix} \quad w = \begin{pmatrix} 3 \\ 4 \end{pmatrix} \quad
# y = \begin{pmatrix} 1 \cdot 3 + 2 \cdot 4 \\ 5 \cdot 3 + 6 \cdot 4 \end{pmatrix} = \begin{pmatrix} 11 \\ 39 \end{pmatrix} \quad
# dy = \begin{pmatrix} 10 \\ 1 \end{pmatrix}$$
#
# $x_{11}$ is multiplied by 3 in $y_1$, so its slope is $10 \cdot 3 = 30$:
#
# $$dx = \begin{pmatrix} 30 & 40 \\ 3 & 4 \end{pmatrix} \qquad dw = \begin{pmatrix} 10 \cdot 1 + 1 \cdot 5 \\ 10 \cdot 2 + 1 \cdot 6 \end{pmatrix} = \begin{pmatrix} 15 \\ 26 \end{pmatrix}$$
#
# The weight 3 was used in **both** rows, so its slopes add.

# %% [markdown]
# In letters, with $y_{tj} = \sum_i x_{ti} w_{ij}$:
#
# $$dx_{ti} = \sum_j dy_{tj}\, w_{ij} \qquad dw_{ij} = \sum_t x_{ti}\, dy_{tj}$$

# %%
# Both are matrix products again, with something transposed. Which one, and in which order? "If I get it
# wrong, NumPy will tell me." There are eight ways to multiply x or x.T with dy or dy.T.
# Guess: x, w and dy are all 4 by 4. How many of the eight raise an error?
guess_1 = 0  ### SOLUTION


def errors_among_the_eight(T, C, D):
    x, dy, errors = np.ones((T, C)), np.ones((T, D)), 0
    for a in (x, x.T):
        for b in (dy, dy.T):
            for left, right in ((a, b), (b, a)):
                errors += left.shape[1] != right.shape[0]
    return errors


predict("03.P1", guess_1, errors_among_the_eight)

# %% [markdown]
# ## Exercise 03.3: both gradients
# Write the way back. `w.T` is `w` with rows and columns exchanged. Look at the two formulas: over which letter is
# the sum? In `a @ b` it runs over the *last* axis of `a` and the *first* of `b`.
#
# `x` may also be a batch, (B, T, C): B texts of T rows, and `y` is (B, T, D). All of them use the same `w`.
# `a.reshape(-1, a.shape[-1])` makes one tall matrix of all rows.
#
# One case has equal sizes everywhere, where nothing warns.


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
# A GPT's matrix products are all `y = x w + b`, with a bias `b` of shape (D,) that is added to every row. Below it is
# made of **your** two functions: the product, and the fold of `dy` to the shape of `b`.
#
# **Guess.** The same small GPT, the same 30 steps, once with the library's `linear` and once with this one. How
# far apart are the two last losses: 1, 0.01 or 0?

# %%
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
# `check_gradient` moves every element a little and compares.

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
    {"dy (3, 4)": dy, "folded to (1, 4)": down, "folded to (3, 1)": right},
    "the slopes that arrive at 12 copies, folded back: downwards to the sums of the table above, to the "
    f"left to the sums of its rows. Both times the sum of all is {dy.sum():g}: nothing is lost.",
)

# %% [markdown]
# **Two questions without code**
# 1. Why may the gradient of a weight be large only because the batch is large?
# 2. Your forward has `x.mean(axis=0)`. What is its way back?
#
# <details><summary>Answers</summary>
#
# 1. It is a sum over all places where the weight was used. That is why a loss is a *mean* over them.
# 2. That of the sum, divided by the number of rows.
#
# </details>
#
# **Next:** make `b` in the check above a column, `draw((3, 1))`. Then lesson 05, where the end result is made.
# What you did so far: `progress()`.

# %%
# The library's matrix product and its fold: yours, for stacks of matrices on both sides.
show(matmul)
