"""NAdam and NAdamW: Adam that looks one step ahead along its momentum, as Nesterov does."""

import math
from typing import Any

import numpy as np

from tinygpt.backend import Array
from tinygpt.optim.adam import Adam

MOMENTUM_DECAY = 0.004  # psi, how fast the momentum warms up from beta1 / 2 to beta1


def nadamw_plain(w, g, m, v, t, *, lr, betas, eps, weight_decay=0.0):
    """Step t = 1, 2, ... of NAdamW, line by line: the new w, m and v."""
    beta1, beta2 = betas
    mu = [beta1 * (1 - 0.96 ** (MOMENTUM_DECAY * s) / 2) for s in range(1, t + 2)]  # 1 ... t + 1
    w = w - lr * weight_decay * w
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    ahead = mu[t] * m / (1 - math.prod(mu))  # the momentum, as the next step will take it
    now = (1 - mu[t - 1]) * g / (1 - math.prod(mu[:t]))  # and this step's own gradient
    v_hat = v / (1 - beta2**t)
    w = w - lr * (ahead + now) / (np.sqrt(v_hat) + eps)
    return w, m, v


class NAdam(Adam):
    """NAdam.

        g <- g + weight_decay w                          matrices only, not biases or norms
        m <- m + (1 - beta1) (g - m)
        v <- v + (1 - beta2) (g^2 - v)
        m' = mu(t + 1) m / (1 - P(t + 1))  +  (1 - mu(t)) g / (1 - P(t))
        w <- w - lr m' / (sqrt(v / (1 - beta2^t)) + eps)

    at step t = 1, 2, ..., with mu(t) = beta1 (1 - 0.96^(psi t) / 2), psi = 0.004, and
    P(t) = mu(1) mu(2) ... mu(t). Adam takes the momentum as it is; here the gradient of this step
    comes in at its full weight and the momentum with the factor of the next step.

    Dozat 2016, "Incorporating Nesterov Momentum into Adam", section 2 and its schedule of mu. There
    are several NAdams; this is PyTorch's: mu in the step, and beta1 itself in the mean m.
    """

    def __init__(
        self,
        model: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(model, lr, betas, eps, weight_decay)
        self._product = (0, 1.0)  # t, P(t)

    def mu(self, t: int) -> float:
        return self.betas[0] * (1 - 0.5 * 0.96 ** (t * MOMENTUM_DECAY))

    def product(self) -> float:
        """P(t) of the present step: one factor more than at the last step."""
        done, product = self._product
        if done > self.steps:  # the run went back to an earlier step
            done, product = 0, 1.0
        for t in range(done + 1, self.steps + 1):
            product *= self.mu(t)
        self._product = (self.steps, product)
        return product

    def direction(self, m: Array, g: Array, root: Array) -> Array:
        """lr m' / root, with the m' of the formula above."""
        mu, ahead, product = self.mu(self.steps), self.mu(self.steps + 1), self.product()
        of_m, of_g = ahead / (1 - product * ahead), (1 - mu) / (1 - product)
        return self.lr * (of_m * m + of_g * g) / root


class NAdamW(NAdam):
    """NAdam with decoupled weight decay: w <- w - lr weight_decay w in place of its first line.

    As PyTorch's NAdam(decoupled_weight_decay=True). Loshchilov & Hutter 2019, "Decoupled Weight
    Decay Regularization".
    """

    DECOUPLED = True

    def __init__(
        self,
        model: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(model, lr, betas, eps, weight_decay)
