"""Ranks: real mpiexec, with 2 and 4 processes, against one process; and what happens when a rank
fails."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.training import ranks_at_work as at_work
from tinygpt.cli import main
from tinygpt.cli import processes as processes_file
from tinygpt.cli import train as train_file
from tinygpt.optim import AdamW
from tinygpt.training import world as world_file
from tinygpt.training.checkpoint import checkpoints, read_checkpoint

ROOT = Path(__file__).parents[2]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
LIMIT = 120  # seconds, on a busy machine
pytestmark = pytest.mark.skipif(
    not MPIEXEC.is_file() and shutil.which("mpiexec") is None,
    reason="needs MPI: pip install mpi4py mpich",
)


def mpi(n, *line, module=("-m", "mpi4py"), folder=None):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(MPIEXEC) if MPIEXEC.is_file() else "mpiexec", "-n", str(n), sys.executable, *module,
         *map(str, line)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT,
        encoding="utf-8", errors="replace",
    )  # fmt: skip


@functools.cache
def found(n):
    done = mpi(n, ROOT / "tests/training/ranks_at_work.py", "equal")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@functools.cache
def alone(name):
    return at_work.history(name)


def test_one_rank_has_the_bits_of_one_process():
    for name in at_work.SETTINGS:
        assert found(1)[name] == alone(name)
        assert found(1)[f"{name} sharded"] == alone(name)


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("shard", ["", " sharded"])
@pytest.mark.parametrize("name", [*at_work.SETTINGS, "device"])
def test_the_curve_of_one_process(n, shard, name):
    """Losses, norms, held-out losses and weights, with dropout, within rounding: float32, whose
    steps of AdamW are of size lr however small a gradient is."""
    mine, one = found(n)[name + shard], alone("plain" if name == "device" else name)
    for key in ("loss", "grad_norm", "validation_loss"):
        assert len(mine[key]) == len(one[key]) > 0
        np.testing.assert_allclose(mine[key], one[key], rtol=2e-4, err_msg=key)
    np.testing.assert_allclose(mine["weights"], one["weights"], atol=2e-4)


@pytest.mark.parametrize("n", [2, 4])
def test_in_double_precision_it_is_the_same_within_1e_12(n):
    one = at_work.history("plain", at_work.in_double)
    mine = found(n)["double"]
    for key in ("loss", "grad_norm", "validation_loss", "weights"):
        np.testing.assert_allclose(mine[key], one[key], rtol=1e-9, atol=1e-12, err_msg=key)
    for name, m in one["moments"].items():  # of all ranks together, in the first one
        np.testing.assert_allclose(mine["moments"][name], m, rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("n", [2, 4])
def test_the_plain_forms(n):
    """Of a step, and of its end with shared moments; with seven rows."""
    for losses in found(n)["plainly"]:
        assert losses["trainer"] == pytest.approx(losses["plain"], rel=1e-10)
        assert losses["plain"][-1] != losses["plain"][0]


@pytest.mark.parametrize("n", [2, 4])
def test_all_ranks_have_the_same_weights(n):
    assert found(n)["same weights"]


def test_moments_are_shared_out():
    length = len(alone("plain")["weights"])
    assert length % 4 != 0  # no multiple: the last part is shorter
    assert found(4)["plain"]["held"] == [length] * 2
    assert found(4)["plain sharded"]["held"] == [-(-length // 4)] * 2
    assert found(2)["sgd sharded"]["held"] == [-(-length // 2)]


@pytest.mark.parametrize(
    ("what", "said"), [("raise", "this rank has had enough"), ("kill", "signal 9")]
)
def test_a_rank_that_ends_ends_all(what, said, tmp_path):
    began = time.monotonic()
    done = mpi(2, ROOT / "tests/training/ranks_at_work.py", what, tmp_path)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "Traceback" in done.stderr or what == "kill"
    assert time.monotonic() - began < LIMIT / 2
    point = checkpoints(tmp_path)[0]  # the last one is whole
    assert read_checkpoint(point)["step"] == 5


@pytest.mark.parametrize("what", ["text", "weights"])
def test_ranks_that_do_not_have_the_same(what, tmp_path):
    done = mpi(2, ROOT / "tests/training/ranks_at_work.py", what, tmp_path)
    assert done.returncode != 0
    said = {"text": "the ranks draw other batches", "weights": "do not begin with the same weights"}
    assert said[what] in done.stderr
    assert not checkpoints(tmp_path)


@pytest.mark.parametrize("n", [2, 4])
def test_afterwards_a_share_of_the_moments_is_not_taken_for_all(n):
    """Steps and resume points outside raise, a second block goes on; the best model so far, which
    the first rank has in its folder, is known to all."""
    after = found(n)["afterwards"]
    assert after["best"] == [[3, 1.5]] * n
    assert after["refused"] == [[True, True]] * n
    for losses in after["losses"]:
        np.testing.assert_allclose(losses, after["expected"], rtol=2e-4)


@pytest.mark.parametrize("what", ["hang", "late"])
def test_a_rank_that_hangs_is_named(what, tmp_path):
    done = mpi(4, ROOT / "tests/training/ranks_at_work.py", what, tmp_path)
    assert done.returncode != 0
    assert "waited 1.5 seconds for" in done.stderr
    named = [line for line in done.stderr.splitlines() if "did not come" in line]
    assert named and all("rank 1 (process" in line for line in named)
    assert not any(f"rank {k} (" in line for line in named for k in (0, 2, 3))
    steps = [read_checkpoint(point)["step"] for point in checkpoints(tmp_path)]
    assert steps == ([5] if what == "hang" else [])


# ------------------------------------------------------------------------ by the command line

RUN = (
    "train text.txt --tokenizer char --n-layer 1 --n-embd 16 --n-head 2 --block-size 16 "
    "--batch-size 6 --dropout 0.1 --schedule constant --warmup-steps 0 --eval-steps 4 "
    "--logging-steps 1 --save-steps 4 --sample-steps 0 --workers 1"
).split()


def tinygpt(folder, *options, n=0):
    if n:
        return mpi(n, "-m", "tinygpt", *RUN, *options, folder=folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "tinygpt", *RUN, *options], cwd=folder,
                          env=environment, capture_output=True, text=True, timeout=LIMIT,
                          encoding="utf-8", errors="replace")  # fmt: skip


def log(folder):
    (path,) = folder.glob("runs/*/log.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def text(tmp_path):
    def new(name):
        folder = tmp_path / name
        folder.mkdir()
        lines = [f"line {i} says that {i * i} is the square of {i}\n" for i in range(300)]
        (folder / "text.txt").write_text("".join(lines), encoding="utf-8")
        return folder

    return new


def test_a_run_goes_on_with_another_number_of_ranks(text):
    """2 ranks with shared moments, then 1, then 4: one run, one folder, the curve of one process;
    rank 0 alone prints and writes."""
    one, many = text("one"), text("many")
    assert tinygpt(one, "--max-steps", "12").returncode == 0
    first = tinygpt(many, "--max-steps", "4", "--shard-optimizer", n=2)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("a model that guesses blindly") == 1
    assert "in each of 2 ranks, which share the moments" in first.stdout
    (run,) = (many / "runs").iterdir()
    on = [a for a in RUN if a != "text.txt"]
    for n, last, more in ((0, "8", ["--no-shard-optimizer"]), (4, "12", ["--shard-optimizer"])):
        line = ["-m", "tinygpt", *on, "--resume", str(run), "--max-steps", last, *more]
        done = mpi(max(n, 1), *line, folder=many)
        assert done.returncode == 0, done.stderr
    for mine, its in zip(log(many), log(one), strict=True):
        assert mine["step"] == its["step"]
        for key in mine.keys() & {"loss", "grad_norm", "validation_loss", "learning_rate"}:
            np.testing.assert_allclose(mine[key], its[key], rtol=2e-4)


def test_processes_starts_mpiexec_and_says_so(text):
    folder = text("text")
    done = tinygpt(folder, "--max-steps", "4", "--processes", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("starting: mpiexec -n 2 python -m mpi4py -m tinygpt train text")
    assert "in each of 2 ranks" in done.stdout
    assert [line["step"] for line in log(folder) if "validation_loss" in line] == [4]


def test_ctrl_c_writes_one_resume_point(text):
    folder = text("text")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "tinygpt", *RUN, "--max-steps", "100000", "--processes", "2",
            "--save-steps", "100000", "--shard-optimizer"]  # fmt: skip
    with subprocess.Popen(line, cwd=folder, env=environment, text=True, encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:  # fmt: skip
        until = time.monotonic() + LIMIT
        while not list(folder.glob("runs/*/log.jsonl")) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=LIMIT)[0]
    assert process.returncode != 0
    assert said.count("interrupted after step") == 1
    (point,) = folder.glob("runs/*/checkpoints/step-*")
    assert str(read_checkpoint(point)["step"]) == point.name[5:]


def test_an_error_of_all_ranks_is_said_once(text):
    done = tinygpt(text("text"), "--max-steps", "0", n=2)
    assert done.returncode == 2
    assert done.stderr.count("expected a whole number max_steps >= 1, got 0") == 1
    assert "rank 0 of 2 (process" in done.stderr


def test_without_mpi4py_it_is_refused(text):
    folder = text("text")
    done = mpi(2, "-m", "tinygpt", *RUN, module=(), folder=folder)
    assert done.returncode != 0
    assert "mpiexec -n 4 python -m mpi4py -m tinygpt train" in done.stderr
    assert not (folder / "runs").exists()


def test_a_launcher_of_another_mpi_is_refused(text):
    """Each process would take itself for alone, and make a run of its own."""
    folder = text("text")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SLURM_STEP_NUM_TASKS": "2"}
    for begin, said in (([], "python -m mpi4py"), (["-m", "mpi4py"], "MPI sees one")):
        line = [sys.executable, *begin, "-m", "tinygpt", *RUN, "--max-steps", "2"]
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True,
                              timeout=LIMIT, encoding="utf-8", errors="replace")  # fmt: skip
        assert done.returncode != 0 and said in done.stderr
    assert not (folder / "runs").exists()


def test_processes_inside_mpiexec_is_refused(text):
    done = tinygpt(text("text"), "--processes", "2", n=2)
    assert done.returncode == 2
    assert "--processes starts mpiexec, which has started this" in done.stderr


@pytest.mark.parametrize("more", [[], ["--shard-optimizer"]])
def test_a_loss_that_is_no_number_is_explained_by_the_first_rank(text, more):
    done = tinygpt(text("text"), "--max-steps", "9", "--learning-rate", "1e25", *more, n=2)
    assert done.returncode == 2
    assert "The first that is no number" in done.stderr
    assert "The first rank says why" not in done.stderr


def test_debug_goes_on_to_the_ranks(monkeypatch, capsys):
    started = []
    monkeypatch.setattr(processes_file.os, "execv", lambda program, line: started.append(line))
    monkeypatch.setattr(processes_file.subprocess, "call", lambda line: 0)
    monkeypatch.setattr(processes_file.sys, "argv", ["tinygpt", "train", "--debug"])
    processes_file.with_processes("2", ["text.txt", "--processes", "2", "--n-layer=1"])
    assert started[0][-3:] == ["text.txt", "--n-layer=1", "--debug"]


@pytest.mark.parametrize("n", ["0", "x", "-2", "1.5"])
def test_a_wrong_number_of_processes(n, capsys):
    assert main(["train", "--processes", n]) == 2
    assert f"expected a whole number --processes >= 1, got {n}" in capsys.readouterr().err


def test_processes_without_mpi(monkeypatch, capsys):
    monkeypatch.setattr(world_file.importlib.util, "find_spec", lambda name: None)
    assert main(["train", "--processes", "2"]) == 2
    assert "pip install mpi4py mpich" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- in parts


def test_cores_are_divided_over_the_ranks_of_a_machine(monkeypatch):
    cores = world_file.cores_of_this_process()
    monkeypatch.setattr(world_file, "world_of_ranks", lambda: world_file.World(local_size=cores))
    assert world_file.cores_of_this_process() == 1
    monkeypatch.setattr(world_file, "world_of_ranks", lambda: world_file.World(local_size=999))
    assert world_file.cores_of_this_process() == 1


def test_each_rank_has_a_gpu_of_its_own(monkeypatch):
    world = world_file.World(rank=3, size=4, local_rank=1, local_size=2)
    monkeypatch.setattr(world_file, "world_of_ranks", lambda: world)
    assert world_file.device_of_this_rank("gpu", lambda: 2) == "gpu:1"
    assert world_file.device_of_this_rank("cpu", lambda: 0) == "cpu"
    with pytest.raises(ValueError, match="2 ranks on one machine need as many GPUs, and it has 1"):
        world_file.device_of_this_rank("gpu", lambda: 1)
    with pytest.raises(ValueError, match="cannot share gpu:0: say gpu"):
        world_file.device_of_this_rank("gpu:0", lambda: 2)


def test_a_run_records_the_gpu_that_was_asked_for_not_the_one_of_this_rank(monkeypatch):
    world = world_file.World(rank=0, size=2, local_size=2)
    monkeypatch.setattr(train_file, "world_of_ranks", lambda: world)
    a = at_work.TrainingArguments(device="gpu:0")
    assert train_file._as_asked(a).device == "gpu"
    assert train_file._as_asked(at_work.TrainingArguments(device="cpu")).device == "cpu"


def test_what_a_launcher_gives_is_not_divided_again(monkeypatch):
    """Cores that are this rank's own; the one GPU that it sees."""
    world = world_file.World(size=4, local_size=4, has_own_cores=True, has_own_gpu=True)
    monkeypatch.setattr(world_file, "world_of_ranks", lambda: world)
    assert world_file.cores_of_this_process() == (len(world_file._affinity()) or os.cpu_count())
    assert world_file.device_of_this_rank("gpu", lambda: 1) == "gpu"


def test_an_optimizer_that_holds_a_part():
    """It steps that part as the whole optimizer does, and leaves the rest."""
    whole, part = (at_work.GPT(at_work.GPTConfig(**at_work.SIZE), seed=1) for _ in range(2))
    one, other = AdamW(whole, lr=0.01), AdamW(part, lr=0.01)
    before = part.vector().data.copy()
    other.hold_only(100, 300)
    assert other.holds_a_share and not one.holds_a_share
    x = at_work.IDS[:16].reshape(2, 8)
    for model, optimizer in ((whole, one), (part, other)):
        model.train().loss(x[:, :-1], x[:, 1:]).backward()
        optimizer.step()
    same = whole.vector().data[100:300]
    assert np.array_equal(part.vector().data[100:300], same)
    assert not np.array_equal(same, before[100:300])
    rest = np.r_[0:100, 300 : len(before)]
    assert np.array_equal(part.vector().data[rest], before[rest])
    assert np.array_equal(other.state_dict()["m"], one.state_dict()["m"][100:300])
    other.load_state_dict(one.state_dict(), 1)
    assert np.array_equal(other.state_dict()["v"], one.state_dict()["v"][100:300])
