# %% [markdown]
# # 06 A first model that learns: nobody supplies the labels
#
# To learn, a model needs questions and answers. Nobody labels so much text: **it is its own answer**. After
# *Mia wen* the text itself says: *t*.
#
# After this lesson you can
# 1. cut a text into questions and answers (`my_windows`),
# 2. write the way back of a look-up in a table (`my_embedding`),
# 3. write the loop that trains any model here (`my_train`), and say what one forgotten line does.
#
# *Time: 40 minutes for you, 9 seconds for the machine. Needs lessons 01 (a step), 03 (what is copied is
# summed), 04 (a text is a list of ids) and 05 (loss and floor).*

# %%
import numpy as np

from tinygpt import Module, Parameter
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn import cross_entropy, embedding
from tinygpt.optim import SGD
from tinygpt.text import CharTokenizer, load_corpus

text = load_corpus("stories").train[:60_000]
tokenizer = CharTokenizer.train(text)  # an id for each letter that comes in it
ids = np.array(tokenizer.encode(text))
V = tokenizer.vocab_size
piece = text.strip()[:24]
plots.tokens(
    {"x: what it sees": list(piece[:-1]), "y: what comes next": list(piece[1:])},
    "y is the text, one letter further. Under each letter of x stands the right answer: what follows when "
    "one has read so far.",
)

# %%
# Guess: a piece of text of nine letters, "Mia went ". How many questions with an answer are in it?
guess_1 = 8  ### SOLUTION
predict("06.P1", guess_1, "Mia went ")

# %% [markdown]
# ## Exercise 06.1: windows and their answers
# A text is too long to be read at once. So take B windows of T ids each, at places that are drawn by chance. Write
# `my_windows(ids, starts, T)`:
#
# - `x`, shape (B, T): row b holds the T ids from the place `starts[b]` on;
# - `y`, shape (B, T): under each id of x the one that **follows it in the text**.
#
# By hand, with the ids 5 3 8 1 9, one window at the place 1, T = 3: x is 3 8 1 and y is 8 1 9. A loop over the windows
# is fine. Without one: `ids[places]` looks up a whole table of places at once.


# %%
def my_windows(ids, starts, T):
    """ids (n,), starts (B,) whole numbers -> x, y, both (B, T)"""
    ### ANSWER 06.1


check("06.1", my_windows)

windows = use("06.1")
x, y = windows(ids, np.array([100, 2000]), 12)
for row_x, row_y in zip(x, y):
    print(repr(tokenizer.decode(row_x)), "->", repr(tokenizer.decode(row_y)))

# %% [markdown]
# ## A table of scores
# The smallest model is the table of lesson 05: row `a` holds a score for each letter that may follow `a`. Its forward
# looks up the rows of the ids in x. What is the way back?
#
# By hand: a table of three rows, and the ids 2, 0, 2. What arrives at the three places is
#
# | place | took row | dy |
# |---|---|---|
# | 0 | 2 | (1, 2) |
# | 1 | 0 | (3, 4) |
# | 2 | 2 | (5, 6) |
#
# Row 2 was **copied to two places**, so its slopes add (lesson 03): (6, 8). Row 0 gets (3, 4), and row 1, which nobody
# took, 0.

# %% [markdown]
# ## Exercise 06.2: the way back of a look-up
# Write the way back. `ids` may have one axis or more, and `dy` has one more than they, the columns of the table.
#
# Beware of `dtable[ids] += dy`: NumPy reads all rows first, adds, and writes them back, so of an id that comes twice
# one addition is lost. A loop over the places loses nothing; a hint names a function of NumPy that is quicker. (In a
# GPT a letter's row is no scores, but C numbers about it, its *embedding*.)


# %%
def my_embedding(table, ids):
    """table (V, C), ids -> table[ids], backward;   backward(dy) -> dtable, None"""
    y = table[ids]

    def backward(dy):
        dtable = np.zeros_like(table)
        ### BEGIN SOLUTION
        # each place gives its dy to the row that it took
        np.add.at(dtable, ids, dy)
        ### END SOLUTION
        return dtable, None  # ids have no gradient

    return y, backward


check("06.2", my_embedding)

# %% [markdown]
# ## The loop
# Five things are done for each batch, two by an *optimizer*, which goes steps against the gradients
# (lesson 01). By the alphabet:
#
# | method | of | what it does |
# |---|---|---|
# | `backward()` | a loss | adds the gradients to what is there |
# | `item()` | a loss | gives a plain number, to keep |
# | `loss(x, y)` | the model | gives the loss of this batch |
# | `step()` | the optimizer | goes a step against the gradients |
# | `zero_grad()` | the optimizer | forgets the gradients |
#
# Why is there something to forget? Here, as in PyTorch, gradients **add up**, so that a batch that is too large for
# the memory can be taken in parts.

# %% [markdown]
# ## Exercise 06.3: train
# Write `my_train`, with the five in an order that makes sense. `batches` gives one pair `x, y` after the other. Return
# the losses, a plain number for each batch, as they were before its step.
# (The judge tries it on a model of two or three numbers, which is called in the same way.)


# %%
def my_train(model, optimizer, batches):
    """goes through all batches, a step for each -> a list of the losses"""
    losses = []
    for x, y in batches:
        ### BEGIN SOLUTION
        # how wrong, and which way
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        # a step
        optimizer.step()
        losses.append(loss.item())
        ### END SOLUTION
    return losses


check("06.3", my_train)

# %%
# The model, as this library writes models: a Parameter is an array that wants gradients, a Module has some.
# Three hundred batches of 32 windows, in your loop, on your look-up and (lesson 05) your cross-entropy:
# `swap` puts them in the place of the library's. SGD, stochastic gradient descent, is the step of lesson
# 01. Its learning rate, lr, is large: a slope is a mean over 1024 places, and few of them are about one
# letter.
train = use("06.3")


class Bigram(Module):
    def __init__(self, V):
        self.table = Parameter(np.zeros((V, V)))

    def loss(self, x, y):
        scores = embedding(self.table, x)  # (B, T, V)
        return cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))


def batches(ids, n=300, B=32, T=32):
    rng = np.random.default_rng(0)
    for _ in range(n):
        yield windows(ids, rng.integers(0, len(ids) - T, B), T)


model = Bigram(V)
with swap(embedding, use("06.2")), swap(cross_entropy, use("05.2")):
    losses = train(model, SGD(model, lr=20.0), batches(ids))
print("the loss of every 50th batch:", [round(v, 2) for v in losses[::50]])

# %% [markdown]
# ## One forgotten line
# The same loop without `zero_grad`. Python reports no error. (With the line the loss went down to about 2.)
#
# **Guess.** Where does it stand after 300 batches without it: about 1, 2, 3 or 4?


# %%
class Forgetful(SGD):
    """An optimizer whose zero_grad does nothing, as if you had left the line out"""

    def zero_grad(self):
        pass


other = Bigram(V)
forgotten = train(other, Forgetful(other, lr=20.0), batches(ids))

# %%
guess_2 = 4  ### SOLUTION
predict("06.P2", guess_2, losses, forgotten)


# %%
# Known beforehand: the start, ln V, and the floor for a model that sees one letter back (lesson 05).
def floor_of(ids, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return use("05.3")(counts)


floor = floor_of(ids, V)
whole = model.loss(ids[None, :-1], ids[None, 1:]).item()  # not of a batch: of all the text
plots.curves(
    {"as it should be": losses, "zero_grad forgotten": forgotten},
    f"the loss starts at ln {V} = {np.log(V):.2f} and comes down close to the floor of {floor:.2f}: on the "
    f"whole text it is {whole:.2f}. Without zero_grad it falls at first, then climbs, with this learning "
    f"rate to {np.mean(forgotten[-20:]):.2f}: each step goes along the sum of all gradients so far.",
    limits={f"ln {V}: knows nothing": np.log(V), "floor: one letter back": floor},
)

# %%
# The same on Chinese stories, whose characters are more and rarer (so lr is larger). A Chinese character
# says more than a letter: the two losses cannot be compared. And what such models write:
chinese = load_corpus("stories-zh").train[:60_000]
zh = CharTokenizer.train(chinese)
ids_zh = np.array(zh.encode(chinese))
model_zh = Bigram(zh.vocab_size)
losses_zh = train(model_zh, SGD(model_zh, lr=60.0), batches(ids_zh))
print(
    f"Chinese: from ln {zh.vocab_size} = {np.log(zh.vocab_size):.2f} to {np.mean(losses_zh[-20:]):.2f}; "
    f"the floor is {floor_of(ids_zh, zh.vocab_size):.2f}"
)


def write(model, tokenizer, start, n, rng):
    written = tokenizer.encode(start)
    for _ in range(n):
        scores = model.table.data[written[-1]]
        p = np.exp(scores - scores.max())
        written.append(int(rng.choice(len(p), p=p / p.sum())))
    return tokenizer.decode(written)


print(repr(write(model, tokenizer, "M", 70, np.random.default_rng(1))))
print(repr(write(model_zh, zh, chinese.strip()[0], 30, np.random.default_rng(1))))

# %% [markdown]
# Each letter fits the one before it; what is longer fits by chance. A better model looks further back:
# **attention**, lesson 07.
#
# **Two questions without code**
# 1. Your loss starts at ln V and stays there. Which of the five lines do you look at first?
# 2. The loss of some batches dips under the floor. Is that a bug?
#
# <details><summary>Answers</summary>
#
# 1. backward and step: without either nothing is learned. (Or zero_grad stands between them.)
# 2. No: the floor is that of the whole text, and a batch may be easier. Look at the mean.
#
# </details>
#
# **Next:** put `lr=2.0` in place of 20, twice: how far do both come? Then lesson 07. What you did so far:
# `progress()`.

# %%
# The library's look-up. On the way back add_rows is the np.add.at (on a GPU too), and dtable is a function,
# so that a few rows can be added to a table that is large. (@op: lesson 03; array_module: lesson 16 and the
# file tinygpt/backend.py.)
show(embedding)
