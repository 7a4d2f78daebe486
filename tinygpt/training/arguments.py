"""How a model is trained: the settings of a run, and sets of them that go by a name."""

import math
from dataclasses import dataclass
from typing import Any

from tinygpt.backend import device_index

# name -> what differs from the defaults of GPTConfig, DataArguments and TrainingArguments
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {},  # the defaults: 0.9 million parameters, about three minutes on two cores
}


@dataclass
class TrainingArguments:
    """The settings of a run. ValueError for one that cannot be."""

    max_steps: int = 2000  # optimiser steps in all
    batch_size: int = 12  # rows (windows of text) in each step
    micro_batch_size: int = 0  # rows at a time, to save memory; 0: all. The result is the same
    learning_rate: float = 2e-3  # its peak, reached after the warm-up
    min_learning_rate: float = 2e-4  # where the cosine ends, at max_steps
    warmup_steps: int = 100  # steps on which the learning rate rises from 0
    betas: tuple[float, float] = (0.9, 0.99)  # AdamW: memory of the gradient, of its square
    weight_decay: float = 0.1  # AdamW: pull of the matrices towards 0
    max_grad_norm: float = 1.0  # longer gradients are shortened to this
    eval_steps: int = 250  # measure the loss on held-out text every so many steps
    logging_steps: int = 10  # a line in log.jsonl every so many steps
    sample_steps: int = 500  # write some text every so many steps; 0: never
    save_steps: int = 500  # save the model every so many steps, and at the end
    seed: int = 0  # of the weights, the batches and dropout
    workers: int = 0  # threads that share the rows of a batch; 0: one for each core (GPU: one)
    device: str | None = None  # "cpu", "gpu", "gpu:1"; None: TINYGPT_DEVICE, or where the model is
    output_dir: str = "runs"  # where the folders of runs are made

    def __post_init__(self) -> None:
        for name in ("max_steps", "batch_size", "eval_steps", "logging_steps", "save_steps"):
            self._at_least(name, 1)
        for name in ("micro_batch_size", "warmup_steps", "sample_steps", "seed", "workers"):
            self._at_least(name, 0)
        for name in ("learning_rate", "min_learning_rate", "weight_decay", "max_grad_norm"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value >= 0):
                raise ValueError(f"expected a number {name} >= 0, got {value!r}")
        if self.max_grad_norm == 0:
            raise ValueError("expected max_grad_norm > 0, got 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"expected two betas in [0, 1), got {self.betas!r}")
        self.betas = tuple(self.betas)
        if self.device is not None:
            device_index(self.device)

    def _at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"expected a whole number {name} >= {least}, got {value!r}")
