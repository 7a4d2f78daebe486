# %% [markdown]
# # 01 Slope and step: which way is down?
#
# A model is made of many numbers, its *weights*. One more number says how wrong it is. To make that one smaller,
# ask of each weight: **if it rises a little, does the loss rise or fall, and how fast?** Then take a small step
# down. That is training.
#
# After this lesson you can
# 1. find the slope of anything by trying (`my_numerical_gradient`),
# 2. walk down a valley by its slopes (`my_descend`),
# 3. say how small a step to try should be (`my_best_eps`), and why smaller is not better.
#
# *Time: 35 minutes for you, 8 seconds for the machine. Needs: NumPy arrays and their indices, and what a
# derivative is.*

# %%
import time

import numpy as np

from tinygpt import no_grad
from tinygpt.autograd import gradcheck
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.lesson.exercises.slope import error_of
from tinygpt.lesson.storyteller import load

x = np.linspace(2, 4, 50)
plots.curves(
    {
        "f(x) = x^2": (x, x**2),
        "the line through its points at 3 and 4": (np.array([2.0, 4]), np.array([2.0, 16])),
        "the line through its points at 2 and 4": (np.array([2.0, 4]), np.array([4.0, 16])),
    },
    "how steep is the curve at x = 3? The line through the points at 2 and 4 is as steep as the curve is "
    "there: it rises 6 for every 1. The one through 3 and 4 is too steep, for the curve bends upwards.",
    x="x",
    y="f(x)",
    points={"(3, 9)": (3, 9)},
)

# %% [markdown]
# ## A slope, by trying
# The slope of $f$ at $x$ is the rise of $f$ divided by the step of $x$, for a small step $\varepsilon$ (epsilon).
# By hand, for $f = x^2$ at $x = 3$, where the slope is 6:
#
# | step | one side: $\frac{f(x + \varepsilon) - f(x)}{\varepsilon}$ | both sides: $\frac{f(x + \varepsilon) - f(x - \varepsilon)}{2 \varepsilon}$ |
# |---|---|---|
# | 1 | (16 − 9) / 1 = 7 | (16 − 4) / 2 = 6 |
# | 0.1 | (9.61 − 9) / 0.1 = 6.1 | (9.61 − 8.41) / 0.2 = 6 |
#
# With both sides, the **central difference**, the bend to the left and the bend to the right cancel.
#
# Of many inputs, move **one** and leave the others where they are. Their slopes together are the **gradient**.

# %% [markdown]
# ## Exercise 01.1: the gradient by trying
# Complete `my_numerical_gradient`. The loop gives every index of `x`, one after the other: 0, 1, 2, ... or, for
# a matrix, (0, 0), (0, 1), ...; `x[i]` is one number.
#
# - After the call, `x` must hold what it held before.
# - An array of whole numbers cannot hold 3.01: put there, it becomes 3. Refuse such an `x` with an error:
#   `raise TypeError("...")`. (`x.dtype.kind` is `"f"` for floats. Working on a copy made of floats is right too.)
#
# Stuck? Run `hint("01.1")` in a new cell; `reveal("01.1")` shows an answer.


# %%
def my_numerical_gradient(f, x, eps):
    """f takes x and gives one number -> the slope for each element, an array of the shape of x"""
    ### BEGIN SOLUTION
    # refuse what holds no floats
    if x.dtype.kind != "f":
        raise TypeError("x must hold floats")
    ### END SOLUTION
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        ### BEGIN SOLUTION
        # f a step above, and a step below
        kept = x[i]
        x[i] = kept + eps
        up = f(x)
        x[i] = kept - eps
        down = f(x)
        # as it was before
        x[i] = kept
        # rise / run
        gradient[i] = (up - down) / (2 * eps)
        ### END SOLUTION
    return gradient


check("01.1", my_numerical_gradient)

# %% [markdown]
# ## In a real GPT
# Yours on the little GPT of lesson 00: how does its *loss* (how wrong it is on a text, lesson 05) change with three of
# its weights? Beside it the slopes that the library works out by going back through the model.

# %%
model, tokenizer = load()
model.to("float64")
ids = np.array(
    tokenizer.encode("\nTom went to the river with a little dog.")
)  # the text, as numbers
weights = dict(model.named_parameters())["ln_f.weight"]  # 56 of its weights
before = weights.data[:3].copy()


def loss_of(first_three):
    weights.data[:3] = first_three
    with no_grad():  # nothing is kept for a way back
        return model.loss(ids[:-1], ids[1:]).item()


start = time.perf_counter()
tried = use("01.1")(loss_of, before.copy(), 1e-4)
by_trying = (time.perf_counter() - start) / 3 * model.num_parameters()
weights.data[:3] = before

start = time.perf_counter()
model.loss(ids[:-1], ids[1:]).backward()
going_back = time.perf_counter() - start

print("by trying:     ", tried)
print("by going back: ", weights.grad[:3])
print(f"largest difference: {abs(tried - weights.grad[:3]).max():.0e}")
print(
    f"for all {model.num_parameters():,} weights: about {by_trying / 60:.0f} minutes by trying, "
    f"{1000 * going_back:.0f} milliseconds by going back"
)

# %% [markdown]
# The same numbers. Trying needs two runs of the model for each weight; lesson 02 shows the way back. But trying needs
# no thought: whoever writes a way back **checks it by trying**.
#
# ## A step down
# Where $f$ rises with $x$, it falls when $x$ goes the other way. So go a step *against* the slope:
#
# $$x \leftarrow x - \text{learning rate} \cdot \text{slope at } x$$
#
# By hand, for $f = x^2$ (slope $2x$) from $x = 1$, with the learning rate 0.4: the slope is 2, so $x$ becomes
# 1 − 0.8 = 0.2. Then 0.2 − 0.4 · 0.4 = 0.04. Each step leaves a fifth of the way.

# %% [markdown]
# ## Exercise 01.2: twenty steps
# Write `my_descend`: it goes `steps` such steps. `slope(x)` gives the slopes at `x`, an array of its shape; ask
# it at every place anew. `steps` may be 0. The array that you were given belongs to the caller: leave it as it is.


# %%
def my_descend(slope, x, learning_rate, steps):
    """slope(x) -> the slopes at x; x an array -> the array where the walk ends"""
    ### ANSWER 01.2


check("01.2", my_descend)

# %%
# A long valley: steep across, nearly flat along. Twenty steps on slopes found by trying, with two learning
# rates.
gradient, descend = use("01.1"), use("01.2")


def valley(p):
    return 0.1 * p[0] ** 2 + 2 * p[1] ** 2


def place_after(steps, learning_rate):
    return descend(lambda p: gradient(valley, p, 1e-3), np.array([-9.0, 3.0]), learning_rate, steps)


paths = {f"learning rate {rate}": [place_after(n, rate) for n in range(21)] for rate in (0.1, 0.45)}
small, large = (valley(path[-1]) for path in paths.values())
plots.valley(
    lambda x, y: 0.1 * x**2 + 2 * y**2,
    paths,
    "the rings are places of equal height, the star is the bottom. Both walks begin at the left, "
    f"{valley([-9.0, 3.0]):.0f} high; marks stand at the first six places and then at every tenth. After "
    f"20 steps the one with short steps is at a height of {small:.2f}, the other at {large:.2f}. Watch the "
    "steep way, up and down, and the flat one.",
)

# %%
# Guess: f = x^2 again, from x = 1, now with the learning rate 1.1. Twenty steps later, is x "nearer" to 0
# than it was, or "farther"?
guess_1 = "farther"  ### SOLUTION


def far_from_0(rate, steps=20):
    return abs(descend(lambda x: 2 * x, np.array([1.0]), rate, steps)[0])


predict("01.P1", guess_1, far_from_0)

# %% [markdown]
# So the learning rate has a limit. For $f = a x^2$ a step takes off $2 a x$ times the rate, and above the rate $1/a$
# it lands farther out each time. In the valley $a$ is 2 across and 0.1 along: the steep direction sets the limit, 0.5,
# and the flat one must be walked with that.
#
# ## How small a step to try?
# The other step, $\varepsilon$, only serves to look around. The slope of a curve is meant for *small* steps. So:
#
# **Guess.** $f = \sin x$ near $x = 1$, both sides, 16 digits (float64). Which step gives the slope with the smallest
# error: 0.1, 1e-5, 1e-10 or 1e-15?

# %%
guess_2 = 1e-5  ### SOLUTION
# error_of(step, dtype): how far the slope of sin by trying is off, as a rule, at places near 1
predict("01.P2", guess_2, error_of)

# %% [markdown]
# ## Two errors
# Take a machine that keeps **three digits** of a sine. The slope of $\sin x$ at 1 is 0.54.
#
# | step | the sines of both sides, in thousandths | rise / run, in thousandths |
# |---|---|---|
# | 0.1 | 891 and 783 | 108 / 200 = 0.54 |
# | 0.01 | 847 and 836 | 11 / 20 = 0.55 |
# | 0.001 | 842 and 841 | 1 / 2 = 0.5 |
#
# What is left of the difference is **rounding**. With numbers $u$ apart, the slope is off by up to about $u /
# \varepsilon$: that *grows* when $\varepsilon$ shrinks. The other error shrinks: for $f = x^3$, whose slope is $3
# x^2$, both sides give $\frac{(x + \varepsilon)^3 - (x - \varepsilon)^3}{2 \varepsilon} = 3 x^2 + \varepsilon^2$. So
# in all
#
# $$\text{error} \approx \frac{u}{\varepsilon} + \varepsilon^2$$

# %% [markdown]
# ## Exercise 01.3: the best step
# Write `my_best_eps(dtype)`: the step at which both errors are about equal. float64 has 16 digits, float32 has 7.
# `np.finfo(dtype).eps` is $u$, the spacing of the numbers beside 1. (NumPy calls that eps; it is not our step.)
#
# You need not hit it: the judge is content with an error that is at most 100 times the smallest one.


# %%
def my_best_eps(dtype):
    """np.float64 or np.float32 -> the step for a central difference"""
    ### ANSWER 01.3


check("01.3", my_best_eps)

# %% [markdown]
# ## See it
# The error for every step, both methods, both types. Where the picture is in powers of ten, an error of size
# $\varepsilon^2$ is a straight line that rises by 2 for every 1, and $u / \varepsilon$ one that falls by 1.

# %%
best_eps = use("01.3")
steps, errors = 10.0 ** np.arange(-14, 0, 0.25), {}
for dtype in (np.float64, np.float32):
    possible = steps[steps > 3 * np.finfo(dtype).eps]  # a smaller one is lost beside 1
    for name, one in (("one side", True), ("both sides", False)):
        found = np.array([error_of(step, dtype, one_sided=one) for step in possible])
        errors[f"{name}, {dtype.__name__}"] = possible, found


def steepness(name, low, high):
    s, error = errors[name]
    part = (s > low) & (s < high)
    return np.polyfit(np.log10(s[part]), np.log10(error[part]), 1)[0]


right, left = (
    steepness("both sides, float64", 1e-4, 0.1),
    steepness("both sides, float64", 1e-12, 1e-7),
)
both = (np.float64, np.float32)
yours = {f"my step, {d.__name__}": (best_eps(d), error_of(best_eps(d), d)) for d in both}
plots.curves(
    errors,
    f"each is a V. With both sides in float64 the right arm rises {right:.1f} powers of ten for each of "
    f"the step (one side: {steepness('one side, float64', 1e-6, 0.1):.1f}), the left arm {left:.1f}. To "
    "the left of the best step a smaller one makes it worse, and in float32 that begins much earlier.",
    x="step",
    y="error of the slope",
    points=yours,
    log=True,
)

# %% [markdown]
# **Two questions without code**
# 1. You check a gradient in float32 and find that it is off by 1 %. What do you try first?
# 2. Why does the error of one side shrink only as fast as $\varepsilon$?
#
# <details><summary>Answers</summary>
#
# 1. float64. In float32 an error like that may be rounding alone.
# 2. One side counts the bend as slope, and within a step of $\varepsilon$ the slope changes by about
#    $\varepsilon$ times the bend. With both sides the two changes cancel.
#
# </details>
#
# **Next:** in the cell with the valley put 0.51 in the place of 0.45: up and down, or along? Then lesson 02, the way
# back. What you did so far: `progress()`.

# %%
# The library's own check of a gradient, in its shortest form: your loop is in it. (f may have many results;
# L makes one number of them, with random weights dy. Whole numbers become floats in its first line.)
show(gradcheck.check.check_gradient_plain)
