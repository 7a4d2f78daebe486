"""A student's file, run in a process of its own:   python -m tinygpt.lesson.student FILE SECONDS MB

Cell after cell is executed. Each function that bears the name of an exercise is tried as soon as it
is defined, and what it gave goes out as a line of JSON. Nothing is judged here: the judge reads the
lines in its own process (grading.py), so whatever a file does to this one earns no point. The
course's answers are taken away before the first cell runs.
"""

import base64
import contextlib
import dataclasses
import json
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.lesson import notebook
from tinygpt.lesson.exercise import Exercise
from tinygpt.lesson.exercises import EXERCISES
from tinygpt.lesson.grading import cells
from tinygpt.lesson.trying import MOST_NUMBERS, LockedError, Other, Run, all_runs

ANSWERS = "tinygpt.lesson.exercises"
Place = tuple[str, int]  # a function, by its file and line


# ------------------------------------------------------------------------------- without answers


def take_answers_away() -> tuple[dict[str, Exercise], dict[str, set[Place]], dict[str, Any]]:
    """Name of the student's function -> its exercise without answers, and -> where its answers
    stand; number of the exercise -> what the lesson lends. From here on they cannot be imported,
    `check` and `hint` say nothing, and `use` lends: for the lesson to go on, and for what a later
    exercise builds on."""
    answers = {e.id: e.answer for e in EXERCISES.values()}
    places = {e.name: {_place(f) for f in _functions(e)} for e in EXERCISES.values()}
    known = {id(f) for e in EXERCISES.values() for f in _functions(e)}
    bare = {
        e.name: dataclasses.replace(
            e, answer=None, wrongs=(), hints=("", ""), library=None, blank=e.blank and bool
        )
        for e in EXERCISES.values()
    }
    for name in [n for n in sys.modules if n.startswith(ANSWERS)]:
        module = sys.modules.pop(name)
        for key, value in list(vars(module).items()):
            taken = isinstance(value, Exercise | dict) or id(value) in known
            if not key.startswith("__") and (taken or key == "EXERCISES"):
                del vars(module)[key]
    package = sys.modules["tinygpt.lesson"]
    package.__dict__.pop("exercises", None)
    EXERCISES.clear()
    sys.meta_path.insert(0, _OutOfReach())  # type: ignore  a finder without find_module
    notebook.be_graded(answers)
    return bare, places, answers


def _functions(e: Exercise) -> list[Any]:
    all_of_it = (e.answer, *(f for w in e.wrongs for f in (w.function, *w.variants)))
    return [f for f in all_of_it if isinstance(f, types.FunctionType)]


def _place(function: Any) -> Place:
    return function.__code__.co_filename, function.__code__.co_firstlineno


class _OutOfReach:
    """An import of the answers is an error."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.startswith(ANSWERS):
            raise LockedError("the course's answers are out of reach while a file is judged")


@contextlib.contextmanager
def _refusing(places: set[Place]) -> Iterator[None]:
    """Inside, no function from these places runs, however it was come by."""

    def watch(frame: Any, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and (code.co_filename, code.co_firstlineno) in places:
            raise LockedError(f"{code.co_name} is the course's own: it refuses while your answer "
                              "is tried")  # fmt: skip

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def _places_of(ops: tuple[Any, ...]) -> set[Place]:
    return {_place(op.function) for op in ops if hasattr(op.function, "__code__")}


# ----------------------------------------------------------------------------------- what is sent


def sent(run: Run) -> dict[str, Any]:
    """A run as JSON: numbers and arrays, and of everything else the name of its class."""
    return {
        "outputs": {name: _sent_value(value) for name, value in run.outputs.items()},
        "error": dataclasses.asdict(run.error) if run.error else None,
        "empty": run.empty,
        "untouched": run.untouched,
        "repeats": run.repeats,
        "printed": run.printed,
    }


def _sent_value(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, Other):
        return {"class": value.kind}
    about = {"dtype": value.dtype.str, "shape": value.shape, "scalar": np.isscalar(value)}
    if value.size > MOST_NUMBERS:
        return about  # its shape is wrong: that is all one needs to know
    return about | {"data": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}


# -------------------------------------------------------------------------------------- the run


class _Quiet:
    """What stands for IPython's shell while a notebook is judged: every magic gives None."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def run(path: Path, tell: Any) -> None:
    """Execute the cells; tell what each answer gave, and each trouble."""
    exercises, places, answers = take_answers_away()
    namespace: dict[str, Any] = {"__name__": "__main__", "get_ipython": _Quiet}
    tried: dict[str, Any] = {}
    for i, cell in enumerate(cells(path), start=1):
        try:
            exec(compile(cell, f"cell {i} of {path.name}", "exec"), namespace)
        except (Exception, SystemExit) as error:
            tell({"trouble": f"cell {i}: {type(error).__name__}: {error}"})
        for name in exercises.keys() & namespace.keys():
            if namespace[name] is not tried.get(name):
                tried[name] = namespace[name]
                lend = {n: answers[id] for n, id in exercises[name].lends}
                tell({"id": exercises[name].id,
                      "runs": _tried(exercises[name], namespace[name], places[name], lend)}
                     )  # fmt: skip
    tell({"end": True})


def _tried(
    exercise: Exercise, answer: Any, places: set[Place], lend: dict[str, Any]
) -> list[dict[str, Any]]:
    with _refusing(places | _places_of(exercise.locked)):
        return [sent(one) for one in all_runs(exercise, answer, lend)]


def limit(seconds: float, megabytes: float) -> None:
    """Where the system can: so much more memory than now, so much processor time, files of 1 GB."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    now = 0
    with contextlib.suppress(OSError, ValueError):
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, now + int(megabytes * 1e6)),
        (resource.RLIMIT_CPU, int(seconds * (os.cpu_count() or 1)) + 60),
        (resource.RLIMIT_FSIZE, 1 << 30),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def main(path: str, seconds: str = "60", megabytes: str = "4000") -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what the student prints is not read

        def tell(entry: dict[str, Any]) -> None:
            out.write(json.dumps(entry) + "\n")
            out.flush()

        limit(float(seconds), float(megabytes))
        with contextlib.redirect_stdout(nowhere):
            run(Path(path), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
