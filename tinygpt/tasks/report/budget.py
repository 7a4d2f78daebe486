"""How long a part of the report trains, and the plain loop for models that are no GPT."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygpt.optim import AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.schedule import learning_rate
from tinygpt.progress import progress

Batch = tuple[np.ndarray, np.ndarray]


def shortened(settings: dict, share: float) -> dict:
    """The settings with a share of the steps."""
    steps = max(round(settings["max_steps"] * share), 2)
    every = max(min(settings.get("eval_steps", 250), steps // 2), 1)
    warmup = min(settings.get("warmup_steps", 100), steps // 10)
    return settings | {"max_steps": steps, "eval_steps": every, "warmup_steps": warmup,
                       "save_steps": steps}  # fmt: skip


def say(what: str, seed: int, score: float) -> None:
    """A line for each run, so that a report that is stopped has said what it knew."""
    print(f"{what}, seed {seed}: {score:.1f} %", flush=True)


def train(model: Any, batches: Iterator[Batch], steps: int, rate: float) -> None:
    """The plain loop, with warm-up and cosine."""
    model.train()
    optimizer = AdamW(model, lr=rate, betas=(0.9, 0.99), weight_decay=0.1)
    with np.errstate(all="ignore"):
        for step in progress(range(1, steps + 1), desc=type(model).__name__, unit="step"):
            optimizer.lr = learning_rate(step, "cosine", peak=rate, floor=rate / 10,
                                         warmup=min(100, steps // 10), total=steps)  # fmt: skip
            x, y = next(batches)
            model.loss(x, y).backward()
            clip_grad_norm(model, 1.0)
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
