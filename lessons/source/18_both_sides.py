# %% [markdown]
# # 18 GPT beside BERT
#
# BERT is made of the same parts as a GPT: embeddings, attention, norms. One line makes the difference: nothing hides
# the future. What does that give, and what does it take away?
#
# After this lesson you can
# 1. say who sees whom in either model (`my_sees`),
# 2. hide tokens as BERT learns from it (`my_mask`),
# 3. make one vector of a text (`my_vector`), and say which of the two models fits a task.
#
# *Time: 40 minutes for you, 20 seconds for the machine. Needs lessons 06 (the loop), 07 (attention) and 17 (rows).*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, no_grad
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.models.bert import BERT, BertConfig, bert_plain

# Rows of 8 letters that read the same from both ends: a b c d d c b a. So each letter is told by the
# one that stands as far from the other end. Five letters; then the ids of padding and of the mask.
LETTERS, PAD, MASK, T = 5, 5, 6, 8


def mirrored(n, seed):
    half = np.random.default_rng(seed).integers(0, LETTERS, (n, T // 2))
    return np.concatenate([half, half[:, ::-1]], axis=1)


rows, new = mirrored(2000, seed=0), mirrored(200, seed=1)
for row in rows[:2]:
    print(" ".join("abcde"[i] for i in row))

# %% [markdown]
# ## Exercise 18.1: who sees whom
# In both models a query looks at keys. In a GPT at those up to its own place, in BERT at all of them. In neither at
# padding, which only fills a row up.
#
# Write `my_sees(is_token, causal)`. `is_token[j]` says whether position j is a token (False: padding). Return an
# array (T, T): row i, column j is True where position i sees position j. By hand, tokens at 0 and 1, padding at 2: of
# BERT each row is True, True, False; of a GPT row 0 is True, False, False.


# %%
def my_sees(is_token, causal):
    """-> (T, T) booleans: does position i (row) see position j (column)?"""
    ### ANSWER 18.1


check("18.1", my_sees)

# %%
sees = use("18.1")
real = np.arange(6) < 5
tokens = [*"abcba", "pad"]
plots.attention(
    {"GPT": sees(real, True) * 1.0, "BERT": sees(real, False) * 1.0},
    tokens,
    f"dark: the token of that row sees that of the column. A GPT sees {sees(real, True).sum()} of them, "
    f"BERT {sees(real, False).sum()}: everything but padding.",
)

# %%
# One letter of a row is hidden, the second one: a ? c d d c b a. Guess: how often, in per cent, does a model
# that sees only what stands LEFT of the gap find it?
guess_1 = 20  ### SOLUTION
predict("18.P1", guess_1, LETTERS)

# %% [markdown]
# ## Exercise 18.2: what is hidden
# A GPT learns at every place: what comes next? BERT sees the next one, so that would teach it nothing. Instead some
# tokens are chosen (15 in 100) and are to be guessed: y is the token there, and -100 everywhere else. In x, of
# the chosen ones,
#
# - 80 % become the mask (`draw` below 0.8),
# - 10 % stay as they are (0.8 to below 0.9), for no masks stand in a text when the model is used,
# - 10 % become another token (`draw` 0.9 or more: that of `other`), so that what is seen may be wrong.
#
# By hand: 7 chosen, with `draw` 0.95 and `other` 3: x is 3, y is 7.


# %%
def my_mask(ids, chosen, draw, other, mask_id):
    """-> x, what BERT sees; y, what it is to guess at each place, or -100"""
    ### ANSWER 18.2


check("18.2", my_mask)

# %%
mask = use("18.2")


def hidden(rows, rng):
    """a batch for BERT: a new mask each time that a row comes"""
    ids = rows.reshape(-1)
    chosen, draw = rng.random(len(ids)) < 0.15, rng.random(len(ids))
    x, y = mask(ids, chosen, draw, rng.integers(0, LETTERS, len(ids)), MASK)
    return x.reshape(rows.shape), y.reshape(rows.shape)


def train(model, batch, steps=800):
    model.train()
    optimizer, rng = AdamW(model, lr=4e-3), np.random.default_rng(0)
    for step in range(1, steps + 1):
        optimizer.lr = 4e-3 * min(step / 50, 1 - 0.9 * step / steps)
        x, y = batch(rows[rng.integers(0, len(rows), 32)], rng)
        model.loss(x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    return model


shape = {"block_size": T, "n_layer": 2, "n_head": 4, "n_embd": 32}
gpt = train(GPT(GPTConfig(7, **shape), seed=0), lambda rows, rng: (rows[:, :-1], rows[:, 1:]))
bert = train(
    BERT(BertConfig(7, **shape, n_types=1, dropout=0.0, pad_id=PAD, pooler=False), seed=0), hidden
)
print(f"GPT has {gpt.num_parameters():,} parameters, BERT {bert.num_parameters():,}, a layer more")

# %% [markdown]
# Each letter but the first is hidden once. BERT sees the gap and both sides of it; a GPT is asked what comes after the
# left side.
#
# **Guess.** In which half does BERT find clearly more letters, by 10 points or more: "left", "right", or "both"?


# %%
def right_at(place):
    """how often each of the two finds the letter at this place, in per cent: GPT, BERT"""
    gap = new.copy()
    gap[:, place] = MASK
    with no_grad():
        of_bert = bert(gap).numpy()[:, place]
        start = new[:, : max(place, 1)]  # a GPT needs something to begin with
        of_gpt = gpt(start).numpy()[:, -1] if place else np.zeros((len(new), 7))
    return [100 * np.mean(scores.argmax(-1) == new[:, place]) for scores in (of_gpt, of_bert)]


of_gpt, of_bert = np.array([right_at(place) for place in range(1, T)]).T

# %%
guess_2 = "left"  ### SOLUTION
predict("18.P2", guess_2, of_gpt, of_bert, T)

# %%
places = np.arange(2, T + 1)
plots.curves(
    {"GPT": (places, of_gpt), "BERT": (places, of_bert)},
    f"how often the hidden letter is found. In the left half the answer stands on the right of the gap: GPT "
    f"{of_gpt[: T // 2 - 1].mean():.0f} %, BERT {of_bert[: T // 2 - 1].mean():.0f} %. In the right half both "
    f"can know it: {of_gpt[T // 2 - 1 :].mean():.0f} % and {of_bert[T // 2 - 1 :].mean():.0f} %.",
    x="place of the gap",
    y="found, %",
    limits={"by chance": 100 / LETTERS},
)

# %% [markdown]
# So BERT is the better one? Let both **write**: four letters are given, and the other four are to come, one after the
# other. BERT can only fill gaps, so it gets a mask at the end each time.
#
# **Guess.** Which writes more right letters: "GPT", "BERT", or are they "equal" (within 5 %)?


# %%
def writes(model):
    text = new[:, : T // 2]
    for _ in range(T // 2):
        x = text if model is gpt else np.pad(text, ((0, 0), (0, 1)), constant_values=MASK)
        with no_grad():
            scores = model(x).numpy()[:, -1, :LETTERS]
        text = np.concatenate([text, scores.argmax(-1)[:, None]], axis=1)
    return 100 * np.mean(text[:, T // 2 :] == new[:, T // 2 :])


by_gpt, by_bert = writes(gpt), writes(bert)

# %%
guess_3 = "GPT"  ### SOLUTION
predict("18.P3", guess_3, by_gpt, by_bert)

# %% [markdown]
# ## Exercise 18.3: one vector for a text
# To find texts that mean the same, one wants a text as **one** vector. BERT gives one for each token; their mean is a
# good one, if the model was trained for it (ours was not). Of length 1, so that the product of two is the cosine of the angle between
# them: 1 for the same direction.
#
# Write `my_vector(x, is_token)`. By hand: of (3, 0), (3, 8) and padding the mean is (3, 4), and the vector (0.6, 0.8).


# %%
def my_vector(x, is_token):
    """x (T, C), is_token (T,) -> (C,)"""
    ### ANSWER 18.3


check("18.3", my_vector)

vector = use("18.3")
pairs = {
    "the same": "abcddcba abcddcba",
    "two letters other": "abcddcba abceecba",
    "another": "abcddcba deaccaed",
}
for name, pair in pairs.items():
    one, two = (np.array(["abcde".index(c) for c in word]) for word in pair.split())
    with no_grad():
        a, b = (vector(bert.hidden(ids[None]).numpy()[0], ids != PAD) for ids in (one, two))
    print(f"{name:<18}{pair}   cosine {a @ b:.2f}")

# %% [markdown]
# **Two questions without code**
# 1. BERT learns from 15 of 100 tokens of a row, a GPT from all. Which of them needs more rows?
# 2. Is "BERT is not pretrained, GPT is" right?
#
# <details><summary>Answers</summary>
#
# 1. BERT, by that count: each row teaches it less. Here both saw as many rows.
# 2. No. Both are trained on plain text first. They differ in what they are asked: to fill a gap, or to go on.
#
# </details>
#
# **Next:** `steps=1200` in `train`: does BERT learn to write? With real weights, `tinygpt similar MODEL "text"
# FILE` finds the lines that mean nearly the same. Then lesson 19: a move that does harm. `progress()`
# has what you did so far.

# %%
# The library's, in its shortest form: beside lesson 11, `causal=False`, and the norms after the sums.
show(bert_plain)
