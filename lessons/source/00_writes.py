# %% [markdown]
# # 00 A GPT writes
#
# Here is a GPT. It is small: 125 000 numbers, where the famous ones have billions. But it is the same kind
# of machine, and you can open every part of it.
#
# After this lesson you can
# 1. say what goes into a GPT and what comes out, in four letters: B, T, C, V,
# 2. draw the next letter from a list of chances (`my_draw`),
# 3. write the loop that makes it write (`my_write`), and run your loop.
#
# *Time: 30 minutes for you, 15 seconds for the machine. Needs: Python, lists, a little NumPy (indexing).
# Nothing else: this is the first lesson.*

# %%
import numpy as np

from tinygpt import GPT, no_grad
from tinygpt.generation.sampler import next_ids
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.lesson.storyteller import load
from tinygpt.nn import softmax
from tinygpt.text.stories import ENGLISH, stories

model, tokenizer = load()  # it was trained on little stories, letter by letter
print(f"{model.num_parameters():,} numbers; it knows {tokenizer.vocab_size} different letters")

# %% [markdown]
# All that it is are these numbers, called *parameters*. The other lessons build each part, and
# `print(model.describe())` lists them. For now one thing is enough:
#
# > **A GPT gets a text and says how likely each letter is to come next.** Nothing more.
#
# *Letter* here means any sign, also a space, a full stop, a line end. A computer needs numbers, so each letter
# has one, its **id**; the *tokenizer* translates. The model gives a **score** to every letter, at every
# place of the text.

# %%
ids = tokenizer.encode("\nMia")
print("ids:", ids, " back:", repr(tokenizer.decode(ids)))

# What is the shape of the array of scores for this text? Guess three numbers, written (?, ?, ?): how many
# texts ([ids] is a list of one), how many places in it (a line end and M, i, a), and how many letters the
# model knows (printed above).
guess_1 = (1, 4, 46)  ### SOLUTION
predict("00.P1", guess_1, model, ids)

# %% [markdown]
# Four letters are used for sizes, everywhere in this course:
#
# | | | here |
# |---|---|---|
# | **B** | batch: how many texts at once | `len([ids])` |
# | **T** | time: how many places in the text | `len(ids)` |
# | **C** | channels: how many numbers the model has *inside* for each place | `model.config.n_embd` |
# | **V** | vocabulary: how many different letters | `model.config.vocab_size` |
#
# Scores have the shape (B, T, V): at **every** place, the scores for what comes after it.
#
# ## Exercise 00.1: which scores?
# To go on with the text, the scores of a single place are needed. Which place? Return its scores, for the
# first text. Stuck? `hint("00.1")` in a new cell.


# %%
def my_last_scores(scores):
    """scores (B, T, V) -> (V,): those that matter for writing on, of the first text"""
    ### ANSWER 00.1


check("00.1", my_last_scores)

# %%
last_scores = use("00.1")


def chances_after(text):
    """A chance for each letter to come next. softmax makes chances of scores: lesson 05."""
    with no_grad():  # switches off the bookkeeping that only learning needs (lesson 02)
        scores = model([tokenizer.encode(text)]).numpy()  # .numpy(): the plain array
    return softmax(last_scores(scores)).numpy()


for text in ("\nOne day, Mi", "\nOne day, Mia went to the park with a "):
    p = chances_after(text)
    best = np.argsort(p)[::-1][:5]
    print(repr(text), " then:", ",  ".join(f"{tokenizer.decode([i])!r} {p[i]:.1%}" for i in best))

# %% [markdown]
# After *Mi* the model is sure. After *with a* several words are possible (little, grey, fat, ...), and it
# says how likely each first letter is.
#
# ## Exercise 00.2: a draw
# How do we choose? Not always the likeliest: then the same beginning would always get the same text. We
# **draw**, as from a bag with many tickets for likely letters and few for others.
#
# The computer gives a random number `u`, at least 0 and below 1. Lay the letters side by side on a line from 0 to
# 1, each as long as its chance. The letter that `u` falls into is drawn: with chances 0.5, 0.2, 0.3 and
# `u` = 0.6 it is letter 1.


# %%
def my_draw(chances, u):
    """chances (V,), u from 0 to 1 -> the number of the letter that u falls into"""
    ### ANSWER 00.2


check("00.2", my_draw)

# %% [markdown]
# ## Exercise 00.3: the writing loop
# Draw a letter, append it, ask again: that is all of "writing". The model can see at most `block_size`
# letters (this one 128), so when the text has grown longer, give it the **last** `block_size`.
#
# `choose(window)` is given to you: it takes the ids in a window and returns the next one.


# %%
def my_write(ids, n, block_size, choose):
    """A list: the ids, and n more after them. Leaves the caller's ids as they are."""
    ### ANSWER 00.3


check("00.3", my_write)

# %%
draw, write = use("00.2"), use("00.3")


def tell(seed, n=210, prompt="\nOne day, "):
    rng = np.random.default_rng(seed)

    def choose(window):
        with no_grad():
            scores = model([window]).numpy()
        return draw(softmax(last_scores(scores)).numpy(), rng.random())

    return tokenizer.decode(write(tokenizer.encode(prompt), n, 128, choose))


story = tell(seed=0)
print(story)

# %%
# The same model, the same beginning, other random numbers (seed 1 in place of 0). Is the text the same?
# Guess "yes" or "no".
guess_2 = "no"  ### SOLUTION
another = tell(seed=1)
predict("00.P2", guess_2, story, another)

# %% [markdown]
# ## Does it look the answers up?
# Many people think that a GPT searches its training text and copies. Let us see. It was
# trained on nine tenths of 20 000 stories, which can be made again. Now it writes 24 stories at once, and we
# look for each of them, up to its line end, in all 20 000 stories, a few more than it was trained on.
#
# **Guess:** how many of the 24 stand there, word for word?

# %%
rows = model.generate([tokenizer.encode("\nOne day, ")] * 24, 240, seed=0)
written = [tokenizer.decode(row).split("\n")[1] for row in rows]
all_stories = "".join(stories(ENGLISH))
guess_3 = 0  ### SOLUTION
predict("00.P3", guess_3, written, all_stories)

# %%
sentences = [s for text in written for s in text.split(". ")[:-1]]
new = [s for s in sentences if s not in all_stories]
print(f"{len(sentences) - len(new)} of its {len(sentences)} sentences stand there; these do not:")
print("\n".join(f"    {s}" for s in new[:8]))
print(
    f"{len(all_stories):,} letters, of which it saw nine tenths; it has {model.num_parameters():,} numbers"
)

# %% [markdown]
# It has learned short building blocks well, and puts them together anew; and now and then it writes what nobody ever
# wrote, mistakes among it. It does not keep its text: so few numbers could hardly hold so many letters. (A model that
# reads a short text again and again does learn it by heart: lesson 14.) Every letter was a draw from chances that it
# computed.

# %% [markdown]
# ## How good is it?
# One number says so, the **loss**: how surprised the model is, on average, by the letter that really comes
# (lesson 05), in the unit *nat*. Lower is better. Three models write on from the same beginning:
#
# - **untrained**: random numbers. All 46 letters are about equally likely, and then the loss is
#   $\ln 46 = 3.83$ (why: lesson 05);
# - **bigram**: sees one letter, and counts what followed it;
# - **GPT**: sees up to 128 letters.

# %%
# You need not read this cell: it makes the other two models and lets all three write.
new = "".join(stories(ENGLISH, 60, seed=1))  # stories that no model has seen
new_ids = np.array(tokenizer.encode(new))
windows = new_ids[: len(new_ids) // 129 * 129].reshape(-1, 129)
x, y = windows[:, :-1], windows[:, 1:]
untrained = GPT(model.config, seed=0).eval()

counts = np.ones((46, 46))  # 1 for every pair, so that nothing is impossible
seen = np.array(tokenizer.encode("".join(stories(ENGLISH, 2000, seed=2))))
np.add.at(counts, (seen[:-1], seen[1:]), 1)
bigram = counts / counts.sum(axis=1, keepdims=True)


def continuation(chances_of, seed=3, n=62):
    rng = np.random.default_rng(seed)
    ids = tokenizer.encode("\nOne day, ")
    return tokenizer.decode(write(ids, n, 128, lambda w: draw(chances_of(w), rng.random())))[1:]


def of_gpt(gpt):
    def chances(window):
        with no_grad():
            return softmax(gpt([window])).numpy()[0, -1]

    return chances


results = {
    "untrained": (untrained.loss(x, y).item(), continuation(of_gpt(untrained))),
    "bigram": (-np.log(bigram[x, y]).mean(), continuation(lambda window: bigram[window[-1]])),
    "GPT": (model.loss(x, y).item(), continuation(of_gpt(model))),
}
plots.texts(
    results,
    "the lower the loss, the more the text looks like language. The untrained model is at "
    f"{results['untrained'][0]:.2f}, where ln 46 is {np.log(46):.2f}.",
    limits={"ln 46": np.log(46)},
)

# %% [markdown]
# **Two questions without code**
# 1. Why can the bigram not even spell, and the GPT can?
# 2. If you always took the likeliest letter, what would happen with the same prompt?
#
# <details><summary>Answers</summary>
#
# 1. It has forgotten everything but the last letter: after *e* it cannot know which word this is.
# 2. Always the same text, and often the same words over and over.
#
# </details>
#
# **Next:** change the prompt in `tell`, or `n`. Then lesson 01: which way better numbers lie. 02 shows how a program
# finds that way, 05 what the loss is, 07 how the model looks back, 13 how far to step. What you did so far:
# `progress()`.

# %%
# The library's draw, for many rows at once: one random number each, looked up in the chances' running sum.
# (What may be done to the chances before is lesson 15.)
show(next_ids)
