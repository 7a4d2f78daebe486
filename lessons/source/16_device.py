# %% [markdown]
# # 16 On the GPU with CuPy: who waits for whom
#
# A GPU computes thousands of numbers at once. Yet many programs get slower on it. Why? It has a memory of its own, far
# away, and Python only sends it *orders*: one for each operation on arrays.
#
# After this lesson you can
# 1. find and remove what makes both wait (`my_total_norm`),
# 2. write an op that runs on both (`my_softmax_anywhere`),
# 3. say from which size on a GPU pays (`my_break_even`).
#
# *Time: 40 minutes for you, 8 seconds for the machine. Needs lessons 05 (softmax), 06 (the loop), 08 (softmax's way
# back) and 13 (the norm of all gradients). No GPU is needed: a double stands in for one.*

# %%
import math
import time

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig
from tinygpt.backend import array_module, to_device
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, swap, use
from tinygpt.nn.softmax import softmax
from tinygpt.testing.strict_device import double
from tinygpt.text import CharTokenizer, load_corpus


# A drawing, not a measurement: six orders. Python needs 1 to send one, the GPU 3 to carry it out.
def time_line(n, send, run, wait):
    """-> what Python does, what the GPU does: (start, length) of each, and when all is done"""
    now, free, python, gpu = 0, 0, [], []
    for _ in range(n):
        python.append((now, send))
        begin = max(now + send, free)
        gpu.append((begin, run))
        free = begin + run
        now = free if wait else now + send
    return python, gpu, max(now, free)


python, gpu, done = time_line(6, 1, 3, wait=False)
plots.timeline(
    {"Python sends": python, "GPU computes": gpu},
    f"six orders, none of which asks for a number back. After {python[-1][0] + 1} Python has sent them all "
    f"and may prepare the next batch; after {done} the GPU is done, and was busy all the time but for the "
    "first moment.",
    x="time",
    until=25,
)

# %%
# Now Python asks for a number after each order, print(loss) for example, and waits until the GPU has it.
# Guess: after how much time are the six done?
guess_1 = 24  ### SOLUTION
predict("16.P1", guess_1, time_line)

# %%
python, gpu, done = time_line(6, 1, 3, wait=True)
plots.timeline(
    {"Python sends": python, "GPU computes": gpu},
    f"each waits for the other: {done} in place of 19. (Worst where an order takes the GPU as long as "
    f"Python to send it: for six of 1 and 1 it is {time_line(6, 1, 1, wait=True)[2]} in place of "
    f"{time_line(6, 1, 1, wait=False)[2]}.)",
    x="time",
    until=25,
)

# %% [markdown]
# ## The double
# Most of us have no GPU at hand. The library has a stand-in, the **double**: arrays that behave like those of CuPy,
# which is NumPy on a GPU, computed by NumPy. It refuses what CuPy refuses, and some things more that CuPy would let
# pass quietly. It knows nothing of speed, but it **counts**:
#
# - `to_device`: arrays sent there,
# - `to_host`: arrays fetched, with `x.get()`, which waits too,
# - `syncs`: times that Python waited for a number: `float(x)`, `x.item()`, `if x > 0:`, `print(x)`.

# %%
with double() as counts:  # in here "gpu" is the double
    x = to_device(np.array([[3.0, 4.0], [1.0, 2.0]]), "gpu")
    y = (x * x).sum()  # nothing comes back
    print("sent", counts.to_device, "| waited", counts.syncs)
    print("the sum is", float(y), "| waited", counts.syncs)
    # not NumPy's function; not beside an array of the CPU; no index for a list of Python:
    for what in ("np.exp(x)", "x + np.ones((2, 2))", "[1, 2, 3][x[1, 0].astype(int)]"):
        try:
            eval(what)
        except TypeError as error:
            print(f"{what:<32} TypeError: {str(error)[:60]}")

# %% [markdown]
# ## Exercise 16.1: one number back
# To clip gradients (lesson 13) one needs their joint norm: the root of the sum of all squares, of all arrays. They lie
# on the device. Write `my_total_norm(grads)`, which returns a Python number, and waits **once**, however many arrays
# there are. (`+`, `*`, `** 0.5` and methods such as `.sum()` happen on the device.)


# %%
def my_total_norm(grads):
    """grads: arrays on the device -> the norm of all of them, a Python number"""
    ### ANSWER 16.1


check("16.1", my_total_norm)

# %%
# A training step of a GPT on the double: forward, backward, AdamW. Guess: how many times does Python
# wait in this step?
guess_2 = 0  ### SOLUTION
story = load_corpus("stories-zh").train[:20_000]
ids = np.array((characters := CharTokenizer.train(story)).encode(story))
config = GPTConfig(characters.vocab_size, block_size=16, n_layer=2, n_head=2, n_embd=32)


def run(steps, after_step):
    """trains on the double -> the counts of the last step; after_step(step, loss, model) watches"""
    with double() as counts:
        model = GPT(config, seed=0).to("gpu").train()
        optimizer, rng = AdamW(model, lr=1e-3), np.random.default_rng(0)
        for step in range(steps):
            before = (counts.to_device, counts.to_host, counts.syncs)
            at = rng.integers(0, len(ids) - 16, 4)[:, None] + np.arange(17)
            loss = model.loss(ids[at[:, :-1]], ids[at[:, 1:]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            after_step(step, loss, model)
        now = (counts.to_device, counts.to_host, counts.syncs)
    return [b - a for a, b in zip(before, now)]


def nobody(step, loss, model):
    """does not look at all"""


predict("16.P2", guess_2, run(3, nobody))

# %%
# Two people watch their training. The first wants to see everything, at each step; the second the loss and
# your norm, every tenth step. (The counts are of a step in between.)
total_norm = use("16.1")


def careless(step, loss, model):
    seen = [loss.item()]
    for parameter in model.parameters():
        seen.append(float((parameter.grad * parameter.grad).sum()))
        if parameter.grad.max() > 100:
            print("large!")


def careful(step, loss, model):
    if step % 10 == 0:
        loss.item()
        total_norm([parameter.grad for parameter in model.parameters()])


watchers = {"nobody": nobody, "careless": careless, "careful": careful}
counted = {name: run(2, watch) for name, watch in watchers.items()}
tenth = run(1, careful)
arrays = len(list(GPT(config, seed=None).parameters()))
plots.bars(
    {
        name: {"arrays sent": sent, "waits": syncs + fetched}
        for name, (sent, fetched, syncs) in (counted | {"careful, each tenth": tenth}).items()
    },
    f"the model has {arrays} arrays of parameters: the careless one waits 1 + 2 times {arrays}, in every "
    "step; the careful one twice, in every tenth. Counted on the double: no GPU was asked.",
    y="in one step",
)

# %% [markdown]
# ## Exercise 16.2: one op for both
# `np.exp` is NumPy's, and CuPy's arrays want CuPy's. Nobody writes everything twice: `array_module(x)` is the module
# to which x belongs. Write softmax so that it runs on both: the result lies where x lies, and **nothing crosses**.


# %%
def my_softmax_anywhere(x):
    """x (..., n), of the CPU or of a GPU -> chances, in the same place"""
    ### ANSWER 16.2


check("16.2", my_softmax_anywhere)

# %%
# As the library's op, with the way back of lesson 08, on both devices:
anywhere = use("16.2")


def softmax_op(x):
    y = anywhere(x)
    return y, lambda dy: y * (dy - (dy * y).sum(axis=-1, keepdims=True))


with swap(softmax, softmax_op):
    here = softmax(np.array([[1.0, 2.0, 3.0]])).numpy()
with double(), swap(softmax, softmax_op):
    there = softmax(to_device(np.array([[1.0, 2.0, 3.0]]), "gpu"))
    print("on the CPU", here.round(2), "| on the double", there.numpy().round(2))

# %% [markdown]
# ## Exercise 16.3: from which size on?
# An order to a GPU has a price of its own, the *overhead*, however little there is to do. By hand: overhead 100
# microseconds, then 2 for each row; the CPU takes 9 for each row. 10 rows: 120 against 90. 20 rows: 140 against 180.
#
# Write `my_break_even(overhead, gpu, cpu)`: the smallest number of rows with which the GPU is **faster** (equal is not
# faster), or `math.inf` if it never is. All three are whole microseconds.


# %%
def my_break_even(overhead, gpu, cpu):
    """-> the smallest n with overhead + n gpu < n cpu, or math.inf"""
    ### ANSWER 16.3


check("16.3", my_break_even)

# %%
# Your CPU, measured: a matrix product with rows of 256 numbers. And an ASSUMED GPU: 100 microseconds for
# its orders, rows that cost a fiftieth. From how many rows on would it be faster? Guess "1", "100" or
# "10000".
guess_3 = "100"  ### SOLUTION
w = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)


def microseconds(rows):
    a, times = np.ones((rows, 256), np.float32), []
    for _ in range(20):
        begin = time.perf_counter()
        a @ w
        times.append(1e6 * (time.perf_counter() - begin))
    return float(np.median(times))


sizes = [1, 4, 16, 64, 256, 1024, 4096]
cpu = [microseconds(rows) for rows in sizes]
per_row = (cpu[-1] - cpu[-3]) / (sizes[-1] - sizes[-3])  # of many rows
gpu_line = [100 + rows * per_row / 50 for rows in sizes]
nanoseconds = [round(1000 * v) for v in (100, per_row / 50, per_row)]
even = use("16.3")(*nanoseconds)  # any unit will do, if it is the same for all three
predict("16.P3", guess_3, even)

# %%
plots.curves(
    {"this CPU, measured": (sizes, cpu), "a GPU, assumed": (sizes, gpu_line)},
    "each axis in powers of ten. With few rows the overhead is all, and the CPU is faster; "
    f"from {even:,.0f} rows on (computed) the GPU. A letter that is written alone is one row; a batch of 32 "
    "windows of 64 letters is 2048.",
    x="rows",
    y="microseconds",
    log=True,
)

# %% [markdown]
# **A GPU is not faster; it is wider.** It pays where there is much to do at once, and nobody interrupts.
#
# **Two questions without code**
# 1. Why does the library's AdamW not look whether a gradient is too large, with an `if`?
# 2. You look at the clock before and after a step on a GPU: it took almost no time. Why?
#
# <details><summary>Answers</summary>
#
# 1. Each `if` would make Python wait, in every step.
# 2. Python has only sent the orders. Fetch a number first, then look at the clock.
#
# </details>
#
# **Next:** put `print(loss.item())` into `careful`, outside its `if`: how many waits now? What you did so far:
# `progress()`. This was the last lesson.

# %%
# How the library asks where an array lies. (With a GPU, `tinygpt train stories --device gpu`: one word.)
show(array_module)
