# %% [markdown]
# # 19 Attack and defence
#
# A model that is right in most cases can be led astray by a move that is short beside the text itself. How is such a move
# found? And can a model learn not to be led astray?
#
# After this lesson you can
# 1. make the move that does most harm, as far as the slope tells (`my_fgm`),
# 2. make a better one in small steps that stay within bounds (`my_shorten`),
# 3. say what training against attacks gains, and what clipping has to do with it.
#
# *Time: 35 minutes for you, 30 seconds for the machine. Needs lessons 01 (slopes), 13 (clipping) and 17 (labels).*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, Tensor, clip_grad_norm, no_grad
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.training.adversarial import loss_from, random_move, worst_move

# Texts of 20 letters from three writers; each has habits, which letter likes to follow which. Who wrote
# it? The model is a GPT with a head of three classes: its logits at the last letter choose.
V, T, CLASSES = 8, 20, 3
rng = np.random.default_rng(0)
habits = rng.dirichlet(0.3 * np.ones(V), size=(CLASSES, V))


def write(n, seed):
    """n texts (n, T), and the writer of each, where it counts: at the last letter"""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, CLASSES, n)
    text = [rng.integers(0, V, n)]
    for _ in range(T - 1):
        draw = rng.random(n)[:, None]
        text.append((habits[who, text[-1]].cumsum(-1) < draw).sum(-1).clip(max=V - 1))
    y = np.full((n, T), -100)
    y[:, -1] = who
    return np.stack(text, axis=1), y


texts, writers = write(3000, seed=1)
new_texts, new_writers = write(400, seed=2)


def train(attack=None, max_norm=1.0, steps=500):
    """attack(model, x, y) -> r: a move of the embeddings x that the model is to bear, too"""
    config = GPTConfig(V, block_size=T, n_layer=2, n_head=2, n_embd=32, n_classes=CLASSES)
    model, rng = GPT(config, seed=0).train(), np.random.default_rng(0)
    optimizer = AdamW(model, lr=3e-3)
    for step in range(1, steps + 1):
        optimizer.lr = 3e-3 * min(step / 50, 1 - 0.9 * step / steps)
        at = rng.integers(0, len(texts), 32)
        ids, y = texts[at], writers[at]
        x = model.embed(ids)
        loss = loss_from(model, x, y)
        if attack is not None:
            loss = (loss + loss_from(model, x + attack(model, x.data, y), y)) / 2
        loss.backward()
        clip_grad_norm(model, max_norm)
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def accuracy(model, move=None):
    """in per cent, on new texts, whose embeddings are moved by move(model, x, y)"""
    with no_grad():
        x = model.embed(new_texts).data
    if move is not None:
        x = x + move(model, x, new_writers)
    with no_grad():
        logits = model.logits(model.through(Tensor(x))).numpy()[:, -1]
    return 100 * np.mean(logits.argmax(-1) == new_writers[:, -1])


plain = train()
print(f"right on new texts: {accuracy(plain):.0f} %")

# %% [markdown]
# ## Exercise 19.1: the worst move
# A letter cannot be moved a little. Its embedding can: x (B, T, C) is what enters the first block. The gradient g of the
# loss with respect to **x** says in which direction the loss rises fastest. In training we go against a gradient; here
# the weights stay, and x goes **along** it. This is the fast gradient method, FGM:
#
# $$r = \epsilon\,|x|\,\frac{g}{|g|}$$
#
# |x| and |g| are lengths: the root of the sum of the squares over all letters and channels of **one** text. By hand: x
# is 5 long, g is (0, 2), epsilon 0.1: r is (0, 0.5).


# %%
def my_fgm(x, g, epsilon):
    """x, g (B, T, C) -> r (B, T, C), the move"""
    ### ANSWER 19.1


check("19.1", my_fgm)

# %%
fgm = use("19.1")


def slope(model, x, y):
    """the gradient of the loss with respect to the embeddings; the weights are left alone"""
    x = Tensor(x, requires_grad=True)
    loss_from(model, x, y).backward()
    model.zero_grad()
    return x.grad


EPSILON = 0.15
chance = np.random.default_rng(3)
moves = {
    "nothing": None,
    "by chance": lambda model, x, y: random_move(x, y, epsilon=EPSILON, rng=chance),
    "FGM": lambda model, x, y: fgm(x, slope(model, x, y), EPSILON),
}

# %%
# All texts are moved by 15 % of their length, first by chance. Guess: how many points of right answers does
# it cost the model, "under 5" or "more"?
guess_1 = "under 5"  ### SOLUTION
found = {name: accuracy(plain, move) for name, move in moves.items()}
predict("19.P1", guess_1, found)

# %% [markdown]
# An attack that did no more harm than chance would be broken: that is how one tests an attack.
#
# ## Exercise 19.2: many small steps
# The slope is true only near x; a long step leaves its road. So: several short steps, a new slope after each, and where
# the sum gets too long, it is shortened. This is projected gradient descent, PGD (here it goes up).
#
# Write `my_shorten(r, most)`: a move that is longer than `most` is made that long, in the same direction; others stay.
# `most` (B, 1, 1) has a bound for each text. By hand: (3, 4) is 5 long; with `most` 2.5 it becomes (1.5, 2).


# %%
def my_shorten(r, most):
    """r (B, T, C), most (B, 1, 1) -> the moves, none longer than its bound"""
    ### ANSWER 19.2


check("19.2", my_shorten)

# %%
shorten = use("19.2")


def pgd(model, x, y, epsilon=EPSILON, steps=5):
    most = epsilon * np.sqrt((x * x).sum(axis=(1, 2), keepdims=True))
    r = np.zeros_like(x)
    for _ in range(steps):
        r = r + fgm(x, slope(model, x + r, y), 2.5 * epsilon / steps)
        r = shorten(r, most)
    return r


# %% [markdown]
# ## Learning from the attack
# Now a model is trained on both, the texts as they are and the texts moved by FGM: half the loss from each.
#
# **Guess.** How much better, in percentage points, does it bear FGM than the plain model: "less than 5", "5 to 40", or
# "more than 40"?

# %%
hardened = train(lambda model, x, y: worst_move(model, x, y, epsilon=EPSILON))
under_attack = {
    "plain": accuracy(plain, moves["FGM"]),
    "hardened": accuracy(hardened, moves["FGM"]),
}

# %%
guess_2 = "5 to 40"  ### SOLUTION
predict("19.P2", guess_2, under_attack)

# %%
sizes = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3]
both = {"plain": plain, "hardened": hardened}
curves = {
    name: (sizes, [accuracy(m, lambda *a, e=e: pgd(*a, epsilon=e) if e else 0) for e in sizes])
    for name, m in both.items()
}
plots.curves(
    curves,
    f"how often the writer is found, against how far the texts are moved by PGD. Untouched: "
    f"{curves['plain'][1][0]:.0f} % and {curves['hardened'][1][0]:.0f} %. Moved by {EPSILON}: "
    f"{curves['plain'][1][3]:.0f} % and {curves['hardened'][1][3]:.0f} %.",
    x="length of the move, in lengths of the text",
    y="right, %",
    limits={"by chance": 100 / CLASSES},
)

# %% [markdown]
# Hardening has a price, the left end of the curves: texts that nobody attacks are answered worse.
#
# ## What clipping does for it
# One reads that clipping gradients makes a model secure. Clipping bounds how far a gradient may throw the weights in one
# step (lesson 13).
#
# **Guess.** A model is trained with every gradient clipped to 0.1, not to 1. Does it bear FGM better
# than the plain one, by more than 5 points: "yes" or "no"?

# %%
guess_3 = "no"  ### SOLUTION
clipped = train(max_norm=0.1)
with_clipping = accuracy(clipped, moves["FGM"])
predict("19.P3", guess_3, with_clipping, under_attack["plain"])

# %%
groups = {
    name: {"untouched": accuracy(m), "FGM": accuracy(m, moves["FGM"]), "PGD": accuracy(m, pgd)}
    for name, m in {"plain": plain, "clipped to 0.1": clipped, "hardened": hardened}.items()
}
plots.bars(
    groups,
    "right answers in per cent, untouched and under two attacks of the same length. Clipping bounds a step "
    f"of training: under PGD {groups['clipped to 0.1']['PGD']:.0f} % are right with it, "
    f"{groups['plain']['PGD']:.0f} % without. Learning from attacks changes what the model does: "
    f"{groups['hardened']['PGD']:.0f} %.",
    y="right, %",
)

# %% [markdown]
# **Two questions without code**
# 1. The attack knows the weights and the right answer. Who knows these, in life?
# 2. A model bears FGM well. Is it safe?
#
# <details><summary>Answers</summary>
#
# 1. The weights of published models everybody has; the right answer hardly anybody. It is the worst case.
# 2. No. It bears this move, of this length. PGD finds others, and nobody has to stay within epsilon.
#
# </details>
#
# **Next:** at home, `tinygpt train --task package --head --adversarial fgm`. Then lesson 20: an article, row by row. What
# you did so far: `progress()`.

# %%
# The library's: FGM with one step, PGD with more.
show(worst_move)
