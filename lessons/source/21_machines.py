# %% [markdown]
# # 21 Many machines
#
# A model that would train for a year on one machine trains for a day on four hundred. How do they work on one model, and
# why not on four hundred thousand?
#
# After this lesson you can
# 1. put the gradients of several processes together (`my_whole_gradient`),
# 2. add up a long row over many machines by talking to neighbours alone (`my_add_round`, `my_copy_round`),
# 3. say what each of them keeps in memory, and what larger batches do to the loss.
#
# *Time: 40 minutes for you, 30 seconds for the machine. Needs lessons 05 (loss), 06 (the loop) and 13 (the step).*

# %%
import math

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, clip_grad_norm
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.lesson.many import mpi
from tinygpt.training.ranks import step_plain

# A **rank** is one of several processes that were started together, and its number: 0, 1, 2, ... MPI starts
# them and carries what they send, on one machine or on many. Here four of them, on this machine:
hello = """
from mpi4py import MPI
world = MPI.COMM_WORLD
print(f"I am rank {world.rank} of {world.size}")
"""
print(mpi(4, hello))

# %% [markdown]
# Four processes, one program; each knows its number. (`mpi` starts a program in so many, and shows what they print. Stuck
# in an exercise? `hint("21.1")`.)
#
# ## Exercise 21.1: one gradient of many
# Every rank has the same model and its own rows of the batch. It gets a loss and a gradient, the **mean** over its rows.
# Wanted is the gradient of the whole batch, the mean over **all** rows. The ranks may have unequally many, or none.
#
# By hand: rank 0 has 2 rows and the gradient (2), rank 1 has 1 row and (5). Over all three rows: (2 + 2 + 5) / 3 = 3.


# %%
def my_whole_gradient(gradients, rows):
    """gradients: the mean gradient (L,) of each rank; rows: how many rows each has -> (L,)"""
    ### ANSWER 21.1


check("21.1", my_whole_gradient)

# %%
whole_gradient = use("21.1")
ids = np.random.default_rng(0).integers(0, 9, (8, 13))
model = GPT(GPTConfig(vocab_size=9, block_size=12, n_layer=1, n_head=2, n_embd=16), seed=0)


def gradient(rows):
    model.zero_grad()
    model.loss(rows[:, :-1], rows[:, 1:]).backward()
    return model.vector().gradient().copy()


apart = [gradient(ids[:1]), gradient(ids[1:])]  # a rank with 1 row, and one with 7
together = gradient(ids)
for name, g in {
    "weighted by the rows": whole_gradient(apart, [1, 7]),
    "mean of the means": (apart[0] + apart[1]) / 2,
}.items():
    off = np.abs(g - together).max() / np.abs(together).max()
    print(f"{name}: off by {100 * off:.0f} % of the largest element")

# %% [markdown]
# ## Exercise 21.2: a ring, and sums that travel
# If each rank first multiplies by its rows / all rows, only a **sum** is left. In a **ring** nobody sends more
# than two lists for it: each list is cut into n parts (here one number each), and in each
# round every rank sends **one** to its right neighbour, which adds it:
#
# rank r sends part (r - step) mod n to rank r + 1 (the last one to rank 0).
#
# By hand, step 0: (1, 2, 3), (10, 20, 30), (100, 200, 300) send 1, 20 and 300, and become (1, 2, 303), (11, 20, 30),
# (100, 220, 300). In step 1 rank 1 sends that 11 on.


# %%
def my_add_round(numbers, step):
    """numbers: n lists of n numbers, numbers[rank][part] -> the same after this round"""
    ### ANSWER 21.2


check("21.2", my_add_round)

# %% [markdown]
# ## Exercise 21.3: the sums go round
# After n - 1 rounds each part has been everywhere: its sum is complete, in **one** rank. Rank r has that of part (r + 1)
# mod n. Now n - 1 rounds more, step 0, 1, ... again, in which the complete sums go round, and take the place of what was there:
#
# rank r sends part (r + 1 - step) mod n to rank r + 1, which puts it in place of its own.


# %%
def my_copy_round(numbers, step):
    """numbers: n lists of n numbers, numbers[rank][part] -> the same after this round"""
    ### ANSWER 21.3


check("21.3", my_copy_round)

# %%
add_round, copy_round = use("21.2"), use("21.3")


def ring(numbers):
    """n lists of n numbers -> what they are after each round, at first as they came"""
    n, after = len(numbers), [numbers]
    for step in range(n - 1):
        after.append(add_round(after[-1], step))
    for step in range(n - 1):
        after.append(copy_round(after[-1], step))
    return after


after = ring([[1] * 4 for _ in range(4)])  # every number is 1: a sum tells how many are in it
plots.tiles(
    {
        name: np.array(after[k])
        for name, k in {"at first": 0, "after 1 round": 1, "after 3": 3, "after 6": 6}.items()
    },
    "a line is a rank, a column a part; the number says of how many ranks the sum is. After 3 rounds each "
    "part is complete in one rank, after 6 in all.",
)

# A list of 1 000 000 numbers, in 4 parts. Guess: how many does each rank send, in all six rounds together?
guess_1 = 1_500_000  ### SOLUTION
predict("21.P1", guess_1, len(after) - 1, 1_000_000 / 4)

# %%
# MPI's word for it is Allreduce. It may do it this way or another; the result is the same. On four ranks:
numbers = np.random.default_rng(1).integers(0, 100, (4, 4)).tolist()
program = f"""
import numpy as np
from mpi4py import MPI
world = MPI.COMM_WORLD
mine = np.array({numbers}[world.rank], dtype=np.float64)   # each rank takes its own list
world.Allreduce(MPI.IN_PLACE, mine)                        # the sum of all lists, in every rank
print(f"rank {{world.rank}} has {{mine.tolist()}}")
"""
print(mpi(4, program))
print("your ring:", ring(numbers)[-1])

# %% [markdown]
# ## A training over ranks
# Every rank draws the same batch and takes its share of the rows; one Allreduce; then all make the same step. So the
# weights stay equal, and nothing else has to be sent. Below: 1, 2 and 4 processes, the same model, with dropout, and the
# loss over the whole batch. (What dropout drops hangs on the place of a row in the batch, not on who computes it.)

# %%
training = """
import numpy as np
from tinygpt import GPT, GPTConfig, Trainer, TrainingArguments
from tinygpt.training.ranks import over_ranks
from tinygpt.training.world import world_of_ranks

ids = np.random.default_rng(0).integers(0, 9, 500)
model = GPT(GPTConfig(9, block_size=8, n_layer=2, n_head=2, n_embd=16, dropout=0.1), seed=0)
a = TrainingArguments(batch_size=8, max_steps=20, warmup_steps=2, workers=1, shard_optimizer=SHARD)
trainer = Trainer(model, a, train=ids)
with over_ranks(trainer):
    for _ in range(20):
        loss = trainer.step(*next(trainer.batches))
    moments = sum(len(m) for m in trainer.optimizer.moments.values())
world = world_of_ranks()
if world.rank == 0:
    print(f"ranks: {world.size}, loss {float(loss):.6f}, gradient norm {float(trainer.norm):.6f}, "
          f"rank 0 keeps {moments:,} numbers m and v")
"""
for n in (1, 2, 4):
    print(mpi(n, training.replace("SHARD", "False")), end="")

# %% [markdown]
# Behind these digits they differ: sums were added up in another order.
#
# ## Who remembers what
# AdamW keeps m and v of each weight (lesson 13), and so far every rank keeps all. But a rank may step one n-th of the
# weights alone, each rank another: **ZeRO** (zero redundancy optimizer), stage 1. After the first half of the ring each
# rank has the sum of one part, and steps its weights. In the second half these go round, not the gradients.
#
# **Guess.** GPT-2 small has 124 million weights: 0.5 GB in float32, as much for gradients, m and v, 2 GB in all. With
# 8 ranks and ZeRO-1, how many GB does each rank need: 0.25, 1.1 or 2?

# %%
guess_2 = 1.1  ### SOLUTION
predict("21.P2", guess_2, 124_439_808, 8)
for n in (2, 4):
    print(mpi(n, training.replace("SHARD", "True")), end="")

# %% [markdown]
# ## What larger batches do to the loss
# More ranks make a step of the same rows shorter, until sending takes longer than computing (`tinygpt bench parallel`
# measures both). Or they make the batch larger, in the same time for a step. Does that help as much?
#
# **Guess.** Three runs see about the same number of rows: 200 steps of 8, 50 steps of 32, 12 steps of 128, with the same
# learning rate. Which one ends with the lowest loss: 8, 32 or 128?

# %%
rng = np.random.default_rng(2)
chain = rng.dirichlet(0.2 * np.ones(12), size=12)  # which letter likes to follow which
letters = [0]
for _ in range(6000):
    letters.append(int(rng.choice(12, p=chain[letters[-1]])))
text = np.array(letters)


def train(rows, steps, lr=3e-3):
    """the loss of each step, and the one at the end on the last part of the text"""
    rng = np.random.default_rng(0)
    shape = GPTConfig(12, block_size=16, n_layer=1, n_head=2, n_embd=32)
    model = GPT(shape, seed=0).train()
    optimizer, losses = AdamW(model, lr=lr), []
    for _ in range(steps):
        at = rng.integers(0, 5000, rows)[:, None] + np.arange(17)
        loss = model.loss(text[at[:, :-1]], text[at[:, 1:]])
        loss.backward()
        clip_grad_norm(model, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    at = np.arange(5100, 5900, 16)[:, None] + np.arange(17)
    end = float(model.eval().loss(text[at[:, :-1]], text[at[:, 1:]]))
    return losses, end


runs = {rows: train(rows, 1600 // rows) for rows in (8, 32, 128)}

# %%
guess_3 = 8  ### SOLUTION
ends = {rows: end for rows, (_, end) in runs.items()}
predict("21.P3", guess_3, ends)

# %%
losses = {f"{rows} rows": ys for rows, (ys, _) in runs.items()}
losses["128, 3 x rate"], faster = train(128, 12, lr=1e-2)
each = [8, 32, 128, 128]  # rows of a step
plots.with_and_without(
    {
        "by the rows seen": (
            "loss",
            {
                name: (n * np.arange(1, len(ys) + 1), ys)
                for n, (name, ys) in zip(each, losses.items())
            },
        ),
        "by the steps": ("loss", losses),
    },
    "at the end, on new text: "
    + ", ".join(f"{end:.2f} with {rows} rows a step" for rows, end in ends.items())
    + f", and {faster:.2f} with 128 and three times the rate. Left: for the same rows small batches are "
    "ahead, which make more steps. Right: in the same number of steps large ones are.",
    x="",
)

# %% [markdown]
# **Two questions without code**
# 1. With a hundred thousand ranks, what runs out first: rows, or memory?
# 2. Each machine breaks about once in three years. How often does a run on 1 000 of them stop, and what helps?
#
# <details><summary>Answers</summary>
#
# 1. Rows: each rank needs at least one, and batches that large waste text, as above. And a ring would have 200 000
#    rounds, each with its delay.
# 2. About once a day. Resume points: `tinygpt train --resume`, with any number of ranks.
#
# </details>
#
# **Next:** `tinygpt train --processes 2`, and `tinygpt bench parallel` for what 1 024 ranks would gain. What you did so
# far: `progress()`.

# %%
# The library's, plainly: each rank its rows, one sum, one step.
show(step_plain)
