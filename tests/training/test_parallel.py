"""Workers: the same step, divided over threads."""

import time

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Trainer, TrainingArguments
from tinygpt.training.parallel import Workers

SMALL = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 8}
rng = np.random.default_rng(0)
X = rng.integers(0, 11, (7, 6))
Y = rng.integers(0, 11, (7, 6))
Y[:4] = -100  # the first of two workers has nothing to do for three rows
Y[2, 1] = 5


def trained(workers, micro=0, steps=4):
    model = GPT(GPTConfig(**SMALL, dropout=0.3)).to("float64")
    a = TrainingArguments(batch_size=7, workers=workers, micro_batch_size=micro, warmup_steps=0)
    t = Trainer(model, a)
    losses = [float(t.step(X, Y)) for _ in range(steps)]
    return losses, model.vector().data


@pytest.mark.parametrize("workers", [2, 3, 7])
@pytest.mark.parametrize("micro", [0, 2])
def test_the_result_of_one_worker_up_to_rounding(workers, micro):
    losses, weights = trained(workers, micro)
    expected, expected_weights = trained(1)
    assert losses == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-8, atol=1e-11)


def test_bit_equal_from_run_to_run():
    first, second = trained(2, steps=10), trained(2, steps=10)
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1])


def test_an_error_in_a_thread_arrives():
    workers = Workers(GPT(GPTConfig(**SMALL)), 2)

    def work(model, rows):
        if rows.start:
            raise KeyError("in the second thread")
        return 0.0

    with pytest.raises(KeyError, match="second thread"):
        workers.sum_of(work, slice(0, 4))


def test_an_error_waits_for_the_other_threads():
    """One that is still writing its gradient would disturb the next step."""
    workers, ended = Workers(GPT(GPTConfig(**SMALL)), 2), []

    def work(model, rows):
        if rows.start == 0:
            raise KeyError("in the first thread")
        time.sleep(0.2)
        ended.append(rows.start)

    with pytest.raises(KeyError, match="first thread"):
        workers.sum_of(work, slice(0, 4))
    assert ended == [2]


def test_the_seed_of_dropout_that_was_restored_is_that_of_all_workers():
    losses = []
    for workers in (1, 2):
        a = TrainingArguments(batch_size=7, workers=workers)
        t = Trainer(GPT(GPTConfig(**SMALL, dropout=0.3)).to("float64"), a)
        t.model.vector().seed = 7
        losses.append(float(t.step(X, Y)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_never_more_workers_than_rows():
    t = Trainer(GPT(GPTConfig(**SMALL)), TrainingArguments(batch_size=2, workers=16))
    assert len(t.workers.models) == 2
