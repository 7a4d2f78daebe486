# %% [markdown]
# # 05 Loss: one number for how wrong a model is
#
# A model says how likely each next letter is. Training needs **one number** for how bad that was, and
# the number must change a little when the model changes a little: else nobody knows which way to go.
#
# After this lesson you can
# 1. turn scores into chances without overflow (`my_softmax`),
# 2. write the gradient of cross-entropy (`my_cross_entropy`) and train a model on it,
# 3. compute the loss below which such a model cannot get (`my_floor`), and say why accuracy is no loss.
#
# *Time: 40 minutes for you, 10 seconds for the machine. Needs lesson 02 (`backward` and `dy`), logarithms, and some
# NumPy: axes, indexing with arrays.*

# %% [markdown]
# ## How surprised were you?
# A text has only three letters. A model says: next comes **a** with chance 0.7, **b** with 0.2, **c**
# with 0.1. Then the next letter arrives.
#
# The *surprise* is $-\ln p$, where $p$ is the chance that the model gave to what really came. The unit
# is the **nat** (with $\log_2$ it would be the bit).
#
# | what came | its chance $p$ | surprise $-\ln p$ |
# |---|---|---|
# | a | 0.7 | 0.36 |
# | b | 0.2 | 1.61 |
# | c | 0.1 | 2.30 |
#
# Sure and right costs nothing. Sure and wrong costs without limit. The **loss** of a model on a text is
# the mean of its surprise over all letters; its name is *cross-entropy*.

# %%
import numpy as np

from tinygpt import Tensor
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn import cross_entropy

p = np.linspace(0.01, 1, 200)
came = {"a came": 0.7, "b came": 0.2, "c came": 0.1}
plots.curves(
    {"surprise": (p, -np.log(p))},
    "the curve comes down to 0 at the right and climbs without end at the left: nothing costs more "
    "than to give the chance 0 to what then comes.",
    x="chance p that the model gave to what came",
    y="surprise -ln p, nats",
    points={word: (q, -np.log(q)) for word, q in came.items()},
)

# %%
# Guess first: a model that has learned nothing gives each of 27 letters (a to z and the space) the
# same chance. What is its loss? Put a number in the place of None and run the cell, or type it into the
# field below. A rough one is fine, and a wrong one helps as well: it shows you where to look.
guess_1 = 3.3  ### SOLUTION
predict("05.P1", guess_1, 27)

# %% [markdown]
# ## From scores to chances
# A model computes a *score* $z_i$ for each letter: any number, also negative. Softmax makes chances of
# them: positive, with the sum 1.
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# By hand, with scores 2, 1, 1: $e^2 = 7.4$, $e^1 = 2.7$, so the chances are 7.4, 2.7, 2.7 divided by
# 12.8: 0.58, 0.21, 0.21.

# %% [markdown]
# ## Exercise 05.1: softmax
# Complete `my_softmax`. `z` may have any number of axes; each row (the **last** axis) is one choice.
#
# Two things to know:
# - `z.sum(axis=-1, keepdims=True)` sums each row and keeps the axis, so that you can divide by it.
# - `np.exp(800)` is already `inf`, and `inf / inf` is `nan` (not a number). The scores in the check go up
#   to 10 000. Adding the same number to a whole row changes no chance: use that.
#
# What goes in as float32 (half as many digits, half the memory) should come out as float32; NumPy does
# that by itself. Stuck? Run `hint("05.1")` in a new cell; `reveal("05.1")` shows an answer.


# %%
def my_softmax(z):
    """Scores z (..., n) -> chances y (..., n), each row with the sum 1."""
    ### ANSWER 05.1


check("05.1", my_softmax)

# %% [markdown]
# ## The slope of the loss
# If score $z_i$ rises a little, how does the loss change? What really came is the *target*; $t$ is its
# number. The loss of one row, written with the scores:
#
# $$-\ln p_t = -\ln \frac{e^{z_t}}{\sum_j e^{z_j}} = \ln \sum_j e^{z_j} - z_t$$
#
# $\ln u$ has the slope $1/u$, and of the sum $u$ only the term $e^{z_i}$ moves, as fast as it is large. So the
# first part has the slope $\frac{1}{\sum_j e^{z_j}} \cdot e^{z_i}$ (chain rule): softmax again, $p_i$. The
# second gives $-1$ at the target, else nothing. Together
#
# $$p_i - 1 \text{ at the target,} \qquad p_i \text{ everywhere else.}$$
#
# *Chances minus truth.* With chances 0.7, 0.2, 0.1 and b as the target: 0.7, −0.8, 0.1.

# %% [markdown]
# ## Exercise 05.2: cross-entropy, and the way back
# The forward half is there, for N rows at once. Write `dz`, the gradient with respect to `logits`, shape
# (N, V). ("Logits" is the usual word for the scores.)
#
# - The loss is a **mean** over the N rows.
# - `dy`: how fast the end result rises with this loss. One number, to multiply with.
# - `a[rows, targets]` picks one element in each row: in row 0 the one at `targets[0]`, and so on.
#
# (A chance that is rounded to 0 has an infinite surprise here; the library's form has not.)


# %%
to_chances = use("05.1")


def my_cross_entropy(logits, targets):
    """logits (N, V), targets (N,) integers -> mean surprise, backward"""
    p = to_chances(logits)
    rows = np.arange(len(targets))
    loss = -np.log(p[rows, targets]).mean()

    def backward(dy):
        ### BEGIN SOLUTION
        # chances
        dz = p.copy()
        # minus 1 at each target
        dz[rows, targets] -= 1
        # the mean, and what arrives from above
        dz *= dy / len(targets)
        ### END SOLUTION
        return dz, None  # one gradient for each argument; integers have none

    return loss, backward


check("05.2", my_cross_entropy)

# %% [markdown]
# ## Train on your gradient
# A text made of eight different letters, where each letter depends on the one before: a *Markov chain*. `chances[a]`
# says what may follow letter `a`. We made it, so we know everything about it.
#
# The smallest language model is a table of scores: row `a` holds the scores for what follows `a`. It
# starts at zero, and goes a step against its gradient again and again.
#
# `with swap(cross_entropy, ...)` puts **your** function into the library, until the block ends.

# %%
V = 8
rng = np.random.default_rng(0)
spread = 0.3  # small: few letters can follow each letter; large: all are alike
chances = rng.dirichlet(spread * np.ones(V), size=V)  # random rows with the sum 1
text = [0]
for _ in range(10_000):
    text.append(int(rng.choice(V, p=chances[text[-1]])))
text = np.array(text)
before, after = text[:-1], text[1:]


def train_table(steps=300, learning_rate=5.0):
    table = Tensor(np.zeros((V, V)), requires_grad=True)  # an array that wants gradients
    losses = []
    for _ in range(steps):
        loss = cross_entropy(table[before], after)  # table[before]: a row of scores for each letter
        table.zero_grad()  # forget the gradient of the last step
        loss.backward()  # calls your backward with dy = 1
        table.data -= learning_rate * table.grad  # found by trying: larger ones jump about
        losses.append(loss.item())  # .item(): a plain number
    return table.data, losses


with swap(cross_entropy, use("05.2")):
    table, losses = train_table()
at = [0, 5, 20, 100, 200, 299]
print(
    "loss after",
    ", ".join(f"{i} steps: {losses[i]:.3f}" for i in at),
    f"  (ln {V} = {np.log(V):.3f})",
)

# %% [markdown]
# The loss falls and then stands still. Training did not fail: after some letters several may follow, and
# the letter before does not tell which.

# %% [markdown]
# ## Exercise 05.3: the floor
# What is the lowest loss on this text for a model that sees one letter back? Count the pairs:
# `counts[a, b]` says how often b followed a. The best that a table can say after `a` are the shares in row
# `a`: if b followed in 3 of 4 cases and c in 1, the chances 3/4 and 1/4 cost 0.56 on average, and 1/2 and 1/2
# cost 0.69. Write the mean surprise of that best table over the whole text, in nats per letter (its name is
# *conditional entropy*).
#
# Some pairs never come; they add nothing. Some letters never come: then the whole row is 0.


# %%
def my_floor(counts):
    """counts (V, V), how often b followed a -> the lowest mean surprise, nats per letter"""
    ### ANSWER 05.3


check("05.3", my_floor)

counts = np.zeros((V, V))
np.add.at(counts, (before, after), 1)
floor = use("05.3")(counts)
plots.curves(
    {"loss of the table": losses},
    f"the loss starts at ln {V} = {np.log(V):.2f} and settles on the floor, {floor:.3f}: the last "
    f"loss is {losses[-1] - floor:.4f} above it.",
    limits={f"ln {V}: knows nothing": np.log(V), "floor: the best table for this text": floor},
)

# %% [markdown]
# A table **under** this floor would be no triumph but a bug: it would have seen the answer. In lesson 07
# you will make that happen.
#
# ## Why not accuracy?
# People often ask: how many letters did it get right? So why not train on that?
#
# We walk in a straight line from a table of random scores (0) to the trained one (1), and measure loss and
# accuracy on the way.
#
# **Guess.** From 0.5 we go on to 0.5001. The loss changes a little. By how much does the accuracy change:
# 0, 0.0001 or 0.01?

# %%
random_table = np.random.default_rng(1).standard_normal((V, V))


def loss_and_accuracy(t):
    scores = (1 - t) * random_table + t * table
    p = to_chances(scores)
    return -np.log(p[before, after]).mean(), (scores.argmax(axis=-1)[before] == after).mean()


guess_2 = 0.0  ### SOLUTION
predict("05.P2", guess_2, loss_and_accuracy)

# %%
way = np.linspace(0, 1.2, 301)
both = np.array([loss_and_accuracy(t) for t in way])
levels = len(np.unique(both[:, 1]))
plots.panels(
    {"loss": (way, both[:, 0]), "accuracy": (way, both[:, 1])},
    f"the upper curve is a slope, the lower one a staircase of {levels} levels. On a flat part the slope "
    "is exactly 0, at a jump there is none. The dotted line is the trained table.",
    x="from random scores (0) to the trained table (1)",
    marks=[1.0],
)

# %% [markdown]
# On a flat part the gradient of accuracy is **zero**: whoever asks "which way?" gets no answer. Cross-entropy
# rewards every bit of chance that moves to the right letter, long before that letter wins.
#
# **Two questions without code**
# 1. With 50 tokens, your training starts at a loss of 9. What do you do?
# 2. Why does a row of the gradient sum to 0?
#
# <details><summary>Answers</summary>
#
# 1. Stop: ln 50 is 3.9. Far above it, scores are too large or targets wrong.
# 2. One number added to a whole row of scores changes nothing.
#
# </details>
#
# **Next:** set `spread = 5` in the chain and run all again. Where is the floor? Then lesson 06. What you did
# so far: `progress()`.

# %%
# The library's own cross-entropy: first the formula, line by line, then the fast form that runs. It can
# also leave out targets (-100) and smooth them. Your three lines are in its backward: dz from the
# exponentials that the forward kept, the 1 taken off at the targets, the mean and dy as one factor.
# (xp is NumPy, or CuPy on a GPU; row_sum sums each row; @op makes a function an operation.)
show(cross_entropy)
