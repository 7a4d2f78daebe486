"""tinygpt check of files that want more than they earn, or more of the machine."""

import csv
import os
import subprocess
import sys
import time

import pytest

from tests.lesson.test_commands import SOFTMAX
from tinygpt.cli import main
from tinygpt.lesson.grading import Graded, take_line

CHEATS = {
    "the answer returned": """
from tinygpt.lesson.exercises import EXERCISES
my_softmax = EXERCISES["05.1"].answer
""",
    "the answer called": """
from tinygpt.lesson.exercises import loss as lesson05
def my_softmax(z):
    return lesson05.softmax_answer(z)
""",
    "the answer behind the notebook": """
import tinygpt.lesson.notebook as n
my_softmax = n.exercise("05.1").answer
""",
    "imported again": """
import importlib, sys
sys.modules.pop("tinygpt.lesson.exercises", None)
sys.modules.pop("tinygpt.lesson.exercises.loss", None)
m = importlib.import_module("tinygpt.lesson.exercises.loss")
my_softmax = m.softmax_answer
""",
    "lent": """
from tinygpt.lesson import use
my_softmax = use("05.1")
""",
    "lent and wrapped": """
from tinygpt.lesson import use
lent = use("05.1")
def my_softmax(z):
    return lent(z)
""",
    "lent while it is tried": """
from tinygpt.lesson import use
def my_softmax(z):
    return use("05.1")(z)
""",
    "found among all objects": """
import gc
def my_softmax(z):
    for f in gc.get_objects():
        if getattr(f, "__name__", "") == "softmax_answer":
            return f(z)
""",
    "a report of one's own": """
import json, sys
main = sys.modules["__main__"]
entry = {"id": "05.1", "points": 9, "total": 9, "accepted": True, "why": ""}
for name in ("report", "out", "tell"):
    if hasattr(main, name):
        getattr(main, name)(entry)
def my_softmax(z):
    return z
""",
    "a line in the pipe": """
import json, os
line = json.dumps({"id": "05.1", "points": 9, "total": 9, "accepted": True, "why": "", "runs": []})
for fd in range(1, 20):
    try:
        os.write(fd, ("\\n" + line + "\\n").encode())
    except OSError:
        pass
def my_softmax(z):
    return z
""",
    "the judge replaced": """
import sys, types
import tinygpt.lesson.judge as j
class Verdict:
    points = total = 9
    accepted, blank, failure = True, False, ""
j.judge = lambda *a: Verdict()
sys.modules["tinygpt.lesson.judge"] = j
for m in list(sys.modules.values()):
    if hasattr(m, "judge"):
        m.judge = lambda *a: Verdict()
def my_softmax(z):
    return z
""",
    "the expected value in a frame": """
import sys
def my_softmax(z):
    frame = sys._getframe()
    while frame:
        for name in ("expected", "want", "answer", "wants"):
            value = frame.f_locals.get(name)
            if value is not None:
                return value(z) if callable(value) else value
        for value in list(frame.f_globals.values()):
            if getattr(value, "__name__", "") == "softmax_answer":
                return value(z)
        frame = frame.f_back
""",
    "equal to everything": """
import numpy as np
class Yes(np.ndarray):
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __sub__(self, other): return np.zeros(self.shape)
    __rsub__ = __sub__
def my_softmax(z):
    return np.asarray(z).view(Yes)
""",
    "numpy bent": """
import numpy as np
np.allclose = lambda *a, **k: True
np.isfinite = lambda x: np.ones(np.shape(x), bool)
def my_softmax(z):
    return z
""",
    "the library's op": """
import tinygpt
def my_softmax(z):
    return tinygpt.nn.softmax(z).data
""",
    "the library's op, kept": """
import tinygpt
f = tinygpt.nn.softmax.function
def my_softmax(z):
    return f(z)[0]
""",
}


def table(capfd, *arguments):
    code = main(["check", *map(str, arguments), "--csv"])
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return code, list(csv.DictReader(out.splitlines()))


@pytest.mark.parametrize("name", CHEATS)
def test_points_come_from_the_judge_alone(tmp_path, capfd, name):
    (tmp_path / "cheat.py").write_text(CHEATS[name], encoding="utf-8")
    (tmp_path / "ana.py").write_text(SOFTMAX, encoding="utf-8")
    code, (cheat, ana) = table(capfd, tmp_path / "cheat.py", tmp_path / "ana.py")
    assert code == 1
    assert int(cheat["05.1"]) * 2 < 9, "less than half, as any wrong answer"
    assert ana["05.1"] == "9"


def test_what_is_lent_still_carries_the_lesson_on(tmp_path, capfd):
    text = (
        "from tinygpt.lesson import use, check, hint, reveal, swap\nimport numpy as np\n"
        "f = use('05.1')\nassert abs(f(np.ones(3)).sum() - 1) < 1e-9\ncheck('05.1', f)\n"
        "hint('05.1'); reveal('05.1')\n# %%\n" + SOFTMAX
    )
    (tmp_path / "ana.py").write_text(text, encoding="utf-8")
    code, (row,) = table(capfd, tmp_path / "ana.py")
    assert (code, row["05.1"], row["trouble"]) == (0, "9", "")


def alive(marker):
    """Processes whose command line has the marker."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdecimal() and int(pid) != os.getpid():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if marker.encode() in file.read():
                        found.append(int(pid))
            except OSError:
                continue
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("ends", [False, True])
def test_no_child_outlives_its_file(tmp_path, capfd, away, ends):
    marker = f"sleeper{os.getpid()}{away}{ends}"
    text = (
        "import subprocess, sys, os, time\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)', {marker!r}],"
        f" start_new_session={away})\n"
        "if os.fork() == 0:\n"
        f"    os.execv(sys.executable, ['py', '-c', 'import time; time.sleep(99)', {marker!r}])\n"
        f"# %%\n{SOFTMAX}\n# %%\n" + ("" if ends else "while True: pass\n")
    )
    (tmp_path / "ana.py").write_text(text, encoding="utf-8")
    start = time.monotonic()
    _, (row,) = table(capfd, tmp_path / "ana.py", "--timeout", "8")
    assert time.monotonic() - start < 60  # and not the 99 of its children
    assert row["05.1"] == "9"
    assert ("not finished" in row["trouble"]) == (not ends)
    time.sleep(0.3)
    assert alive(marker) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_memory_has_a_bound(tmp_path, capfd):
    text = f"x = bytearray(3 << 30)\n# %%\n{SOFTMAX}"
    (tmp_path / "ana.py").write_text(text, encoding="utf-8")
    code, (row,) = table(capfd, tmp_path / "ana.py", "--memory", "500")
    assert code == 0
    assert "cell 1: MemoryError" in row["trouble"]
    assert main(["check", str(tmp_path / "ana.py"), "--memory", "0"]) == 2


def test_a_result_as_large_as_the_machine(tmp_path, capfd):
    text = "import numpy as np\ndef my_softmax(z):\n    return np.zeros((3000, 3000))\n"
    (tmp_path / "ana.py").write_text(text, encoding="utf-8")
    code, (row,) = table(capfd, tmp_path / "ana.py")
    assert code == 1
    assert int(row["05.1"]) * 2 < 9


def test_endless_output_does_not_fill_the_disk(tmp_path, capfd):
    text = (
        "import os\nfor fd in range(1, 12):\n    try:\n        for _ in range(3000):\n"
        "            os.write(fd, b'x' * (1 << 20))\n    except OSError:\n        pass\n# %%\n"
        + SOFTMAX
    )
    (tmp_path / "ana.py").write_text(text, encoding="utf-8")
    main(["check", str(tmp_path / "ana.py"), "--timeout", "20", "--csv"])
    assert len(capfd.readouterr().out) < 5000


RUNS = '{"id": "05.1", "runs": [ALL]}'
RUN = (
    '{"outputs": {"result": VALUE}, "error": null, "empty": false, "untouched": true, '
    '"repeats": true}'
)
VALUES = (
    '{"dtype": "<f4", "shape": [1000000000000], "scalar": false}',
    '{"dtype": "<f4", "shape": [-1], "scalar": false}',
    '{"dtype": "O", "shape": [1], "scalar": false, "data": "AAAA"}',
    '{"dtype": "<f4", "shape": [3], "scalar": false, "data": "?"}',
    '{"class": "a\\u0000b"}', "1" * 400, "NaN",
)  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        '{"id": [1]}', '{"id": {}}', '{"id": "05.1", "runs": 3}', '{"trouble": [[]]}', "[1]", "7",
        '{"id": "05.1", "runs": [1, 2, 3, 4, 5, 6]}', '{"id": "05.1", "runs": ' + "[" * 5000,
        *(
            RUNS.replace("ALL", ", ".join([RUN.replace("VALUE", value)] * n))
            for n in range(1, 9)
            for value in VALUES
        ),
    ],
)  # fmt: skip
def test_a_line_of_anything_costs_nobody_else_a_point(tmp_path, line):
    """What a file's process sends may be anything; here it is taken as the judge takes it."""
    graded = Graded(tmp_path / "ana.py")
    take_line(graded, line)
    assert graded.results.get("05.1", {"points": 0})["points"] * 2 < 9


@pytest.mark.parametrize("words", ["raise SystemExit(0)", "import os; os._exit(0)", "exit()"])
def test_an_answer_that_leaves(tmp_path, capfd, words):
    text = f"def my_softmax(z):\n    {words}\n"
    (tmp_path / "ana.py").write_text(text, encoding="utf-8")
    (tmp_path / "ben.py").write_text(SOFTMAX, encoding="utf-8")
    code, (ana, ben) = table(capfd, tmp_path / "ana.py", tmp_path / "ben.py")
    assert (code, ana["05.1"], ben["05.1"]) == (1, "0", "9")


def test_nothing_is_judged_in_the_students_process(tmp_path):
    """It has no right answer to find: what it sends are numbers."""
    (tmp_path / "ana.py").write_text(SOFTMAX, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tinygpt.lesson.student", "ana.py"],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert '"runs"' in done.stdout and "points" not in done.stdout
