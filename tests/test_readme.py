"""What the README and the lessons' first page say is true: their code runs, their output is it."""

import re
from pathlib import Path

import numpy as np
import pytest

import tinygpt
from tinygpt import GradientError
from tinygpt.cli import COMMANDS
from tinygpt.text import corpora

ROOT = Path(tinygpt.__file__).parents[1]
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="not in a checkout")


def blocks(path, language):
    """The fenced blocks of a language, "" for those without one."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [code for kind, code in found if kind == language]


def test_the_hand_written_loop_runs(monkeypatch, capsys):
    paragraphs = ["The cat sat on the mat, and the dog lay on the log, as usual."] * 3000
    monkeypatch.setattr(corpora, "python_docs", lambda: paragraphs)
    (code,) = [b for b in blocks(README, "python") if "loss.backward()" in b]
    assert "islice(batches, 500)" in code
    names: dict = {}
    exec(code.replace("islice(batches, 500)", "islice(batches, 3)"), names)
    assert names["optimizer"].steps == 3
    assert names["loss"].item() < 7.5
    assert "The cat" in capsys.readouterr().out


def test_the_op_of_the_readme_passes_its_check(capsys):
    (code,) = [b for b in blocks(README, "python") if "check_gradient(" in b]
    exec(code, {})
    assert "square: gradient ok" in capsys.readouterr().out


def test_the_wrong_op_of_the_lessons_gets_the_message_that_stands_there():
    page = ROOT / "lessons" / "README.md"
    (code,) = blocks(page, "python")
    (expected,) = [b for b in blocks(page, "") if "GradientError" in b]
    with pytest.raises(GradientError) as caught:
        exec(code, {})
    assert f"GradientError: {caught.value}".split() == expected.split()


def test_the_reading_order_names_files_that_exist():
    text = README.read_text(encoding="utf-8")
    section = text.split("## Reading order")[1].split("\n## ")[0]
    files = re.findall(r"^\d\. `(tinygpt/[\w/]+\.py)`", section, re.MULTILINE)
    assert len(files) == 6
    assert all((ROOT / f).is_file() for f in files)


def test_every_command_of_the_readme_exists():
    text = README.read_text(encoding="utf-8")
    for command in re.findall(r"\btinygpt (\w+)", "\n".join(blocks(README, "bash"))):
        assert command in set(COMMANDS), text
    assert np.__version__ >= "2"


def test_the_verdict_in_the_readme_is_what_the_check_says(tmp_path, monkeypatch, capsys):
    from tinygpt.lesson import check
    from tinygpt.lesson.exercises import loss as lesson05

    monkeypatch.chdir(tmp_path)  # where progress is kept
    check("05.2", lesson05.mean_forgotten)
    (block,) = [b for b in blocks(README, "text") if b.startswith("05.2")]
    assert block == capsys.readouterr().out
