"""The command line: what it does, and every error that it promises."""

import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Trainer
from tinygpt.autograd.operators import shipped
from tinygpt.cli import main as run
from tinygpt.text import ByteTokenizer, load_tokenizer
from tinygpt.text.stories import stories
from tinygpt.training import PRESETS

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
    assert "step/s" not in err  # no bar where the output is no terminal, and no line in a minute
    names = {p.name for p in folder.iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "run.json", "log.jsonl", "loss.png", "checkpoints", ".lock",
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


@pytest.fixture
def trained(here, capfd):
    assert run(["train", "cats.txt", *FAST]) == 0
    capfd.readouterr()
    return newest(here)


@pytest.mark.parametrize("adapters", [[], ["--lora-rank", "2"]])
def test_a_trained_model_goes_on_with_another_text(trained, here, capfd, adapters):
    (here / "dogs.txt").write_text(TEXT.replace("cat", "dog"), encoding="utf-8")
    more = ["--max-steps=6", "--batch-size=2", "--warmup-steps=0", "--workers=1", "--block-size=6"]
    more += ["--save-steps=3", "--eval-steps=3", "--dropout=0.1", "--learning-rate=0.01"]
    assert run(["train", "dogs.txt", "--init", str(trained), *more, *adapters]) == 0
    out = capfd.readouterr().out
    folder = newest(here)
    assert folder != trained
    assert ("frozen ones" in out) == bool(adapters)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["model"]["block_size"] == 6
    assert record["model"]["n_embd"] == 8
    assert record["training"]["weight_decay"] == 0.0  # of the preset finetune or lora
    assert (folder / "tokenizer.json").read_bytes() == (trained / "tokenizer.json").read_bytes()
    assert run(["generate", str(folder), "the", "--max-new-tokens", "3"]) == 0
    assert run(["eval", str(folder)]) == 0
    whole = (folder / "checkpoints" / "step-6" / "model.safetensors").read_bytes()
    assert run(["train", "--resume", str(folder / "checkpoints" / "step-3")]) == 0
    assert (folder / "checkpoints" / "step-6" / "model.safetensors").read_bytes() == whole


def test_every_way_to_write(trained, capfd):
    def written(*settings):
        assert run(["generate", "the cat", "--max-new-tokens", "12", "--seed", "1", *settings]) == 0
        return capfd.readouterr().out

    plain = written()
    assert written("--no-use-cache") == plain
    for settings in (
        ["--top-p", "0.5"], ["--min-p", "0.9"], ["--repetition-penalty", "3"], ["--top-k", "1"]
    ):  # fmt: skip
        assert written(*settings).startswith("the cat")
        assert written(*settings) != plain
    assert written("--num-beams", "3") == written("--num-beams", "3", "--no-use-cache")
    several = written("--num-samples", "3")
    assert [line for line in several.splitlines() if line.startswith("---")] == [
        "--- 1 of 3", "--- 2 of 3", "--- 3 of 3"
    ]  # fmt: skip
    end = plain[len("the cat") + 3]
    assert written("--stop", end, "--stop", "not there") == plain[: plain.index(end, 7)] + "\n"


def test_stop_at_a_line_end(trained, capfd, monkeypatch):

    monkeypatch.setattr(
        importlib.import_module("tinygpt.cli.generate").GPT,
        "stream",
        lambda self, ids, n, **s: iter([[97], [10], [98]]),
    )
    assert run(["generate", "the", "--stop", "\\n"]) == 0
    assert capfd.readouterr().out == "thea\n"


def test_a_prompt_a_line(trained, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("the cat\n\u2603\nthe dog\n\nnever read\n"))
    assert run(["generate", "--interactive", "--max-new-tokens", "3", "--tokenizer"]) == 2
    capfd.readouterr()
    assert run(["generate", "--interactive", "--max-new-tokens", "3"]) == 0
    out = capfd.readouterr().out
    assert "> the cat" in out and "> the dog" in out
    assert "never" not in out


def test_look(trained, capfd):
    assert run(["look", str(trained), "the cat sat"]) == 0
    out = capfd.readouterr().out
    picture = (trained / "look.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 20_000
    assert "What to see: layer" in out
    assert "h.0.attn.c_attn" in out


def test_bench_samplers(trained, capfd):
    assert run(["bench", "samplers", str(trained), "--length", "12"]) == 0
    out = capfd.readouterr().out
    rows = {line[:30].strip(): line[30:].split() for line in out.splitlines()[2:]}
    assert len(rows["held-out text"]) == len(rows["beam search, 4 beams"]) == 4


def test_bench_train_alone(here, capfd):
    """Without PyTorch: ours, and the limit."""
    assert run(["bench", "train", "--config", "M", "--rounds", "2", "--json", "m.json"]) == 0
    out = capfd.readouterr().out
    assert "M: microgpt's size, a step; 2 rounds" in out
    assert "of sgemm in this run" in out
    content = json.loads((here / "m.json").read_text(encoding="utf-8"))
    ours, limit = content["sides"]
    assert (ours["name"], limit["name"]) == ("tinygpt", "sgemm")
    assert len(ours["seconds"]) == 2 and ours["peak_bytes"] > 1e7
    assert abs(ours["loss"] - np.log(27)) < 0.1


@pytest.mark.skipif(importlib.util.find_spec("torch"), reason="PyTorch is there")
def test_bench_loss(here, capfd, monkeypatch):
    """Each way in this process, on a small text; PyTorch's is run where PyTorch is (live tests)."""
    from tinygpt.bench import reach

    (here / "text.txt").write_text("the cat sat on the mat. " * 400, encoding="utf-8")
    small = {"max_steps": 200, "n_layer": 1, "n_embd": 16, "block_size": 16, "warmup_steps": 5}
    monkeypatch.setattr(reach, "CORPUS", "text.txt")
    monkeypatch.setattr(reach, "WAYS", {"slow": small, "fast": small | {"learning_rate": 1e-2}})
    monkeypatch.setattr(reach, "_run_alone", reach.train)
    assert run(["bench", "loss", "--seeds", "2", "--json", "l.json"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^fast +100 100 ", out, re.MULTILINE), out
    fast = json.loads((here / "l.json").read_text("utf-8"))["fast"][0]
    assert fast["reached"] and fast["loss"] <= reach.TARGET
    assert fast["seconds"] == pytest.approx(100 * fast["step_seconds"])


def test_bench_loss_without_its_text(here, capfd, monkeypatch):
    from tinygpt.bench import reach

    monkeypatch.setattr(reach, "CORPUS", "no-such-text.txt")
    assert run(["bench", "loss"]) == 2
    assert "no-such-text.txt" in capfd.readouterr().err


def test_bench_loss_starts_a_process(here):
    from tinygpt.bench import reach

    with pytest.raises(RuntimeError, match=r"(?s)ended with code 1.*KeyError: 'no such way'"):
        reach._run_alone("no such way", 1)


def test_the_peak_of_a_side_is_its_own_and_not_that_of_who_started_it():
    from tinygpt.bench.rotation import rotate

    large = np.ones(40_000_000)  # 320 MB here
    code = "from tinygpt.bench.rotation import serve; serve(lambda: None)"
    (times,) = rotate({"small": [sys.executable, "-c", code]}, rounds=1, gap=0)
    assert times.said["peak_bytes"] < 200e6 < large.nbytes


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is here")
def test_bench_against_what_is_not_installed(capfd):
    assert run(["bench", "loss", "--vs", "torch"]) == 2
    assert "torch is not installed here: pip install torch" in capfd.readouterr().err
    assert run(["bench", "train", "--vs", "torch"]) == 2
    assert "torch is not installed here: pip install torch" in capfd.readouterr().err


def test_two_sides_that_do_not_do_the_same():
    from tinygpt.bench.rotation import Times
    from tinygpt.bench.sides import check_equal

    ours = Times("tinygpt", (1.0,), {"loss": 4.1700})
    check_equal(ours, Times("torch", (1.0,), {"loss": 4.17005}))
    with pytest.raises(RuntimeError, match=r"torch does not do the same work: its first loss"):
        check_equal(ours, Times("torch", (1.0,), {"loss": 4.1702}))
    with pytest.raises(RuntimeError, match="torch does not write the same"):
        check_equal(
            Times("tinygpt", (1.0,), {"first": [1]}), Times("torch", (1.0,), {"first": [2]})
        )


def test_bench_ops(capfd, monkeypatch):
    for name, size in (("B", 1), ("H", 1), ("T", 8), ("D", 4), ("C", 8), ("V", 11)):
        monkeypatch.setattr(f"tinygpt.bench.ops.{name}", size)
    assert run(["bench", "ops", "--rounds", "2"]) == 0
    assert "attention" in capfd.readouterr().out


def test_bench_grid(here, capfd, monkeypatch):
    monkeypatch.setattr("tinygpt.bench.growth.VALUES", {"n_embd": (8, 16), "batch_size": (1, 2)})
    assert run(["bench", "train", "--grid", "--rounds", "1", "--output", "g.png"]) == 0
    assert "tokens/s" in capfd.readouterr().out
    assert (here / "g.png").read_bytes().startswith(b"\x89PNG")


def test_bench_cache(here, capfd, monkeypatch):
    monkeypatch.setattr("tinygpt.bench.cache.BLOCK_SIZE", 40)
    assert run(["bench", "cache", "--rounds", "2", "--output", "c.png"]) == 0
    assert "with cache" in capfd.readouterr().out
    assert (here / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_reader_that_goes_away_is_no_error(trained):
    done = subprocess.run(
        f"{sys.executable} -m tinygpt generate the --max-new-tokens 200 --seed 1 | head -c 1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "tinygpt:" not in done.stderr and "Broken pipe" not in done.stderr


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
    assert "it has pairs for" in capfd.readouterr().out


def test_a_folder_and_no_held_out_text(here, capfd):
    (here / "folder").mkdir()
    (here / "folder" / "a.md").write_text(TEXT, encoding="utf-8")
    (here / "folder" / "b.bin").write_bytes(b"\0\1")
    assert run(["train", "folder", *FAST, "--validation-fraction", "0"]) == 0
    out = capfd.readouterr().out
    assert "1 binary file(s)" in out
    assert "held-out text" not in out


def test_every_tokenizer_optimizer_and_schedule(here, capfd):
    for i, (tokenizer, optimizer, schedule) in enumerate(
        [("char", "sgd", "linear"), ("byte", "nadam", "step"), ("bpe", "nadamw", "constant")]
    ):
        flags = fast(vocab_size=270 if tokenizer == "bpe" else None, tokenizer=tokenizer,
                     optimizer=optimizer, schedule=schedule, output_dir=f"runs/{i}")  # fmt: skip
        assert run(["train", "cats.txt", *flags]) == 0
        (folder,) = (here / "runs" / str(i)).iterdir()
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert record["training"]["optimizer"] == optimizer
        assert record["training"]["schedule"] == schedule
        assert record["training"]["workers"] == 1
        assert run(["generate", str(folder), "the cat", "--max-new-tokens", "3"]) == 0


def test_special_tokens_part_the_files_of_a_folder(here, capfd):
    (here / "folder").mkdir()
    for name in "abcdef":
        (here / "folder" / f"{name}.txt").write_text(TEXT[:400], encoding="utf-8")
    end = "<|endoftext|>"
    flags = fast(vocab_size=271, max_steps=1)
    assert run(["train", "folder", *flags, "--special-tokens", end]) == 0
    tokenizer = load_tokenizer(newest(here))
    assert tokenizer.special_tokens == {end: 270}
    assert run(["train", "--config", str(newest(here) / "run.json")]) == 0
    record = json.loads((newest(here) / "run.json").read_text(encoding="utf-8"))
    assert record["data"]["special_tokens"] == [end]


def test_a_chinese_text_in_its_own_encoding_and_cleaned(here, capfd):
    text = "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。\r\n" * 60
    (here / "text.txt").write_bytes(text.encode("gb18030"))
    flags = fast(vocab_size=None)
    assert run(["train", "text.txt", *flags, "--tokenizer=char"]) == 2
    assert "give its own --encoding, such as" in capfd.readouterr().err.lower()
    assert run(["train", "text.txt", *flags, "--tokenizer=char", "--encoding=gb18030"]) == 0
    assert "--clean makes it LF" in capfd.readouterr().out
    flags += ["--tokenizer=char", "--encoding=gb18030", "--clean"]
    assert run(["train", "text.txt", *flags]) == 0
    assert "clean: 60 line ends CR LF or CR made LF" in capfd.readouterr().out
    characters = load_tokenizer(newest(here)).characters
    assert "天" in characters and "\r" not in characters
    assert run(["eval", str(newest(here))]) == 0
    assert "its validation part" in capfd.readouterr().out


def test_unseen_characters_of_the_held_out_text_are_counted(here, capfd):
    (here / "x.txt").write_text(TEXT + "☃☃" + TEXT[:20], encoding="utf-8")
    assert run(["train", "x.txt", *fast(vocab_size=None), "--tokenizer=char"]) == 0
    out = capfd.readouterr().out
    assert "characters of the held-out text are unknown" in out
    assert run(["eval", str(newest(here))]) == 0
    assert "2 characters are unknown to the tokenizer" in capfd.readouterr().out
    assert run(["generate", "a ☃"]) == 2
    assert "the character '☃' at position 2" in capfd.readouterr().err


def test_stories_have_a_floor(here, capfd, monkeypatch):
    monkeypatch.setattr("tinygpt.text.corpora.stories", lambda grammar: stories(grammar, 300))
    assert run(["train", "stories", *fast(block_size=32, vocab_size=400)]) == 0
    said = re.search(r"a perfect model would reach (\d\.\d+)", capfd.readouterr().out)
    floor = json.loads((newest(here) / "run.json").read_text(encoding="utf-8"))["text"]["floor"]
    assert f"{floor:.4f}" == said[1]
    assert 0.2 < floor < 1.5


def test_what_fits_the_text_is_suggested(here, capfd, monkeypatch):
    assert run(["train", "cats.txt", *FAST]) == 0
    out = capfd.readouterr().out
    assert "little text: the model will soon know it by heart" in out
    assert re.search(r"memory: about \d+ MB \(\d+ for parameters", out)
    small = fast(vocab_size=None, micro_batch_size=0)
    assert run(["train", "cats.txt", "--preset", "baby", *small]) == 0
    assert "the preset baby is for a GPU" in capfd.readouterr().out
    (here / "much.txt").write_text("the cat " * 2_800_000, encoding="utf-8")
    assert run(["train", "much.txt", *fast(vocab_size=None), "--tokenizer=char"]) == 0
    assert "much text: on a GPU --preset baby would learn more" in capfd.readouterr().out


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_runs(here, capfd, preset):
    """With its own schedule, optimiser and tokenizer, on a small model."""
    size = 270 if PRESETS[preset].get("tokenizer", "bpe") == "bpe" else None
    assert run(["train", "cats.txt", "--preset", preset, *fast(vocab_size=size, max_steps=1)]) == 0
    record = json.loads((newest(here) / "run.json").read_text(encoding="utf-8"))
    rate = PRESETS[preset].get("learning_rate", 2e-3)
    assert record["training"]["learning_rate"] == rate
    assert GPT.from_pretrained(newest(here)).config.bias == PRESETS[preset].get("bias", True)


def test_the_time_that_is_left_is_estimated(here, capfd):
    assert run(["train", "cats.txt", *fast(max_steps=8)]) == 0
    assert re.search(r"about \d+ seconds for the 6 steps left", "".join(capfd.readouterr()))


# --------------------------------------------------------------------------------------- resume


def test_a_finished_run_goes_on_with_more_steps(here, capfd):
    constant = ["--schedule=constant", "--warmup-steps=0"]
    assert run(["train", "cats.txt", *FAST, *constant]) == 0
    folder = newest(here)
    assert run(["train", "--resume", str(folder)]) == 2
    err = capfd.readouterr().err
    assert "is finished: it has 4 steps of 4. To go on, give a larger --max-steps" in err
    assert run(["train", "--resume", str(folder), "--max-steps=7"]) == 0
    assert "going on after step 4" in capfd.readouterr().out
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["training"]["max_steps"] == 7
    assert len(list((here / "runs").iterdir())) == 1
    assert run(["train", "cats.txt", *fast(max_steps=7), *constant]) == 0
    whole = newest(here)
    point = "checkpoints/step-7/model.safetensors"
    assert (folder / point).read_bytes() == (whole / point).read_bytes()
    assert run(["generate", str(folder / "checkpoints" / "step-7"), "the", "--seed=1"]) == 0
    assert run(["eval", str(folder / "checkpoints" / "step-7")]) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--n-layer=2"], "--resume cannot change n_layer from 1 to 2: that would be another run"),
        (["--tokenizer=char"], "cannot change tokenizer from 'bpe' to 'char'"),
        (["--preset=tiny"], "the run's own preset: leave --preset out"),
        (["--seed=3"], "the run's own seed: leave --seed out"),
        (["--optimizer=sgd"], "was trained with adamw, not with sgd"),
        (["other.txt"], "is not what it was: other.txt has changed (its SHA-256 is"),
        (["--device=tpu"], 'expected device "cpu"'),
    ],
)
def test_what_a_run_cannot_go_on_with(here, capfd, more, message):
    (here / "other.txt").write_text(TEXT + "!", encoding="utf-8")
    assert run(["train", "cats.txt", *FAST]) == 0
    folder = newest(here)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert run(["train", "--resume", str(folder), "--max-steps=9", *more]) == 2
    assert message in capfd.readouterr().err
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_text_that_has_moved(here, capfd):
    assert run(["train", "cats.txt", *FAST]) == 0
    (here / "cats.txt").rename(here / "moved.txt")
    argv = ["train", "--resume", str(newest(here)), "--max-steps=5"]
    assert run(argv) == 2
    assert "which is not there any more. Put it back" in capfd.readouterr().err
    assert run([*argv, "moved.txt"]) == 0


def test_a_damaged_resume_point_offers_the_one_before(here, capfd):
    assert run(["train", "cats.txt", *FAST, "--save-steps=2"]) == 0
    folder = newest(here)
    os.truncate(folder / "checkpoints" / "step-4" / "model.safetensors", 100)
    assert run(["train", "--resume", str(folder), "--max-steps=5"]) == 2
    err = capfd.readouterr().err
    assert "model.safetensors has 100 bytes and should have" in err
    offered = re.search(r"tinygpt (train --resume \S+)", err)[1].split()
    assert run([*offered, "--max-steps=5"]) == 0


# ----------------------------------------------------------------------------------------- eval


def test_eval(here, capfd):
    assert run(["train", "cats.txt", *FAST]) == 0
    folder = newest(here)
    capfd.readouterr()
    assert run(["eval", str(folder)]) == 0
    own = capfd.readouterr().out
    assert "on cats.txt, its validation part" in own
    for word in ("loss", "perplexity", "bits per byte", "accuracy"):
        assert word in own
    assert run(["eval", str(folder), "cats.txt"]) == 0
    assert capfd.readouterr().out == own
    (here / "other.txt").write_text("the dog sat on the mat, " * 9, encoding="utf-8")
    assert run(["eval", str(folder), "other.txt"]) == 0
    assert "on other.txt, the whole text: " in capfd.readouterr().out
    assert run(["eval", str(folder), "--part=all"]) == 0
    assert "the whole text" in capfd.readouterr().out


def test_corpora(here, capfd, monkeypatch):
    file = importlib.import_module("tinygpt.cli.corpora")
    monkeypatch.setattr(file, "cache_folder", lambda: here / "cache")
    assert run(["corpora"]) == 0
    out = capfd.readouterr().out
    for name in ("python-docs", "python-source", "unicode-names", "stories-zh", "shakespeare"):
        assert f"\n{name}\n" in f"\n{out}"
    assert out.count("SHA-256") == 4
    assert out.count("not here yet: made or fetched when first used") == 2


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
        (["train", "empty.txt"], "empty.txt holds no text to train on"),
        (["train", "binary.bin"], "binary.bin is no text: it has a zero byte"),
        (["train", "cats.txt", "--encoding", "klingon"], "there is no encoding 'klingon'"),
        (["train", "cats.txt", "--optimizer", "adagrad"], "got 'adagrad'"),
        (["train", "cats.txt", "--schedule", "exp"], "got 'exp'"),
        (["train", "cats.txt", "--patience", "-1"], "patience >= 0"),
        (["train", "cats.txt", "--special-tokens", "a b"], "without blanks, got 'a b'"),
        (["train", "cats.txt", "--tokenizer=char", "--vocab-size=5"], "leave it out"),
        (["train", "cats.txt", "--init", "nowhere at all"], "there is no model 'nowhere at all'"),
        (["train", "cats.txt", "--init", "model", "--n-layer=3"], "brings its own n_layer"),
        (["train", "cats.txt", "--init", "model", "--tokenizer=char"], "brings its own tokenizer"),
        (["train", "cats.txt", "--init", "model", "--block-size=99"], "learned 8 positions, not"),
        (["train", "cats.txt", "--init", "model", "--lora-rank=99"], "a rank of 1 to 8, got 99"),
        (["train", "--resume", "model", "--init", "model"], "leave --init out"),
        (["generate", "pickled", "hello"], "pytorch_model.bin is a pickle"),
        (["train", "--resume", "nowhere"], "there is no run nowhere"),
        (["train", "--resume", "empty"], "empty has no resume point"),
        (["eval", "nowhere"], "there is no model 'nowhere'"),
        (["eval", "model"], "model does not say what it was trained on"),
        (["eval", "model", "empty.txt"], "holds no text"),
        (["eval", "model", "one.txt"], "has 1 tokens, but one window needs 2"),
        (["eval", "model", "cats.txt", "--batch-size=0"], "batch_size >= 1, got 0"),
        (["generate", "hello"], "there is no run in"),
        (["generate", "nowhere", "hello"], "there is no model 'nowhere'"),
        (["generate", "empty", "hello"], "empty holds no model"),
        (["generate", "model", "hello", "--temperature", "-1"], "temperature >= 0"),
        (["generate", "model", "hello", "--top-k", "-1"], "top_k >= 0"),
        (["generate", "model", "hello", "--top-p", "0"], "0 < top_p <= 1 (1: off), got 0.0"),
        (["generate", "model", "hello", "--min-p", "2"], "0 <= min_p <= 1 (0: off), got 2.0"),
        (["generate", "model", "hello", "--repetition-penalty=0"], "repetition_penalty > 0"),
        (["generate", "model", "hello", "--num-beams", "0"], "num_beams >= 1"),
        (["generate", "model", "hello", "--num-samples", "0"], "num_samples >= 1"),
        (["generate", "model", "x", "--num-beams=2", "--num-samples=2"], "finds one text"),
        (
            ["generate", "model", "x", "--num-beams=2", "--top-k=3"],
            "draws nothing: leave top_k out",
        ),
        (["generate", "model", "hello", "--stop", ""], "a stop string is empty"),
        (["generate", "model", "hello", "--interactive"], "leave out 'hello'"),
        (["generate", "model", "x", "--greedy", "False"], "write --greedy or --no-greedy"),
        (["train", "cats.txt", "--bias=False"], "write --bias or --no-bias"),
        (["train", "cats.txt", "--position", "up"], "'rotary'"),
        (["look", "nowhere", "hello"], "there is no model 'nowhere'"),
        (["look", "model", "x"], "a text of 2 to 8 tokens, got 1"),
        (["look", "model", "123456789"], "a text of 2 to 8 tokens, got 9"),
        (["look", "model", "hello", "--output", "no/x.png"], "no is no folder"),
        (["bench", "samplers", "model"], "does not say what it was trained on"),
        (["bench", "samplers", "--length", "0"], "length >= 1, got 0"),
        (["bench", "cache", "--output", "no/x.png"], "no is no folder"),
        (["bench", "train", "--json", "no/x.json"], "no is no folder"),
        (["bench", "train", "--config", "D"], "config D is for generate"),
        (["bench", "generate", "--config", "A"], "config A is for train"),
        (["bench", "train", "--vs", "transformers"], "is not there for train"),
        (["bench", "engine", "--vs", "transformers"], "is not there for engine"),
        (["bench", "loss", "--vs", "transformers"], "is not there for loss"),
        (["bench", "loss", "--seeds", "0"], "seeds >= 1, got 0"),
        (["generate", "model", "hello", "world"], "quote the prompt"),
        (["gradcheck", "nonsense"], "no op nonsense: expected some of add, sub"),
        (["bench", "engine", "--rounds", "0"], "rounds >= 1, got 0"),
        (
            ["dance"],
            "no command 'dance': expected train, generate, chat, eval, tasks, similar",
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
    (here / "empty.txt").write_bytes(b"")
    (here / "one.txt").write_bytes(b"x")
    (here / "binary.bin").write_bytes(bytes(range(256)))
    GPT(GPTConfig(vocab_size=256, block_size=8, n_layer=1, n_head=1, n_embd=8)).save_pretrained(
        "model"
    )
    ByteTokenizer().save("model")
    shutil.copytree("model", "pickled")
    os.rename("pickled/model.safetensors", "pickled/pytorch_model.bin")
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


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "generate",
        "eval",
        "look",
        "corpora",
        "gradcheck",
        "lessons",
        "check",
        "bench",
        "info",
    ],
)
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


def test_info_names_the_blas_and_says_where_there_is_none(capfd):
    from tinygpt.cli.info import blas

    assert run(["info"]) == 0
    assert re.search(r"^BLAS +\S", capfd.readouterr().out, re.M)
    none = {"Build Dependencies": {"blas": {"name": "none", "found": False}}}
    assert "pip install --force-reinstall numpy" in blas([], none)
    assert "pip install" in blas([], {})
    apple = {"Build Dependencies": {"blas": {"name": "accelerate", "found": True}}}
    assert blas([], apple) == "accelerate"


def test_the_fastest_way_of_the_other_side_is_found():
    from tinygpt.bench.rotation import fastest

    ways = {"slow": lambda: time.sleep(0.02), "fast": lambda: None, "middle": lambda: sum([1] * 9)}
    assert fastest(ways) != "slow"


@pytest.mark.parity
def test_each_way_of_pytorch_does_the_same_work():
    torch = pytest.importorskip("torch")
    from tinygpt.bench import torch_gpt
    from tinygpt.models.gpt import GPT, GPTConfig

    config = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=8)
    mine = GPT(config)
    model = torch_gpt.TorchGPT(config).load(mine.state_dict())
    ids = torch.arange(16).reshape(2, 8) % 11
    before = torch_gpt.Block.way
    try:
        for way in torch_gpt.WAYS.values():
            torch_gpt.Block.way = staticmethod(way)
            expected = mine.loss(ids.numpy(), ids.numpy()).item()
            assert model.loss(ids, ids).item() == pytest.approx(expected, abs=1e-6)
    finally:
        torch_gpt.Block.way = before
    writer = torch_gpt.Writer(model)
    texts = []
    for writer.way in torch_gpt.WRITING_WAYS:
        texts.append(writer.write([1, 2, 3], 4))
    assert texts[0] == texts[1] == mine.generate([1, 2, 3], 4, temperature=0)[0, 3:].tolist()


@pytest.mark.parametrize("command", ["train", "generate", "eval", "look", "bench", "gradcheck",
                                     "check", "export"])  # fmt: skip
def test_help_says_how_an_option_is_typed(command, capfd):
    assert run([command, "--help"]) == 0
    out = capfd.readouterr().out.replace("--device {None}|STR", "")
    assert "{None}" not in out and "that cannot be" not in out and "run-and-" not in out


@pytest.mark.parametrize(
    ("setting", "words"), [(["--n-head", "3"], "tinygpt: n_embd=128 is not divisible by n_head=3"),
                           (["--batch-size", "0"], "tinygpt: expected a whole number batch_size")]
)  # fmt: skip
def test_a_setting_that_cannot_be_is_said_in_its_own_words(setting, words, capfd):
    assert run(["train", *setting]) == 2
    assert capfd.readouterr().err.startswith(words)


def test_bench_parallel(here, capfd):
    pytest.importorskip("mpi4py")
    assert run(["bench", "parallel", "--rounds", "1", "--output", "s.png"]) == 0
    said = capfd.readouterr().out
    assert "2 ranks, sharded" in said and "What would come next" in said
    assert (here / "s.png").stat().st_size > 10_000
