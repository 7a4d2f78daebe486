"""The memory that is announced is about what a step takes."""

import tracemalloc

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Trainer, TrainingArguments
from tinygpt.training.memory import expected_memory


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ({"vocab_size": 65, "block_size": 64}, {"batch_size": 12, "workers": 1}),
        ({"vocab_size": 1024, "block_size": 64}, {"batch_size": 12, "workers": 2}),
        ({"vocab_size": 65, "block_size": 128}, {"batch_size": 8, "micro_batch_size": 2}),
        ({"vocab_size": 65, "block_size": 64, "n_layer": 8}, {"batch_size": 4, "optimizer": "sgd"}),
    ],
)
def test_expected_and_measured(shape, settings):
    """Parameters, gradients, moments, activations of a step, by tracemalloc, within a quarter."""
    config = GPTConfig(**shape)
    arguments = TrainingArguments(**({"workers": 1} | settings))
    x = np.random.default_rng(0).integers(0, 65, (arguments.batch_size, config.block_size))
    tracemalloc.start()
    try:
        trainer = Trainer(GPT(config), arguments)
        trainer.step(x, x)
        tracemalloc.reset_peak()
        for _ in range(5):  # two threads need not be at their highest in the same moment of a step
            trainer.step(x, x)
        measured = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    expected = expected_memory(
        config,
        arguments,
        n_parameters=trainer.model.num_parameters(),
        n_moments=len(trainer.optimizer.moments),
        workers=len(trainer.workers.models),
    )
    ratio = (expected.parameters + expected.activations) / measured
    assert 0.75 < ratio < 1.25, ratio


def test_a_rank_has_its_share_of_the_rows_and_of_shared_moments():
    config = GPTConfig(vocab_size=64, block_size=16, n_layer=1, n_head=2, n_embd=32)
    alone, ranks, shared = (
        expected_memory(
            config,
            TrainingArguments(batch_size=8, shard_optimizer=shard),
            n_parameters=1000,
            n_moments=2,
            workers=1,
            ranks=n,
        )
        for n, shard in ((1, False), (4, False), (4, True))
    )
    assert (alone.parameters, ranks.parameters, shared.parameters) == (16_000, 16_000, 10_000)
    assert ranks.activations == shared.activations == alone.activations / 4
