# %% [markdown]
# # 08 Attention, heads and the way back
#
# In lesson 07 your attention only looked: its way back was `None`. Here you write it; and what makes one
# attention many, its *heads*: several small attentions side by side.
#
# After this lesson you can
# 1. go back through a softmax (`my_softmax_op`) and through a whole head (`my_head`),
# 2. split channels into heads and lay them side by side again (`my_split_heads`, `my_merge_heads`),
# 3. train a GPT on your own attention, and say where heads meet.
#
# *Time: 45 minutes for you, 9 seconds for the machine. Needs lessons 03 (the gradients of a matrix product), 05
# (softmax) and 07 (attention and its mask).*

# %%
import math

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.lesson.storyteller import load
from tinygpt.nn.attention import attention, merge_heads, split_heads
from tinygpt.nn.softmax import softmax
from tinygpt.text import CharTokenizer, load_corpus

teller, tokenizer = load()  # the trained model of lesson 00
prompt = "\nMia went to the park."
seen = teller.trace(tokenizer.encode(prompt))  # every intermediate, by name
T = len(prompt)
back = np.arange(T)[:, None] - np.arange(T)  # how far back each key lies
# the layer whose heads differ most: how far back each head of each layer looks, on average
weights = np.array(
    [seen[f"h.{layer}.attn.weights"][0] for layer in range(3)]
)  # (layers, heads, T, T)
distance = (weights * back).sum(axis=(2, 3)) / T
layer = int(np.argmax(np.ptp(distance, axis=1)))
near, far = np.argsort(distance[layer])[[0, -1]]
plots.attention(
    {f"head {near}": weights[layer, near], f"head {far}": weights[layer, far]},
    list(prompt),
    f"two heads of layer {layer}, on the same text. On average head {near} looks "
    f"{distance[layer, near]:.1f} letters back, head {far} {distance[layer, far]:.1f}. Nobody told them "
    "to: they learned it by the way back.",
)

# %%
# Three weights come out of a softmax: 0.5, 0.3 and 0.2. The end result rises with each of them, and alike:
# dy = (1, 1, 1). Guess: how fast does it rise with the first of the three scores?
guess_1 = 0  ### SOLUTION
predict("08.P1", guess_1, softmax, [0.5, 0.3, 0.2])

# %% [markdown]
# ## Through a softmax
# $y_i$ is $e^{x_i}$ divided by the sum of all $e^{x_j}$. If $x_i$ rises, $e^{x_i}$ rises as fast as it is large, so
# $y_i$ gains $y_i$. But the sum rises too, by the fraction $y_i$ of itself, so **each** $y_j$ loses $y_i y_j$:
#
# $$\text{slope of } y_j \text{ in } x_i: \quad y_i \text{ (where } j = i\text{)} \; - \; y_i\, y_j$$
#
# Times what arrives, $dy_j$, and summed over $j$:
#
# $$dx_i = y_i \Big( dy_i - \sum_j dy_j\, y_j \Big)$$
#
# *What arrives, minus its weighted mean.* By hand, with $y = (0.5, 0.3, 0.2)$ and $dy = (10, 0, 0)$: the
# mean is 5, so $dx = (0.5 \cdot 5,\; -0.3 \cdot 5,\; -0.2 \cdot 5) = (2.5, -1.5, -1)$.

# %% [markdown]
# ## Exercise 08.1: softmax's way back
# The forward is there. Complete `backward`; rows lie along the **last** axis, as in lesson 05, and there may be more
# axes before it. Stuck? `hint("08.1")` in a new cell, and again for the next one; `reveal("08.1")` shows an answer.

# %%
to_chances = use("05.1")


def my_softmax_op(x):
    """scores x (..., n) -> y, backward;   backward(dy) -> dx"""
    y = to_chances(x)

    def backward(dy):
        ### BEGIN SOLUTION
        # the mean of dy in each row, weighed by y
        mean = (dy * y).sum(axis=-1, keepdims=True)
        # dy against that mean, times y
        return y * (dy - mean)
        ### END SOLUTION

    return y, backward


check("08.1", my_softmax_op)

# %% [markdown]
# ## Exercise 08.2: one head, there and back
# One head of one text: $s=qk^T/\sqrt D$, $w=\text{softmax}(s)$, $y=wv$. From behind: $y=wv$ is a product (lesson 03),
# which gives $dw$ and $dv$. Then $ds$ through the softmax, and a product again, with a division.
#
# By hand, two letters and D = 1: $v=(10,20)$, $dy=(1,1)$, and
#
# $$w=\begin{pmatrix}1&0\\0.5&0.5\end{pmatrix}\quad dv=(1.5,\,0.5)\quad dw=\begin{pmatrix}10&20\\10&20\end{pmatrix}\quad ds=\begin{pmatrix}0&0\\-2.5&2.5\end{pmatrix}$$
#
# The hidden score got 0: its weight is 0. **The mask needs no line of its own on the way back.**
#
# Write `backward`: `dq`, `dk`, `dv`. T stands for queries and for keys, so **no shape will warn you**: write beside
# each line whether its axes are (queries, keys) or (keys, queries).

# %%
causal_mask, softmax_op = use("07.2"), use("08.1")


def my_head(q, k, v):
    """q, k, v (T, D) -> y (T, D), backward;   backward(dy) -> dq, dk, dv"""
    T, D = q.shape
    scores = np.where(causal_mask(T, T), q @ k.T / math.sqrt(D), -np.inf)
    w, to_scores = softmax_op(scores)  # to_scores(dw) -> the slopes of the scores
    y = w @ v

    def backward(dy):
        ### BEGIN SOLUTION
        # y = w v
        dv = w.T @ dy
        dw = dy @ v.T
        # through the softmax
        ds = to_scores(dw)
        # scores = q k^T / sqrt(D)
        return ds @ k / math.sqrt(D), ds.T @ q / math.sqrt(D), dv
        ### END SOLUTION

    return y, backward


check("08.2", my_head)

# %%
# All heads of all texts, each by your function. In the trained model, against the library's:
head = use("08.2")


def all_heads(q, k, v):
    """q, k, v (B, H, T, D) -> y (B, H, T, D), backward"""
    y, ways = np.empty_like(q), {}
    for b, h in np.ndindex(q.shape[:2]):
        y[b, h], ways[b, h] = head(q[b, h], k[b, h], v[b, h])

    def backward(dy):
        dq, dk, dv = (np.empty_like(q) for _ in range(3))
        for at, way in ways.items():
            dq[at], dk[at], dv[at] = way(dy[at])
        return dq, dk, dv

    return y, backward


def gradient(text):
    ids = np.array(tokenizer.encode(text))
    teller.zero_grad()
    teller.loss(ids[None, :-1], ids[None, 1:]).backward()
    return teller.h[0].attn.c_attn.weight.grad.copy()  # of the matrix that makes q, k and v


theirs = gradient(prompt)
with swap(attention, all_heads):
    mine = gradient(prompt)
print(f"largest slope {abs(theirs).max():.4f}, largest difference {abs(theirs - mine).max():.0e}")

# %% [markdown]
# ## Heads
# Each position has C numbers, *channels*, for its queries. H heads share them, D = C / H each: what lesson 07 called a
# query is the share of one head.
#
# | channel of a letter, C = 6 | 0 | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|---|
# | head, with H = 3 and D = 2 | 0 | 0 | 1 | 1 | 2 | 2 |
#
# ## Exercises 08.3 and 08.4: split and merge
# `my_split_heads`: (B, T, C) becomes (B, H, T, D). `my_merge_heads` undoes it. `reshape` cuts an axis in two, or joins
# two neighbours, and moves nothing; `transpose(0, 3, 1, 2)` makes (2, 3, 5, 7) of (2, 5, 7, 3): axis 3 comes second.
# The right *shape* is had in several ways, the right *content* in one.


# %%
def my_split_heads(x, n_head):
    """(B, T, C) -> (B, H, T, D), D = C / H"""
    ### ANSWER 08.3


check("08.3", my_split_heads)


def my_merge_heads(y):
    """(B, H, T, D) -> (B, T, C), C = H D"""
    ### ANSWER 08.4


check("08.4", my_merge_heads)

# %%
# The values of head 2 become 0, in the first layer of the trained model. Guess: how many of the 3 other
# heads of this layer give another result?
guess_2 = 0  ### SOLUTION
q, k, v = (seen[f"h.0.attn.{name}"] for name in "qkv")  # (1, 4, T, D) each
without = v.copy()
without[:, 2] = 0
y, y_without = (
    attention.function(q, k, values)[0] for values in (v, without)
)  # the library's, on arrays
predict("08.P2", guess_2, y[0], y_without[0], 2)

# %% [markdown]
# **Heads do not weigh each other.** Each is an attention of its own. Their results are laid side by side, and the next
# matrix, `c_proj`, *adds* what it makes of them.

# %%
split, merge = use("08.3"), use("08.4")
changed = np.flatnonzero((merge(y) != merge(y_without)).any(axis=(0, 1)))
print(
    f"side by side, {merge(y).shape[-1]} channels: {changed[0]} to {changed[-1]} changed, a quarter"
)

# c_proj has a row for each channel, so each head has rows of its own, which nobody else multiplies with:
W = teller.h[0].attn.c_proj.weight.data
parts = sum(y[:, h] @ rows for h, rows in enumerate(np.split(W, 4)))
print(f"the heads, each through its rows, added up: off by {abs(parts - merge(y) @ W).max():.0e}")

# %% [markdown]
# ## Train on all of it
# A text in which each letter depends on **the one before the last**. To guess what comes next, the model must look one
# letter back. And the floor is known (lesson 05): count which letter follows two places later. Only at the first place
# of a window of 16 there is nothing to look back at.


# %%
# Split, attention and merge, there and back, all yours. (The way back of a split is a merge, and vice
# versa.)
def split_op(qkv, n_head):  # q, k and v arrive side by side, (B, T, 3 C)
    def backward(dys):
        return np.concatenate([merge(dy) for dy in dys], axis=-1)

    return tuple(split(part, n_head) for part in np.split(qkv, 3, axis=-1)), backward


def merge_op(y):
    return merge(y), lambda dy: split(dy, y.shape[1])


def train(ids, V, T, steps, B=16):
    """a GPT of one layer with two heads -> the model, and its loss at each step"""
    model = GPT(GPTConfig(V, block_size=T, n_layer=1, n_head=2, n_embd=24), seed=0).train()
    optimizer, rng, losses = AdamW(model, lr=1e-2), np.random.default_rng(0), []
    for _ in range(steps):
        at = rng.integers(0, len(ids) - T, B)[:, None] + np.arange(T + 1)
        loss = model.loss(ids[at[:, :-1]], ids[at[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


V, T = 8, 16
rng = np.random.default_rng(0)
chances, text = rng.dirichlet(0.3 * np.ones(V), size=V), [0, 0]
for _ in range(20_000):
    text.append(int(rng.choice(V, p=chances[text[-2]])))
text = np.array(text)
counts = np.zeros((V, V))
np.add.at(counts, (text[:-2], text[2:]), 1)
alone = counts.sum(axis=0, keepdims=True)  # nothing to look back at: how often each letter comes
entropy = use("05.3")
floor = (15 * entropy(counts) + entropy(alone)) / 16

before, _ = train(text, V, T, steps=0)
with swap(attention, all_heads), swap(split_heads, split_op), swap(merge_heads, merge_op):
    after, losses = train(text, V, T, steps=400)
print(
    f"from {losses[0]:.2f} (ln {V} = {np.log(V):.2f}) to {np.mean(losses[-50:]):.3f}; the floor is "
    f"{floor:.3f}"
)


# %%
# Which head looks one back? A rule, not the eye: the one with the largest mean weight on the letter before.
def one_back(model):
    """for each head the mean weight on the letter before, over 20 windows"""
    w = [model.trace(text[at : at + T])["h.0.attn.weights"][0] for at in range(0, 20 * T, T)]
    return np.mean(w, axis=0)[:, np.arange(1, T), np.arange(T - 1)].mean(axis=1)


# Guess: that head, untrained. At the last of 16 places, which share of its weight has the letter before?
guess_3 = 0.06  ### SOLUTION
best = int(np.argmax(one_back(after)))
untrained, trained = (m.trace(text[:T])["h.0.attn.weights"][0, best] for m in (before, after))
predict("08.P3", guess_3, untrained)

# %%
plots.attention(
    {f"head {best} before training": untrained, "after 400 steps": trained},
    [str(letter) for letter in text[:T]],
    "on the left each row is flat: a letter that sees n letters gives each 1/n. On the right a line one "
    f"below the diagonal: {one_back(after)[best]:.0%} of the weight lies on the letter before (of the "
    f"other head {one_back(after)[1 - best]:.0%}; before training {one_back(before)[best]:.0%}). Of the "
    "first letter there is none before.",
)

# %%
# On stories, with your attention: is it better than a model that sees one letter back (lesson 06)?
for name in ("stories", "stories-zh"):
    story = load_corpus(name).train[:60_000]
    ids = np.array((characters := CharTokenizer.train(story)).encode(story))
    pairs = np.zeros((characters.vocab_size, characters.vocab_size))
    np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    with swap(attention, all_heads):
        _, losses = train(ids, characters.vocab_size, 32, steps=250)
    print(f"{name}: {np.mean(losses[-20:]):.2f}; one letter back, at best: {entropy(pairs):.2f}")

# %% [markdown]
# Lower than any model of one letter back, and no bug: this one sees more.
#
# **Two questions without code**
# 1. The gradient of a hidden score is exactly 0. Which line of yours makes it so?
# 2. Four heads of 16 channels or one of 64: how many numbers has the matrix that makes q, k and v?
#
# <details><summary>Answers</summary>
#
# 1. The softmax's way back: it multiplies by the weight, which is 0.
# 2. The same, 64 times 192: the heads share the channels.
#
# </details>
#
# **Next:** put `n_head=1` in `train`: how close to the floor does it come in as many steps? Then lesson 09: how does a
# letter know *where* it stands? What you did so far: `progress()`.

# %%
# The library's softmax, there and back: yours, with the derivation. Your lines of 08.2 are in the backward
# of show(attention): the same for all heads at once, a few queries at a time.
show(softmax)
