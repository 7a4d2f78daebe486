"""Workers as processes: what threads do, bit for bit; and what happens when one of them ends."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tests.training.test_parallel import SMALL, X, Y
from tinygpt import GPT, GPTConfig, Trainer, TrainingArguments
from tinygpt.training import TrainingError
from tinygpt.training import forked as forked_file
from tinygpt.training.forked import Processes, forked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


def trainer(config=None, **settings):
    a = TrainingArguments(**({"batch_size": 7, "workers": 3, "warmup_steps": 2} | settings))
    return Trainer(GPT(GPTConfig(**SMALL, dropout=0.3, **(config or {}))), a)


def steps(t, n=5, x=X, y=Y):
    return [float(t.step(x, y)) for _ in range(n)]


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({}, {}),
        ({}, {"micro_batch_size": 2, "workers": 2}),
        ({}, {"optimizer": "nadamw", "workers": 7}),
        ({"lora_rank": 2}, {"optimizer": "adam"}),
        ({}, {"optimizer": "sgd", "workers": 16}),
        ({}, {"optimizer": "sgd", "betas": (0.0, 0.9)}),
    ],
)
def test_the_bits_of_threads(config, settings):
    """Also when it begins in the middle, and when threads go on after it."""
    results = []
    for way in (nullcontext, forked):
        t = trainer(config, **settings)
        losses = steps(t, 2)
        with way(t):
            assert isinstance(t.workers, Processes) == (way is forked)
            losses += steps(t)
        losses += steps(t, 2)
        results.append((losses, t.model.vector().data, *t.optimizer.moments.values()))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("batch", [1, 7])
def test_the_update_is_divided_where_it_is_large(batch, monkeypatch):
    monkeypatch.setattr(forked_file, "PIECE", 100)
    results = []
    for way in (nullcontext, forked):
        t = trainer(batch_size=batch, workers=2)
        with way(t):
            assert isinstance(t.workers, Processes) == (way is forked)
            results.append(steps(t, x=X[-batch:], y=Y[-batch:]) + t.model.vector().data.tolist())
    assert results[0] == results[1]


@pytest.mark.parametrize("settings", [{"workers": 1}, {"batch_size": 1, "workers": 2}])
def test_nothing_is_forked_where_there_is_nothing_to_divide(settings):
    t = trainer(**settings)
    with forked(t):
        assert not isinstance(t.workers, Processes)


def test_as_many_processes_as_have_something_to_do():
    t = trainer(batch_size=2, workers=16)
    with forked(t):
        processes = t.workers
        assert len(processes._children) == 1
        with forked(t):
            assert t.workers is processes


def test_no_process_is_left():
    t = trainer()
    with pytest.raises(KeyError), forked(t):
        children = t.workers._children
        assert all(child.is_alive() for child in children)
        raise KeyError
    assert [child.exitcode for child in children] == [-signal.SIGKILL] * 2
    steps(t, 1)


def test_an_error_in_a_process_arrives():
    t = trainer()
    original = t.backward

    def backward(model, rows, *args):
        if rows.start > 0:
            raise MemoryError(f"rows {rows.start} to {rows.stop}")
        return original(model, rows, *args)

    t.backward = backward
    with forked(t), pytest.raises(MemoryError, match="rows 2 to 4"):
        t.step(X, Y)


class Unsendable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def test_an_error_that_cannot_be_sent_arrives_in_words():
    t = trainer()

    def backward(model, rows, *args):
        if rows.start > 0:
            raise Unsendable("this", "that")
        return 0.0

    t.backward = backward
    with forked(t), pytest.raises(RuntimeError, match="Unsendable: this and that") as caught:
        t.step(X, Y)
    assert 'raise Unsendable("this", "that")' in caught.value.__notes__[0]


@pytest.mark.parametrize("row", [0, 6])
def test_going_on_after_an_error(row):
    """An answer that the error left unread is not taken for that of the next step."""
    wrong = X.copy()
    wrong[row, 0] = 99
    results = []
    for way in (nullcontext, forked):
        t = trainer()
        with way(t):
            losses = steps(t, 2)
            for _ in range(2):
                with pytest.raises(ValueError, match="99"):
                    t.step(wrong, np.abs(Y) % 11)
            results.append(losses + steps(t, 3))
    assert results[0] == results[1]


def test_a_process_that_was_killed():
    t = trainer()
    with forked(t):
        steps(t, 3)
        os.kill(t.workers._children[1].pid, signal.SIGKILL)
        with pytest.raises(TrainingError, match="step 4: a worker process ended with code -9"):
            steps(t, 1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_made_no_number_is_found_in_another_process():
    """The step is played again where every op can be looked at."""
    t = trainer(workers=2)
    t.batches = iter([(X, Y)])
    t.model.wte.weight.data[X[6]] = 3e38  # rows of the second worker
    t.model.wte.weight.data[np.unique(X[:3])] = 0.1
    with forked(t), pytest.raises(TrainingError, match="The first that is no number, in step 1"):
        t.train()


# ------------------------------------------------------------------------ through the command line

FLAGS = (
    "--max-steps=100000 --batch-size=4 --block-size=8 --n-layer=1 --n-head=2 --n-embd=16 "
    "--tokenizer=char --eval-steps=100000 --save-steps=20 --sample-steps=0 --workers=2"
).split()


@pytest.fixture
def running(tmp_path):
    """`tinygpt train` after its first resume point: the process, its child, the folder."""
    text = "the cat sat on the mat, and the dog lay on the log. " * 60
    (tmp_path / "cats.txt").write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygpt", "train", "cats.txt", *FLAGS],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/*/checkpoints/step-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
    assert len(children) == 1
    yield process, int(children[0]), tmp_path
    process.kill()
    process.communicate()


def ended(pid, within=20):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_worker_that_was_killed_is_said_and_the_run_goes_on_later(running):
    process, child, folder = running
    os.kill(child, signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "a worker process ended with code -9 (-9: it was killed" in error
    assert "Traceback" not in error
    (run,) = (folder / "runs").iterdir()
    assert f"tinygpt train --resume {Path('runs') / run.name}" in error
    again = [sys.executable, "-m", "tinygpt", "train", "--resume", str(run), "--max-steps"]
    last = max(int(point.name[5:]) for point in (run / "checkpoints").iterdir())
    subprocess.run([*again, str(last + 1)], cwd=folder, check=True, capture_output=True)


def test_workers_end_with_the_run_that_is_killed(running):
    process, child, _ = running
    process.kill()
    assert ended(child)
    assert "Traceback" not in process.communicate(timeout=20)[1]


def test_ctrl_c_reaches_all_of_them_and_the_step_is_finished(running):
    process, child, _ = running
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after step" in out
    assert "Traceback" not in error
    assert ended(child)
