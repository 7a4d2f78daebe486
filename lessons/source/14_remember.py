# %% [markdown]
# # 14 Remember or learn
#
# A model that has read a text often enough can say it by heart. That looks like learning, and the loss falls and
# falls. How do you notice? And what helps?
#
# After this lesson you can
# 1. hold out a part of a text so that nothing of it is known (`my_split`),
# 2. write dropout, there and back (`my_dropout`),
# 3. stop in time (`my_early_stop`), and tell remembering from learning by two curves.
#
# *Time: 45 minutes for you, 9 seconds for the machine. Needs lessons 04 (ids), 05 (the floor) and 06 (the loop).*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, no_grad
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn.dropout import dropout
from tinygpt.text import CharTokenizer, load_corpus

# A text of eight letters, each of which depends on the one before (lesson 05). We made its chances, so we
# know how low a loss on NEW text of this kind can be: the floor. (That of lesson 05 was another: of the
# best table for that very text.) Below: how a loss is measured, and how a model is trained, as in lesson
# 06.
V, T = 8, 16
chances = np.random.default_rng(0).dirichlet(0.5 * np.ones(V), size=V)


def write(n, seed):
    rng, text = np.random.default_rng(seed), [0]
    for _ in range(n):
        text.append(int(rng.choice(V, p=chances[text[-1]])))
    return np.array(text)


held_out = write(4000, seed=99)  # new text of the same kind
floor = -np.log(
    chances[held_out[:-1], held_out[1:]]
).mean()  # what the true chances themselves cost on it


def loss_on(model, ids):
    at = np.arange(0, len(ids) - T, T)[:, None] + np.arange(T + 1)
    model.eval()  # as when it writes
    with no_grad():
        loss = model.loss(ids[at[:, :-1]], ids[at[:, 1:]]).item()
    model.train()
    return loss


def train(n=500, steps=400, C=32, dropout=0.0):
    """a GPT of two layers on a text of n letters -> every 20 steps the loss on it, and on held-out text"""
    ids = write(n, seed=1)
    model = GPT(
        GPTConfig(V, block_size=T, n_layer=2, n_head=2, n_embd=C, dropout=dropout), seed=0
    ).train()
    optimizer, rng, on_train, on_held_out = AdamW(model, lr=5e-3), np.random.default_rng(0), [], []
    for step in range(steps + 1):
        if step % 20 == 0:
            on_train.append(loss_on(model, ids))
            on_held_out.append(loss_on(model, held_out))
        at = rng.integers(0, len(ids) - T, 16)[:, None] + np.arange(T + 1)
        loss = model.loss(ids[at[:, :-1]], ids[at[:, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(on_train), np.array(on_held_out)


# %%
# It trains on 500 letters, for 400 steps. Guess: where does the loss on the text that it reads end, "above"
# the floor or "below" it?
guess_1 = "below"  ### SOLUTION
on_train, on_held_out = train()
predict("14.P1", guess_1, on_train, floor)

# %%
steps = 20 * np.arange(len(on_train))
best = int(np.argmin(on_held_out))
plots.curves(
    {"seen: it trains on it": (steps, on_train), "held out: it never saw it": (steps, on_held_out)},
    f"at first both fall. From step {steps[best]} on the second one rises again, from "
    f"{on_held_out[best]:.2f} to {on_held_out[-1]:.2f}, while the first goes below the floor, to "
    f"{on_train[-1]:.2f}: nobody can know so much of such text, but one can remember it.",
    y="loss, nats per letter",
    limits={f"floor {floor:.2f}: the true chances": floor},
)

# %% [markdown]
# **Only the second curve tells you.** And it tells no more than that: the model remembers all the same. "We have
# validation, so we cannot overfit" is like saying that a thermometer keeps the fever down.
#
# ## Exercise 14.1: hold out
# The second curve is worth something only if **nothing** of the held-out part was used: not for the weights, and not
# for the tokenizer either, which learns letters or pieces from a text (lesson 04).
#
# Write `my_split(text, n, learn)`. The last n characters of the text are held out. `learn(text)` returns a function
# `encode(text)`, which makes ids, of letters or of pieces. Return the ids to train on, and those held out.


# %%
def my_split(text, n, learn):
    """learn(text) -> encode;  encode(text) -> ids.   Returns the ids to train on, the ids held out"""
    ### ANSWER 14.1


check("14.1", my_split)

# %%
# On the beginnings of English and Chinese stories:
split = use("14.1")


def learn(text):
    known = sorted(set(text))
    return lambda text: [known.index(c) + 1 if c in known else 0 for c in text]  # 0: never seen


for name in ("stories", "stories-zh"):
    story = load_corpus(name).train[:600]
    ids, rest = split(story, 60, learn)
    everything = learn(story)(story)
    print(
        f"{name:<12}{max(ids):>4} characters known from the part to train on, {max(everything)} in all; "
        f"of the held-out ones {np.mean(np.array(rest) == 0):.1%} were never seen"
    )

# %% [markdown]
# Whoever learns the ids from everything never meets an unknown character, and is surprised by the first reader who
# types one. (English has few letters: there it goes unnoticed.)
#
# ## Exercise 14.2: dropout
# One thing that helps: while training, each number is set to 0 with the chance p, other ones in every step, so that no
# part can rely on any single other part. What stays is made larger, so that the **mean stays**: by hand, p = 0.5: of
# (2, 4, 6, 8), mean 5, perhaps (4, 0, 12, 0) is left, mean 4, another time more. On average 5.
#
# When the model writes (`training` is False), nothing falls. `rng.random(shape)` draws numbers from 0 to 1.


# %%
def my_dropout(x, p, rng, training):
    """y, backward;   backward(dy) -> dx.   p: the share that falls"""
    ### ANSWER 14.2


check("14.2", my_dropout)

# %%
# p = 0.6, and a million numbers with the mean 5. Guess: what is the mean of those that do NOT fall?
guess_2 = 12.5  ### SOLUTION
drop = use("14.2")
many = 5 + np.random.default_rng(0).standard_normal(1_000_000)
predict("14.P2", guess_2, drop(many, 0.6, np.random.default_rng(1), True)[0])

# %% [markdown]
# ## Exercise 14.3: stop in time
# The second: stop, and keep the best. But a loss jumps about, so wait a little. Write `my_early_stop(losses,
# patience)`: `losses` are the measurements on held-out text, in order. Training stops when `patience` measurements in
# a row were not better than the best so far; if that never comes, at the last.
#
# Return the number of the best one and that of the last one that was measured, counted from 0. By hand, patience 2: of
# 3.0, 2.0, 2.5, 2.1, 1.9 the best is number 1, and it stops at number 3: 1.9 is never measured. (In a real run the
# weights of the best one are saved.)


# %%
def my_early_stop(losses, patience):
    """-> best, stopped: numbers of measurements, from 0"""
    ### ANSWER 14.3


check("14.3", my_early_stop)

early_stop = use("14.3")
at, stopped = early_stop(on_held_out, 3)
last = len(on_held_out) - 1
print(
    f"would keep the model of step {20 * at}, with {on_held_out[at]:.2f}; stops at {20 * stopped} of "
    f"{20 * last}"
)

# %% [markdown]
# ## Three ways
# **Guess.** Ten times as much text, for as many steps; or dropout, yours, 0.4 (the library calls it after the
# embedding and at the end of each branch); or to stop in time. Whose lowest loss on held-out text is nearest to the
# floor: "more text", "dropout" or "stop"?

# %%
generator = np.random.default_rng(5)


def dropout_op(x, p, key=None):  # the library hands over a key; yours draws by itself
    y, back = drop(x, p, generator, training=p > 0)
    return y.astype(x.dtype), lambda dy: back(dy).astype(x.dtype)


more_train, more_held_out = train(n=5000)
with swap(dropout, dropout_op):  # (its first call is while it is measured: there nothing falls)
    drop_train, drop_held_out = train(dropout=0.4)
ends = {"more text": more_held_out.min(), "dropout": drop_held_out.min(), "stop": on_held_out[at]}

# %%
guess_3 = "more text"  ### SOLUTION
predict("14.P3", guess_3, ends, floor)

# %%
plots.with_and_without(
    {
        "as it was": (
            "loss, nats per letter",
            {"seen": (steps, on_train), "held out": (steps, on_held_out)},
        ),
        "ten times the text": (
            "",
            {"seen": (steps, more_train), "held out": (steps, more_held_out)},
        ),
        "dropout 0.4": ("", {"seen": (steps, drop_train), "held out": (steps, drop_held_out)}),
        "stopped in time": (
            "",
            {
                "seen": (steps[: stopped + 1], on_train[: stopped + 1]),
                "held out": (steps[: stopped + 1], on_held_out[: stopped + 1]),
            },
        ),
    },
    f"the floor is {floor:.2f}. The lowest loss on held-out text is {ends['more text']:.2f} with more text, "
    f"{ends['dropout']:.2f} with dropout, {ends['stop']:.2f} where it was stopped; as it was, it ends at "
    f"{on_held_out[-1]:.2f}. Where the two curves lie together, the model has learned; where they part, it "
    "remembers.",
    floor=floor,
)

# %% [markdown]
# **Two questions without code**
# 1. Why does `loss_on` call `model.eval()`?
# 2. Of ten models you keep the one with the lowest held-out loss. Is that loss still an honest number?
#
# <details><summary>Answers</summary>
#
# 1. Dropout would tear holes into the model that is measured.
# 2. Not quite: it was chosen for being low on this very text. Hold out a second part, and look at it once, at the end.
#
# </details>
#
# **Next:** put `C=8` in `train`, a much smaller model: does it remember less, or only later? Then lesson 15: which
# letter next. What you did so far: `progress()`.

# %%
# The library's: yours, but that a key decides what falls, so that the same can be drawn again.
show(dropout)
