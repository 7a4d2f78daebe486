# %% [markdown]
# # 11 The MLP and the whole GPT: put together from your own ops
#
# Attention lets letters look at each other. Then each letter by itself thinks about what it found: the *MLP*. With it
# a GPT is complete: here you put yours together out of what you have written.
#
# After this lesson you can
# 1. write the GELU and its gradient (`my_gelu`),
# 2. count the parameters of GPT-2 by hand, and say where they are (`my_count`),
# 3. write a block and the whole model (`my_block`, `my_gpt`), and train it.
#
# *Time: 50 minutes for you, 9 seconds for the machine. Needs lessons 03 (products), 05 (loss), 06 (look-up), 08
# (attention) and 10 (norm, residual).*

# %%
import math

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig
from tinygpt.autograd.engine import op
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.models.gpt import gpt_plain
from tinygpt.nn.gelu import gelu
from tinygpt.text import CharTokenizer, load_corpus

x = np.linspace(-4, 3, 141)
y, _ = gelu.function(x)
plots.curves(
    {"ReLU, the larger of x and 0": (x, np.maximum(x, 0)), "GELU": (x, y)},
    "both leave large numbers as they are and make 0 of very negative ones. The GELU has no corner, and "
    f"dips to {y.min():.2f} at x = {x[np.argmin(y)]:.2f}.",
    x="x",
    y="y",
)

# %%
# Guess: the slope of a ReLU is 0 or 1. Does the slope of the GELU get above 1 anywhere, "yes" or "no"?
guess_1 = "yes"  ### SOLUTION
predict("11.P1", guess_1, gelu)

# %% [markdown]
# ## The MLP
# It widens a letter's C numbers to 4 C, bends each of them by itself, and narrows them to C again. Without the bend
# two matrices in a row would be one. GPT-2's bend is the GELU (Gaussian error linear unit), here in its tanh form:
#
# $$y = x\,\frac{1+t}{2} \qquad t = \tanh(u) \qquad u = c\,(x + a x^3) \qquad c = \sqrt{2/\pi},\; a = 0.044715$$

# %% [markdown]
# ## Exercise 11.1: its gradient
# y is a product of two factors, x and (1 + t)/2, and **both** move with x. The slope of tanh(u) is $1 - \tanh^2(u)$.
#
# By hand at x = 1: t = 0.68. x rises with the slope 1 and is multiplied by (1 + t)/2 = 0.84. u rises with the slope
# 0.90, t with $(1 - 0.68^2) \cdot 0.90 = 0.48$, and half of that is multiplied by x = 1. Together 0.84 + 0.24 = 1.08.
# (Stuck? `hint("11.1")`, then again; `reveal("11.1")`.)


# %%
def my_gelu(x):
    """y = x (1 + t) / 2, backward;   backward(dy) -> dx"""
    c, a = math.sqrt(2 / math.pi), 0.044715
    t = np.tanh(c * (x + a * x**3))
    y = x * (1 + t) / 2

    def backward(dy):
        ### BEGIN SOLUTION
        # how fast u = c (x + a x^3) rises
        du = c * (1 + 3 * a * x**2)
        # y = x (1 + t) / 2 is a product: each factor in turn
        slope = (1 + t) / 2 + x * (1 - t**2) * du / 2
        return dy * slope
        ### END SOLUTION

    return y, backward


check("11.1", my_gelu)

# %% [markdown]
# ## The whole drawing
#
# | part | what it does | its matrices, (in, out) |
# |---|---|---|
# | wte, wpe | a row for each letter, plus one for each place | (V, C) and (T, C) |
# | *each block:* ln_1 | norm | |
# | attn | c_attn makes q, k, v; c_proj after the heads | (C, 3 C) and (C, C) |
# | ln_2 | norm | |
# | mlp | c_fc, GELU, c_proj | (C, 4 C) and (4 C, C) |
# | *at the end:* ln_f | norm | |
# | scores | the table wte once more (no attention head) | (C, V), not new |
#
# The names are GPT-2's. V letters, T = block_size places at most, n_layer blocks, C = n_embd numbers for each letter.
# Each matrix of a block has a bias besides, a number for each column; each norm a weight and a bias.

# %%
# GPT-2 small has C = 768. Guess: a block's MLP has how many times as many parameters as its attention?
guess_2 = 2  ### SOLUTION
predict("11.P2", guess_2, 768)

# %% [markdown]
# ## Exercise 11.2: count
# How many numbers does such a model learn? By hand, C = 2: c_attn is (2, 6), 12 numbers, and its bias 6; a norm has 4.
# For GPT-2 small (V = 50 257, T = 1024, 12 layers, C = 768) the right answer has nine digits and ends in 808.


# %%
def my_count(vocab_size, block_size, n_layer, n_embd):
    """-> the number of parameters"""
    ### ANSWER 11.2


check("11.2", my_count)

# %%
# Where they are, in GPT-2's four sizes: the two tables, and what attention and the MLPs hold.
count = use("11.2")
sizes = {"small": (12, 768), "medium": (24, 1024), "large": (36, 1280), "XL": (48, 1600)}
parts = {}
for name, (L, C) in sizes.items():
    one = GPT(
        GPTConfig(1, block_size=1, n_layer=1, n_head=1, n_embd=C), seed=None
    )  # a block, empty
    of = {
        part: sum(p.size for n, p in one.named_parameters() if f".{part}." in n)
        for part in ("attn", "mlp")
    }
    parts[f"GPT-2 {name}"] = {
        "tables": (50_257 + 1024) * C / 1e6,
        "attention": L * of["attn"] / 1e6,
        "MLP": L * of["mlp"] / 1e6,
    }
plots.bars(
    parts,
    "in every size the MLPs hold twice as much as attention. GPT-2 small has "
    f"{count(50_257, 1024, 12, 768):,} parameters, nearly a third of them in its tables; XL has "
    f"{count(50_257, 1024, 48, 1600):,}.",
    y="millions of parameters",
)

# %% [markdown]
# ## Exercise 11.3: a block
# Now put it together. A block is two lines of the drawing: the letters look at those before them, then each thinks by
# itself; and both **add** to what goes straight on (lesson 10), which is never normed itself. `ln_1`, `attn`, `ln_2`
# and `mlp` are functions that take x and give something of its shape. x will be a *Tensor*, an array that knows its
# way back: use calls, +, [ ], @ and .T, which work for both.


# %%
def my_block(x, ln_1, attn, ln_2, mlp):
    """x (B, T, C) -> (B, T, C)"""
    ### ANSWER 11.3


check("11.3", my_block)

# %% [markdown]
# ## Exercise 11.4: the model
# From ids to scores: a row of `wte` for each id, plus the row of `wpe` of its place (the ids of a text stand at the
# places 0, 1, 2, ...); the blocks, a list of functions of x; `ln_f`; and as the head the table again, on its side: a
# score for each letter is the product of x with that letter's row. (The tables will be Tensors too.)


# %%
def my_gpt(ids, wte, wpe, blocks, ln_f):
    """ids (B, T), wte (V, C), wpe (block_size, C) -> scores (B, T, V)"""
    ### ANSWER 11.4


check("11.4", my_gpt)

# %%
# Your ops, each with its way back, as the library calls them: a product with bias (03), the look-up (06),
# the loss (05), attention with heads (07, 08), the norm (10) and the GELU. (Nothing new: read it another
# time.)
product, unbroadcast, head = use("03.3"), use("03.2"), use("08.2")
split, merge = use("08.3"), use("08.4")


def linear_op(x, weight, bias=None):
    y, back = product(x, weight)
    if bias is None:
        return y, back
    return y + bias, lambda dy: (*back(dy), unbroadcast(dy, bias.shape))


def split_op(qkv, n_head):
    parts = tuple(split(part, n_head) for part in np.split(qkv, 3, axis=-1))
    return parts, lambda dys: np.concatenate([merge(dy) for dy in dys], axis=-1)


def merge_op(y):
    return merge(y), lambda dy: split(dy, y.shape[1])


def attention_op(q, k, v):
    y, ways = np.empty_like(q), {}
    for at in np.ndindex(q.shape[:2]):
        y[at], ways[at] = head(q[at], k[at], v[at])

    def backward(dy):
        dq, dk, dv = (np.empty_like(q) for _ in range(3))
        for at, way in ways.items():
            dq[at], dk[at], dv[at] = way(dy[at])
        return dq, dk, dv

    return y, backward


linear_, norm_, gelu_ = op(linear_op), op(use("10.2")), op(use("11.1"))
split_, merge_, attention_ = op(split_op), op(merge_op), op(attention_op)
look_up_, loss_ = op(use("06.2")), op(use("05.2"))

# %%
# The whole: your model on your blocks on your ops (you need not read this cell). Its parameters lie in a
# GPT of the library, so that both begin alike; of that GPT nothing else computes.
block_of_yours, gpt_of_yours = use("11.3"), use("11.4")


class Rows:
    """A table that is looked up, and multiplied, by your ops."""

    def __init__(self, table):
        self.table, self.T = table, table.T

    def __getitem__(self, ids):
        return look_up_(self.table, ids)

    def __len__(self):
        return len(self.table)

    def __getattr__(self, name):
        return getattr(self.table, name)


def loss_of_yours(model, ids, targets):
    def affine(x, layer):
        return linear_(x, layer.weight, layer.bias)

    def norm(layer):
        return lambda x: norm_(x, layer.weight, layer.bias)

    def attn(part):
        def look(x):
            q, k, v = split_(affine(x, part.c_attn), n_head=model.config.n_head)
            return affine(merge_(attention_(q, k, v)), part.c_proj)

        return look

    def mlp(part):
        return lambda x: affine(gelu_(affine(x, part.c_fc)), part.c_proj)

    def block(b):
        return lambda x: block_of_yours(x, norm(b.ln_1), attn(b.attn), norm(b.ln_2), mlp(b.mlp))

    blocks = [block(b) for b in model.h]
    scores = gpt_of_yours(ids, Rows(model.wte.weight), model.wpe.weight, blocks, norm(model.ln_f))
    return loss_(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))


def train(name, loss_of, steps=80, T=32):
    story = load_corpus(name).train[:60_000]
    ids = np.array((characters := CharTokenizer.train(story)).encode(story))
    config = GPTConfig(characters.vocab_size, block_size=T, n_layer=2, n_head=2, n_embd=32)
    model = GPT(config, seed=0).to("float64").train()
    optimizer, rng, losses = AdamW(model, lr=3e-3), np.random.default_rng(0), []
    for _ in range(steps):
        at = rng.integers(0, len(ids) - T, 12)[:, None] + np.arange(T + 1)
        loss = loss_of(model, ids[at[:, :-1]], ids[at[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, np.array(losses)


def loss_of_the_library(model, ids, targets):
    return model.loss(ids, targets)


curves = {}
for name in ("stories", "stories-zh"):
    model, curves[f"{name}, yours"] = train(name, loss_of_yours)
    _, curves[f"{name}, the library's"] = train(name, loss_of_the_library)
c = model.config
counted = count(c.vocab_size, c.block_size, c.n_layer, c.n_embd)
print(f"counted by you: {counted:,}; by the library: {model.num_parameters():,}")

# %%
# Eighty steps of AdamW, from the same start, on the same batches. Guess: are the losses of your GPT and of
# the library's the same to the last digit (of 16), "yes" or "no"?
guess_3 = "no"  ### SOLUTION
apart = max(
    abs(curves[f"{name}, yours"] - curves[f"{name}, the library's"]).max()
    for name in ("stories", "stories-zh")
)
predict("11.P3", guess_3, apart)

# %%
plots.curves(
    curves,
    "the model that is put together here and the library's lie on each other: over all steps and in both "
    f"languages they are at most {apart:.0e} apart. (3.0 in English is what the letters' frequencies give; "
    "below that a model has learned what follows what.)",
)
# The library's table of the Chinese one: what each layer gives for one text, its parameters, and how many
# products it computes.
print(model.describe())

# %% [markdown]
# **Two questions without code**
# 1. C becomes twice as large. How many times as many parameters has a block?
# 2. A GPT reads twice as many letters at once. Of which parameters are there more?
#
# <details><summary>Answers</summary>
#
# 1. Four times, nearly: $12\,C^2$ outweighs $13\,C$.
# 2. Only the rows of wpe. A matrix works on each letter by itself, and attention has no parameters of its own.
#
# </details>
#
# **Next:** put `n_layer=4` in `train`, and count beforehand. Then lesson 13: how a step is made. What you did so far:
# `progress()`.

# %%
# The same in the library, before it is cut into modules: the drawing as code.
show(gpt_plain)
