"""Adam and AdamW: steps of about lr where a gradient is steady, shorter where it changes its sign;
how large it is cancels out."""

import math
from typing import Any

import numpy as np

from tinygpt.backend import Array, array_module
from tinygpt.optim.optimizer import Optimizer, check_betas, with_decay


def adam_plain(w, g, m, v, t, *, lr, betas, eps, weight_decay=0.0):
    """Step t = 1, 2, ... of Adam, line by line the paper's algorithm 1: the new w, m and v."""
    beta1, beta2 = betas
    g = g + weight_decay * w  # (not in the paper: the slope of weight_decay |w|^2 / 2)
    m = beta1 * m + (1 - beta1) * g  # a running mean of the gradients: recent ones count most
    v = beta2 * v + (1 - beta2) * g**2  # and of their squares
    m_hat = m / (1 - beta1**t)  # m began at 0: the shares of all g in it sum to 1 - beta1^t, not 1
    v_hat = v / (1 - beta2**t)
    w = w - lr * m_hat / (np.sqrt(v_hat) + eps)  # eps: nothing is divided by 0
    return w, m, v


def adamw_plain(w, g, m, v, t, *, lr, betas, eps, weight_decay=0.0):
    """The same of AdamW: the weights shrink by themselves, and the gradient stays as it is."""
    w = w - lr * weight_decay * w
    return adam_plain(w, g, m, v, t, lr=lr, betas=betas, eps=eps)


class Adam(Optimizer):
    """Adam.

        g <- g + weight_decay w                          matrices only, not biases or norms
        m <- m + (1 - beta1) (g - m)                     the mean of the gradients
        v <- v + (1 - beta2) (g^2 - v)                   the mean of their squares
        w <- w - lr m' / (sqrt(v') + eps)

    with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) at step t = 1, 2, ...: m and v start at
    0, so early means are too small, and that corrects them. Without it the first step with
    beta2 = 0.999 would be (1 - 0.9) / sqrt(1 - 0.999) = 3.2 times too long.

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
        """The formula, in place, in one array that is made here. self.steps is t, at first 1."""
        (m, v), (beta1, beta2), xp = moments, self.betas, array_module(w)
        if self.DECOUPLED and decay:
            w *= 1 - self.lr * decay
        elif decay:
            g = with_decay(g, w=w, decay=decay)
        to_g = g - m  # each mean goes a share of the way to what is new
        to_g *= 1 - beta1
        m += to_g
        to_square = xp.multiply(g, g, out=to_g)  # one array, a new name for each thing in it
        to_square -= v
        to_square *= 1 - beta2
        v += to_square
        root = xp.sqrt(v, out=to_square)
        root *= 1 / math.sqrt(1 - beta2**self.steps)  # sqrt(v') in place of sqrt(v)
        root += self.eps
        w -= self.direction(m, g, root)

    def direction(self, m: Array, g: Array, root: Array) -> Array:
        """lr m' / root, in the array of the root. NAdam has another one."""
        step = array_module(m).divide(m, root, out=root)
        step *= self.lr / (1 - self.betas[0] ** self.steps)  # m' in place of m, times lr
        return step


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
