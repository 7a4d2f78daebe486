"""A loss that is no number: the step is played again, with every op looked at."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygpt.autograd.finite import NotFinite, every_result_checked
from tinygpt.backend import Array, is_host, to_float
from tinygpt.training.checkpoint import checkpoints
from tinygpt.training.saving import TrainingError, load


def stop_unless_finite(trainer: Any, step: int, loss: Array, x: np.ndarray, y: np.ndarray) -> None:
    """TrainingError where the loss or the gradient's norm of this step is not finite, with what
    played it again showed."""
    values = {"loss": to_float(loss), "gradient norm": to_float(trainer.norm)}
    wrong = {name: value for name, value in values.items() if not math.isfinite(value)}
    if not wrong:
        return
    (name, value), rate = next(iter(wrong.items())), trainer.arguments.learning_rate
    workers = trainer.workers
    cause = _cause(trainer, step, x, y) if workers.speaks else "The first rank says why"
    workers.agreed(True)  # none ends while the first one still looks for it
    raise TrainingError(
        f"step {step}: the {name} is {value}, so training stopped. {cause}. "
        f"A smaller --learning-rate than {rate:g} or a longer warm-up usually helps.\n"
        f"{trainer.what_is_saved() if trainer.folder else ''}".rstrip()
    )


def _cause(trainer: Any, step: int, x: np.ndarray, y: np.ndarray) -> str:
    """The norms of the largest parameters, and the first op that made no number.

    On a CPU the weights are still those that the step began with, and it is played again. On a
    GPU, where the loss is not read at every step, they may be gone: then everything since the
    last resume point is.
    """
    batches: Iterator[Any] = iter([(x, y)])
    if not is_host(trainer.model.vector().data):
        points = [] if trainer.folder is None else checkpoints(trainer.folder)
        if not points:
            return "There is no resume point to play the steps before it again from"
        if trainer.optimizer.holds_a_share:
            return "This rank has a share of the moments, and cannot play the steps before it again"
        load(trainer, points[0])
        batches = trainer.batches or batches
    played = step
    trainer.workers = trainer.workers.in_this_process()
    try:
        with every_result_checked(), np.errstate(all="ignore"):
            if trainer.optimizer.holds_a_share:  # it cannot step alone
                trainer.gradient(x, y)
            while not trainer.optimizer.holds_a_share and trainer.optimizer.steps < step:
                played = trainer.optimizer.steps + 1
                trainer.step(*next(batches))
                if trainer.optimizer.steps < played:
                    break  # refused: the gradient is too long to be measured
        first = f"Played again to step {played}, every op gave numbers, but they are too large"
    except NotFinite as error:
        first = f"The first that is no number, in step {played}: {error}"
    norms = {
        name: to_float((p.data * p.data).sum()) ** 0.5
        for name, p in trainer.model.named_parameters()
    }
    largest = sorted(norms, key=lambda name: -norms[name])[:3]
    return f"{first}. Largest parameters: " + ", ".join(
        f"{name} has norm {norms[name]:.3g}" for name in largest
    )
