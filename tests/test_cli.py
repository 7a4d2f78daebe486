"""The command line: what it does, and every error that it promises."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Trainer
from tinygpt.autograd.operators import shipped
from tinygpt.cli import main as run
from tinygpt.text import ByteTokenizer

TEXT = "the cat sat on the mat, and the dog lay on the log. " * 60


def fast(**changes):
    """Flags for a run of a second; a setting that is None is not given."""
    settings = {
        "max_steps": 4, "batch_size": 2, "block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 8,
        "vocab_size": 270, "eval_steps": 2, "sample_steps": 2, "logging_steps": 1, "workers": 1,
    } | changes  # fmt: skip
    return [f"--{k.replace('_', '-')}={v}" for k, v in settings.items() if v is not None]


FAST = fast()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder with a text in it, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGPT_DEVICE", raising=False)
    (tmp_path / "cats.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def newest(folder):
    return max((folder / "runs").iterdir(), key=lambda p: p.stat().st_mtime_ns)


# ---------------------------------------------------------------------------- train, generate


def test_train_then_generate(here, capfd):
    assert run(["train", "cats.txt", *FAST]) == 0
    out, err = capfd.readouterr()
    folder = newest(here)
    assert folder.name.startswith("cats-")
    for part in ("cats: ", "held out; vocabulary 270", "parameters", str(folder.name)):
        assert part in out
    assert "step 2: loss on held-out text" in out + err
    assert "tokens/s" in err
    names = {p.name for p in folder.iterdir()}
    assert names == {
        "config.json", "model.safetensors", "tokenizer.json", "run.json", "log.jsonl", "loss.png",
        "checkpoints",
    }  # fmt: skip
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["training"]["max_steps"] == 4
    assert record["model"]["vocab_size"] == 270
    assert record["data"]["corpus"] == "cats.txt"
    assert len(record["text"]["sha256"]) == 64

    assert run(["generate", "the cat", "--seed", "1", "--max-new-tokens", "20"]) == 0
    first = capfd.readouterr().out
    assert first.startswith("the cat")
    assert run(["generate", str(folder), "the cat", "--seed", "1", "--max-new-tokens", "20"]) == 0
    assert capfd.readouterr().out == first
    assert run(["generate", "the cat", "--greedy", "--max-new-tokens", "20"]) == 0
    greedy = capfd.readouterr().out
    assert run(["generate", "the cat", "--temperature", "0", "--max-new-tokens", "20"]) == 0
    assert capfd.readouterr().out == greedy
    assert run(["generate", str(folder), "--max-new-tokens", "3"]) == 0  # without a prompt


def test_a_run_repeats_bit_for_bit(here, capfd):
    weights = []
    for _ in range(2):
        assert run(["train", "cats.txt", *FAST, "--seed", "5"]) == 0
        weights.append((newest(here) / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_settings_from_a_run_and_from_toml(here, capfd):
    assert run(["train", "cats.txt", *FAST, "--no-bias"]) == 0
    first = newest(here)
    assert run(["train", "--config", str(first / "run.json"), "--max-steps", "3"]) == 0
    second = json.loads((newest(here) / "run.json").read_text(encoding="utf-8"))
    assert second["data"]["corpus"] == "cats.txt"
    assert second["model"]["bias"] is False
    assert second["training"]["max_steps"] == 3
    (here / "mine.toml").write_text("n_embd = 16\n[training]\nseed = 3\n", encoding="utf-8")
    assert run(["train", "cats.txt", *fast(n_embd=24), "--config=mine.toml"]) == 0
    third = json.loads((newest(here) / "run.json").read_text(encoding="utf-8"))
    assert (third["model"]["n_embd"], third["training"]["seed"]) == (24, 3)


def test_flags_mend_what_a_file_asks_for(here, capfd):
    (here / "mine.toml").write_text("n_embd = 10", encoding="utf-8")
    assert run(["train", "cats.txt", *fast(n_embd=None, n_head=5), "--config=mine.toml"]) == 0


def test_a_flag_beats_the_environment(here, capfd, monkeypatch):
    monkeypatch.setenv("TINYGPT_DEVICE", "nonsense")
    assert run(["train", "cats.txt", *FAST, "--device", "cpu"]) == 0
    assert run(["train", "cats.txt", *FAST]) == 2


def test_bytes_and_a_small_text(here, capfd):
    assert run(["train", "cats.txt", *fast(vocab_size=256), "--tokenizer", "byte"]) == 0
    assert run(["train", "cats.txt", *fast(vocab_size=None), "--tokenizer=byte"]) == 0
    assert GPT.from_pretrained(newest(here)).config.vocab_size == 256
    (here / "ab.txt").write_text("ab " * 500, encoding="utf-8")
    assert run(["train", "ab.txt", *FAST]) == 0
    assert "the text has pairs for" in capfd.readouterr().out


def test_a_folder_and_no_held_out_text(here, capfd):
    (here / "folder").mkdir()
    (here / "folder" / "a.md").write_text(TEXT, encoding="utf-8")
    (here / "folder" / "b.bin").write_bytes(b"\0\1")
    assert run(["train", "folder", *FAST, "--validation-fraction", "0"]) == 0
    out = capfd.readouterr().out
    assert "1 binary file(s)" in out
    assert "held-out text" not in out


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "nowhere.txt"], "no corpus and no file or folder named 'nowhere.txt'"),
        (["train", "bad.txt"], "bad.txt is not UTF-8 text: byte 0xff at offset 2"),
        (["train", "short.txt", *FAST], "tokens, but one window needs 9"),
        (["train", "cats.txt", "--preset", "huge"], "no preset 'huge': expected tiny"),
        (["train", "cats.txt", "--config", "no.toml"], "no settings file no.toml"),
        (["train", "cats.txt", "--config", "bad.toml"], "bad.toml cannot be read"),
        (["train", "cats.txt", "--config", "odd.toml"], "unknown settings ['n_heads']"),
        (["train", "cats.txt", "--config", "list.json"], "expected settings with their names"),
        (
            ["train", "cats.txt", "--config", "text.toml"],
            "expected learning_rate to be float, got '1'",
        ),
        (["train", "cats.txt", "--config", "word.toml"], "expected bias to be bool, got 'false'"),
        (["train", "cats.txt", "--n-head", "3"], "n_embd=128 is not divisible by n_head=3"),
        (["train", "cats.txt", "--tokenizer", "word"], "got 'word'"),
        (["train", "cats.txt", "--tokenizer=byte", "--vocab-size=300"], "256 tokens, got"),
        (["train", "cats.txt", "--vocab-size", "100"], "vocab_size >= 256"),
        (["train", "cats.txt", "--max-steps", "0"], "max_steps >= 1, got 0"),
        (["train", "cats.txt", "--device", "cuda"], 'expected device "cpu"'),
        (["train", "cats.txt", *FAST, "--output-dir", "cats.txt"], "cannot make"),
        (["train", "cats.txt", *FAST, "--learning-rate", "1e30"], "training stopped"),
        (["generate", "hello"], "there is no run in"),
        (["generate", "nowhere", "hello"], "nowhere is no folder"),
        (["generate", "empty", "hello"], "empty holds no model"),
        (["generate", "model", "hello", "--temperature", "-1"], "temperature >= 0"),
        (["generate", "model", "hello", "--top-k", "-1"], "top_k >= 0"),
        (["generate", "model", ""], "prompt is empty"),
        (["generate", "model", "hello", "world"], "quote the prompt"),
        (["gradcheck", "nonsense"], "no op nonsense: expected some of add, sub"),
        (["bench", "engine", "--rounds", "0"], "rounds >= 1, got 0"),
        (
            ["dance"],
            "no command 'dance': expected train, generate, eval, corpora, gradcheck, bench",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors_are_one_paragraph_and_exit_2(here, capfd, argv, message):
    (here / "bad.txt").write_bytes(b"ab\xffcd")
    (here / "short.txt").write_text("abcd", encoding="utf-8")
    (here / "bad.toml").write_text("= 3", encoding="utf-8")
    (here / "list.json").write_text("[]", encoding="utf-8")
    (here / "text.toml").write_text("learning_rate = '1'", encoding="utf-8")
    (here / "word.toml").write_text("bias = 'false'", encoding="utf-8")
    (here / "odd.toml").write_text("n_heads = 3", encoding="utf-8")
    (here / "empty").mkdir()
    GPT(GPTConfig(vocab_size=256, block_size=8, n_layer=1, n_head=1, n_embd=8)).save_pretrained(
        "model"
    )
    ByteTokenizer().save("model")
    assert run(argv) == 2
    err = capfd.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert "tinygpt" in err


def test_a_gpu_that_is_not_there(here, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert run(["train", "cats.txt", *FAST, "--device", "gpu"]) == 2
    err = capfd.readouterr().err
    assert "CuPy is not installed" in err
    assert 'pip install "cupy-cuda13x[ctk]"' in err
    assert not (here / "runs").exists()
    monkeypatch.setenv("TINYGPT_DEVICE", "gpu")
    assert run(["train", "cats.txt", *FAST]) == 2
    assert "CuPy is not installed" in capfd.readouterr().err


@pytest.mark.skipif(
    os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write"
)
def test_a_folder_that_is_read_only(here, capfd):
    (here / "locked").mkdir(mode=0o500)
    assert run(["train", "cats.txt", *FAST, "--output-dir", "locked/runs"]) == 2
    assert "Permission denied" in capfd.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["train", "cats.txt", "--bias", "False"],
        ["train", "cats.txt", "--nonsense"],
        ["train", "cats.txt", "--max-steps", "many"],
        ["generate", "--greedy", "False", "x", "y", "z"],
        [],
    ],
)
def test_command_lines_that_do_not_parse(here, capfd, argv):
    """N5: `--bias False` never means True."""
    assert run(argv) == 2
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert not (here / "runs").exists()


def test_debug_shows_where_an_error_came_from(here):
    with pytest.raises(ValueError, match="no corpus"):
        run(["--debug", "train", "nowhere.txt"])


@pytest.mark.parametrize("command", ["train", "generate", "gradcheck", "bench", "info"])
def test_help_explains_every_option(capfd, command):
    assert run([command, "--help"]) == 0
    out = capfd.readouterr().out
    assert f"usage: tinygpt {command}" in out
    if command == "train":
        from dataclasses import fields

        from tinygpt import TrainingArguments
        from tinygpt.text import DataArguments

        text = " ".join(out.replace("│", " ").split())
        for f in [*fields(GPTConfig), *fields(TrainingArguments), *fields(DataArguments)]:
            if f.name != "corpus":
                assert f"--{f.name.replace('_', '-')}" in text
        assert "optimiser steps in all" in text
    assert run(["--help"]) == 0


def test_stopped_before_anything_was_saved_it_does_not_claim_a_model(here, capfd, monkeypatch):
    """A second Ctrl-C stops in the middle of a step."""

    def twice(self, x, y):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "step", twice)
    assert run(["train", "cats.txt", *FAST]) == 130
    assert "interrupted after step 0. No resume point was saved yet" in capfd.readouterr().out


# --------------------------------------------------------------------------- gradcheck, info


def test_gradcheck_of_all_ops(capfd):
    assert run(["gradcheck"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["op", "cases", "worst", "error", "ms"]
    assert {line.split()[0] for line in lines[1:]} == set(shipped)
    assert all(line.endswith("ok") for line in lines[1:])


MINE = """
import numpy as np
from tinygpt import op

@op
def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    y = e / e.sum(-1, keepdims=True)
    return y, lambda dy: y * (dy - (dy * y).sum(-1, keepdims=True))

@op
def exp(x):
    y = np.exp(x)
    return y, lambda dy: dy * y * FACTOR

@op
def gelu(x):
    return x * 2.0, lambda dy: dy * 2.0

@op
def layer_norm(x, weight, bias=None):
    n = x - x.mean(-1, keepdims=True)
    n = n / np.sqrt((n * n).mean(-1, keepdims=True) + 1e-5)
    return n, lambda dy: dy

@op
def unheard_of(x):
    return x, lambda dy: dy
"""


def test_gradcheck_of_a_students_ops(here, capfd):
    (here / "mine.py").write_text(MINE.replace("FACTOR", "2"), encoding="utf-8")
    assert run(["gradcheck", "--mine", "mine.py", "softmax"]) == 0
    assert "softmax" in capfd.readouterr().out
    assert run(["gradcheck", "--mine", "mine.py"]) == 1
    out = capfd.readouterr().out
    verdicts = {line.split()[0]: line.split()[-1] for line in out.splitlines()[2:6]}
    assert verdicts == {"softmax": "ok", "exp": "WRONG", "gelu": "WRONG", "layer_norm": "WRONG"}
    assert "unheard_of: the library has no op of that name" in out
    assert "exp: the gradient" in out and "2 times too large everywhere" in out
    assert "gelu: the value at" in out
    assert "layer_norm: the value at" in out


@pytest.mark.parametrize(
    ("content", "argv", "message"),
    [
        (None, [], "there is no file mine.py"),
        ("x = 1", [], "has no op named as one of the library's"),
        ("x =", [], "does not run: SyntaxError"),
        ("1 / 0", [], "does not run: ZeroDivisionError"),
        (MINE.replace("FACTOR", "1"), ["log"], "no op log: expected some of"),
        ("from tinygpt.nn import gelu", [], "has no op named as one of the library's"),
    ],
)
def test_files_of_ops_that_cannot_be_checked(here, capfd, content, argv, message):
    if content is not None:
        (here / "mine.py").write_text(content, encoding="utf-8")
    assert run(["gradcheck", "--mine", "mine.py", *argv]) == 2
    assert message in capfd.readouterr().err


def test_gradcheck_on_a_device(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert run(["gradcheck", "exp", "--device", "gpu"]) == 2
    assert "CuPy is not installed" in capfd.readouterr().err


def test_gradcheck_of_a_wrong_op(capfd, monkeypatch):
    def wrong(x):
        return np.exp(x), lambda dy: 2 * dy * np.exp(x)

    monkeypatch.setattr(shipped["exp"], "function", wrong)
    assert run(["gradcheck", "exp", "log"]) == 1
    out = capfd.readouterr().out
    assert "exp" in out and "WRONG" in out
    assert "ratio 2" in out
    assert "the gradient of argument 0" in out


def test_bench_engine(capfd):
    """The ratio to bare NumPy is about 6; the limit here is generous, machines are busy."""
    assert run(["bench", "engine", "--rounds", "3"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["tinygpt", "numpy"]
    assert 1 < float(lines[3].split()[-1]) < 15


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is here")
def test_bench_against_a_pytorch_that_is_not_there(capfd):
    assert run(["bench", "engine", "--vs", "torch"]) == 2
    assert "pip install torch" in capfd.readouterr().err


def test_info(capfd):
    assert run(["info"]) == 0
    out = capfd.readouterr().out
    for part in ("tinygpt", "numpy", "processor", "BLAS", "GPU"):
        assert part in out


# ----------------------------------------------------------------------- as a process of its own


def tinygpt(*argv, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tinygpt", *argv],
        capture_output=True,
        env=os.environ | environment,
        check=False,
    )


def test_consoles_that_lack_a_character(here):
    """N1: cp1252 and gbk, output redirected to a file."""
    GPT(GPTConfig(vocab_size=256, block_size=8, n_layer=1, n_head=1, n_embd=8)).save_pretrained(
        "model"
    )
    ByteTokenizer().save("model")
    for encoding in ("cp1252", "gbk", "ascii"):
        done = tinygpt("gradcheck", "exp", PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        done = tinygpt("train", "--help", PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        done = tinygpt("generate", "model", "天", "--seed", "1", PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr


def test_every_file_names_its_encoding(here):
    """T5: no file of ours is opened with whatever the system's encoding may be."""
    code = (
        "import sys, warnings;"
        "warnings.filterwarnings('error', category=EncodingWarning, module='tinygpt');"
        "from tinygpt.cli import main; sys.exit(main())"
    )
    argv = ["-X", "warn_default_encoding", "-c", code, "train", "cats.txt", *FAST]
    done = subprocess.run([sys.executable, *argv], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_saves_and_exits_130(here):
    many = fast(max_steps=100000, eval_steps=100000, sample_steps=0)
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygpt", "train", "cats.txt", *many],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        logs = list((here / "runs").glob("*/log.jsonl")) if (here / "runs").exists() else []
        if logs and logs[0].read_text(encoding="utf-8").count("\n") > 20:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    said = re.search(
        rb"interrupted after step (\d+)\. Go on from step (\d+) with: tinygpt train --resume (.*)\n"
        rb"The best model so far, that of step (\d+), is in (.*)\n",
        out,
    )
    assert said is not None
    assert said[1] == said[2] == said[4]
    assert newest(here).name.encode() in said[3]
    assert GPT.from_pretrained(newest(here)).num_parameters() > 0
