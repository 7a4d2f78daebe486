"""Answers judged from the command line: run a student's file, then judge what it defined.

Each file runs in a process of its own with a time limit (`python -m tinygpt.lesson.grading FILE`).
A cell that fails is noted, and the next one runs. Every function that bears the name of an exercise
is judged as soon as it is defined, so a later cell that never ends costs nothing that was right.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygpt.files import read_json
from tinygpt.lesson import notebook
from tinygpt.lesson.exercises import EXERCISES
from tinygpt.lesson.judge import judge


@dataclass
class Graded:
    """What came out of a file: exercise -> points, total, and why not more; and what went wrong."""

    path: Path
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


def grade(path: Path, timeout: float) -> Graded:
    """Run and judge a file in a process of its own, for so many seconds at most."""
    graded = Graded(path)
    try:
        cells(path)
    except (ValueError, OSError) as error:
        graded.troubles.append(f"cannot be read: {error}")
        return graded
    hidden = sorted(p.name for p in path.parent.glob("*.py") if p.stem in sys.stdlib_module_names)
    if hidden:
        graded.troubles.append(f"beside it: {', '.join(hidden)}, which is not imported")
    # -P: nothing in the student's folder is importable, whatever it is called
    command = [sys.executable, "-P", "-m", "tinygpt.lesson.grading", path.name]
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(
            command, cwd=path.parent, env=environment, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = late.stdout or b"", 0
        graded.troubles.append(f"not finished after {timeout:g} s, and stopped")
    for line in output.decode("utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # half a line, where it was stopped
            continue
        if "trouble" in entry:
            graded.troubles.append(entry["trouble"])
        else:
            graded.results[entry.pop("id")] = entry
    if code:
        graded.troubles.append(f"Python ended with code {code}")
    return graded


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


class _Quiet:
    """What stands for IPython's shell while a notebook is judged: every magic gives None."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def run(path: Path, report: Any) -> None:
    """Execute the cells and report each verdict and trouble as a line of JSON."""
    notebook.keep_nothing()
    names = {e.name: e for e in EXERCISES.values()}
    namespace: dict[str, Any] = {"__name__": "__main__", "get_ipython": _Quiet}
    judged: dict[str, Any] = {}
    for i, cell in enumerate(cells(path), start=1):
        try:
            exec(compile(cell, f"cell {i} of {path.name}", "exec"), namespace)
        except (Exception, SystemExit) as error:
            report({"trouble": f"cell {i}: {type(error).__name__}: {error}"})
        for name in names.keys() & namespace.keys():
            if namespace[name] is not judged.get(name):
                judged[name] = namespace[name]
                verdict = judge(names[name], namespace[name])
                why = names[name].blank_says if verdict.blank else verdict.failure
                report(
                    {"id": names[name].id, "points": verdict.points, "total": verdict.total,
                     "accepted": verdict.accepted, "why": why}
                )  # fmt: skip


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what the student prints is not read

        def report(entry: dict[str, Any]) -> None:
            out.write(json.dumps(entry) + "\n")
            out.flush()

        with contextlib.redirect_stdout(nowhere):
            run(Path(sys.argv[1]), report)
