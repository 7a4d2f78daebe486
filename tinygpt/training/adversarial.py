"""Adversarial training: the model also learns from its inputs moved where they hurt most.

A token cannot be moved a little, its embedding can. Along the gradient g of the loss with respect
to the embeddings x of a text the loss rises fastest, so of all moves r with |r| = e |x| the worst
one is, as far as the slope tells,

    FGM    r = e |x| g / |g|                                                        one step
    PGD    r <- r + a |x| g / |g|, shortened to e |x| where it is longer         a few small ones

and the model learns from both:   loss = (loss(x) + loss(x + r)) / 2.

|.| is the length over all channels and all positions of a text that reach the loss (padding does
not); measured in |x|, e means the same however large the embeddings have become. r is a constant:
no gradient goes through it. Miyato et al. 2017, "Adversarial Training Methods for Semi-Supervised
Text Classification", section 3 (which normalises the embeddings instead); Madry et al. 2018,
"Towards Deep Learning Models Resistant to Adversarial Attacks", section 2.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.backend import Array, array_module, like
from tinygpt.models.ids import IGNORE
from tinygpt.nn.cross_entropy import cross_entropy


def fgm_plain(loss_of, x, epsilon):
    """The worst move of each text, as far as the slope tells, where no text is padded.
    x (B, T, C) -> (B, T, C)"""
    x = Tensor(x, requires_grad=True)
    loss_of(x).backward()
    return epsilon * length(x.data) * x.grad / length(x.grad)


def length(x: Array) -> Array:
    """Of each text, over all its positions and channels.   (B, T, C) -> (B, 1, 1)"""
    xp = array_module(x)
    return xp.sqrt((x * x).sum(axis=(1, 2), keepdims=True))


def reaching(x: Array, targets: Array) -> Array:
    """x at the positions that reach the loss of a causal model, those up to the last target of each
    text, and 0 behind them.   x (B, T, C), targets (B, T) -> (B, T, C)"""
    xp = array_module(x)
    behind = xp.cumsum((targets != IGNORE)[:, ::-1], axis=1)[:, ::-1] == 0
    return xp.where(behind[:, :, None], 0, x)


@contextmanager
def constant(model: Any) -> Iterator[None]:
    """In the block the parameters want no gradient: only that of the inputs is computed."""
    parameters = model.parameters()
    nodes = [p.node for p in parameters]
    for p in parameters:
        p.node = None
    try:
        yield
    finally:
        for p, node in zip(parameters, nodes, strict=True):
            p.node = node


def loss_from(model: Any, x: Tensor, targets: Array, *, label_smoothing: float = 0.0) -> Tensor:
    """The loss of a model whose embeddings are x.   x (B, T, C), targets (B, T) -> scalar"""
    logits = model.logits(model.through(x))
    return cross_entropy(logits, like(targets, logits.data), label_smoothing=label_smoothing)


def worst_move(model: Any, x: Array, targets: Array, *, epsilon: float, steps: int = 1) -> Array:
    """r (B, T, C), of the length epsilon |x| in each text: FGM for one step, PGD for more. Each
    step of PGD is 2.5 epsilon / steps long, so that it can reach the edge and move along it."""
    xp = array_module(x)
    targets = like(targets, x)
    most = epsilon * length(reaching(x, targets))
    stride = most if steps == 1 else 2.5 * most / steps
    r = xp.zeros_like(x)
    with constant(model):
        for _ in range(steps):
            moved = Tensor(x + r, requires_grad=True)
            loss_from(model, moved, targets).backward()
            g = moved.grad
            r = r + stride * g / xp.maximum(length(g), 1e-30)
            r = r * xp.minimum(1, most / xp.maximum(length(r), 1e-30))
    return r.astype(x.dtype)


def random_move(x: Array, targets: Array, *, epsilon: float, rng: np.random.Generator) -> Array:
    """A move as long as an attack's, in a direction by chance: an attack that does no more harm
    than this is broken."""
    targets = like(targets, x)
    r = reaching(like(rng.standard_normal(x.shape).astype(x.dtype), x), targets)
    return epsilon * length(reaching(x, targets)) * r / length(r)


def noisy(
    ids: np.ndarray, ordinary: np.ndarray, *, share: float, seed: int, step: int, row: int = 0
) -> np.ndarray:
    """The ids with a share of them replaced by others drawn from `ordinary`, and only such ones.
    Row b is drawn by (seed, step, row + b), however a batch is divided.  (B, T)"""
    out = ids.copy()
    known = np.zeros(max(int(ids.max()), int(ordinary.max())) + 1, bool)
    known[ordinary] = True
    for b, text in enumerate(out):
        rng = np.random.default_rng((seed, step, row + b))
        hit = (rng.random(len(text)) < share) & known[text]
        text[hit] = rng.choice(ordinary, int(hit.sum()))
    return out


def training_loss(model: Any, ids: Array, targets: Array, a: Any, ordinary: Any = None) -> Tensor:
    """The loss that a run with the settings a learns from: model.loss, and what they add to it.
    ordinary: ids that may be replaced, for token noise (None: all)."""
    if a.token_noise:
        vector = model.vector()
        seed, step = vector.drawing()
        every = np.arange(model.config.vocab_size) if ordinary is None else ordinary
        ids = noisy(
            np.asarray(ids), every, share=a.token_noise, seed=seed, step=step, row=vector.row
        )
    if a.adversarial == "none" and not a.label_smoothing:
        return model.loss(ids, targets)
    ids, targets = model.checked_pair(ids, targets)
    x = model.embed(ids)
    clean = loss_from(model, x, targets, label_smoothing=a.label_smoothing)
    if a.adversarial == "none":
        return clean
    steps = 1 if a.adversarial == "fgm" else a.adversarial_steps
    r = worst_move(model, x.data, targets, epsilon=a.epsilon, steps=steps)
    return (clean + loss_from(model, x + r, targets, label_smoothing=a.label_smoothing)) / 2


def ordinary_ids(vocab_size: int, special: Collection[int]) -> np.ndarray:
    """The ids that stand for text."""
    return np.setdiff1d(np.arange(vocab_size), list(special))
