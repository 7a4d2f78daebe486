"""Adam and AdamW: steps scaled by how large and how steady each gradient has been."""

import math
from typing import Any

from tinygpt.backend import Array, array_module
from tinygpt.optim.optimizer import Optimizer, check_betas, with_decay


class Adam(Optimizer):
    """Adam.

        g <- g + weight_decay w                          matrices only, not biases or norms
        m <- m + (1 - beta1) (g - m)                     the mean of the gradients
        v <- v + (1 - beta2) (g^2 - v)                   the mean of their squares
        w <- w - lr m' / (sqrt(v') + eps)

    with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) at step t = 1, 2, ...: m and v start at
    0, so early means are too small, and that corrects them. Without it the first step with
    beta2 = 0.999 would be sqrt(1 / 0.001) (1 - beta1) = 3.2 times too long.

    Kingma & Ba 2015, "Adam", algorithm 1. Differs from PyTorch, where one decides by parameter
    groups what decays.
    """

    DECOUPLED = False  # whether the decay bypasses the means

    def __init__(
        self,
        model: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        check_betas(betas, eps)
        super().__init__(model, lr, weight_decay, ("m", "v"))
        self.betas, self.eps = betas, eps

    def update(self, w: Array, g: Array, decay: float, *moments: Array) -> None:
        """The formula, in place."""
        _, s = self.remember(w, g, decay, *moments)
        array_module(w).divide(moments[0], s, out=s)
        s *= self.lr / (1 - self.betas[0] ** self.steps)
        w -= s

    def remember(self, w: Array, g: Array, decay: float, m: Array, v: Array) -> tuple[Array, Array]:
        """Decay, and bring both means up to date: (g with its decay, sqrt(v') + eps).

        What is returned second is the one array that is made, and the caller's to write into."""
        xp, (beta1, beta2) = array_module(w), self.betas
        if self.DECOUPLED and decay:
            w *= 1 - self.lr * decay
        elif decay:
            g = with_decay(w, g, decay)
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
        return g, s


class AdamW(Adam):
    """Adam with decoupled weight decay: in place of the first line of Adam's formula

        w <- w - lr weight_decay w                       matrices only, not biases or norms

    so that every weight shrinks by the same factor. In Adam the decay is part of the gradient and
    is divided by sqrt(v) with it: weights with large gradients then hardly decay.

    Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2 (with lr in the
    decay, as PyTorch's AdamW).
    """

    DECOUPLED = True

    def __init__(
        self,
        model: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(model, lr, betas, eps, weight_decay)
