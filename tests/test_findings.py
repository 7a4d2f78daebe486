"""What people and attackers met on the command line, each as it was typed."""

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

from tinygpt import GPT, GPTConfig
from tinygpt.cli import main
from tinygpt.cli import main as run
from tinygpt.files import read_arrays, write_arrays
from tinygpt.text import ByteTokenizer, load_tokenizer
from tinygpt.training.run_folder import hold, newest_run

SMALL = ("--n-layer 1 --n-head 2 --n-embd 16 --block-size 16 --batch-size 4 --max-steps 4 "
         "--warmup-steps 2 --eval-steps 2 --save-steps 2 --logging-steps 1 --sample-steps 0 "
         "--workers 1").split()  # fmt: skip
CHAR = [*SMALL, "--tokenizer", "char"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGPT_DEVICE", raising=False)
    text = "".join(f"the baker sold {n} maps and lost a boat.\n" for n in range(60))
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def trained(here, capfd):
    assert run(["train", "t.txt", *CHAR]) == 0
    capfd.readouterr()
    return newest_run()


def said(capfd, argv, code=2):
    """What a command line says, in a paragraph and without a traceback."""
    assert run(argv) == code
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    return out + err


def steps(folder):
    return sorted(p.name for p in (folder / "checkpoints").glob("step-*"))


# ------------------------------------------------------------------------ one way in for names


@pytest.mark.parametrize("name", ["", "runs/", "./runs/"])
def test_a_run_by_folder_and_by_name(trained, capfd, name):
    assert "the bak" in said(capfd, ["generate", name + trained.name, "the bak"], 0) or not name
    for word in (trained.name, str(trained), f"{trained.name}/step-2", f"{trained}/config.json"):
        assert said(capfd, ["generate", word, "the ", "--max-new-tokens", "1"], 0).startswith(
            "the "
        )
        assert "nats per token" in said(capfd, ["eval", word, "t.txt"], 0)


def test_the_newest_run_is_taken_everywhere(trained, capfd):
    assert "as in training" in said(capfd, ["eval"], 0)
    assert "nats per token" in said(capfd, ["eval", "t.txt"], 0)
    assert "What to see" in said(capfd, ["look", "the baker"], 0)
    assert "is finished" in said(capfd, ["train", "--resume"])
    assert "going on after step 4" in said(capfd, ["train", "--resume", "--max-steps", "5"], 0)
    assert trained.name in said(capfd, ["runs"], 0)


def test_the_storyteller_is_a_name(here, capfd):
    text = said(capfd, ["generate", "storyteller", "One day", "--seed", "0"], 0)
    assert text.startswith("One day, ") and len(text) > 100
    assert "What to see" in said(capfd, ["look", "storyteller", "One day"], 0)
    assert (here / "look.png").is_file()
    assert "storyteller" in said(capfd, ["generate"])  # no run yet: it is offered
    assert GPT.from_pretrained("storyteller").config.n_layer == 3


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["generate", "Python", "is"], "put the whole text in quotes"),
        (["generate", "runs/goood"], "there is no model 'runs/goood'"),
        (["generate", "NEARLY"], "Did you mean"),
        (["eval", "NEARLY", "t.txt"], "Did you mean"),
        (["train", "--resume", "NEARLY"], "Did you mean"),
        (["look"], "expected a text in quotes"),
        (["train", ""], "the name of the text is empty"),
        (["generat", "x"], "Did you mean generate?"),
        (["train", "t.txt", "--lr", "0.1"], "--lr is called --learning-rate here"),
        (["train", "t.txt", "--device", "cuda"], 'here it is "gpu"'),
        (["generate", "the", "--temperature", "-1"], "expected a finite temperature"),
        (["train", "t.txt", "--lora-rank", "2"], "name it with --init"),
    ],
)
def test_what_is_no_name_says_so(trained, capfd, argv, words):
    argv = [trained.name[:-1] + "x" if a == "NEARLY" else a for a in argv]
    assert words in said(capfd, argv)


def test_a_text_is_never_tried_as_a_path(trained, capfd):
    """[Errno 36] File name too long."""
    prompt = "the baker lost a boat. " * 30
    assert said(capfd, ["generate", prompt, "--max-new-tokens", "1"], 0).startswith(prompt)
    Path("boat").mkdir()
    assert said(capfd, ["generate", "boat", "--max-new-tokens", "1"], 0).startswith("boat")


def test_prompts_as_people_type_them(here, capfd):
    assert run(["train", "t.txt", *SMALL, "--vocab-size", "270"]) == 0
    short = ["--max-new-tokens", "1"]
    newest = str(newest_run())
    assert run(["generate", newest, "", *short]) == 0
    capfd.readouterr()
    assert said(capfd, ["generate", newest, "-the baker", *short], 0).startswith("-the baker")
    assert said(capfd, ["generate", "- a dash", *short], 0).startswith("- a dash")
    assert "a byte that is no UTF-8 text at position 3 (0xe9)" in said(
        capfd, ["generate", newest, "caf\udce9"]
    )


def test_interactive_goes_on_after_what_it_cannot_read(trained):
    done = subprocess.run(
        [sys.executable, "-m", "tinygpt", "generate", "--interactive", "--max-new-tokens", "2"],
        input=b"caf\xe9\nthe baker\n\n", capture_output=True, check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    assert b"is no UTF-8 text" in done.stderr and b"the baker" in done.stdout
    assert done.returncode == 0
    closed = f"{sys.executable} -m tinygpt generate --interactive <&-"
    done = subprocess.run(
        closed, shell=True, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert "Traceback" not in done.stderr and done.returncode in (0, 2)


def test_an_accent_in_two_characters_is_read_as_in_a_cleaned_text(here, capfd):
    (here / "n.txt").write_text("cafe\u0301 und Tee.\n" * 60, encoding="utf-8")
    assert run(["train", "n.txt", *CHAR, "--clean"]) == 0
    capfd.readouterr()
    assert "caf" in said(capfd, ["generate", "cafe\u0301", "--max-new-tokens", "1"], 0)


def test_special_tokens_in_a_prompt_are_asked_for(here, capfd):
    assert run(["train", "t.txt", *SMALL, "--vocab-size", "280",
                "--special-tokens", "<|endoftext|>"]) == 0  # fmt: skip
    capfd.readouterr()
    for flags in ([], ["--allow-special"]):
        assert "<|endoftext|>" in said(
            capfd, ["generate", "<|endoftext|>the", "--max-new-tokens", "1", *flags], 0
        )


def test_a_vocabulary_that_was_padded(here, capfd):
    """50 257 tokens and a table of 50 304 rows: the others are never written."""
    model = GPT(GPTConfig(vocab_size=320, block_size=16, n_layer=1, n_head=2, n_embd=8))
    model.wte.weight.data[:256] *= 0.01  # so that it would rather write one of the others
    model.save_pretrained(here / "m")
    ByteTokenizer().save(here / "m")
    assert said(capfd, ["generate", "m", "the ", "--max-new-tokens", "9"], 0).startswith("the ")
    assert "nats per token" in said(capfd, ["eval", "m", "t.txt"], 0)


# -------------------------------------------------------------------------- a run owns its text


def test_a_text_that_was_edited_is_refused(trained, capfd):
    """Its held-out part would be training text: 5.62 became 1.45."""
    with open("t.txt", "a", encoding="utf-8") as file:
        file.write("one line more\n")
    for argv in (["eval"], ["train", "--resume", "--max-steps", "6"], ["bench", "samplers"]):
        assert "is not what it was: t.txt has changed" in said(capfd, argv)
    assert "the whole text" in said(capfd, ["eval", "t.txt"], 0)  # asked for, and said


def test_a_text_that_is_divided_otherwise_is_refused(here, capfd):
    """The same text, from a corpus that is split after a shuffle and from a file whose end is."""
    from tinygpt.text import CORPORA, load_corpus

    assert run(["train", "stories-zh", *CHAR]) == 0
    capfd.readouterr()
    source = CORPORA["stories-zh"]
    Path("s.txt").write_text(source.between.join(source.documents()), encoding="utf-8")
    assert load_corpus("s.txt").sha256 == load_corpus("stories-zh").sha256
    assert "divided otherwise" in said(capfd, ["train", "s.txt", "--resume", "--max-steps", "6"])


def test_eval_measures_stories_as_training_does(here, capfd):
    """0.503 in training, 1.0997 of the same part: windows began anywhere."""
    assert run(["train", "stories", *CHAR]) == 0
    trained = capfd.readouterr().out
    last = [line for line in trained.split("\n") if "loss on held-out text" in line][-1]
    loss = last.split("held-out text ")[1].split()[0]
    (again,) = [line for line in said(capfd, ["eval"], 0).split("\n") if "as in training " in line]
    assert abs(float(again.split()[3]) - float(loss)) <= 0.0006  # one has a digit less


def test_a_run_is_no_text(here, capfd):
    """`train .` twice: the second run learned the first one's log."""
    for _ in range(2):
        assert run(["train", ".", *CHAR]) == 0
    out = capfd.readouterr().out
    assert "1 run(s) of tinygpt" in out
    counts = {line.split(":")[1] for line in out.split("\n") if "characters are" in line}
    assert len(counts) == 1
    assert "going on after step 4" in said(capfd, ["train", "--resume", "--max-steps", "5"], 0)


def test_a_run_is_found_from_another_folder(trained, capfd, monkeypatch, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    assert "as in training" in said(capfd, ["eval", f"../{trained}"], 0)


@pytest.mark.parametrize("token", ["¶", "a", "Ġ", "§"])
def test_special_tokens_that_are_letters_of_the_alphabet(here, capfd, token):
    """It trained for hours, and then nothing could read its tokenizer."""
    code = run(["train", "t.txt", *SMALL, "--vocab-size", "270", "--special-tokens", token])
    capfd.readouterr()
    if code == 0:
        assert load_tokenizer(newest_run()).special_tokens
        assert said(capfd, ["train", "--resume", "--max-steps", "5"], 0)
    else:
        assert code == 2 and not list(Path("runs").iterdir())


def test_every_setting_of_a_run_comes_back(here, capfd):
    flags = ["--position", "rotary", "--rope-scaling", "2.0"]
    assert run(["train", "t.txt", *CHAR, *flags]) == 0
    capfd.readouterr()
    assert "going on" in said(capfd, ["train", "--resume", "--max-steps", "5"], 0)


# ----------------------------------------------------------------------------- nothing is lost


def test_one_process_at_a_time_holds_a_run(trained, capfd):
    code = "from tinygpt.training.run_folder import hold; from pathlib import Path; import time\n"
    code += f"with hold(Path({str(trained)!r})): print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert other.stdout.readline() == "held\n"
        before = steps(trained)
        assert "is being trained by another process" in said(
            capfd, ["train", "--resume", "--max-steps", "9"]
        )
        assert steps(trained) == before
    finally:
        other.kill()  # a dead holder holds nothing
        other.wait()
    with hold(trained), hold(trained):
        pass
    assert "going on" in said(capfd, ["train", "--resume", "--max-steps", "5"], 0)


def test_going_on_from_an_earlier_point(trained, capfd):
    point = f"{trained}/checkpoints/step-2"
    assert "is finished: it has 2 steps of 2" in said(
        capfd, ["train", "--resume", point, "--max-steps", "2"]
    )
    assert steps(trained) == ["step-2", "step-4"]  # checked first, and nothing was deleted
    out = said(capfd, ["train", "--resume", point, "--max-steps", "3"], 0)
    assert "step-4 and the log after step 2 are given up" in out
    assert steps(trained) == ["step-2", "step-3"]


def test_the_best_of_an_abandoned_branch_is_given_up(trained, capfd):
    """From step 2 on with a rate of 0: the best is then the model of step 2, not of step 4."""
    old = GPT.from_pretrained(trained / "checkpoints" / "step-2").state_dict()
    flags = ["--learning-rate", "0", "--min-learning-rate", "0", "--max-steps", "3"]
    assert run(["train", "--resume", f"{trained}/checkpoints/step-2", *flags]) == 0
    new = GPT.from_pretrained(trained).state_dict()
    assert all(np.array_equal(old[name], new[name]) for name in old)


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_saves_a_resume_point(here, kind, workers):
    flags = ["--max-steps", "1000000", "--save-steps", "1000000", "--workers", workers]
    flags += ["--eval-steps", "1000000"]
    child = subprocess.Popen(
        [sys.executable, "-m", "tinygpt", "train", "t.txt", *CHAR, *flags],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip
    until = time.time() + 60
    while time.time() < until and not list(Path("runs").glob("*/log.jsonl")):
        time.sleep(0.1)
    time.sleep(0.3)
    child.send_signal(kind)
    out, _ = child.communicate(timeout=60)
    assert "Traceback" not in out and "interrupted after step" in out
    assert child.returncode == 130
    assert steps(next(Path("runs").iterdir()))


def test_nothing_outside_of_a_run_is_deleted(trained, capfd):
    """A stranger's run, whose `checkpoints` is a link to the folder above."""
    precious = Path(".precious")
    precious.mkdir()
    points = trained / "checkpoints"
    (points / ".git").mkdir()  # in the run itself, but no name of ours
    assert "going on" in said(capfd, ["train", "--resume", "--max-steps", "6"], 0)
    assert (points / ".git").is_dir()
    points.rename("elsewhere")
    points.symlink_to("../..")
    assert run(["train", "--resume", "--max-steps", "9"]) == 2
    assert precious.is_dir() and Path("elsewhere").is_dir()


def test_any_name_of_a_folder_works(here, capfd):
    assert run(["train", "t.txt", *CHAR, "--output-dir", "checkpoints"]) == 0
    capfd.readouterr()
    folder = next(Path("checkpoints").iterdir())
    for where in (folder, folder / "checkpoints"):
        assert "is finished" in said(capfd, ["train", "--resume", str(where)])


def test_a_broken_link_hides_no_run(trained):
    (Path("runs") / "gone").symlink_to("nowhere")
    (Path("runs") / "odd").mkdir()
    (Path("runs") / "odd" / "model.safetensors").symlink_to("nowhere")
    assert newest_run() == trained


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(trained, capfd, value):
    path = trained / "model.safetensors"
    arrays = read_arrays(path)
    arrays["transformer.wte.weight"][3, 2] = value
    write_arrays(path, arrays)
    for argv in (["eval"], ["look", "the baker"], ["generate", "the", "--num-beams", "2"]):
        assert "wte.weight has 1 numbers that are not finite" in said(capfd, argv)


def test_a_result_that_is_no_number_is_an_error(trained, capfd):
    path = trained / "model.safetensors"
    write_arrays(path, {n: a * np.float32(1e30) for n, a in read_arrays(path).items()})
    for argv in (["eval"], ["look", "the baker"], ["generate", "the", "--num-beams", "2"]):
        assert "number" in said(capfd, argv)


# --------------------------------------------------------------------- no traceback, no hanging


@pytest.mark.parametrize(
    "argv",
    [
        ["train", "t.txt", "--max-steps", "9" * 400],
        ["train", "t.txt", "--batch-size", "9" * 400],
        ["train", "t.txt", "--warmup-steps", "9" * 400],
        ["train", "t.txt", "--n-layer", "1000000000"],
        ["train", "t.txt", "--n-embd", "400000000"],
        ["train", "t.txt", "--encoding", "hex"],
        ["train", "t.txt", "--encoding", "rot13"],
        ["train", "/dev/zero"],
        ["train", "/dev/urandom"],
        ["train", "pipe"],
        ["eval", "t.txt", "--batch-size", "0"],
        ["generate", "\0"],
        ["check", "x.py", "--timeout", "nan"],
        ["check", "x.py", "--timeout", "inf"],
        ["check", "x.py", "--timeout", "1e300"],
    ],
)
def test_what_can_be_typed_ends_in_a_sentence(here, capfd, argv):
    os.mkfifo("pipe")
    Path("x.py").write_text("x = 1\n", encoding="utf-8")
    began = time.time()
    said(capfd, argv)
    assert time.time() - began < 60


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("file", "content", "argv"),
    [
        ("run.json", DEEP, ["train", "--resume"]),
        ("config.json", DEEP, ["generate", "the"]),
        ("config.json", "[]", ["generate", "the"]),
        ("tokenizer.json", DEEP, ["generate", "the"]),
        ("log.jsonl", DEEP + "\n", ["train", "--resume", "--max-steps", "6"]),
        ("log.jsonl", "{}\n", ["train", "--resume", "--max-steps", "6"]),
        ("checkpoints/step-4/state.json", DEEP, ["train", "--resume", "--max-steps", "6"]),
        ("checkpoints/step-4/state.json", "{}", ["train", "--resume", "--max-steps", "6"]),
    ],
)
def test_files_that_were_altered(trained, capfd, file, content, argv):
    (trained / file).write_text(content, encoding="utf-8")
    assert "\ntinygpt: " in "\n" + said(capfd, argv)


@pytest.mark.parametrize(("name", "n"), [("n_layer", 70_000), ("n_layer", 10**9)])
def test_a_config_of_a_model_that_nobody_has(trained, capfd, name, n):
    path = trained / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {name: n}), encoding="utf-8")
    assert "expected n_layer <= 10,000" in said(capfd, ["generate", "the"])


def test_numpys_errors_as_exceptions_change_nothing(here, capfd):
    flags = ["--learning-rate", "1e6", "--max-steps", "60"]
    with np.errstate(all="raise"):
        out = said(capfd, ["train", "t.txt", *CHAR, *flags], 2)
    assert "FloatingPointError" not in out and "so training stopped" in out


def test_a_file_system_without_modes_and_synced_folders(here, capfd, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("tinygpt.files.os.chmod", refuse)
    sync = os.fsync

    def no_folders(handle):
        if Path(f"/proc/self/fd/{handle}").resolve().is_dir():
            raise OSError(22, "Invalid argument")
        sync(handle)

    monkeypatch.setattr("tinygpt.files.os.fsync", no_folders)
    assert run(["train", "t.txt", *CHAR]) == 0


def test_a_weight_file_of_a_million_tensors_is_refused(trained):
    """Nothing but a list of names: 60 MB that say nothing, and took more than a minute."""
    nothing = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"t{i}": nothing for i in range(1_000_000)}).encode()
    path = trained / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="lists 1,000,000 tensors"):
        GPT.from_pretrained(trained)


def test_settings_files_with_a_mark(here, capfd):
    for name, text in (("s.toml", "max_steps = 3\n"), ("s.json", '{"max_steps": 3}')):
        Path(name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        at = CHAR.index("--max-steps")
        said(capfd, ["train", "t.txt", *CHAR[:at], *CHAR[at + 2 :], "--config", name], 0)
        record = json.loads((newest_run() / "run.json").read_text(encoding="utf-8"))
        assert record["training"]["max_steps"] == 3


def test_characters_that_are_unknown_are_counted_and_refused(trained, capfd):
    """English characters, --init on Greek: every id unknown, a loss of 0.001."""
    Path("g.txt").write_text("αβγδε ζηθ\n" * 300, encoding="utf-8")
    out = said(capfd, ["train", "g.txt", "--init", str(trained), "--max-steps", "3"])
    assert "are unknown to the tokenizer" in out and "--tokenizer bpe or byte" in out


def test_words_before_the_first_step(here, capfd):
    out = said(capfd, ["train", "t.txt", *CHAR, "--warmup-steps", "100"], 0)
    assert "the warm-up of 100 steps is as long as the run" in out
    out = said(capfd, ["train", "--resume", "--max-steps", "400", "--warmup-steps", "2"], 0)
    assert "the learning rate was" in out and "goes to step 400" in out


def test_help_and_version_are_quick(tmp_path):
    """--help loads neither NumPy nor tyro: 0.95 s of processor time it was."""
    for flags in (["--help"], ["--version"], ["-V"]):
        code = f"import sys; from tinygpt.cli import main; main({flags}); " \
               f"sys.exit('numpy' in sys.modules or 'tyro' in sys.modules)"  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0 and "tinygpt" in done.stdout


# ----------------------------------------------------------------- a second newcomer's findings


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["export", "storyteller"], "expected a new folder too: tinygpt export storyteller FOLDER"),
        (["look", "storyteller"], "expected a text too: tinygpt look storyteller"),
        (["eval", "storyteller"], "tinygpt eval storyteller stories"),
        (["generate", "storyteller/step-500", "x"], "there is no step-500 in storyteller"),
        (["train", "python-doc"], "Did you mean python-docs?"),
        (["gradcheck", "Add"], "Did you mean add?"),
        (["generate", "storyteller", "x", "--greedy", "--temperature", "0.5"],
         "--greedy takes the likeliest token: leave temperature out"),
        (["train", "my", "text.txt"], "text.txt: a name or a text with blanks in it is put in"),
        (["generate", "storyteller", "Python"], "It knows: "),
    ],
)  # fmt: skip
def test_words_for_a_newcomer(argv, words, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    out, err = capfd.readouterr()
    assert words in err and not out


def test_a_run_that_is_mistyped_and_a_step_that_is_gone(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "python-docs-20260131-120000"
    GPT(GPTConfig(256, block_size=8, n_layer=1, n_head=1, n_embd=8)).save_pretrained(folder)
    ByteTokenizer().save(folder)
    shutil.copytree(folder, folder / "checkpoints" / "step-20")
    assert main(["generate", "runs/python-docs-2026", "x"]) == 2
    assert "there is no python-docs-2026 in runs: it has python-docs-20260131" in (
        capfd.readouterr().err
    )
    for place in (f"{folder}/step-500", f"{folder.name}/step-500"):
        assert main(["generate", place, "x"]) == 2
        assert "it has step-20" in capfd.readouterr().err
    assert main(["generate", f"{folder.name}/step-20", "x", "--max-new-tokens", "1"]) == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["generate", "storyteller", "--seed", "1", "One day", "--max-new-tokens", "3"],
        ["generate", "--seed=1", "storyteller", "--max-new-tokens", "3", "One day"],
        ["generate", "--greedy", "storyteller", "One day", "--max-new-tokens", "3"],
    ],
)
def test_options_may_stand_between_the_words(argv, capfd):
    assert main(argv) == 0
    assert capfd.readouterr().out.startswith("One day")


def test_a_prompt_that_begins_with_one_dash(tmp_path, capfd):
    model = GPT(GPTConfig(256, block_size=8, n_layer=1, n_head=1, n_embd=8))
    model.save_pretrained(tmp_path)
    ByteTokenizer().save(tmp_path)
    assert main(["generate", str(tmp_path), "-hello", "--max-new-tokens", "1"]) == 0
    assert capfd.readouterr().out.startswith("-hello")


def test_a_run_that_learned_nothing_says_so(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = "--max-steps 12 --n-layer 1 --n-embd 8 --n-head 1 --block-size 8 --tokenizer byte"
    (tmp_path / "t.txt").write_text("one two three four\n" * 60, encoding="utf-8")
    assert main(["train", "t.txt", *options.split(), "--workers", "1", "--learning-rate", "90",
                 "--warmup-steps", "0", "--max-grad-norm", "1e9"]) == 0  # fmt: skip
    out = capfd.readouterr().out
    assert "guesses blindly has a loss of 5.55 per token" in out
    assert "above that of a blind guess: it has learned nothing" in out


def test_one_page_of_no_file(tmp_path):
    for path in (tmp_path / "no.txt", tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "tinygpt.one_page", str(path)],
            capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert "cannot be read as text" in done.stderr and "Traceback" not in done.stderr
