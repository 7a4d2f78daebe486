# %% [markdown]
# # 10 Layer norm and residuals: how a deep model stays alive
#
# A GPT is many layers, one after the other. What one does to the size of the numbers, 24 do 24 times. Two simple
# things keep them in bounds, and let a gradient come back through all.
#
# After this lesson you can
# 1. norm a row, also one whose numbers are about 40 000 (`my_normed`),
# 2. derive and write the gradient of layer norm, all three ways of it (`my_layer_norm`),
# 3. write a residual (`my_residual`), and say what each of the two is for.
#
# *Time: 45 minutes for you, 9 seconds for the machine. Needs lessons 02 (slopes add up), 03 (axes) and 06 (the loop).*

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

# %% [markdown]
# ## To mean 0 and spread 1
# Layer norm takes each row (a letter's C numbers) by itself. It takes the mean off and divides by the spread, the root
# of the *variance*, which is the mean of the squares:
#
# $$n = s\,(x - \text{mean}) \qquad s = \frac{1}{\sqrt{\text{variance} + \text{eps}}}$$
#
# eps, a hundred thousandth, keeps the root above 0. By hand: $x = (1, 1, 3, 3)$ has the mean 2, the variance 1, so
# $n = (-1, -1, 1, 1)$.
#
# ## Exercise 10.1
# Write `my_normed`: n and s, s with an axis of size 1 at the end. Rows lie along the **last** axis. There is a row whose
# numbers are about 40 000, in float32.


# %%
def my_normed(x, eps=1e-5):
    """x (..., C) -> n (..., C), s (..., 1)"""
    ### ANSWER 10.1


check("10.1", my_normed)

# %%
# The variance is also mean(x * x) - mean(x) ** 2, in one pass over the numbers. For numbers about 40 000 with
# the spread 1, in float32 (7 digits): does this give "about 1", or is it "far off"?
guess_1 = "far off"  ### SOLUTION
far = (40_000 + np.random.default_rng(0).standard_normal((4, 64))).astype(np.float32)
predict("10.P1", guess_1, far)

# %%
# And the way back? n = s (x - mean). Many write: "n rises with x as fast as s, so dx = s dn." Guess: does the
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
# If $x_j$ rises by a little, $n_i$ moves on three ways; per unit of it, by
#
# - $s$, **directly**, where $i = j$;
# - $-s/C$, by **the mean**, of which 1/C is new;
# - $-s\,n_i n_j/C$, by **the spread**: who stands out, $n_j$, changes it most, and $n_i$ shrinks with it.
#
# Times what arrives, $dn_i$, and summed over $i$:
#
# $$dx_j = s\,\big(dn_j - \text{mean}(dn) - n_j\,\text{mean}(dn\,n)\big)$$
#
# By hand, with $n = (-1, -1, 1, 1)$, $s = 1$ and $dn = (4, 0, 0, 0)$: the means are 1 and −1, so $dx = (2, -2, 0, 0)$.

# %% [markdown]
# ## Exercise 10.2: layer norm, there and back
# After the norm, each channel has a weight and a bias of its own, which are learned: $y = n\,w + b$. The same weight and
# bias serve **every row**. Write `backward`: `dx`, `dw`, `db`. What arrives at n is not dy.


# %%
def my_layer_norm(x, weight, bias):
    """x (..., C), weight and bias (C,) -> y, backward;   backward(dy) -> dx, dw, db"""
    n, s = normed(x)
    y = n * weight + bias

    def backward(dy):
        ### BEGIN SOLUTION
        # y = n w + b: one weight for all rows
        rows = tuple(range(x.ndim - 1))
        dw = (dy * n).sum(axis=rows)
        db = dy.sum(axis=rows)
        dn = dy * weight
        # directly, by the mean, by the spread
        by_mean = dn.mean(axis=-1, keepdims=True)
        by_spread = n * (dn * n).mean(axis=-1, keepdims=True)
        return s * (dn - by_mean - by_spread), dw, db
        ### END SOLUTION

    return y, backward


check("10.2", my_layer_norm)

# %%
# What does "dx = s dn" miss? Its difference from yours, row by row: a number that is the same along the row
# (by the mean), and a rest that is a multiple of n (by the spread).
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
# x goes two ways into y. So a gradient comes back on two ways, and one of them leads straight on, past $f$, whatever $f$
# does. Where a number is used twice, its slopes add (lesson 02).
#
# By hand, $f(x) = x^2$, whose slope is $2x$. At $x = 5$, with $dy = 10$: straight on 10, through the square 100.
#
# ## Exercise 10.3: a residual
# `branch(x)` is $f$ as an op: it returns its result and its own way back. Return $y$ and the way back of the whole.


# %%
def my_residual(x, branch):
    """branch(x) -> (f(x), back);   returns x + f(x) and its backward(dy) -> dx"""
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
    """-> spread after each layer, size of the gradient before each, what is left of the input"""
    rng = np.random.default_rng(0)
    x, ways = rng.standard_normal((32, C)), []
    first, spreads = x, [x.std()]
    for _ in range(DEPTH):
        branch = layer(rng.normal(0, size, (C, 4 * C)), rng.normal(0, size, (4 * C, C)), with_norm)
        x, back = residual(x, branch) if with_residual else branch(x)
        ways.append(back)
        spreads.append(x.std())
    d = rng.standard_normal(x.shape)
    gradients = [d.std()]
    for back in reversed(ways):
        d = back(d)
        gradients.append(d.std())
    return spreads, gradients[::-1], np.corrcoef(first.ravel(), x.ravel())[0, 1]


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
# Guess: each layer adds about the same variance again (its input is normed to spread 1). What is the spread,
# the root of the variance, after 24 layers with both?
guess_3 = 4  ### SOLUTION
predict("10.P3", guess_3, deeps["both"][0])

# %%
layers = range(DEPTH + 1)
plots.with_and_without(
    {
        "there": ("spread of the numbers", {name: (layers, run[0]) for name, run in deeps.items()}),
        "and back": (
            "size of the gradient",
            {name: (layers, run[1]) for name, run in deeps.items()},
        ),
    },
    f"after 24 layers the spread is {deeps['neither'][0][-1]:.0e} with neither, "
    f"{deeps['residual'][0][-1]:.0e} with the residual alone, {deeps['norm'][0][-1]:.1f} with the norm "
    f"alone and {deeps['both'][0][-1]:.1f} with both. The gradient that comes back to layer 0: "
    f"{deeps['neither'][1][0]:.0e}, {deeps['residual'][1][0]:.0e}, {deeps['norm'][1][0]:.1f} and "
    f"{deeps['both'][1][0]:.1f}.",
    x="layer",
    log=["there", "and back"],
)
print(
    "correlation of what comes out with what went in:",
    ", ".join(f"{name} {run[2]:.2f}" for name, run in deeps.items()),
)

# %% [markdown]
# **The norm keeps the size**, there and back. **The residual keeps the input**: with both, it is still a quarter of what
# comes out (1 in a spread of 4), where 24 layers without a residual have stirred it beyond recognition. And with the
# residual alone, it drowns in what the layers add.


# %%
# In a real GPT of 4 layers: with your norm in all its places, and without a norm.
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
# **Next:** put `size=0.2` in `deep`: which of the four change? Then lesson 11. What you did so far: `progress()`.

# %%
# The library's layer norm: the formula line by line, the three ways, then the form that runs.
show(layer_norm)
