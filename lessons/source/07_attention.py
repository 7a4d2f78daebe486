# %% [markdown]
# # 07 Attention, looking: who looks at whom
#
# *"Mia went to the park with a cat. She …"* To write on, a model must look back: at **Mia**, to know
# that *she* fits. Attention is how each letter asks the ones before it, and takes what it needs.
#
# After this lesson you can
# 1. compute for one position whom it looks at and what it gets (`my_look`),
# 2. write down who may look at whom (`my_causal_mask`),
# 3. do it for all positions at once (`my_attention`), and recognise what goes wrong without the mask.
#
# *Time: 45 minutes for you, 12 seconds for the machine. Needs lesson 05 (softmax, the entropy floor) and
# matrix products in NumPy.*

# %%
import math

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, no_grad
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.lesson.storyteller import load
from tinygpt.nn.attention import attention, one_head

# The storyteller of lesson 00, a small GPT, letter by letter. It has 3 layers, one after the other, each
# with 4 heads: 4 such looks, side by side.
model, tokenizer = load()
prompt = "\nMia went to the park with a cat. She"
seen = model.trace(tokenizer.encode(prompt))  # every intermediate, by name
heads = {(n, h): seen[f"h.{n}.attn.weights"][0, h] for n in range(3) for h in range(4)}
layer, head = max(heads, key=lambda key: heads[key].max(axis=-1).mean())
plots.attention(
    {f"one of 12 (layer {layer}, head {head})": heads[layer, head]},
    list(prompt),
    "each row is a letter that looks, and dark is where it looks. This is the sharpest of the model's "
    "12 attention heads: the letter that it looks at most gets "
    f"{heads[layer, head].max(axis=-1).mean():.0%} of a row, on average. Each row sums to 1, and the upper "
    "right is empty: nobody sees the future.",
)

# %% [markdown]
# ## Three vectors for each letter
# A letter is a row of C numbers, at first its embedding (lesson 06). Three learned matrices make three vectors of D
# numbers of it, at each of S positions:
#
# - the **query** $q$: what I am looking for,
# - the **key** $k$: what I offer, to be found by,
# - the **value** $v$: what I pass on.
#
# A key fits a query if $q\cdot k=q_1k_1+\dots+q_Dk_D$ is large. By hand, $q=(1,0)$: the keys $(1,0)$, $(0,1)$, $(1,1)$
# have the products 1, 0, 1. Divided by $\sqrt D$ they are the scores; softmax (lesson 05) makes weights of these, and
# the result is the weighted mean of the values:
#
# $$y=\sum_s w_s\,v_s,\qquad w=\text{softmax}\!\left(\frac{q\cdot k_1}{\sqrt D},\frac{q\cdot k_2}{\sqrt D},\dots\right)$$

# %%
# How large are such products? q and k hold D = 64 independent random numbers with the mean 0 and the
# standard deviation 1. What is the standard deviation of q . k: 1, 8 or 64?
guess_1 = 8  ### SOLUTION
rng = np.random.default_rng(0)
many_q, many_k = rng.standard_normal((2, 10_000, 64))
predict("07.P1", guess_1, many_q, many_k)
for size in (1, 8):
    w = np.exp(size * np.array([1.5, 0.3, -0.4, -1.1]))
    print(f"four scores of size {size}: the weights {np.round(w / w.sum(), 4)}")

# %% [markdown]
# With large scores one weight is nearly 1 and all others nearly 0 (the second line above); to move a score a little
# then changes almost nothing, so there is hardly a slope to learn from. Divided by $\sqrt D$, products of such numbers
# have size 1.
#
# ## Exercise 07.1: one query
# Write the three steps. Loops are fine; so is NumPy: `keys @ q` gives all the products at once. `exp` must
# not overflow (lesson 05). Take `math.sqrt`: `np.sqrt` of a whole number is a float64 and makes everything
# float64. Stuck? `hint("07.1")` in a new cell; `reveal("07.1")` shows an answer.


# %%
def my_look(q, keys, values):
    """q (D,), S keys (S, D) and values (S, D) -> the mixture (D,)"""
    ### ANSWER 07.1


check("07.1", my_look)

look = use("07.1")  # in the trained model: what the last letter of the prompt gets from this head
q, k, v = (seen[f"h.{layer}.attn.{name}"][0, head] for name in "qkv")
gap = abs(look(q[-1], k, v) - heads[layer, head][-1] @ v).max()
print(f"the {len(v[0])} numbers that the last letter gets differ from the model's by {gap:.0e}")

# %%
# One letter of the text changes (cat -> bat), the model stays the same. Do the weights of this head for the
# last letter change? Guess "yes" or "no".
guess_2 = "yes"  ### SOLUTION


def weights_of_the_last_letter(text):
    return model.trace(tokenizer.encode(text))[f"h.{layer}.attn.weights"][0, head, -1]


one = weights_of_the_last_letter(prompt)
predict("07.P2", guess_2, one, weights_of_the_last_letter(prompt.replace("cat", "bat")))

# %% [markdown]
# ## Exercise 07.2: no looking ahead
# While training, the whole text is there, and position 3 must guess letter 4. It must not see it. Write the
# table of who may look: a row for each query, a column for each key, `True` where the query may look at the
# key. A position may look at itself.
#
# When a model writes, it asks for the newest letters only. With 4 positions and 2 queries, these stand at the
# last two positions, 2 and 3, and the table is `[[True, True, True, False], [True, True, True, True]]`. In
# general the `n_q` queries are the **last** `n_q` of the `n_k` positions. (True and False, not 1 and 0.)


# %%
def my_causal_mask(n_q, n_k):
    """(n_q, n_k) of True and False; the queries are the last n_q of n_k positions"""
    ### ANSWER 07.2


check("07.2", my_causal_mask)

# %% [markdown]
# ## Exercise 07.3: all at once
# Now for all positions, in all H *heads* (each head looks for something else), in all B texts:
# `q`, `k`, `v` have the shape (B, H, T, D). `@` multiplies the last two axes and leaves the others alone;
# `k.swapaxes(-1, -2)` exchanges the last two.
#
# To hide a key is to give it a **score** whose weight is exactly 0, so that it has no say in the largest score
# and in the sum either. Which score is that? `np.where(mask, scores, ...)` puts it there.

# %%
causal_mask = use("07.2")


def my_attention(q, k, v):
    """q, k, v (B, H, T, D) -> y (B, H, T, D)"""
    ### BEGIN SOLUTION
    # scores (B, H, T, T)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    # hide the future
    scores = np.where(causal_mask(q.shape[2], k.shape[2]), scores, -np.inf)
    # weights (B, H, T, T)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    # mix the values
    return weights @ v
    ### END SOLUTION


check("07.3", my_attention)

# %%
# Yours in the trained model, in the place of the library's: the loss on the same text must be the same.
# (The library wants a result and a way back, lesson 02; here nothing is learned: no_grad, and the way back
# is None. It runs once in each of the 3 layers.)
ids = np.array(
    tokenizer.encode("\nOne day, Tom went to the river with a little dog. He found a red ball.")
)
mine = use("07.3")
print(f"loss with the library's attention: {model.loss(ids[None, :-1], ids[None, 1:]).item():.6f}")
with no_grad(), swap(attention, lambda q, k, v: (mine(q, k, v).astype(q.dtype), None)):
    swapped = model.loss(ids[None, :-1], ids[None, 1:]).item()
print(f"loss with the one swapped in:      {swapped:.6f}")

# %% [markdown]
# ## Break it on purpose
# A text where each letter depends on the one before, as in lesson 05: we know its floor exactly. Three
# small models learn it:
#
# - **mask**: as it should be;
# - **no mask**: every position sees the whole text;
# - **mask too late**: the future is taken away *after* the softmax, when the weights have been divided by a
#   sum that still has the future in it.
#
# **Guess:** without the mask, does the loss end above or below the floor?

# %%
# You need not read this cell: it makes the text, the two wrong attentions, and trains three models. (It
# says twice how often a wrong one ran.)
V, T = 8, 16
rng = np.random.default_rng(0)
chances, text = rng.dirichlet(0.5 * np.ones(V), size=V), [0]
for _ in range(20_000):
    text.append(int(rng.choice(V, p=chances[text[-1]])))
text = np.array(text)
counts = np.zeros((V, V))
np.add.at(counts, (text[:-1], text[1:]), 1)
shares = counts / counts.sum(axis=1, keepdims=True)
floor = -(counts * np.log(np.where(shares > 0, shares, 1))).sum() / counts.sum()
library = attention.function


def no_mask(q, k, v):
    return library(q, k, v, causal=False)


def mask_too_late(q, k, v):
    visible, scale = np.tri(q.shape[2], dtype=q.dtype), 1 / math.sqrt(q.shape[-1])
    w = np.exp(q @ k.swapaxes(-1, -2) * scale)
    w /= w.sum(axis=-1, keepdims=True)

    def backward(dy):
        dw = (dy @ v.swapaxes(-1, -2)) * visible
        ds = w * (dw - (dw * w).sum(axis=-1, keepdims=True)) * scale
        return ds @ k, ds.swapaxes(-1, -2) @ q, (w * visible).swapaxes(-1, -2) @ dy

    return (w * visible) @ v, backward


def train(steps=160):
    small = GPT(GPTConfig(V, block_size=T, n_layer=1, n_head=2, n_embd=32), seed=0).train()
    optimizer, draw, losses = AdamW(small, lr=1e-2), np.random.default_rng(0), []
    for _ in range(steps):
        starts = draw.integers(0, len(text) - T, 24)[:, None] + np.arange(T + 1)
        loss = small.loss(text[starts[:, :-1]], text[starts[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return small, losses


runs = {"mask": train()}
with swap(attention, no_mask):
    runs["no mask"] = train()
with swap(attention, mask_too_late):
    runs["mask too late"] = train()
ends = {name: np.mean(losses[-20:]) for name, (_, losses) in runs.items()}

# %%
guess_3 = "below"  ### SOLUTION
predict("07.P3", guess_3, ends, floor)


# %%
def smooth(losses):
    return np.convolve(losses, np.ones(10) / 10, mode="valid")


plots.curves(
    {name: smooth(losses) for name, (_, losses) in runs.items()},
    f"with the mask the loss ends at {ends['mask']:.2f}, above the floor of {floor:.2f}. Without it, at "
    f"{ends['no mask']:.2f}; with the mask too late, at {ends['mask too late']:.2f}. In 160 steps nobody "
    "learns a text by heart: these two models read the answer.",
    limits={"floor": floor},
)

# %% [markdown]
# Neither of the two raised an error, and both would write rubbish: when they write, there is no future to
# look at. (A single batch may be lucky and dip under the floor; look at the mean.) **A loss that is too good
# is a bug report.**
#
# The last picture: a head of the model with the mask, and the head that looks most at the next letter in
# the model without it.


# %%
def look_of(name, hide):
    scores = runs[name][0].trace(text[:T])["h.0.attn.scores"][0]
    w = np.exp(np.where(np.tri(T, dtype=bool), scores, -np.inf) if hide else scores)
    w /= w.sum(axis=-1, keepdims=True)
    ahead = w[:, np.arange(T - 1), np.arange(1, T)].mean(
        axis=-1
    )  # on the letter that is to be guessed
    return w[np.argmax(ahead)], ahead.max()


with_mask, _ = look_of("mask", hide=True)
without, ahead = look_of("no mask", hide=False)
plots.attention(
    {"with the mask": with_mask, "without": without},
    [str(letter) for letter in text[:T]],
    f"on the right a dark line one above the diagonal: {ahead:.0%} of the attention goes to the very "
    "letter that is to be guessed (the last row has none). On the left that half is empty.",
)

# %% [markdown]
# **Two questions without code**
# 1. Why does each number of y lie between the smallest and the largest at that place in the values?
# 2. The text becomes twice as long: how many scores are there now?
#
# <details><summary>Answers</summary>
#
# 1. It is a mean of them, with weights from 0 to 1 and the sum 1.
# 2. Four times as many.
#
# </details>
#
# **Next:** put `n_layer=2` in `train`: does the loss without a mask change? Then lesson 08: heads, and the way back.
# What you did so far: `progress()`.

# %%
# The library's own, for one head of one text: yours, line by line. `visible` is the mask, and HIDDEN,
# -1e30, stands for minus infinity: beside any other score its exp is 0. (show(attention) has the form that
# runs, for all heads and texts, in tiles.)
show(one_head)
