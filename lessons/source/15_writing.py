# %% [markdown]
# # 15 Writing: which letter next?
#
# A model gives chances. Somebody must choose. "The likeliest, of course": it is the surest way to a boring text. Here
# you write the usual rules, and the trick that makes writing quick.
#
# After this lesson you can
# 1. make chances hotter and colder (`my_temperature`),
# 2. cut off what is unlikely, by number or by share (`my_top_k`, `my_top_p`),
# 3. write without reading everything again (`my_cached_head`).
#
# *Time: 45 minutes for you, 9 seconds for the machine. Needs lessons 00 (the draw), 05 (softmax) and 07 (a head and
# its mask).*

# %%
import math
import time

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, no_grad
from tinygpt.generation.cache import KVCache
from tinygpt.generation.sampler import probabilities
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.lesson.storyteller import load
from tinygpt.text import CharTokenizer, load_corpus

model, tokenizer = load()  # the storyteller of lesson 00
start = np.array([tokenizer.encode("\nOne day, ")])

# %%
# It always takes the likeliest letter, 700 times: four stories (a line each) and a piece. Guess: how many
# of the four are different?
guess_1 = 2  ### SOLUTION
likeliest = tokenizer.decode(model.generate(start, 700, temperature=0)[0])
lines = likeliest.strip().split("\n")[:-1]  # the last one is not at its end
predict("15.P1", guess_1, lines)

# %%
print(likeliest.strip())

# %% [markdown]
# **The likeliest letter, again and again, goes round in a circle.** As soon as the last 128 letters, all that the
# model sees, are the same as before, it must go on as before. And real text is not like that: its writers surprise you
# now and then.
#
# ## Exercise 15.1: temperature
# So draw, by the chances (lesson 00), made *colder* (the likely likelier) or *hotter* (all more alike) before: divide
# the scores by the temperature, then take the softmax.
#
# By hand: scores 2 and 1, so the chances are 0.73 and 0.27. At 0.5 the scores are 4 and 2: 0.88 and 0.12. At 0, which
# cannot divide, the likeliest gets 1 (of several the first).

# %%
to_chances = use("05.1")


def my_temperature(scores, temperature):
    """scores (V,) -> chances (V,)"""
    ### ANSWER 15.1


check("15.1", my_temperature)

# %% [markdown]
# ## Exercise 15.2: the k likeliest
# Each unlikely letter is drawn seldom, but there are many of them, and one is enough to spoil a word. *Top-k* keeps
# the k likeliest; the others become 0, and those that are left are divided by their sum. By hand, k = 2: of (0.6, 0.2,
# 0.2) are left (0.75, 0.25, 0).
#
# Exactly k are left (all, if there are fewer): of several that are equally likely the ones with the **lower ids**.
# `np.argsort(-p, kind="stable")` gives the ids from the likeliest down, equals in their order.


# %%
def my_top_k(p, k):
    """chances p (V,) -> chances (V,)"""
    ### ANSWER 15.2


check("15.2", my_top_k)

# %%
# After "One da" one letter can follow, at the beginning of a line many. What should k be? Guess: how many
# letters does the model need until they have 0.95 of the chance together, on average?
guess_2 = 1.3  ### SOLUTION
held_out = load_corpus("stories").validation
ids = np.array(tokenizer.encode(held_out[:4000]))
with no_grad():  # at each place the model has read 64 letters or more before it
    scores = np.concatenate(
        [model(ids[None, at : at + 128]).data[0, 64:] for at in range(0, 3800, 64)]
    )
predict("15.P2", guess_2, scores)

# %% [markdown]
# ## Exercise 15.3: a share of the chance
# Here one, there ten: no k fits everywhere. *Top-p* keeps, from the likeliest down, as many as it takes until they
# have `share` of the chance together. **The one that crosses the share stays**; to meet it exactly is enough; of
# equals the lower id comes first.
#
# By hand, share = 0.7, of (0.2, 0.6, 0.2): first 0.6, which is less than 0.7; then the next, 0.2, with which it is
# 0.8. These two are left: (0.25, 0.75, 0).


# %%
def my_top_p(p, share):
    """chances p (V,) -> chances (V,)"""
    ### ANSWER 15.3


check("15.3", my_top_p)

# %%
# Are your chances the library's? Then for each rule sixteen stories, written by your functions.
temperature, top_k, top_p = use("15.1"), use("15.2"), use("15.3")
apart = [
    abs(top_p(top_k(temperature(row, 0.8), 5), 0.9) - theirs).max()
    for row, theirs in zip(
        scores[:500].astype(float),
        probabilities(scores[:500].astype(float), temperature=0.8, top_k=5, top_p=0.9),
    )
]
print(f"largest difference from the library's chances, in 500 places: {max(apart):.0e}")

rules = {
    "likeliest": lambda s: temperature(s, 0),
    "temperature 0.5": lambda s: temperature(s, 0.5),
    "temperature 1": lambda s: temperature(s, 1),
    "temperature 1.3": lambda s: temperature(s, 1.3),
    "top-k 2": lambda s: top_k(temperature(s, 1), 2),
    "top-p 0.9": lambda s: top_p(temperature(s, 1), 0.9),
}


stories = [line for line in held_out.split("\n") if len(line) > 120][:16]
real = np.array([tokenizer.encode("\n" + line[:121]) for line in stories])


def write(rule, n=120):
    """sixteen stories, which begin with the first letters of the real ones, one letter at a time"""
    rng, cache = (
        np.random.default_rng(0),
        KVCache(model.config.n_layer),
    )  # of the library: exercise 15.4
    new = text = real[:, :2]
    with no_grad():
        for _ in range(n):
            last = model(new, cache).data[:, -1].astype(float)
            chances = [rule(s) for s in last]
            new = np.array([[rng.choice(len(p), p=p / p.sum())] for p in chances])
            text = np.concatenate([text, new], axis=1)
    return text


def surprise(rows):
    """of the model, in nats per letter, after the first letter"""
    targets = rows[:, 1:].copy()
    targets[:, 0] = -100  # counts nowhere
    with no_grad():
        return model.loss(rows[:, :-1], targets).item()


def variety(rows, n=12):
    pieces = [tuple(row[i : i + n]) for row in rows.tolist() for i in range(len(row) - n + 1)]
    return len(set(pieces)) / len(pieces)


written = {name: write(rule) for name, rule in rules.items()}
dots = {
    name: (variety(rows), surprise(rows))
    for name, rows in (written | {"real stories": real}).items()
}
plots.curves(
    {},
    "far left, what repeats itself; high up, what even the model finds odd. Real stories have "
    f"{dots['real stories'][0]:.0%} different pieces (of 12 letters) and surprise the model by "
    f"{dots['real stories'][1]:.2f} nats per letter; the likeliest letters {dots['likeliest'][0]:.0%} and "
    f"{dots['likeliest'][1]:.2f}. The warmer, the more variety, and the more oddness.",
    x="variety: share of different pieces",
    y="surprise, nats per letter",
    points=dots,
)
for name in ("likeliest", "temperature 1.3", "top-p 0.9"):
    print(f"{name}: {tokenizer.decode(written[name][1])[:90]!r}")

# %% [markdown]
# ## Not everything again
# To write letter 100 the model reads 99 letters, for letter 101 it reads 100, 99 of them again. But a head's keys and
# values of a letter **never change**: they depend only on what came before. So keep them, and
# ask with the new letter alone: a *KV cache*.

# %% [markdown]
# ## Exercise 15.4: a head that remembers
# `q`, `k`, `v` are those of the **new** letters, one or several. `cache` is None at first, later the keys and values
# that you returned last, a pair. Return the result for the new letters, and the new pair. The new queries are the
# **last** of all positions: `causal_mask(2, 4)` of lesson 07 has two rows of four, True where one may look. (Scores
# are divided by √D.)

# %%
causal_mask = use("07.2")


def my_cached_head(q, k, v, cache):
    """q, k, v (n, D) of n new letters; cache: None, or keys and values (S, D) -> y (n, D), cache"""
    ### ANSWER 15.4


check("15.4", my_cached_head)

# Yours in the place of a head of the model, letter by letter, against the model's, which saw all at once:
head, cache, rows = use("15.4"), None, []
seen = model.trace(ids[:60])
q, k, v = (seen[f"h.0.attn.{name}"][0, 0] for name in "qkv")
for t in range(60):
    y, cache = head(q[t : t + 1], k[t : t + 1], v[t : t + 1], cache)
    rows.append(y[0])
print(f"off by {abs(np.array(rows) - seen['h.0.attn.weights'][0, 0] @ v).max():.0e}")

# %%
# In the model: a text of 60 letters, all at once, or letter by letter with a cache. Then a mistake: each
# letter WITHOUT a cache. Guess: how far apart are the scores then, at most: "0", "below 1" or "above 1"?
guess_3 = "above 1"  ### SOLUTION
text = ids[:60]
with no_grad():
    whole = model(text[None]).data[0]
    cache = KVCache(model.config.n_layer)
    one_by_one = np.concatenate([model(text[None, t : t + 1], cache).data[0] for t in range(60)])
    alone = np.concatenate([model(text[None, t : t + 1]).data[0] for t in range(60)])
print(
    f"scores spread by {whole.std():.0f}; with the cache off by {abs(whole - one_by_one).max():.0e}"
)
predict("15.P3", guess_3, abs(whole - alone).max())


# %%
def milliseconds(with_cache, n=120):
    """how long each of n letters takes, the median of five"""
    times = []
    for _ in range(5):
        cache, row = KVCache(model.config.n_layer), []
        for t in range(n):
            begin = time.perf_counter()
            with no_grad():
                model(ids[None, t : t + 1], cache) if with_cache else model(ids[None, : t + 1])
            row.append(1000 * (time.perf_counter() - begin))
        times.append(row)
    return np.median(times, axis=0)


with_cache, without = milliseconds(True), milliseconds(False)
plots.curves(
    {"without a cache": without, "with a cache": with_cache},
    f"on this machine. Letter 10 takes {without[5:15].mean() / with_cache[5:15].mean():.1f} times as long "
    f"without a cache as with one, letter 110 {without[105:115].mean() / with_cache[105:115].mean():.1f} "
    "times: without one, the line climbs.",
    x="letter",
    y="milliseconds",
)

# %%
# Chinese: a small model, trained for a second, writes the likeliest, and then by your top-p. (小 is
# "little": how often does it come in a row?)
zh = CharTokenizer.train(load_corpus("stories-zh").train[:60_000])
ids_zh = np.array(zh.encode(load_corpus("stories-zh").train[:60_000]))
small = GPT(GPTConfig(zh.vocab_size, block_size=64, n_layer=1, n_head=4, n_embd=48), seed=0).train()
optimizer, rng = AdamW(small, lr=5e-3), np.random.default_rng(0)
for _ in range(200):
    at = rng.integers(0, len(ids_zh) - 32, 16)[:, None] + np.arange(33)
    loss = small.loss(ids_zh[at[:, :-1]], ids_zh[at[:, 1:]])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
small.eval()
for name, rule in (("likeliest", rules["likeliest"]), ("top-p 0.9", rules["top-p 0.9"])):
    row, rng = zh.encode("\n有"), np.random.default_rng(1)
    with no_grad():
        for _ in range(60):
            p = rule(small(np.array([row[-32:]])).data[0, -1].astype(float))
            row.append(int(rng.choice(len(p), p=p / p.sum())))
    print(f"{name}: {zh.decode(row)!r}")

# %% [markdown]
# **Two questions without code**
# 1. Does the temperature change which letter is the likeliest?
# 2. A text becomes longer than a model's positions, and its beginning is cut off. Why is the cache of no use then?
#
# <details><summary>Answers</summary>
#
# 1. No: dividing by a number above 0 keeps the order.
# 2. Every letter stands one place further to the front: with learned positions, all keys and values are others.
#
# </details>
#
# **Next:** add `"top-k 5"` to `rules`: where does its dot lie? Then lesson 16: on a GPU. What you did so far:
# `progress()`.

# %%
# The library's chances: your three rules one after the other, and a fourth (min_p), for a batch of rows.
show(probabilities)
