"""Trying an answer: what it does on each case of its exercise. Nothing is judged here."""

import contextlib
import copy
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import tinygpt
from tinygpt.lesson.exercise import Case, Exercise, Outputs

NOT_THEIRS = (str(Path(tinygpt.__file__).parent), str(Path(np.__file__).parent))  # of the frames


class LockedError(RuntimeError):
    """An answer called what does the exercise for it."""


@dataclass(frozen=True)
class Failure:
    """An error that an answer raised: its class, its words, and the answer's own line, if any."""

    kind: str
    message: str
    line: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        frames = traceback.extract_tb(error.__traceback__)
        own = [f.line or "" for f in frames if not f.filename.startswith(NOT_THEIRS)]
        return cls(type(error).__name__, str(error), own[-1] if own else "")


@dataclass
class Run:
    """What an answer did on a case: its outputs, none where it raised an error."""

    case: Case
    outputs: Outputs = field(default_factory=dict)
    error: Failure | None = None
    empty: bool = False  # it returned None
    untouched: bool = True
    repeats: bool = True


def all_runs(exercise: Exercise, answer: Any) -> list[Run]:
    """The answer on every case; the library's ops that do the exercise refuse meanwhile."""
    if not callable(answer):
        answer = _not_a_function(exercise, answer)
    with _locked(exercise.locked):
        return [run_on(exercise, answer, case) for case in exercise.cases]


def outputs_of(exercise: Exercise, function: Any, case: Case) -> Outputs:
    with np.errstate(all="ignore"):
        return exercise.observe(function, *copy.deepcopy(case.inputs))


def run_on(exercise: Exercise, function: Any, case: Case) -> Run:
    """The answer on one case, twice: does it say the same, and leave its arguments alone?"""
    run, inputs = Run(case), copy.deepcopy(case.inputs)
    returned: list[Any] = []

    def called(*args: Any, **settings: Any) -> Any:
        returned.append(function(*args, **settings))
        return returned[-1]

    tried = function if isinstance(function, type) else called
    try:
        with np.errstate(all="ignore"):
            run.outputs = exercise.observe(tried, *inputs)
        run.empty = all(value is None for value in run.outputs.values())
        run.untouched = _equal_inputs(inputs, case.inputs)
        run.repeats = equal(run.outputs, outputs_of(exercise, function, case), 0)
    except Exception as error:
        nothing_is_none = exercise.blank is None  # where a blank answer returns None, and no other
        run.error, run.outputs = Failure.of(error), {}
        run.empty = nothing_is_none and bool(returned) and returned[-1] is None
    if run.empty:
        run.outputs = {}
    return run


@contextlib.contextmanager
def _locked(ops: tuple[Any, ...]) -> Iterator[None]:
    """Inside, these ops refuse: to wrap the library is no answer."""
    before = [op.function for op in ops]

    def refusal(name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise LockedError(f"tinygpt's {name} is locked while your answer is tried: write the "
                              "lines yourself")  # fmt: skip

        return refuse

    try:
        for op in ops:
            op.function = refusal(op.name)
        yield
    finally:
        for op, function in zip(ops, before, strict=True):
            op.function = function


def _not_a_function(exercise: Exercise, answer: Any) -> Any:
    """Somebody called the function, and gave its result to `check`."""

    def complain(*_: Any, **__: Any) -> Any:
        raise TypeError(
            f"{answer!r:.40} is no function: give `{exercise.name}` itself, without brackets"
        )

    return complain


def close(got: np.ndarray, want: np.ndarray, rtol: float) -> bool:
    """Equal within rounding, measured by the largest number there."""
    finite = want[np.isfinite(want)]
    scale = abs(finite).max() if finite.size else 0.0
    with np.errstate(all="ignore"):
        return bool(np.allclose(got, want, rtol=rtol, atol=rtol * max(scale, 1e-3), equal_nan=True))


def equal(a: Outputs, b: Outputs, rtol: float) -> bool:
    """The same names, shapes and numbers; False where something is no number."""
    if not a or a.keys() != b.keys():
        return False
    try:
        pairs = [(np.asarray(a[n], float), np.asarray(b[n], float)) for n in a]
    except (TypeError, ValueError):
        return False
    return all(x.shape == y.shape and close(x, y, rtol) for x, y in pairs)


def _equal_inputs(a: Any, b: Any) -> bool:
    if isinstance(b, list | tuple):
        return len(a) == len(b) and all(_equal_inputs(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=b.dtype.kind == "f")
    return bool(a == b) or not isinstance(b, int | float | str | bool)
