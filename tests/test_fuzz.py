"""Fuzz: altered and cut files, and random command lines. Nothing ends in a traceback."""

import json
import random
import shutil

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig
from tinygpt.cli import main
from tinygpt.text import BPETokenizer, load_tokenizer
from tinygpt.training.checkpoint import checkpoints, read_checkpoint

TEXT = "The cat sat on the mat, and the dog lay on the log. Schöne Grüße, 天地! " * 40
SMALL = ["--max-steps=1", "--batch-size=2", "--block-size=8", "--n-layer=1", "--n-head=2",
         "--n-embd=8", "--eval-steps=1", "--workers=1"]  # fmt: skip


def altered(data, rng):
    """The bytes cut, with some changed, removed, doubled, or with digits exchanged."""
    data = bytearray(data)
    kind = rng.choice(["cut", "bits", "bits", "remove", "double", "digit", "zeros"])
    at = rng.randrange(len(data))
    if kind == "cut":
        return bytes(data[:at])
    if kind == "bits":
        for _ in range(rng.choice([1, 1, 3, 20])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if kind == "remove":
        del data[at : at + rng.choice([1, 4, 100])]
    if kind == "double":
        data[at:at] = data[at : at + rng.choice([1, 4, 100])]
    if kind == "zeros":
        data[at : at + 16] = bytes(len(data[at : at + 16]))
    if kind == "digit":
        digits = [i for i, b in enumerate(data) if 48 <= b < 58]
        if digits:
            data[rng.choice(digits)] = 48 + rng.randrange(10)
    return bytes(data)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    argv = ["train", str(folder / "text.txt"), *SMALL, "--tokenizer=char"]
    assert main([*argv, f"--output-dir={folder / 'runs'}"]) == 0
    (run,) = (folder / "runs").iterdir()
    return run


@pytest.mark.slow
def test_altered_files(run_folder, tmp_path, capsys):
    """10 000 of them. A resume point is refused, or its state is read as it was written. A model or
    a tokenizer by itself is refused, or it is whole: all its numbers as written, or a tokenizer
    that works."""
    rng = random.Random(0)
    BPETokenizer.train(TEXT, 300, ["<|end|>"]).save(tmp_path)
    (point,) = checkpoints(run_folder)
    state = read_checkpoint(point)
    model = GPT.from_pretrained(run_folder)
    texts = {"bpe": (tmp_path / "tokenizer.json").read_bytes(),
             "char": (run_folder / "tokenizer.json").read_bytes()}  # fmt: skip
    kinds = [f"{what} {how}" for what in ("resume point", "model", "tokenizer")
             for how in ("refused", "whole")]  # fmt: skip
    counts = dict.fromkeys([*kinds, "unaltered"], 0)
    work = tmp_path / "work"
    for i in range(10_000):
        kind = ("point", "model", "tokenizer")[i % 3]
        if kind == "point":
            name = rng.choice([p.name for p in point.iterdir()])
            data = (point / name).read_bytes()
            bad = altered(data, rng)
            if bad == data:
                counts["unaltered"] += 1
                continue
            (point / name).write_bytes(bad)
            try:
                assert read_checkpoint(point) == state  # a blank around the JSON of state.json
                assert name == "state.json"
                counts["resume point whole"] += 1
            except ValueError as error:
                assert name in str(error)
                counts["resume point refused"] += 1
            (point / name).write_bytes(data)
        elif kind == "model":
            shutil.copytree(run_folder, work, ignore=shutil.ignore_patterns("checkpoints"))
            path = work / rng.choice(["model.safetensors", "config.json"])
            path.write_bytes(altered(path.read_bytes(), rng))
            try:
                loaded = GPT.from_pretrained(work)
            except ValueError:
                counts["model refused"] += 1
            else:
                assert np.array_equal(loaded.vector().data, model.vector().data)
                counts["model whole"] += 1
            shutil.rmtree(work)
        else:
            path = tmp_path / "tokenizer.json"
            path.write_bytes(altered(texts[rng.choice(["bpe", "char"])], rng))
            try:
                tokenizer = load_tokenizer(path)
            except ValueError:
                counts["tokenizer refused"] += 1
            else:
                known = "".join(getattr(tokenizer, "characters", "The cat, 天!"))
                assert tokenizer.decode(tokenizer.encode(known)) == known
                assert b"".join(map(tokenizer.token_bytes, range(tokenizer.vocab_size)))
                counts["tokenizer whole"] += 1
    assert sum(counts.values()) == 10_000
    with capsys.disabled():
        print(f"\n{json.dumps(counts)}")


VALUES = ["", "0", "1", "2", "-1", "1e30", "nan", "inf", "0.5", "True", "False", "None", "cpu",
          "gpu:9", "char", "byte", "bpe", "sgd", "nadamw", "step", "text.txt", "nowhere", ".",
          "binary.bin", "run", "<|end|>", "天", "--", "utf-16", "gb18030", "7"]  # fmt: skip
OPTIONS = """corpus vocab-size block-size n-layer n-head n-embd dropout bias no-bias tie-weights
no-tie-weights position batch-size micro-batch-size optimizer learning-rate min-learning-rate
warmup-steps schedule betas weight-decay max-grad-norm eval-steps logging-steps sample-steps
save-steps patience seed workers device output-dir preset config resume tokenizer special-tokens
clean encoding validation-fraction max-new-tokens temperature top-k greedy part mine rounds
nonsense debug-not""".split()


def random_command_line(rng):
    command = rng.choice(["train"] * 5 + ["generate", "eval", "gradcheck", "dance", ""])
    argv = [command, *rng.choices(VALUES, k=rng.randrange(3))]
    for _ in range(rng.randrange(5)):
        name = rng.choice(OPTIONS)
        if name in ("max-new-tokens", "rounds"):
            continue
        argv += rng.choice([[f"--{name}"], [f"--{name}", rng.choice(VALUES)],
                            [f"--{name}={rng.choice(VALUES)}"]])  # fmt: skip
    if command == "train":  # one step of a small model, whatever else is asked for
        return [*argv, *SMALL]
    return [*argv, "--max-new-tokens=2"] if command == "generate" else argv


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_command_lines(run_folder, tmp_path, monkeypatch, capfd):
    """1 000 of them, in this process: each ends with an exit code and without a traceback."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run_folder, tmp_path / "run")
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)) * 20)
    rng, codes = random.Random(0), {0: 0, 1: 0, 2: 0}
    for _ in range(1_000):
        argv = random_command_line(rng)
        try:
            code = main(argv)
        except Exception as error:  # the command line is what matters
            raise AssertionError(f"{argv}") from error
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err, argv
        codes[code] += 1
    with capfd.disabled():
        print(f"\nexit codes of 1 000 random command lines: {codes}")
    assert codes[0] > 50 and codes[2] > 300


def test_a_config_that_asks_for_far_more_than_the_file_has(tmp_path):
    """Refused before so many weights are drawn."""
    GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=8)).save_pretrained(
        tmp_path
    )
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["n_embd"] = 10**6
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match="the two do not belong together"):
        GPT.from_pretrained(tmp_path)
