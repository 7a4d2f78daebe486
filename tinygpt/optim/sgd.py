"""SGD: straight down the gradient, with or without momentum."""

from typing import Any

from tinygpt.backend import Array
from tinygpt.optim.optimizer import Optimizer, with_decay


class SGD(Optimizer):
    """Stochastic gradient descent.

        g <- g + weight_decay w                          matrices only, not biases or norms
        b <- momentum b + g                              with momentum; b starts at 0
        w <- w - lr b                                    Nesterov: w - lr (g + momentum b)

    The velocity b is a sum of old gradients, each forgotten by the factor momentum at every step:
    along a valley it grows to 1 / (1 - momentum) gradients, across it the signs cancel.

    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning",
    sections 2 and 7. The form is PyTorch's (dampening 0): lr multiplies the velocity, so a change
    of lr works at once.
    """

    def __init__(
        self,
        model: Any,
        lr: float = 1e-2,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        if not 0 <= momentum < 1:
            raise ValueError(f"expected 0 <= momentum < 1, got {momentum}")
        if nesterov and not momentum:
            raise ValueError("Nesterov's step looks ahead along the momentum: give one above 0")
        self.momentum, self.nesterov = momentum, nesterov
        super().__init__(model, lr, weight_decay, ("velocity",) if momentum else ())

    def update(self, w: Array, g: Array, decay: float, *moments: Array) -> None:
        g = with_decay(g, w=w, decay=decay)
        if not moments:
            w -= self.lr * g
            return
        (b,) = moments
        b *= self.momentum
        b += g
        w -= self.lr * (g + self.momentum * b if self.nesterov else b)
