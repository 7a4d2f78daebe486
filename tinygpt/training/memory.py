"""How much memory a run will need, before it starts.

For each parameter: its value, its gradient, the optimizer's moments, and a gradient more for each
worker after the first. For each position of the rows that are worked on at once, what the ops keep
for their backward, in numbers:

    block      16 C + H T           norms 4 C, q k v 3 C, attention's weights H T and result C,
                                    GELU and its slope 8 C
    the end    3 V + 16 C + 2 H T   logits, their gradient, exp; the backward pass of one block
"""

import os
from dataclasses import dataclass

from tinygpt.models.gpt import GPTConfig
from tinygpt.training.arguments import TrainingArguments

NUMBER = 4  # bytes of a float32
LIBRARIES = 110e6  # Python, NumPy, BLAS's buffers, matplotlib


def total_memory() -> int | None:
    """The bytes of memory in this machine, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


@dataclass(frozen=True)
class Memory:
    """In bytes."""

    parameters: int
    activations: int

    @property
    def total(self) -> float:
        return LIBRARIES + self.parameters + self.activations


def expected_memory(
    config: GPTConfig,
    a: TrainingArguments,
    *,
    n_parameters: int,
    n_moments: int,
    workers: int,
    n_frozen: int = 0,
    ranks: int = 1,
) -> Memory:
    """The formula above, of one rank; what is frozen has its value alone."""
    C, T, H, V = config.n_embd, config.block_size, config.n_head, config.vocab_size
    rows = -(-a.batch_size // ranks)
    at_once = a.micro_batch_size or -(-rows // workers)
    positions = min(workers * at_once, rows) * T
    kept = positions * (config.n_layer * (16 * C + H * T) + 3 * V + 16 * C + 2 * H * T)
    moments = n_moments / ranks if a.shard_optimizer else n_moments
    numbers = round(n_parameters * (2 + moments + (workers - 1)))
    return Memory(NUMBER * (numbers + n_frozen), NUMBER * kept)
