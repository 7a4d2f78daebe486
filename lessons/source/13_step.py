# %% [markdown]
# # 13 The step: from a gradient to better weights
#
# The gradient $g$ points uphill, so we step against it; **how far** it does not say. SGD, the optimizer of lesson 06,
# goes $w \leftarrow w - \text{lr}\cdot g$. A step that is too long flies out; one that is too short never arrives.
#
# After this lesson you can
# 1. shorten a gradient that is too long, without turning it (`my_clip`),
# 2. write AdamW, with its corrections and its decay (`my_adamw_step`),
# 3. write a schedule with warm-up (`my_learning_rate`), and train a GPT with all three.
#
# *Time: 45 minutes for you, 10 seconds for the machine. Needs lessons 01 (a step, the valley), 05 (ln V) and 06
# (batches, the loop).*

# %%
# You need not read this cell: it makes a valley, and lets an optimizer walk in it.
import math

import numpy as np

from tinygpt import GPT, SGD, Adam, AdamW, GPTConfig, clip_grad_norm
from tinygpt.autograd.parameters import Parameter
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.nn.module import Module


def height(x, y):
    return (x**2 + 100 * y**2) / 200  # a long valley: 100 times steeper across than along


class Point(Module):
    def __init__(self):
        self.w = Parameter(np.array([-10.0, 3.0]))


def walk(make, steps=60):
    point = Point()
    optimizer, path = make(point), [point.w.data.copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        height(point.w[0], point.w[1]).backward()
        optimizer.step()
        path.append(point.w.data.copy())
    return np.array(path)


slow, fast = (walk(lambda p, lr=lr: SGD(p, lr=lr)) for lr in (0.3, 1.9))
plots.valley(
    height,
    {"SGD, lr 0.3": slow, "SGD, lr 1.9": fast},
    f"the star is the lowest point. After 60 steps, 0.3 (it slides along the middle) is still "
    f"{abs(slow[-1, 0]):.1f} away; 1.9 is nearer, {abs(fast[-1, 0]):.1f}, but jumps from wall to wall.",
)

# %% [markdown]
# ## Clipping: shorter, not other
# Now and then a batch (the few texts that a gradient is computed from) gives a gradient a hundred times
# longer than usual, and one such step can undo an hour. So a gradient longer than `max_norm` is shortened to it.
#
# *Shortened*, not cut: all parameters together are **one** arrow, and its direction must stay. With the
# arrow $(3, 4)$, its length (its *norm*) is $\sqrt{3^2 + 4^2} = 5$; shortened to 1 it is $(0.6, 0.8)$.
#
# If you cut each element at 1 instead, you get $(1, 1)$: another direction.

# %%
# Three layers have gradients with the norms 3, 4 and 12. How long is the whole gradient, all layers taken
# together as one arrow? (A rectangle with the sides 3 and 4 has the diagonal 5.)
guess_1 = 13  ### SOLUTION
predict("13.P1", guess_1, 3, 4, 12)

# %% [markdown]
# ## Exercise 13.1: clip
# `grads` is a list of arrays, one for each parameter. Change the arrays themselves (*in place*: `g *= factor`
# changes an array, `g = g * factor` only gives a new one the same name). Never make a gradient longer, and
# leave one that is 0 everywhere as it is.
#
# Return the norm from before: people plot it, for it shows when training goes wild. Stuck?
# `hint("13.1")` in a new cell; `reveal("13.1")` shows an answer.


# %%
def my_clip(grads, max_norm):
    """Scale the arrays in place so that their joint norm is at most max_norm -> the norm before"""
    ### ANSWER 13.1


check("13.1", my_clip)

# %% [markdown]
# ## Adam: a step of its own for every weight
# Adam keeps two numbers for each weight: $m$, a running mean of its gradients, and $v$, one of their
# **squares**. A running mean goes a small share of the way to each new value; with $\beta_1 = 0.9$ and
# $\beta_2 = 0.999$ the shares are 0.1 and 0.001:
#
# $$m \leftarrow m + (1 - \beta_1)(g - m), \qquad v \leftarrow v + (1 - \beta_2)(g^2 - v)$$
#
# So $\sqrt v$ is how large the gradients usually are, and the step is $-\text{lr} \cdot m / \sqrt v$. If the
# gradient stays the same, $|m| = \sqrt v$, and the step has the length lr. If it jumps from side to side, $m$
# and the step are nearly 0.


# %%
# Two weights, Adam with lr = 0.01, the very first step. One has the gradient 1, the other 1000. How many
# times as far does the second one move?
guess_2 = 1  ### SOLUTION
predict("13.P2", guess_2, Point, Adam)

# %% [markdown]
# ## Two repairs
# **Bias correction.** $m$ and $v$ start at 0. After one step, only $1 - \beta_1$ of the gradient is in $m$,
# and $1 - \beta_2$ of its square in $v$. So both are divided by the share that has come in after $t$
# steps: $1 - \beta_1^t$ and $1 - \beta_2^t$.
#
# **Decay apart (the W).** With large weights a small change of the text changes the result a lot. So each
# shrinks a little at every step: $w \leftarrow w\,(1 - \text{lr} \cdot \text{decay})$, directly. Through the
# gradient it would be divided by $\sqrt v$ too, and weights with large gradients would hardly shrink.

# %% [markdown]
# ## Exercise 13.2: AdamW
# First the decay of `w`; then `m` and `v`; then the step, with $m$ and $v$ corrected for this step only (`m_hat`,
# `v_hat`). All in place on `w`, `m` and `v`; leave `g` as it is. `t` is the number of this step, counted from 1. Add
# `eps` to the root, so that nothing is divided by 0.


# %%
def my_adamw_step(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    """One step, in place: changes w, m and v; returns nothing"""
    ### ANSWER 13.2


check("13.2", my_adamw_step)

# %% [markdown]
# ## Warm-up
# At the start $m$ and $v$ are corrected, but they know a few batches only, and all weights are random: the
# first steps should be short. So the learning rate **rises in a straight line**: `peak / warmup` at step 1,
# twice that at step 2, `peak` at step `warmup`. Then it falls like half a wave of a cosine to `floor` at step
# `total`, and stays there:
#
# $$\text{floor} + (\text{peak} - \text{floor})\,\frac{1 + \cos \pi a}{2}, \qquad a = \frac{\text{step} - \text{warmup}}{\text{total} - \text{warmup}}$$
#
# ## Exercise 13.3: the learning rate
# Steps are counted from 1. There may be no warm-up at all.


# %%
def my_learning_rate(step, peak, floor, warmup, total):
    """The learning rate of this step, counted from 1"""
    ### ANSWER 13.3


check("13.3", my_learning_rate)


# %%
# What each of the three is for, in small GPTs that learn the alphabet: with it, and without. (You need not
# read the code.)
def learn(make, clip=None, warmup=0, peak=None, broken=0, steps=80):
    """The losses, and the norm of all weights, at each step. At step `broken` a batch is nonsense, and its
    gradient 20 times as long."""
    draw = np.random.default_rng(0)
    model = GPT(GPTConfig(26, block_size=12, n_layer=2, n_head=2, n_embd=32), seed=0).train()
    optimizer, losses, norms = make(model), [], []
    for t in range(1, steps + 1):
        rows = (draw.integers(0, 26, (16, 1)) + np.arange(13)) % 26
        x, y = rows[:, :-1], draw.integers(0, 26, (16, 12)) if t == broken else rows[:, 1:]
        if peak:
            optimizer.lr = peak * min(1.0, t / warmup) if warmup else peak
        loss = model.loss(x, y)
        loss.backward(np.float32(20.0 if t == broken else 1.0))
        if clip:
            clip_grad_norm(model, clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        norms.append(np.sqrt(sum((p.data**2).sum() for p in model.parameters())))
    return losses, norms


plain, careful = (learn(lambda m: SGD(m, lr=1.0), clip=c, broken=40)[0] for c in (None, 1.0))
cold, warm = (learn(lambda m: AdamW(m), warmup=w, peak=0.05)[0] for w in (0, 20))
kept, shrunk = (learn(lambda m, d=d: AdamW(m, lr=0.01, weight_decay=d))[1] for d in (0.0, 1.0))
plots.with_and_without(
    {
        "clipping": ("loss", {"without": plain, "with": careful}),
        "warm-up": ("loss", {"without": cold, "with": warm}),
        "decay": ("norm of all weights", {"without": kept, "with": shrunk}),
    },
    f"left, a batch that is nonsense at step 40: without clipping the run ends at a loss of "
    f"{plain[-1]:.0f}, with it at {careful[-1]:.2f}. Middle, a high rate at once, or after 20 steps: "
    f"{cold[-1]:.2f} and {warm[-1]:.5f}. Right: with decay the weights stop growing.",
    log=["clipping", "warm-up"],
)

# %% [markdown]
# ## All three, in a real training
# A small GPT learns to write the alphabet, starting anywhere. Once with your three functions, once with the
# library's. Same weights at the start, same batches: the two losses must agree to many digits. If yours are
# not right yet, the library's answers stand in. (Only matrices decay: the other parameters are few.)

# %%
clip, adamw_step, rate = use("13.1"), use("13.2"), use("13.3")
STEPS, PEAK, BETAS, EPS, DECAY = 80, 0.01, (0.9, 0.99), 1e-8, 0.1


def batches():
    draw = np.random.default_rng(0)
    for _ in range(STEPS):
        rows = (draw.integers(0, 26, (16, 1)) + np.arange(13)) % 26
        yield rows[:, :-1], rows[:, 1:]


def train_with(do_step):
    model, losses = (
        GPT(GPTConfig(26, block_size=12, n_layer=2, n_head=2, n_embd=32), seed=0).train(),
        [],
    )
    for t, (x, y) in enumerate(batches(), start=1):
        for p in model.parameters():
            p.zero_grad()
        loss = model.loss(x, y)
        loss.backward()
        do_step(model, t)
        losses.append(loss.item())
    return losses


def mine():
    memory = {}

    def do_step(model, t):
        clip([p.grad for p in model.parameters()], 1.0)
        for p in model.parameters():
            m, v = memory.setdefault(id(p), (np.zeros_like(p.data), np.zeros_like(p.data)))
            decay = DECAY if p.data.ndim >= 2 else 0.0  # matrices only
            lr = rate(t, PEAK, PEAK / 10, 10, STEPS)
            adamw_step(p.data, p.grad, m, v, t, lr, *BETAS, EPS, decay)

    return do_step


def the_library():
    from tinygpt.optim import learning_rate

    optimizers = []

    def do_step(model, t):
        if not optimizers:
            optimizers.append(AdamW(model, betas=BETAS, eps=EPS, weight_decay=DECAY))
        clip_grad_norm(model, 1.0)
        optimizers[0].lr = learning_rate(t, peak=PEAK, floor=PEAK / 10, warmup=10, total=STEPS)
        optimizers[0].step()

    return do_step


losses, theirs = train_with(mine()), train_with(the_library())
gap = max(abs(a - b) for a, b in zip(losses, theirs))
plots.curves(
    {"clip, adamw_step, rate": losses, "the library's": theirs},
    f"the two differ by {gap:.0e} at most: "
    + ("curves that lie on each other. " if gap < 1e-4 else "something is otherwise. ")
    + f"They start near ln 26 = {np.log(26):.2f}, at {losses[0]:.2f}, and end at {losses[-1]:.3f}.",
    limits={"ln 26: knows nothing": np.log(26)},
)

# %% [markdown]
# ## Four optimizers in one valley
# Back to the long valley, 100 times steeper across than along. Plain SGD; SGD with *momentum*, which steps
# along a running sum of old gradients, like a heavy ball; Adam; and Adam without bias correction.
#
# **Guess:** without bias correction, with $\beta_1 = 0.9$ and $\beta_2 = 0.999$, the first step is how many
# times too long? ($m$ is 0.1 g, and $\sqrt v$ is $\sqrt{0.001}\, |g|$.)


# %%
class Uncorrected(Adam):
    """Adam that takes m and v as they are."""

    def update(self, w, g, decay, m, v):
        m += (1 - self.betas[0]) * (g - m)
        v += (1 - self.betas[1]) * (g * g - v)
        w -= self.lr * m / (np.sqrt(v) + self.eps)


paths = {
    "SGD": walk(lambda p: SGD(p, lr=1.9)),
    "momentum": walk(lambda p: SGD(p, lr=1.0, momentum=0.9)),
    "Adam": walk(lambda p: Adam(p, lr=0.3)),
    "Adam, uncorrected": walk(lambda p: Uncorrected(p, lr=0.3)),
}
first = {name: np.abs(path[1] - path[0]).max() for name, path in paths.items()}
guess_3 = 3.2  ### SOLUTION
predict("13.P3", guess_3, first)

# %%
plots.valley(
    height,
    paths,
    "a mark at each of the first 5 steps, then at every 10th. SGD jumps across and creeps along; momentum "
    "swings past the star; Adam goes diagonally, as fast along as across; uncorrected, its first step is "
    "too long, and it shoots past.",
)

# %% [markdown]
# **Two questions without code**
# 1. Why is the norm taken over all layers together?
# 2. How much memory does Adam need beside the weights?
#
# <details><summary>Answers</summary>
#
# 1. Else the layers are shortened differently, and the arrow turns.
# 2. Twice the weights, for m and v. And the gradient is as large again.
#
# </details>
#
# **Next:** walk in the valley with other learning rates, or turn it by 45 degrees: who suffers? Then lesson 14:
# learning or remembering. What you did so far: `progress()`.

# %%
# The library's own: first the paper's lines, which are yours; then `update`, the same in one new array
# only. (AdamW decays w itself: the branch DECOUPLED.)
show(Adam)
