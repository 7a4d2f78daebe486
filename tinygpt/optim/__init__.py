"""Optimisers, gradient clipping and learning-rate schedules, over a model's parameter vector."""

from typing import Any

from tinygpt.autograd import habits
from tinygpt.optim.adam import Adam, AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.nadam import NAdam, NAdamW
from tinygpt.optim.optimizer import Optimizer
from tinygpt.optim.schedule import SCHEDULES, learning_rate
from tinygpt.optim.sgd import SGD

__all__ = [
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "NAdam",
    "NAdamW",
    "Optimizer",
    "clip_grad_norm",
    "learning_rate",
]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise habits.missing(f"module {__name__!r}", name, habits.OPTIM, __all__)
