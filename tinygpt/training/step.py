"""One training step, plainly. `Trainer.step` does the same, over workers and parts of the batch."""

from typing import Any

from tinygpt.backend import Array
from tinygpt.models.gpt import GPT
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.optimizer import Optimizer


def training_step(
    model: GPT, optimizer: Optimizer, x: Any, y: Any, *, rate: float, max_norm: float = 1.0
) -> Array:
    """Learn from one batch: x (B, T) ids, y (B, T) what comes after each. The loss, a 0-d array."""
    optimizer.lr = rate
    loss = model.loss(x, y)  # forward: the mean of -log p(y), how surprised it is by y
    loss.backward()  # backward: into .grad, dloss / dparameter of each parameter
    clip_grad_norm(model, max_norm)  # all by one factor; too long, it would throw them far off
    optimizer.step()  # update: every parameter a little against its gradient
    optimizer.zero_grad()  # the next gradient begins at 0: backward adds
    return loss.data
