"""The report from a GPU, on the device double; and parts that fail, hang or have no time."""

import sys
import time

import pytest

from tinygpt.bench import gpu as gpu_file
from tinygpt.bench.gpu import PARTS, Part, main, report


def test_on_the_double(tmp_path, capfd):
    path = tmp_path / "report.md"
    main(["--device", "double", "--minutes", "5", "--output", str(path)])
    text = path.read_text(encoding="utf-8")
    for part in PARTS.values():
        assert f"## {part.heading}" in text
    assert "failed" not in text and "stopped" not in text
    assert "Nothing below was run on a GPU" in text
    assert " passed" in text  # of the suite
    assert "6 of 6 ops pass" in text
    assert "dropout masks of a million elements: the same bits" in text
    assert "2 arrays sent, 0 fetched, 0 waits" in text
    assert str(path) in capfd.readouterr().out


def test_a_part_that_fails_or_hangs_is_written_down(tmp_path, monkeypatch):
    """Each in a process of its own: here with a program in place of the part's."""
    script = tmp_path / "part.py"
    script.write_text(
        "import os, sys, time\n"
        "name = sys.argv[sys.argv.index('--part') + 1]\n"
        "print('```\\nbegun:', name, flush=True)\n"
        "if name == 'tests': os.abort()\n"
        "if name == 'speed': time.sleep(1000)\n"
        "if name == 'gradcheck': raise MemoryError('this GPU is too small')\n"
        "print('```')\n",
        encoding="utf-8",
    )
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{script}" "$@"\n', "utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(gpu_file.sys, "executable", str(fake))
    monkeypatch.setitem(PARTS, "speed", Part("Speed in float32", PARTS["speed"].function, 2))
    began = time.monotonic()
    names = ["tests", "gradcheck", "speed", "machine"]
    report(tmp_path / "r.md", "double", 1, names)
    assert time.monotonic() - began < 60
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    for name in names:
        assert f"begun: {name}" in text
    assert "failed with code -6" in text
    assert "MemoryError: this GPU is too small" in text
    assert "stopped after 2 seconds" in text
    assert text.count("```") % 2 == 0


def test_without_time_the_rest_is_left_out(tmp_path):
    report(tmp_path / "r.md", "double", 0.01, ["machine", "speed"])
    assert (tmp_path / "r.md").read_text(encoding="utf-8").count("no time was left") == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--minutes", "0"], "expected --minutes > 0"),
        (["--output", "no/such/folder/r.md"], "is no folder"),
        (["--device", "cuda"], "gpu"),
    ],
)
def test_wrong_options(line, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*(["--device", "double"] if "--device" not in line else []), *line])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_said_at_once(tmp_path, capsys):
    if gpu_file.importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is installed here")
    with pytest.raises(SystemExit):
        main(["--output", str(tmp_path / "r.md")])
    assert "CuPy is not installed" in capsys.readouterr().err
    assert not (tmp_path / "r.md").exists()
