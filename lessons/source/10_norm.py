# %% [markdown]
# # 10 Layer norm and residuals: how a deep model stays alive
#
# A GPT is many layers, one after the other. What one does to the size of the numbers, 24 do 24 times. Two simple
# things keep them in bounds, and let a gradient come back through all.
#
# After this lesson you can
# 1. norm a row, also one whose numbers are about 40 000 (`my_normed`),
# 2. derive and write the gradient of layer norm (`my_layer_norm`),
# 3. write a residual (`my_residual`), and say what each of the two is for.
#
# *Time: 50 minutes for you, 9 seconds for the machine. Needs lessons 02 (slopes add up), 03 (axes) and 06 (the loop).*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, check_gradient
from tinygpt.autograd.engine import op
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn.gelu import gelu
from tinygpt.nn.layernorm import layer_norm
from tinygpt.text import CharTokenizer, load_corpus

C, DEPTH = 64, 24


def spread_by_layer(size):
    """32 random rows through 24 layers, whose weights have this spread -> the rows' spread after each"""
    rng = np.random.default_rng(0)
    x, spreads = rng.standard_normal((32, C)), [1.0]
    for _ in range(DEPTH):
        wide, narrow = rng.normal(0, size, (C, 4 * C)), rng.normal(0, size, (4 * C, C))
        x = gelu.function(x @ wide)[0] @ narrow
        spreads.append(x.std())
    return spreads


runs = {
    f"weights of {size}": (range(DEPTH + 1), spread_by_layer(size)) for size in (0.2, 0.1, 0.05)
}
plots.with_and_without(
    {"24 layers": ("spread of the numbers", runs)},
    f"after {DEPTH} layers the spread is "
    + ", ".join(f"{ys[-1]:.0e} with {name}" for name, (_, ys) in runs.items())
    + ". Each layer multiplies it by about the same, and that to the power of 24.",
    x="layer",
    log=["24 layers"],
)

# %%
# The square of the spread is the variance, mean((x - mean(x)) ** 2). The same is mean(x * x) - mean(x) ** 2,
# for numbers about 40 000 with the spread 1, in float32 (7 digits), too? Guess "yes" or "no".
guess_1 = "no"  ### SOLUTION
far = (40_000 + np.random.default_rng(0).standard_normal((4, 64))).astype(np.float32)
predict("10.P1", guess_1, far)

# %% [markdown]
# ## To mean 0 and spread 1
# Layer norm takes each row (a letter's C numbers) by itself. It takes the mean off, and divides by the spread. That is
# the root of the *variance*, the mean of the squares of what is left:
#
# $$n = s\,(x - \text{mean}) \qquad s = \frac{1}{\sqrt{\text{variance} + \text{eps}}}$$
#
# eps, a hundred thousandth, keeps the root above 0. By hand: $x = (1, 1, 3, 3)$ has the mean 2, the variance 1, so
# $n = (-1, -1, 1, 1)$.
#
# ## Exercise 10.1
# Write `my_normed`: n and s, s with an axis of size 1 at the end. Rows lie along the **last** axis. There is a row
# whose numbers are about 40 000, in float32.


# %%
def my_normed(x, eps=1e-5):
    """x (..., C) -> n (..., C), s (..., 1)"""
    ### ANSWER 10.1


check("10.1", my_normed)

# %%
# And the way back? n = s (x - mean), so n rises with x as fast as s, and dx = s dn. Guess: does the
# gradient check accept that, "yes" or "no"?
guess_2 = "no"  ### SOLUTION
normed = use("10.1")


@op
def s_times_dn(x):
    n, s = normed(x)
    return n, lambda dn: s * dn


row = np.random.default_rng(1).standard_normal((3, 8))
predict("10.P2", guess_2, check_gradient, s_times_dn, row)

# %% [markdown]
# ## Three ways
# If $x_j$ rises by a little, $n_i = s\,(x_i - \text{mean})$ moves on three ways; per unit of it, by
#
# - $s$, **directly**, where $i = j$;
# - $-s/C$, by **the mean**: it rises by $1/C$;
# - by **the variance**, in two steps. It rises by $2(x_j-\text{mean})/C$, and $s$, its $-1/2$-th power, falls by
#   $s^3/2$ for each unit of it. So $s$ falls by $s^3 (x_j-\text{mean})/C$, which is $s^2 n_j/C$; and $n_i$, that is
#   $s$ times $(x_i-\text{mean})$, by $s\,n_i n_j/C$.

# %% [markdown]
# Times what arrives, $dn_i$, and summed over $i$:
#
# $$dx_j = s\,\big(dn_j - \text{mean}(dn) - n_j\,\text{mean}(dn\,n)\big)$$
#
# By hand, with $n = (-1, -1, 1, 1)$, $s = 1$ and $dn = (4, 0, 0, 0)$: the means are 1 and −1, so $dx = (2, -2, 0, 0)$.
#
# ## Exercise 10.2: layer norm, there and back
# After the norm, each channel has a weight and a bias of its own, which are learned: $y = n\,w + b$. The same weight
# and bias serve **every row**. Write `backward`: `dx`, `dw`, `db`. What arrives at n is not dy.


# %%
def my_layer_norm(x, weight, bias):
    """x (..., C), weight and bias (C,) -> y, backward;   backward(dy) -> dx, dw, db"""
    n, s = normed(x)  # yours, of 10.1
    y = n * weight + bias

    def backward(dy):
        ### BEGIN SOLUTION
        # y = n w + b: one weight for all rows
        rows = tuple(range(x.ndim - 1))
        dw = (dy * n).sum(axis=rows)
        db = dy.sum(axis=rows)
        dn = dy * weight
        # directly, by the mean, by the variance
        by_mean = dn.mean(axis=-1, keepdims=True)
        by_variance = n * (dn * n).mean(axis=-1, keepdims=True)
        return s * (dn - by_mean - by_variance), dw, db
        ### END SOLUTION

    return y, backward


check("10.2", my_layer_norm)

# %%
# What does "dx = s dn" miss? Its difference from yours, row by row: a number that is the same along the row
# (by the mean), and a rest that is a multiple of n (by the variance).
norm = use("10.2")
dn = np.random.default_rng(2).standard_normal(row.shape)
n, s = normed(row)
missing = s * dn - norm(row, np.ones(8), np.zeros(8))[1](dn)[0]
along = missing.mean(axis=-1, keepdims=True)
rest = (missing - along) / n
print("the same along each row:", along[:, 0].round(2))
print(
    "the rest, divided by n: ",
    rest.mean(axis=-1).round(2),
    f"the same everywhere, but for {np.ptp(rest, axis=-1).max():.0e}",
)
print(check_gradient(op(norm), row, np.ones(8), np.zeros(8)))

# %% [markdown]
# ## Straight on, and through
# The other simple thing: a layer does not replace its input, it **adds** to it.
#
# $$y = x + f(x)$$
#
# x goes two ways into y. So a gradient comes back on two ways, and one of them leads straight on, past $f$, whatever
# $f$ does. Where a number is used twice, its slopes add (lesson 02).
#
# By hand, $f(x) = x^2$, whose slope is $2x$. At $x = 5$, with $dy = 10$: straight on 10, through the square 100,
# together 110.
#
# ## Exercise 10.3: a residual
# `branch(x)` is $f$ as an op: it returns its result and its own way back. Return $y$ and the way back of the whole.


# %%
def my_residual(x, branch):
    """branch(x) -> f(x), back;  back(dy) -> one array, of x's shape.   Returns y, backward"""
    ### ANSWER 10.3


check("10.3", my_residual)

# %%
# The 24 layers again, with weights of 0.1, and now four times: with and without your norm, with and without
# your residual; there and back. (You need not read this cell.)
residual = use("10.3")


def layer(wide, narrow, with_norm):
    """wide matrix, GELU, narrow matrix; a norm before them, or none"""

    def branch(x):
        n, back_n = norm(x, np.ones(C), np.zeros(C)) if with_norm else (x, lambda d: (d,))
        h, back_h = gelu.function(n @ wide)
        return h @ narrow, lambda dy: back_n(back_h(dy @ narrow.T) @ wide.T)[0]

    return branch


def deep(with_norm, with_residual, size=0.1):
    """-> after each layer the spread, the size of the gradient, the correlation with what went in"""
    rng = np.random.default_rng(0)
    x, ways = rng.standard_normal((32, C)), []
    first, spreads, left = x, [x.std()], [1.0]
    for _ in range(DEPTH):
        branch = layer(rng.normal(0, size, (C, 4 * C)), rng.normal(0, size, (4 * C, C)), with_norm)
        x, back = residual(x, branch) if with_residual else branch(x)
        ways.append(back)
        spreads.append(x.std())
        left.append(np.corrcoef(first.ravel(), x.ravel())[0, 1])
    d = rng.standard_normal(x.shape)
    gradients = [d.std()]
    for back in reversed(ways):
        d = back(d)
        gradients.append(d.std())
    return spreads, gradients[::-1], left


names = {
    "neither": (False, False),
    "residual": (False, True),
    "norm": (True, False),
    "both": (True, True),
}
deeps = {name: deep(*which) for name, which in names.items()}
print(
    f"with both, the first layer adds the variance {deeps['both'][0][1] ** 2 - 1:.2f} to the 1 that is there"
)

# %%
# Guess: each layer adds about the same variance again (its input is normed to spread 1). What is the
# spread, the root of the variance, after 24 layers with both?
guess_3 = 4  ### SOLUTION
predict("10.P3", guess_3, deeps["both"][0])

# %%
layers = range(DEPTH + 1)
plots.with_and_without(
    {
        title: (y, {name: (layers, run[k]) for name, run in deeps.items()})
        for k, (title, y) in enumerate(
            {
                "forward": "spread of the numbers",
                "backward": "size of the gradient",
                "what is left of the input": "correlation with it",
            }.items()
        )
    },
    "after 24 layers the spread is "
    + ", ".join(f"{run[0][-1]:.1g} ({name})" for name, run in deeps.items())
    + "; the gradient that comes back to layer 0 "
    + ", ".join(f"{run[1][0]:.1g} ({name})" for name, run in deeps.items())
    + "; what comes out is like what went in by "
    + ", ".join(f"{run[2][-1]:.2f} ({name})" for name, run in deeps.items())
    + ".",
    x="layer",
    log=["forward", "backward"],
)

# %% [markdown]
# For the **size** of numbers and gradients the norm is enough. But look at the third panel: without a residual, 24
# layers stir the input beyond recognition. **The residual keeps the input**; with both, a quarter of what comes out (1
# in a spread of 4). With the residual alone it drowns in what the layers add, which no norm keeps small.


# %%
# In a real GPT of 4 layers: with your norm in all its 9 places, and without a norm.
def nothing(x, weight, bias):
    return x, lambda dy: (dy, 0 * weight, 0 * bias)


def train(name, lr, steps=80, T=32):
    story = load_corpus(name).train[:60_000]
    ids = np.array((characters := CharTokenizer.train(story)).encode(story))
    config = GPTConfig(characters.vocab_size, block_size=T, n_layer=4, n_head=2, n_embd=32)
    model, rng, losses = GPT(config, seed=0).train(), np.random.default_rng(0), []
    optimizer = AdamW(model, lr=lr)
    for _ in range(steps):
        at = rng.integers(0, len(ids) - T, 16)[:, None] + np.arange(T + 1)
        loss = model.loss(ids[at[:, :-1]], ids[at[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses[-10:])


table = []
for name, lr in (("stories", 0.002), ("stories-zh", 0.002), ("stories", 0.04)):
    with swap(layer_norm, norm):
        yours = train(name, lr)
    with swap(layer_norm, nothing):
        without = train(name, lr)
    table.append(
        f"{name:<12}learning rate {lr:<6}  loss with your norm {yours:.2f}, without {without:.3g}"
    )
print("\n".join(table))

# %% [markdown]
# **Two questions without code**
# 1. Why does each row of dx sum to 0?
# 2. Why does the norm stand *in the branch*, and not on the straight way?
#
# <details><summary>Answers</summary>
#
# 1. To add one number to a whole row changes nothing: the mean is taken off.
# 2. There it would shrink what went in, again at each layer, and stand in the way back.
#
# </details>
#
# **Next:** put `size=0.2` in `deep`: in the first panel, which of the four curves end below 20? Then lesson 11. What
# you did so far: `progress()`.

# %%
# The library's layer norm: the formula line by line, the three ways, then the form that runs.
show(layer_norm)
