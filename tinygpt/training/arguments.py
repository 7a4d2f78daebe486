"""How a model is trained: the settings of a run, and sets of them that go by a name."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tinygpt.backend import device_index
from tinygpt.optim import SCHEDULES, SGD, Adam, AdamW, NAdam, NAdamW, Optimizer

# name -> what differs from the defaults of GPTConfig, DataArguments and TrainingArguments
PRESETS: dict[str, dict[str, Any]] = {
    # the defaults: 0.9 million parameters, about three minutes on two cores
    "tiny": {},
    # what nanoGPT trains on a CPU (its README, "I only have a macbook"): 0.8 million, characters
    "nanogpt-cpu": {
        "tokenizer": "char",
        "n_layer": 4,
        "n_head": 4,
        "n_embd": 128,
        "block_size": 64,
        "bias": False,
        "batch_size": 12,
        "max_steps": 2000,
        "learning_rate": 1e-3,
        "min_learning_rate": 1e-4,
        "warmup_steps": 100,
        "betas": (0.9, 0.99),
        "weight_decay": 0.1,
        "max_grad_norm": 1.0,
    },
    # nanoGPT's train_shakespeare_char: 10.7 million parameters, characters; for a GPU
    "baby": {
        "tokenizer": "char",
        "n_layer": 6,
        "n_head": 6,
        "n_embd": 384,
        "block_size": 256,
        "bias": False,
        "dropout": 0.2,
        "batch_size": 64,
        "max_steps": 5000,
        "learning_rate": 1e-3,
        "min_learning_rate": 1e-4,
        "warmup_steps": 100,
        "betas": (0.9, 0.99),
        "weight_decay": 0.1,
        "eval_steps": 250,
    },
    # the size of the smallest GPT-2: 124 million parameters; for a GPU, and much text
    "gpt2": {
        "vocab_size": 50257,
        "n_layer": 12,
        "n_head": 12,
        "n_embd": 768,
        "block_size": 1024,
        "batch_size": 32,
        "micro_batch_size": 4,
        "max_steps": 100_000,
        "learning_rate": 6e-4,
        "min_learning_rate": 6e-5,
        "warmup_steps": 2000,
        "betas": (0.9, 0.95),
        "weight_decay": 0.1,
        "eval_steps": 1000,
        "save_steps": 1000,
        "sample_steps": 1000,
    },
}
# to go on from a trained model (--init): all of it, or adapters alone, which bear larger steps
FINE_TUNING = {
    "max_steps": 200,
    "batch_size": 8,
    "learning_rate": 1e-4,
    "min_learning_rate": 1e-5,
    "warmup_steps": 20,
    "weight_decay": 0.0,
    "eval_steps": 50,
    "save_steps": 100,
    "sample_steps": 100,
}
PRESETS["finetune"] = FINE_TUNING
PRESETS["lora"] = FINE_TUNING | {"learning_rate": 1e-3, "min_learning_rate": 1e-4}
FOR_A_GPU = ("baby", "gpt2")
MOST = 1 << 40  # beyond which a number is a typing error
OPTIMIZERS = ("adamw", "adam", "nadamw", "nadam", "sgd")
ATTACKS = ("none", "fgm", "pgd")


@dataclass
class TrainingArguments:
    """The settings of a run."""

    max_steps: int = 2000  # optimiser steps in all
    batch_size: int = 12  # rows (windows of text) in each step
    micro_batch_size: int = 0  # rows at a time, to save memory; 0: all. The result is the same
    optimizer: str = "adamw"  # "adamw", "adam", "nadamw", "nadam", "sgd" (with momentum betas[0])
    learning_rate: float = 2e-3  # its peak, reached after the warm-up
    min_learning_rate: float = 2e-4  # where the schedule ends, at max_steps
    warmup_steps: int = 100  # steps on which the learning rate rises from 0
    schedule: str = "cosine"  # "cosine", "linear", "step" (a tenth at half time), "constant"
    betas: tuple[float, float] = (0.9, 0.99)  # memory of the gradient, and of its square
    weight_decay: float = 0.1  # pull of the matrices towards 0
    max_grad_norm: float = 1.0  # longer gradients are shortened to this
    label_smoothing: float = 0.0  # share of the target that is spread over all tokens, or labels
    token_noise: float = 0.0  # share of the tokens read that are replaced by others, by chance
    adversarial: str = "none"  # "fgm", "pgd": learn from embeddings moved to do harm, too
    epsilon: float = 0.1  # how far they are moved, in lengths of the embeddings
    adversarial_steps: int = 3  # of pgd
    eval_steps: int = 250  # measure the loss on held-out text every so many steps
    logging_steps: int = 10  # a line in log.jsonl every so many steps
    sample_steps: int = 500  # write some text every so many steps; 0: never
    save_steps: int = 500  # a resume point every so many steps, and at the end
    patience: int = 0  # stop after so many measurements without a better one; 0: never
    seed: int = 0  # of the weights, the batches and dropout
    workers: int = 0  # how many share the rows of a batch; 0: one for each core (GPU: one)
    shard_optimizer: bool = False  # with several processes: each has a share of the moments
    rank_timeout: float = 600.0  # seconds after which a process that does not come is given up
    device: str | None = None  # "cpu", "gpu", "gpu:1"; None: TINYGPT_DEVICE, or where the model is
    output_dir: str = "runs"  # where the folders of runs are made

    def __post_init__(self) -> None:
        """ValueError for a setting that cannot be."""
        for f in fields(self):  # NumPy's numbers are as good as Python's
            if isinstance(getattr(self, f.name), np.number):
                setattr(self, f.name, getattr(self, f.name).item())
        least_1 = "max_steps batch_size eval_steps logging_steps save_steps adversarial_steps"
        for name in least_1.split():
            self._at_least(name, 1)
        counts = ("micro_batch_size", "warmup_steps", "sample_steps", "patience", "seed", "workers")
        for name in counts:
            self._at_least(name, 0)
        rates = "learning_rate min_learning_rate weight_decay max_grad_norm epsilon rank_timeout"
        for name in (*rates.split(), "label_smoothing", "token_noise"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value >= 0):
                raise ValueError(f"expected a number {name} >= 0, got {value!r}")
        for name in ("label_smoothing", "token_noise"):
            if getattr(self, name) >= 1:
                raise ValueError(f"expected {name} < 1, got {getattr(self, name)!r}")
        for name in ("max_grad_norm", "rank_timeout"):
            if getattr(self, name) == 0:
                raise ValueError(f"expected {name} > 0, got 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"expected two betas in [0, 1), got {self.betas!r}")
        self.betas = tuple(self.betas)
        words = {"optimizer": OPTIMIZERS, "schedule": tuple(SCHEDULES), "adversarial": ATTACKS}
        for name, known in words.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"expected {name} to be one of {known}, got {value!r}")
        if self.device is not None:
            device_index(self.device)

    def _at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(f"expected a whole number {name} >= {least}, got {value!r}")
        if value > MOST:
            raise ValueError(f"expected {name} <= {MOST:,}, got {str(value)[:30]}")


def make_optimizer(model: Any, a: TrainingArguments) -> Optimizer:
    """The optimizer that the arguments ask for, over the model's parameters."""
    if a.optimizer == "sgd":
        return SGD(model, a.learning_rate, momentum=a.betas[0], weight_decay=a.weight_decay)
    kinds = {"adam": Adam, "adamw": AdamW, "nadam": NAdam, "nadamw": NAdamW}
    return kinds[a.optimizer](model, lr=a.learning_rate, betas=a.betas, weight_decay=a.weight_decay)
