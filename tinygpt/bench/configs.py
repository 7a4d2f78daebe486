"""The configurations that speed is measured on, and what a step of one is worth in arithmetic."""

from dataclasses import dataclass

from tinygpt.models.config import GPTConfig
from tinygpt.models.describe import layers
from tinygpt.models.gpt import GPT


@dataclass(frozen=True)
class Setup:
    """A model and a batch. `times`: how many pieces of work are timed as one."""

    what: str
    model: GPTConfig
    batch_size: int
    times: int


def _shape(V: int, T: int, N: int, H: int, C: int) -> GPTConfig:
    return GPTConfig(vocab_size=V, block_size=T, n_layer=N, n_head=H, n_embd=C)


SETUPS = {
    "M": Setup("microgpt's size", _shape(27, 16, 1, 4, 16), 1, 200),
    "A": Setup("nanoGPT on a CPU", _shape(65, 64, 4, 4, 128), 12, 10),
    "B": Setup("nanoGPT's Shakespeare", _shape(65, 256, 6, 6, 384), 8, 1),
    "C": Setup("GPT-2 124M, a step", _shape(50257, 256, 12, 12, 768), 1, 1),
    "D": Setup("GPT-2 124M, writing", _shape(50257, 1024, 12, 12, 768), 1, 1),
}


def step_flops(setup: Setup) -> float:
    """Floating point operations of forward and backward: each multiply-add is two, and backward
    does each product twice, for its two arguments."""
    model = GPT(setup.model, seed=None)
    return 3 * 2 * setup.batch_size * sum(row[3] for row in layers(model))
