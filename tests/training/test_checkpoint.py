"""Resume points: a run goes on bit for bit, and nothing that happens while saving loses one."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.training.faults import Faults, full_disk, injected
from tinygpt import GPT, GPTConfig, Trainer, TrainingArguments
from tinygpt.text import ByteTokenizer, load_tokenizer
from tinygpt.training import TrainingError, saving
from tinygpt.training.checkpoint import checkpoints, find_checkpoint, read_checkpoint
from tinygpt.training.run_folder import read_log

IDS = np.frombuffer(b"the cat sat on the mat, and the dog lay on the log. " * 30, np.uint8)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They take longer than these runs."""
    monkeypatch.setattr(saving, "draw_loss", lambda folder, floor: None)


def make(folder, validation=True, dropout=0.2, **settings):
    """A small run with everything in it that has a state: dropout, momentum, a schedule."""
    model = GPT(
        GPTConfig(vocab_size=256, block_size=8, n_layer=1, n_head=2, n_embd=8, dropout=dropout)
    )
    defaults = {"max_steps": 12, "eval_steps": 3, "logging_steps": 2, "save_steps": 4,
                "sample_steps": 5, "warmup_steps": 2, "batch_size": 4, "workers": 2}  # fmt: skip
    folder.mkdir(exist_ok=True)
    return Trainer(
        model,
        TrainingArguments(**(defaults | settings)),
        train=IDS[:1200],
        validation=IDS[1200:] if validation else None,
        tokenizer=ByteTokenizer(),
        folder=folder,
    )


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same_run(a, b):
    """Both folders hold the same models and the same log, but for the speed."""
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert digest(a / name) == digest(b / name), name
    logs = [[{k: v for k, v in line.items() if k != "tokens_per_second"} for line in read_log(f)]
            for f in (a, b)]  # fmt: skip
    assert logs[0] == logs[1]
    for one, other in zip(checkpoints(a), checkpoints(b), strict=True):
        assert one.name == other.name
        for path in one.iterdir():
            assert digest(path) == digest(other / path.name), path


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd", "schedule": "step"},
        {"optimizer": "adam", "schedule": "linear", "workers": 1},
        {"optimizer": "nadam", "micro_batch_size": 1},
        {"optimizer": "nadamw", "schedule": "constant", "validation": False},
    ],
)
@pytest.mark.parametrize("stop", [4, 7])
def test_a_run_goes_on_bit_for_bit(tmp_path, settings, stop):
    """Stopped by Ctrl-C after a step, in another process as far as state goes: a new Trainer."""
    whole, parted = make(tmp_path / "whole", **settings), make(tmp_path / "parted", **settings)
    whole.train()
    step = parted.step

    def interrupting(x, y):
        if parted.optimizer.steps == stop - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return step(x, y)

    parted.step = interrupting
    with pytest.raises(KeyboardInterrupt):
        parted.train()
    _, point = find_checkpoint(tmp_path / "parted")
    assert point.name == f"step-{stop}"
    again = make(tmp_path / "parted", **settings)
    again.restore(point)
    again.train()
    assert np.array_equal(whole.model.vector().data, again.model.vector().data)
    assert whole.best == again.best
    same_run(tmp_path / "whole", tmp_path / "parted")


def test_a_resume_point_is_a_model_of_its_own(tmp_path):
    t = make(tmp_path / "run")
    t.train()
    newest, older = checkpoints(tmp_path / "run")
    assert (newest.name, older.name) == ("step-12", "step-8")
    model = GPT.from_pretrained(newest)
    assert np.array_equal(model.vector().data, t.model.vector().data)
    assert load_tokenizer(newest).vocab_size == 256
    state = read_checkpoint(newest)
    assert state["step"] == 12
    assert state["best"] == list(t.best)


def test_going_on_from_the_older_point_drops_the_newer_one(tmp_path):
    whole, t = make(tmp_path / "whole"), make(tmp_path / "run")
    whole.train()
    t.train()
    again = make(tmp_path / "run")
    again.restore(checkpoints(tmp_path / "run")[1])
    assert [p.name for p in checkpoints(tmp_path / "run")] == ["step-8"]
    assert max(line["step"] for line in read_log(tmp_path / "run")) == 8
    again.train()
    same_run(tmp_path / "whole", tmp_path / "run")


# ------------------------------------------------------------------------ cut and altered files


def spoilt(folder, name, change):
    path = folder / name
    data = path.read_bytes()
    path.write_bytes(change(data))


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "config.json", "tokenizer.json"]
)
def test_damage_is_named_refused_and_another_point_offered(tmp_path, name):
    make(tmp_path / "run").train()
    run, point = find_checkpoint(tmp_path / "run")
    size = (point / name).stat().st_size
    offer = r".*Another one is .*step-8: tinygpt train --resume .*step-8"
    whole = (point / name).read_bytes()
    (point / name).write_bytes(whole[:-7])
    cut = f"{name} has {size - 7:,} bytes and should have {size:,}"
    with pytest.raises(ValueError, match=cut):
        make(tmp_path / "run").restore(point)
    (point / name).write_bytes(whole[:-7] + b"altered")
    with pytest.raises(ValueError, match=f"{name} was altered: its SHA-256 is .* should be{offer}"):
        make(tmp_path / "run").restore(point)
    (point / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is missing: it should have {size:,} bytes"):
        make(tmp_path / "run").restore(point)
    shutil.rmtree(run / "checkpoints" / "step-8")
    with pytest.raises(ValueError, match="There is no other resume point"):
        make(tmp_path / "run").restore(point)
    assert GPT.from_pretrained(run).num_parameters() > 0  # the best model is not touched


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b"",
        lambda b: b[:-20],
        lambda b: b.replace(b'\\"step\\": 12', b'\\"step\\": 13'),
        lambda b: b.replace(b'"sha256"', b'"sha257"'),
        lambda b: b"[1, 2]",
        lambda b: b.replace(b'"state": "', b'"state": 3, "x": "'),
    ],
)
def test_a_state_that_was_altered(tmp_path, change):
    make(tmp_path / "run").train()
    _, point = find_checkpoint(tmp_path / "run")
    before = (point / "state.json").read_bytes()
    spoilt(point, "state.json", change)
    assert (point / "state.json").read_bytes() != before
    with pytest.raises(ValueError, match=r"state\.json is cut short or altered.*Another one is"):
        read_checkpoint(point)
    (point / "state.json").unlink()
    with pytest.raises(ValueError, match=r"state\.json is missing"):
        read_checkpoint(point)


def test_what_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="there is no run"):
        find_checkpoint(tmp_path / "nothing")
    with pytest.raises(ValueError, match="has no resume point"):
        find_checkpoint(tmp_path)


def test_a_point_of_another_optimizer_is_refused(tmp_path):
    make(tmp_path / "run", optimizer="sgd").train()
    _, point = find_checkpoint(tmp_path / "run")
    with pytest.raises(ValueError, match="was trained with sgd, not with adamw"):
        make(tmp_path / "run").restore(point)


# ------------------------------------------------------- every file operation fails, or is the last


@pytest.fixture
def saved_twice(tmp_path):
    """A run with points of steps 1 and 2 that is about to save step 3: (folder, trainer, weights by
    step). Nothing says which model is best, so the top of the folder changes too."""
    t = make(tmp_path / "run", validation=False)
    weights = {}
    for step in (1, 2, 3):
        t.step(*next(t.batches))
        weights[step] = t.model.vector().data.copy()
        if step < 3:
            t.save()
    shutil.copytree(tmp_path / "run", tmp_path / "before")
    return tmp_path / "run", t, weights


def back_to(folder):
    shutil.rmtree(folder)
    shutil.copytree(folder.parent / "before", folder)


def whole_state(folder, weights):
    """The step that the run can go on from; every point that has a name is whole, and so is the
    model at the top."""
    points = checkpoints(folder)
    for point in points:
        step = read_checkpoint(point)["step"]
        assert point.name == f"step-{step}"
        assert np.array_equal(GPT.from_pretrained(point).vector().data, weights[step])
        load_tokenizer(point)
    top = GPT.from_pretrained(folder).vector().data
    assert any(np.array_equal(top, w) for w in weights.values())
    load_tokenizer(folder)
    return int(points[0].name[5:])


def then_saves_again(folder, t):
    t.save()
    assert [p.name for p in checkpoints(folder)] == ["step-3", "step-2"]
    assert not list((folder / "checkpoints").glob(".*"))


def count_operations(folder, t):
    with injected(faults := Faults()):
        t.save()
    assert {"mkdir", "open", "write", "fsync", "replace", "unlink", "rmdir"} <= set(faults.seen)
    back_to(folder)
    return len(faults.seen)


def test_every_file_operation_fails_in_turn(saved_twice, capsys):
    folder, t, weights = saved_twice
    n, steps = count_operations(folder, t), []
    for at in range(1, n + 1):
        with injected(faults := Faults(at, full_disk)):
            try:
                t.save()
            except TrainingError as error:
                message = str(error)
            else:  # such as making a folder that is there already
                message = ""
        step = whole_state(folder, weights)
        assert len(faults.seen) >= at
        if message == "":
            assert step == 3
        else:
            assert "No space left on device" in message
            assert f"Go on from step {step} with: tinygpt train --resume {folder}" in message
            steps.append(step)
        then_saves_again(folder, t)
        back_to(folder)
    assert steps == sorted(steps)  # the new state is there from one operation on
    assert set(steps) == {2, 3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside BLAS's threads
def test_the_process_stops_at_every_file_operation_in_turn(saved_twice):
    folder, t, weights = saved_twice
    n, steps = count_operations(folder, t), []
    for at in range(1, n + 1):
        child = os.fork()
        if child == 0:
            with injected(Faults(at, lambda: os._exit(9))):
                t.save()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 9
        step = whole_state(folder, weights)
        steps.append(step)
        then_saves_again(folder, t)
        back_to(folder)
    assert steps == sorted(steps)
    assert set(steps) == {2, 3}


def test_a_disk_that_is_full_loses_nothing(tmp_path, monkeypatch):
    """It fills up after the second resume point: the run says so and ends, and goes on later."""
    whole = make(tmp_path / "whole")
    whole.train()
    t = make(tmp_path / "run")
    save = t.save

    def filling(*args):
        if t.optimizer.steps == 12:
            with injected(Faults(5, full_disk)):
                save()
        save()

    t.save = filling
    said = r"step 12 could not be saved: .*No space.*from step 8"
    with pytest.raises(TrainingError, match=said):
        t.train()
    again = make(tmp_path / "run")
    again.restore(find_checkpoint(tmp_path / "run")[1])
    again.train()
    same_run(tmp_path / "whole", tmp_path / "run")


# --------------------------------------------------------------------------------- killed for good


def command(*argv):
    return [sys.executable, "-m", "tinygpt", "train", *argv]


FLAGS = (
    "--max-steps=60 --batch-size=4 --block-size=8 --n-layer=1 --n-head=2 --n-embd=16 "
    "--vocab-size=270 --dropout=0.1 --eval-steps=10 --save-steps=5 --sample-steps=0 "
    "--logging-steps=1 --workers=2"
).split()


def killed_until_done(folder, kills, rng):
    """Train, and kill the process with SIGKILL at random moments, so often; then to the end."""
    argv = command("cats.txt", *FLAGS)
    killed_at = []
    while True:
        process = subprocess.Popen(
            argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        runs = sorted((folder / "runs").glob("*")) if (folder / "runs").exists() else []
        if len(killed_at) < kills:
            while not (runs := sorted((folder / "runs").glob("*/checkpoints/step-*"))):
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            run = runs[0].parents[1]
            time.sleep(rng.uniform(0.0, 0.5) + (1.2 if killed_at else 0))  # 1.2: Python starts
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed_at.append(max(int(p.name[5:]) for p in checkpoints(run)))
            argv = command("--resume", str(run))
            if killed_at[-1] == 60:
                return run, killed_at
        else:
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
            return runs[0], killed_at


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    text = "the cat sat on the mat, and the dog lay on the log. " * 60
    (folder / "cats.txt").write_text(text, encoding="utf-8")
    subprocess.run(command("cats.txt", *FLAGS), cwd=folder, check=True, capture_output=True)
    return folder


def kill_and_compare(folder, uninterrupted, kills, seed):
    shutil.copy(uninterrupted / "cats.txt", folder)
    run, killed_at = killed_until_done(folder, kills, random.Random(seed))
    (whole,) = (uninterrupted / "runs").iterdir()
    same_run(whole, run)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["training"]["workers"] == 2
    return killed_at


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_and_resumed_it_is_the_uninterrupted_run(tmp_path, uninterrupted):
    assert kill_and_compare(tmp_path, uninterrupted, kills=1, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_ten_times(tmp_path, uninterrupted, capsys):
    points = []
    for i in range(10):
        (tmp_path / str(i)).mkdir()
        points.append(kill_and_compare(tmp_path / str(i), uninterrupted, kills=1 + i % 3, seed=i))
        assert points[-1] and points[-1] == sorted(points[-1])  # killed, and never thrown back
    with capsys.disabled():
        print(f"\nkilled {sum(map(len, points))} times, at the resume points {points}")
