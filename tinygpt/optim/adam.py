"""AdamW: steps scaled by how large and how steady each gradient has been."""

import math
from typing import Any

from tinygpt.backend import Array, array_module, is_host

CHUNK = 32 * 1024  # elements at a time on a CPU: the arrays of a chunk stay in its cache


class AdamW:
    """Adam with decoupled weight decay, over the whole parameter vector of a model.

        w <- w - lr weight_decay w                       matrices only, not biases or norms
        m <- m + (1 - beta1) (g - m)                     the mean of the gradients
        v <- v + (1 - beta2) (g^2 - v)                   the mean of their squares
        w <- w - lr m' / (sqrt(v') + eps)

    with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) at step t = 1, 2, ...: m and v start at
    0, so early means are too small, and that corrects them.
    `optimizer.lr` may be set before each step. Make the optimizer after model.to(...): a model that
    was moved raises a RuntimeError. ValueError for settings out of range.

    Kingma & Ba 2015, "Adam", algorithm 1; Loshchilov & Hutter 2019, "Decoupled Weight Decay
    Regularization", algorithm 2 (with lr in the decay, as PyTorch's AdamW). Differs from PyTorch,
    where one decides by parameter groups what decays.
    """

    def __init__(
        self,
        model: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        if lr < 0 or eps < 0 or weight_decay < 0:
            raise ValueError(f"expected lr, eps, weight_decay >= 0: {lr}, {eps}, {weight_decay}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"expected betas in [0, 1), got {betas}")
        self.vector = model.vector()
        xp = array_module(self.vector.data)
        self.m, self.v = xp.zeros_like(self.vector.data), xp.zeros_like(self.vector.data)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.steps = 0

    def zero_grad(self) -> None:
        self.vector.zero_grad()

    def step(self) -> None:
        """One step along the gradient that is there now."""
        w, g = self.vector.data, self.vector.gradient()
        self.steps += 1
        self.vector.steps += 1  # the next dropout masks
        n, split = len(w), self.vector.n_matrix
        size = CHUNK if is_host(w) else n
        for start, end, decay in ((0, split, self.weight_decay), (split, n, 0.0)):
            for a in range(start, end, size):
                b = min(a + size, end)
                self._update(w[a:b], g[a:b], self.m[a:b], self.v[a:b], decay)

    def _update(self, w: Array, g: Array, m: Array, v: Array, decay: float) -> None:
        """The four lines of the docstring, in place."""
        xp = array_module(w)
        beta1, beta2 = self.betas
        if decay:
            w *= 1 - self.lr * decay
        s = g - m
        s *= 1 - beta1
        m += s
        xp.multiply(g, g, out=s)
        s -= v
        s *= 1 - beta2
        v += s
        xp.sqrt(v, out=s)
        s *= 1 / math.sqrt(1 - beta2**self.steps)
        s += self.eps
        xp.divide(m, s, out=s)
        s *= self.lr / (1 - beta1**self.steps)
        w -= s
