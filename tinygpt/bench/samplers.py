"""Ways to write, side by side: how varied, and how likely to the model, is what each writes.

Distinct n-grams: different runs of n tokens, as a share of all; text that repeats itself has few
(Li et al. 2016, "A Diversity-Promoting Objective Function", section 5.1). The loss is the model's
own, of what was written: far below that of real text it is a commonplace, far above it is noise.
"""

from typing import Any

import numpy as np

from tinygpt.progress import progress
from tinygpt.text.batches import window_batches
from tinygpt.training.evaluation import mean_loss

WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0.0},
    "beam search, 4 beams": {"num_beams": 4},
    "temperature 0.8, top_k 40": {"temperature": 0.8, "top_k": 40},
    "top_k 10": {"top_k": 10},
    "top_p 0.9": {"top_p": 0.9},
    "min_p 0.1": {"min_p": 0.1},
    "temperature 0.8": {"temperature": 0.8},
    "temperature 0.8, penalty 1.2": {"temperature": 0.8, "repetition_penalty": 1.2},
    "temperature 1": {},
    "temperature 1.3": {"temperature": 1.3},
}


def distinct(rows: np.ndarray, n: int) -> float:
    """Different runs of n tokens / all of them.   rows (B, T)"""
    runs = np.lib.stride_tricks.sliding_window_view(rows, n, axis=1).reshape(-1, n)
    return len(np.unique(runs, axis=0)) / len(runs)


def own_loss(model: Any, rows: np.ndarray) -> float:
    """The model's mean loss in nats per token, in windows of block_size side by side."""
    block = min(model.config.block_size, rows.shape[1] - 1)
    return mean_loss(model, [b for row in rows for b in window_batches(row, block, 12)])


def run(model: Any, prompts: np.ndarray, held_out: np.ndarray, length: int) -> list[Any]:
    """(name, distinct 1-, 2-, 4-grams, loss) for held-out text and for each way to write.

    prompts (B, T): how each of B texts begins; held_out: ids that the model was not trained on.
    """
    length = min(length, len(held_out))
    starts = np.linspace(0, len(held_out) - length, len(prompts)).astype(int)
    results = [("held-out text", np.stack([held_out[s : s + length] for s in starts]))]
    for name, settings in progress(WAYS.items(), "writing"):
        drawn = {} if "num_beams" in settings else {"seed": 0}
        out = model.generate(prompts, length, **drawn, **settings)
        results.append((name, out[:, prompts.shape[1] :]))
    return [
        (name, *(distinct(rows, n) for n in (1, 2, 4)), own_loss(model, rows))
        for name, rows in results
    ]


def report(rows: list[Any]) -> str:
    """The table."""
    lines = [f"{'':<30} distinct 1-, 2-, 4-grams     model's own loss"]
    for name, one, two, four, loss in rows:
        lines.append(f"{name:<30} {one:8.1%} {two:8.1%} {four:8.1%} {loss:14.2f}")
    return "\n".join(lines)
