# %% [markdown]
# # 09 Position: who stands where
#
# *The cat sees the dog* is not *the dog sees the cat*. Does attention know? And how long may a text be?
#
# After this lesson you can
# 1. find out whether a layer minds the order (`my_order_test`),
# 2. turn queries and keys so that a score knows the distance (`my_turn`), or take the distance off (`my_alibi`),
# 3. say which of four ways to mark positions still works in a text that is longer than all in training.
#
# *Time: 45 minutes for you, 12 seconds for the machine. Needs lessons 06 (the loop), 07 (attention) and 08 (heads).*

# %%
import math

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, no_grad
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn.attention import attention
from tinygpt.nn.position import SinusoidalPosition, alibi_slopes
from tinygpt.nn.rotary import rotary
from tinygpt.text import CharTokenizer, load_corpus

plots.tokens(
    {
        "one": ["the", "cat", "sees", "the", "dog", "."],
        "other": ["the", "dog", "sees", "the", "cat", "."],
    },
    "the same words, a token each; cat and dog have exchanged their places. Attention gives the full stop "
    "at the end a weighted mean of all values, with weights from products of keys and queries. Where in "
    "that does a place come in?",
)

# %% [markdown]
# ## Exercise 09.1: does the order count?
# Complete `my_order_test(layer, x, i, j)`. `layer` is any function that takes a row for each token, or its id (then x
# is (T,)), and gives a row for each. Exchange rows i and j of x, run the layer on both, and return **by how much the
# last row of its output changes**: the largest absolute difference, a number.
#
# `x` itself stays as it is. Beware: `x[i]` of an array is a *view*, a window onto the row, and no copy. So
# `x[i], x[j] = x[j], x[i]`, which exchanges elements of a list, loses a row here. `x[[j, i]]`, with a list, is a
# copy of these two rows. Stuck? `hint("09.1")`, and again; `reveal("09.1")`.


# %%
def my_order_test(layer, x, i, j):
    """the largest change in the last row of layer(x) when rows i and j of x are exchanged"""
    ### ANSWER 09.1


check("09.1", my_order_test)

# %%
# A GPT of one layer, without positions; the cat and the dog exchange places. Guess: does what the full stop
# gets change, "yes" or "no"?
guess_1 = "no"  ### SOLUTION
order_test = use("09.1")
sentence = np.array([0, 1, 2, 0, 3, 4])  # the cat sees the dog .


def change(position, n_layer):
    config = GPTConfig(5, block_size=8, n_layer=n_layer, n_head=2, n_embd=32, position=position)
    model = GPT(config, seed=0).to("float64").eval()
    with no_grad():
        return order_test(lambda ids: model(ids).data[0], sentence, 1, 4)


predict("09.P1", guess_1, change)

# %%
# The same with each way to mark positions (they come below), and with two layers:
for position in ("none", "learned", "sinusoidal", "rotary", "alibi"):
    print(
        f"{position:<12}one layer {change(position, 1):.0e}    two layers {change(position, 2):.0e}"
    )

# %% [markdown]
# 1e-16 or less is 0 but for rounding. (With two layers the mask alone tells something: the animal that stands first
# has seen fewer words than the other, and the second layer notices.)
#
# **Positions give order.** Four ways:
#
# | | what it does | known from |
# |---|---|---|
# | learned | adds a vector to each embedding, one for each place, trained | GPT-2 |
# | sinusoidal | the same, but fixed: sines and cosines | the first Transformer |
# | rotary | turns queries and keys, the more the later they stand | Llama |
# | ALiBi | takes slope times distance off each score | BLOOM |

# %% [markdown]
# ## Rotary: turn, and only the distance is left
# Two channels are a point $(a, b)$ of the plane. A turn by the angle $t$ takes it to
#
# $$(a \cos t - b \sin t,\; b \cos t + a \sin t)$$
#
# By hand, a quarter turn for each place, $(a, b) \rightarrow (-b, a)$, with $q = (3, 1)$ and $k = (2, 5)$:
#
# | | q becomes | k becomes | q · k |
# |---|---|---|---|
# | q at 2, k at 1 | (−3, −1) | (−5, 2) | 13 |
# | q at 3, k at 2 | (1, −3) | (−2, −5) | 13 |
# | q at 1, k at 1 | (−1, 3) | (−5, 2) | 11 |
#
# Turn both by the same, and the product stays: only how far q is turned *against* k counts.

# %% [markdown]
# ## Exercise 09.2: a turn
# D channels are D/2 points: channel $i$ and channel $i + D/2$ are pair $i$. At position $m$ it turns by the angle
#
# $$m \cdot \text{base}^{-2i/D}$$
#
# so pair 0 turns by 1 (radian) for each place, and each further pair more slowly. `x` is (..., T, D), and row t stands
# at `positions[t]`. (Where float32 goes in, float32 should come out: `np.cos(angle).astype(x.dtype)`.)


# %%
def my_turn(x, positions, base=10_000.0):
    """x (..., T, D), positions (T,) -> x, each pair of channels turned"""
    ### ANSWER 09.2


check("09.2", my_turn)

# %%
# A query and a key of 16 random numbers. Three products: the query at 3 and the key at 1; both 100 places
# on; the query at 1 and the key at 3. Guess: how many different numbers are these?
guess_2 = 2  ### SOLUTION
turn = use("09.2")
q, k = np.random.default_rng(0).standard_normal((2, 1, 16))


def score(m, n):
    """of a query at m and a key at n"""
    return float((turn(q, np.array([m])) * turn(k, np.array([n]))).sum())


predict("09.P2", guess_2, score)

# %% [markdown]
# ## Exercise 09.3: ALiBi
# Simpler still: a score loses a slope times the distance. For the query at i and the key at j that is
#
# $$-\,\text{slope}_h \cdot (i - j), \qquad \text{slope}_h = 2^{-8h/H} \quad\text{for the heads } h = 1, \dots, H$$
#
# (H a power of 2). By hand, H = 2: the slopes are $2^{-4} = 1/16$ and $2^{-8} = 1/256$. A key 16 places back loses 1
# in the first head, so its weight is 2.7 times smaller; in the second head it loses 1/16, next to nothing. One head
# sees near, the other far.
#
# Keys after the query (j > i) are hidden in any case: what stands there does not matter.


# %%
def my_alibi(n_head, T):
    """(n_head, T, T): what is added to the scores, a row for each query, a column for each key"""
    ### ANSWER 09.3


check("09.3", my_alibi)

# %% [markdown]
# ## How long may a text be?
# Many believe that positions let a text be long. Let us see. Four models of one layer learn stories, each with a way
# of its own, from windows of **32** letters. Then they read pieces of **128**: we look at the loss at each place.


# %%
# The rotary model turns by your function, there and back: the way back of a turn is the turn back.
WINDOW = 32


def turn_op(x, start=0, base=10_000.0):
    positions = np.arange(start, start + x.shape[-2])
    return turn(x, positions, base), lambda dy: turn(dy, -positions, base)


def train(ids, V, position, steps=300, T=WINDOW, B=16):
    config = GPTConfig(V, block_size=128, n_layer=1, n_head=4, n_embd=32, position=position)
    model = GPT(config, seed=0).train()
    optimizer, rng = AdamW(model, lr=1e-2), np.random.default_rng(0)
    for _ in range(steps):
        at = rng.integers(0, len(ids) - T, B)[:, None] + np.arange(T + 1)
        loss = model.loss(ids[at[:, :-1]], ids[at[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def loss_by_place(model, ids, T=128):
    """the mean surprise at each place of pieces of T letters"""
    at = np.arange(0, len(ids) - T, 100)[:, None] + np.arange(T + 1)
    x, y = ids[at[:, :-1]], ids[at[:, 1:]]
    with no_grad():
        scores = model(x).data
    scores = scores - scores.max(axis=-1, keepdims=True)
    right = np.take_along_axis(scores, y[..., None], axis=-1)[..., 0]
    return (np.log(np.exp(scores).sum(axis=-1)) - right).mean(axis=0)


WAYS = ("learned", "sinusoidal", "rotary", "alibi")


def compare(name):
    """the four models on these stories, and their loss at each place of text that is held out"""
    story = load_corpus(name).train[:100_000]
    ids = np.array((characters := CharTokenizer.train(story)).encode(story))
    models = {}
    for way in WAYS:
        if way == "rotary":
            with swap(rotary, turn_op):
                models[way] = train(ids[:80_000], characters.vocab_size, way)
        else:
            models[way] = train(ids[:80_000], characters.vocab_size, way)
    return models, {way: loss_by_place(m, ids[80_000:]) for way, m in models.items()}, ids[80_000:]


models, losses, held_out = compare("stories-zh")  # Chinese: in the window all four do equally well

# %%
# Guess: whose loss stays nearly as low past place 32, of "learned", "sinusoidal", "rotary" and "alibi"?
guess_3 = "alibi"  ### SOLUTION
predict("09.P3", guess_3, losses, WINDOW)


# %%
def smooth(values):
    """at each place the mean of the 8 places up to it"""
    return np.convolve(values, np.ones(8) / 8, mode="valid")


def inside_and_beyond(loss):
    return loss[WINDOW // 2 : WINDOW].mean(), loss[WINDOW * 3 // 2 :].mean()


rises = ", ".join(
    "{} goes from {:.1f} to {:.1f}".format(way, *inside_and_beyond(losses[way])) for way in WAYS
)
plots.curves(
    {way: (np.arange(7, 128), smooth(loss)) for way, loss in losses.items()},
    f"in the window all four are alike. Beyond it {rises}. (A point is the mean of the 8 places up to it.)",
    x="place in the text",
    marks={"training ended here": WINDOW - 1},
)

# %%
# The same on English stories. Here rotary is best in the window, and breaks all the same:
_, english, _ = compare("stories")
for way, loss in english.items():
    print("{:<12}in the window {:.2f}, beyond {:.2f}".format(way, *inside_and_beyond(loss)))

# ALiBi's heads, at the last of 128 places: which share of their weight lies further back than a window?
w = models["alibi"].trace(held_out[:128])["h.0.attn.weights"][0, :, -1]
print(
    "\nfurther back than a window:",
    ", ".join(f"{share:.1%}" for share in w[:, : 128 - WINDOW].sum(axis=-1)),
)

# And your ALiBi in the trained model (without a way back: nothing is learned here):
alibi = use("09.3")


def attention_with_alibi(q, k, v, slopes):
    (_, H, T, D), hidden = q.shape, ~np.tri(q.shape[2], dtype=bool)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(D) + alibi(H, T)
    w = np.exp(np.where(hidden, -np.inf, scores - scores.max(axis=-1, keepdims=True)))
    return (w / w.sum(axis=-1, keepdims=True) @ v).astype(q.dtype), None


with swap(attention, attention_with_alibi):
    mine = loss_by_place(models["alibi"], held_out)
print(f"largest difference of the losses: {abs(mine - losses['alibi']).max():.0e}")

# %%
# Four ways as pictures. Below: the score of a query at 31, and of one at 100, with the keys before it. What
# is added to an embedding goes through the matrices that make q and k (random ones here); rotary turns
# these.
C, back = 32, np.arange(32)
rng = np.random.default_rng(0)
to_q, to_k = rng.standard_normal((2, C, C)) / math.sqrt(C)
q, k = rng.standard_normal((2, 1, C))
learned = models["learned"].wpe.weight
sines = SinusoidalPosition()(0 * learned).data / 0.02  # what it adds to zeros, at its full size
places = np.arange(128)
turned_q, turned_k = (turn(np.repeat(row, 128, axis=0), places) for row in (q, k))
steepest = alibi(4, 128)[0]
scores = {
    "learned": (learned.data @ to_q) @ (learned.data @ to_k).T,
    "sinusoidal": (sines @ to_q) @ (sines @ to_k).T,
    "rotary": turned_q @ turned_k.T,
    "ALiBi": steepest,
}
maps = {
    "learned": learned.data,
    "sinusoidal": sines,
    "rotary": turned_q,
    "ALiBi": np.where(np.tri(128, dtype=bool), steepest, np.nan),  # what is hidden stays white
}
curves = {
    name: {f"query at {m}": table[m, m - back] for m in (31, 100)} for name, table in scores.items()
}
apart = {name: abs(np.subtract(*both.values())).max() for name, both in curves.items()}
plots.maps_over_curves(
    {name: (maps[name], curves[name]) for name in maps},
    "above, a column is a channel (of ALiBi a key). Of the learned vectors only the first 32 rows were "
    "trained. Below, the two curves lie on each other where a score depends on the distance only. They "
    f"differ by {', '.join(f'{d:.0e} ({name})' for name, d in apart.items())}.",
    row="place",
    x="how far back the key is",
    y="score",
)

# %% [markdown]
# So a position says **where**, and not more. Beyond the trained length it is new: a vector that was never trained, or
# a turn that was never seen. ALiBi's steepest head never looks so far; the flat ones take a mean of much.
#
# **Two questions without code**
# 1. Rotary's scores depend on the distance only. Why does its loss rise beyond the window?
# 2. Why has GPT-2 no positions beyond `block_size`?
#
# <details><summary>Answers</summary>
#
# 1. Longer distances never came in training: nothing was learned about such turns.
# 2. Learned ones are a table: there is no row.
#
# </details>
#
# **Next:** put `WINDOW = 64`: where do the curves rise now? Then lesson 10. What you did so far: `progress()`.

# %%
# The library's rotary: first the plain form, then the one that runs, whose way back is the turn back.
show(rotary)
