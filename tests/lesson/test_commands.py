"""tinygpt lessons and tinygpt check, through the command line."""

import csv
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lesson.test_lessons import LESSONS, build, lesson
from tinygpt.cli import main
from tinygpt.lesson import storyteller

command = importlib.import_module("tinygpt.cli.lessons")

# ------------------------------------------------------------------------------------ lessons


def content(folder):
    return {p.name: p.read_bytes() for p in folder.glob("*.ipynb")}


def test_lessons_are_copied(tmp_path, capsys):
    assert main(["lessons", str(tmp_path / "mine"), "--no-open"]) == 0
    assert content(tmp_path / "mine") == content(LESSONS)
    assert capsys.readouterr().out.count(".ipynb\n") == len(content(LESSONS)) >= 8
    assert main(["lessons", str(tmp_path / "mine"), "--no-open"]) == 0
    assert capsys.readouterr().out == f"the notebooks are in {tmp_path / 'mine'}\n"


def test_the_answered_notebooks_for_a_teacher(tmp_path, capsys):
    assert main(["lessons", str(tmp_path), "--answered"]) == 0
    assert str(tmp_path / "answered") in capsys.readouterr().out
    made = sorted(p.name for p in (tmp_path / "answered").glob("*.ipynb"))
    assert made == sorted(p.name for p in LESSONS.glob("*.ipynb"))
    text = (tmp_path / "answered" / "05_loss.ipynb").read_text(encoding="utf-8")
    assert "dz[rows, targets] -= 1" in text
    assert "guess_1 = 3.3" in text


def test_answers_without_jupytext_say_what_to_install(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jupytext" else find(name)
    )
    assert main(["lessons", str(tmp_path), "--answered"]) == 2
    assert 'pip install -e ".[lessons]"' in capsys.readouterr().err
    assert not (tmp_path / "answered").exists()


def test_a_notebook_that_was_changed_is_kept(tmp_path, capsys, monkeypatch):
    main(["lessons", str(tmp_path), "--no-open"])
    mine = tmp_path / "05_loss.ipynb"
    mine.write_text("my work", encoding="utf-8")
    capsys.readouterr()
    assert main(["lessons", str(tmp_path), "--no-open"]) == 0
    assert capsys.readouterr().out.startswith(f"{mine}: yours is kept\n")
    assert mine.read_text(encoding="utf-8") == "my work"
    for answer, kept in (("", True), ("no", True), ("y", False)):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        main(["lessons", str(tmp_path), "--no-open"])
        assert (mine.read_bytes() == b"my work") == kept


def test_a_newer_lesson_replaces_one_that_nobody_changed(tmp_path, monkeypatch, capsys):
    old, mine = tmp_path / "old", tmp_path / "mine"
    shutil.copytree(LESSONS, old)
    (old / "05_loss.ipynb").write_text("an old lesson", encoding="utf-8")
    monkeypatch.setattr(command, "lessons_folder", lambda: old)
    main(["lessons", str(mine), "--no-open"])
    monkeypatch.undo()
    main(["lessons", str(mine), "--no-open"])
    assert content(mine) == content(LESSONS)


def test_lessons_errors(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert main(["lessons", str(tmp_path / "file")]) == 2
    assert "is no folder: give one for the lessons" in capsys.readouterr().err
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    assert main(["lessons", str(tmp_path / "mine")]) == 2
    assert "JupyterLab is not installed" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists(), "said before anything is copied"
    monkeypatch.setattr(command.tinygpt, "__file__", str(tmp_path / "a" / "b.py"))
    assert main(["lessons", str(tmp_path / "mine"), "--no-open"]) == 2
    assert "the lessons are missing" in capsys.readouterr().err


def test_jupyterlab_is_started_in_the_folder(tmp_path, monkeypatch, capsys):
    started = []

    def run(arguments, check):
        started.append(arguments)
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(command.subprocess, "run", run)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert main(["lessons", str(tmp_path / "mine")]) == 0
    expected = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={tmp_path / 'mine'}"]
    assert started == [expected]
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)  # root, as in many containers
    assert main(["lessons", str(tmp_path / "mine")]) == 0
    assert started[1] == [*expected, "--allow-root"]


# -------------------------------------------------------------------------------------- check

RIGHT = "import numpy as np\n\ndef my_mul(a, b):\n    return a * b, lambda dy: (dy * b, dy * a)\n"
WRONG = "def my_mul(a, b):\n    return a * b, lambda dy: (dy * a, dy * b)\n"


@pytest.fixture
def student(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_check_of_python_files(student, capfd):
    files = [student("anna.py", RIGHT), student("ben.py", WRONG), student("cleo.py", "x = 1\n")]
    assert main(["check", *files]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["02.1", "all"]
    assert [line.split() for line in lines[1:4]] == [
        ["anna.py", "5/5", "5/5"], ["ben.py", "2/5", "2/5"], ["cleo.py", "0/5", "0/5"],
    ]  # fmt: skip


def test_check_says_why(student, capfd):
    assert main(["check", student("ben.py", WRONG), "--why"]) == 1
    out = capfd.readouterr().out
    assert "ben.py  02.1" in out and "The two gradients are exchanged." in out


def test_check_of_a_right_file_is_0(student, capfd):
    assert main(["check", student("anna.py", RIGHT)]) == 0


def test_check_as_csv(student, capfd):
    files = [student("a/x.py", RIGHT), student("b/x.py", WRONG + "\n1 / 0\n")]
    assert main(["check", *files, "--csv"]) == 1
    rows = list(csv.DictReader(capfd.readouterr().out.splitlines()))
    assert [row["file"] for row in rows] == files, "whole paths where names are alike"
    assert [(row["02.1"], row["points"], row["of"]) for row in rows] == [
        ("5", "5", "5"), ("2", "2", "5"),
    ]  # fmt: skip
    assert rows[1]["trouble"] == "cell 1: ZeroDivisionError: division by zero"


def test_check_of_notebooks(tmp_path, capfd):
    """The lesson as it is, and answered: no point, and all points. Nothing is left behind."""
    shutil.copy(LESSONS / "02_tape.ipynb", tmp_path / "blank.ipynb")
    build.write(tmp_path / "answered.ipynb", build.notebook(lesson("02"), answered=True))
    assert main(["check", *map(str, sorted(tmp_path.glob("*.ipynb")))]) == 1
    out = capfd.readouterr().out
    assert "answered.ipynb     5/5     5/5     5/5   15/15" in out
    assert "blank.ipynb        0/5     0/5     0/5    0/15" in out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answered.ipynb", "blank.ipynb"]


def test_a_cell_that_never_ends_costs_nothing_that_was_right(student, capfd):
    path = student("slow.py", RIGHT + "\n# %%\nwhile True:\n    pass\n")
    assert main(["check", path, "--timeout", "5"]) == 0
    out = capfd.readouterr().out
    assert "5/5" in out and "slow.py: not finished after 5 s, and stopped" in out


def test_what_students_do(student, capfd):
    """Prints, input, magics, exit, a broken cell: the rest is judged all the same."""
    text = '%matplotlib inline\n!ls\nprint(\'{"id": "02.1"}\')\n# %%\ninput()\n# %%\nimport sys\n'
    text += "sys.exit(3)\n# %%\ndef broken(:\n# %%\n" + RIGHT
    assert main(["check", student("odd.py", text)]) == 0
    out = capfd.readouterr().out
    assert "5/5" in out
    for trouble in ("cell 2: EOFError", "cell 3: SystemExit: 3", "cell 4: SyntaxError"):
        assert f"odd.py: {trouble}" in out


def test_a_process_that_dies(student, capfd):
    assert main(["check", student("dead.py", RIGHT + "\n# %%\nimport os\nos._exit(9)\n")]) == 0
    out = capfd.readouterr().out
    assert "dead.py: Python ended with code 9" in out and "5/5" in out


def test_the_last_definition_counts(student, capfd):
    assert main(["check", student("twice.py", WRONG + "# %%\n" + RIGHT)]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.py"], "there is no file no.py"),
        (["--timeout", "0", "x.py"], "timeout above 0 and up to 86,400 seconds, got 0"),
        (["x.txt"], "expected a .py or .ipynb file"),
        ([], "expected files to judge"),
    ],
)
def test_check_errors(arguments, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name in ("x.txt", "x.ipynb", "x.py"):
        Path(name).write_text("{", encoding="utf-8")
    assert main(["check", *arguments]) == 2
    assert message in capfd.readouterr().err


@pytest.mark.parametrize("encoding", ["cp1252", "gbk"])
def test_output_that_goes_to_a_file_on_windows(student, encoding, tmp_path):
    path = student("ben.py", WRONG.replace("def", "# \u2713 \u4f60\u597d\ndef"))
    command = [sys.executable, "-m", "tinygpt", "check", path, "--why"]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 1, done.stderr
    assert b"2/5" in done.stdout


def test_nothing_found(student, capfd):
    assert main(["check", student("x.py", "y = 1\n")]) == 1
    assert "no exercise was found" in capfd.readouterr().out


# -------------------------------------------------------------------------- the trained model


def test_the_storyteller_is_small_and_can_write():
    size = sum(p.stat().st_size for p in storyteller.FOLDER.iterdir())
    assert size < 300_000
    model, tokenizer = storyteller.load()
    ids = tokenizer.encode("\nOne day, M")
    assert model.loss([ids[:-1]], [ids[1:]]).item() < 1.0
    assert json.loads((storyteller.FOLDER / "config.json").read_text("utf-8"))["n_layer"] == 3


@pytest.mark.slow
def test_the_storyteller_is_what_its_script_makes(tmp_path):
    """Trained again, it is as good: to the last bit only on the same machine."""
    import numpy as np

    from tinygpt.text.stories import ENGLISH, stories
    from tinygpt.training.evaluation import evaluate

    stored, tokenizer = storyteller.load()
    storyteller.make(tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == (
        storyteller.FOLDER / "tokenizer.json"
    ).read_bytes()
    again = type(stored).from_pretrained(tmp_path).to("float32")
    ids = np.array(tokenizer.encode("".join(stories(ENGLISH, 200, seed=1))))
    losses = [evaluate(model, ids, tokenizer).loss for model in (stored, again)]
    assert losses[0] < 0.17
    assert abs(losses[0] - losses[1]) < 0.01, losses


# ------------------------------------------------------------------------ files as students send

SOFTMAX = (
    "import numpy as np\n"
    "def my_softmax(z):\n"
    "    e = np.exp(z - z.max(axis=-1, keepdims=True))\n"
    "    return e / e.sum(axis=-1, keepdims=True)\n"
)


def notebook_file(path, *cells):
    code = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None,
             "source": cell} for cell in cells]  # fmt: skip
    book = {"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "line",
    ["files = !ls", "t = %timeit -o sum(range(10))", "np.exp?", "print('%d'\n      % 3)", "%%time"],
)
def test_lines_of_ipython_cost_no_points(tmp_path, capfd, line):
    path = notebook_file(tmp_path / "ana.ipynb", "import numpy as np", f"{line}\n{SOFTMAX}")
    assert main(["check", str(path)]) == (0 if line != "%%time" else 1)
    assert ("9/9" in capfd.readouterr().out) == (line != "%%time")


@pytest.mark.parametrize("name", ["random.py", "json.py", "typing.py", "numpy.py", "types.py"])
def test_a_file_that_hides_a_module_is_nobodys_import(tmp_path, capfd, name):
    """A student's `random.py` gave everybody 0 points, and a `json.py` full ones."""
    (tmp_path / name).write_text("raise SystemExit('not this')\n", encoding="utf-8")
    (tmp_path / "ana.py").write_text(SOFTMAX, encoding="utf-8")
    assert main(["check", str(tmp_path / "ana.py")]) == 0
    assert "9/9" in capfd.readouterr().out


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + SOFTMAX.encode(),
        b"# -*- coding: latin-1 -*-\n# M\xfcller\n" + SOFTMAX.encode(),
    ],
)
def test_a_mark_and_a_declared_encoding(tmp_path, capfd, data):
    (tmp_path / "ana.py").write_bytes(data)
    assert main(["check", str(tmp_path / "ana.py")]) == 0


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("e.ipynb", b""),
        ("e.ipynb", b"[" * 100_000),
        ("e.ipynb", b'{"cells": {"a": 1}}'),
        ("e.ipynb", b'{"cells": [{"cell_type": "code", "source": 3}]}'),
        ("e.py", SOFTMAX.encode("utf-16")),
        ("e.py", b"x = 1\n\0"),
        ("e.py", b"\xff\xfe"),
    ],
)
def test_one_unreadable_file_is_one_row(tmp_path, capfd, name, data):
    (tmp_path / name).write_bytes(data)
    (tmp_path / "ana.py").write_text(SOFTMAX, encoding="utf-8")
    assert main(["check", str(tmp_path / name), str(tmp_path / "ana.py")]) == 1
    out = capfd.readouterr().out
    assert "9/9" in out and f"{name}: cannot be read" in out


def test_a_name_is_no_formula_and_no_escape_sequence(tmp_path, capfd):
    for name in ("=HYPERLINK(1).py", "a\x1b[31mb.py"):
        (tmp_path / name).write_text(
            SOFTMAX + "raise ValueError('\\x1b[2J' + 'x' * 100_000)\n", encoding="utf-8"
        )
        for flags in (["--csv"], ["--why"]):
            main(["check", str(tmp_path / name), *flags])
            out = capfd.readouterr().out
            assert "\x1b" not in out and len(out) < 5000
            assert flags != ["--csv"] or "\n=" not in out
