"""Answers judged from the command line: run a student's file, then judge what it gave.

Each file runs in a process of its own (student.py), within limits of time and memory; what its
functions gave on the cases of their exercises comes back as numbers, and is judged here. A cell
that fails is noted, and the next one runs. Every function that bears the name of an exercise is
tried as soon as it is defined, so a later cell that never ends costs nothing that was right.
"""

import base64
import contextlib
import json
import math
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.files import read_json
from tinygpt.lesson.exercise import Exercise
from tinygpt.lesson.exercises import EXERCISES
from tinygpt.lesson.judge import judge_runs
from tinygpt.lesson.trying import MOST_PRINTED, Failure, Other, Run, trials

MARK = "TINYGPT_JUDGED"  # in the environment of a file's processes: by it they are found again
MOST_ELEMENTS = 100_000_000  # of one result whose shape is taken seriously
MOST_BYTES = 64_000_000  # of all that a file sends


@dataclass
class Graded:
    """What came out of a file: exercise -> points, total, and why not more; and what went wrong."""

    path: Path
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


def grade(path: Path, timeout: float, memory: float = 4000) -> Graded:
    """Run and judge a file, for so many seconds at most and with so many megabytes."""
    graded = Graded(path)
    try:
        cells(path)
    except (ValueError, OSError) as error:
        graded.troubles.append(f"cannot be read: {error}")
        return graded
    beside = [p for p in path.parent.glob("*.py") if p.name != path.name]
    hidden = sorted(p.name for p in beside if p.stem in sys.stdlib_module_names)
    if hidden:
        graded.troubles.append(f"beside it: {', '.join(hidden)}, which is not imported")
    with tempfile.TemporaryFile() as file:
        code = _run(path, timeout, memory, file)
        file.seek(0)
        lines = file.read(MOST_BYTES).decode("utf-8", errors="replace").splitlines()
    last = [take_line(graded, line) for line in lines]
    if code is None:
        graded.troubles.append(f"not finished after {timeout:g} s, and stopped")
    elif code or not any(last):
        graded.troubles.append(f"Python ended with code {code}, before the end of the file")
    return graded


def take_line(graded: Graded, line: str) -> bool:
    """A line of what the file's process sent; is it the last one? It may be half a line, or what
    the file itself wrote: what cannot be judged is a trouble of this file alone."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(entry, dict):
        return False
    try:
        _take(graded, entry)
    except Exception as error:  # of numbers that a stranger made up
        graded.troubles.append(f"what it sent cannot be judged: {type(error).__name__}: {error}")
    return "end" in entry


def _take(graded: Graded, entry: dict[str, Any]) -> None:
    if "trouble" in entry:
        graded.troubles.append(str(entry["trouble"]))
    elif isinstance(entry.get("id"), str) and entry["id"] in EXERCISES:
        exercise = EXERCISES[entry["id"]]
        verdict = judge_runs(exercise, _received(exercise, entry.get("runs")))
        graded.results[exercise.id] = {
            "points": verdict.points,
            "total": verdict.total,
            "accepted": verdict.accepted,
            "why": exercise.blank_says if verdict.blank else verdict.failure,
        }


def _run(path: Path, timeout: float, memory: float, output: Any) -> int | None:
    """Run the file in its own group of processes, of which none is left; the exit code, None where
    it was stopped."""
    mark = secrets.token_hex(16)
    # -P: nothing in the student's folder is importable, whatever it is called
    command = [sys.executable, "-P", "-m", "tinygpt.lesson.student", path.name, str(timeout),
               str(memory)]  # fmt: skip
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8", MARK: mark}
    process = subprocess.Popen(
        command, cwd=path.parent, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        _kill_marked(mark)


def _kill_marked(mark: str) -> None:
    """End the processes that left the group: on Linux their environment still has the mark."""
    wanted = f"{MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (place / "environ").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)


# -------------------------------------------------------------------------------- what was sent


def _received(exercise: Exercise, runs: Any) -> list[Run]:
    """The runs on all the trials. ValueError for what cannot be."""
    tried = trials(exercise)
    if not isinstance(runs, list) or len(runs) != len(tried):
        raise ValueError("expected what came out on each trial")
    try:
        return [
            Run(
                t.case,
                {str(name): _value(value) for name, value in run["outputs"].items()},
                Failure(**{k: str(v) for k, v in run["error"].items()}) if run["error"] else None,
                empty=bool(run["empty"]),
                untouched=bool(run["untouched"]),
                repeats=bool(run["repeats"]),
                printed=str(run["printed"])[:MOST_PRINTED],
            )
            for t, run in zip(tried, runs, strict=True)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no run: {error!r}") from error


def _value(sent: Any) -> Any:
    if not isinstance(sent, dict):
        return sent if type(sent) in (bool, int, float) else None
    if "class" in sent:
        return Other(str(sent["class"])[:100])
    dtype, shape = np.dtype(sent["dtype"]), tuple(sent["shape"])
    if dtype.kind not in "fiub":
        raise ValueError(f"no numbers: {dtype}")
    if math.prod(shape) > MOST_ELEMENTS:
        raise ValueError(f"a result of shape {shape}")
    if "data" not in sent:
        return np.broadcast_to(np.zeros((), dtype), shape)
    array = np.frombuffer(base64.b64decode(sent["data"]), dtype).reshape(shape)
    return array[()] if sent["scalar"] else array


# ------------------------------------------------------------------------------------ the file


def cells(path: Path) -> list[str]:
    """The code cells of a notebook, or the parts of a Python file between `# %%` lines.
    ValueError for a file that is neither."""
    if path.suffix == ".ipynb":
        book = read_json(path, "notebook")
        try:
            code = [c["source"] for c in book["cells"] if c["cell_type"] == "code"]
            parts = [part if isinstance(part, str) else "".join(part) for part in code]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is no notebook: {error!r}") from error
        return [_without_magic(part) for part in parts]
    if path.suffix != ".py":
        raise ValueError(f"{path}: expected a .py or .ipynb file")
    try:
        with tokenize.open(path) as file:  # a mark, or the encoding that its first line declares
            text = file.read()
    except (SyntaxError, UnicodeError) as error:
        raise ValueError(f"{path} is no Python source: {error}") from error
    if "\0" in text:
        raise ValueError(f"{path} is no Python source: it has a zero byte")
    return re.split(r"^# %%.*\n", text, flags=re.M)


def _without_magic(cell: str) -> str:
    """The cell as Python, its IPython lines (%time, !ls, np.exp?) as calls that do nothing."""
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        return re.sub(r"^( *)[%!].*$", r"\1pass", cell, flags=re.M)
    return TransformerManager().transform_cell(cell)
