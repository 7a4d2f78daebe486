"""The judge: tries an answer on every case of its exercise, then says what is wrong first.

Equality with the right answer counts more than all that can be seen without it together, so that a
wrong answer never gets half the points. float64 in place of float32 costs a point and blocks
nothing.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygpt.autograd.gradcheck.diagnosis import constant_factor
from tinygpt.lesson.exercise import Case, Exercise, Outputs, Property
from tinygpt.lesson.trying import Run, all_runs, close, equal, outputs_of, run_on


@dataclass(frozen=True)
class Verdict:
    """points of total; what held and what did not; in words what failed first ("" for nothing);
    `cause`: which mistake it is, to be recognised when it comes again."""

    exercise: Exercise
    points: int
    total: int
    lines: tuple[tuple[bool | None, str], ...] = ()  # None: not reached
    failure: str = ""
    cause: str = ""
    blank: bool = False

    @property
    def accepted(self) -> bool:
        return not self.blank and not self.failure

    def __str__(self) -> str:
        words = {True: "yes", False: "NO", None: "--"}
        marks = "\n".join(f"  {words[held]:<4} {name}" for held, name in self.lines)
        return "\n".join(part for part in (marks, self.failure) if part)


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Run the answer on all cases, compare, and find the cause of the first failure."""
    return judge_runs(exercise, all_runs(exercise, answer))


def judge_runs(exercise: Exercise, runs: list[Run]) -> Verdict:
    """The same for what an answer did elsewhere, on all the cases in order."""
    expected = [outputs_of(exercise, exercise.answer, case) for case in exercise.cases]
    parts = _parts(exercise, runs, expected)
    weight = dict.fromkeys(parts, 1)
    weight[EQUAL] = 1 + sum(1 for name in parts if name != EQUAL)
    total = sum(weight.values())
    if all(run.empty for run in runs) or _is_blank(exercise, runs):
        return Verdict(exercise, 0, total, blank=True)
    points = sum(weight[name] for name, failure in parts.items() if failure is None)
    tried = any(run.outputs for run in runs)
    labels = {EQUAL: f"equal to the right answer, in all {len(runs)} cases"}
    lines = tuple(
        (failure is None if tried or name == EQUAL else None, labels.get(name, name))
        for name, failure in parts.items()
    )
    failed = {name: f for name, f in parts.items() if f is not None and name != DTYPE}
    if not failed:
        return Verdict(exercise, points, total, lines)
    name, where = next(iter(failed.items()))
    reason, cause = _diagnosis(exercise, runs, expected)
    text = "\n".join(part for part in (where, reason) if part)
    return Verdict(exercise, points, total, lines, text, cause or f"{name}: {where}")


def _words(run: Run) -> str:
    return run.error.message if run.error else ""


def _is_blank(exercise: Exercise, runs: list[Run]) -> bool:
    """Is it the unwritten answer: the same outputs, or errors in the same words?"""
    if exercise.blank is None:
        return False
    others = [run_on(exercise, exercise.blank, case) for case in exercise.cases]
    words = [(_words(run), _words(other)) for run, other in zip(runs, others, strict=True)]
    return _same(runs, others) and all(a == b for a, b in words)


# ---------------------------------------------------------------------------------- comparing

SHAPES, EQUAL, UNTOUCHED, DTYPE = (
    "the shapes", "equal", "arguments untouched, and a second call agrees", "float32 stays float32"
)  # fmt: skip


def _parts(exercise: Exercise, runs: list[Run], expected: list[Outputs]) -> dict[str, str | None]:
    """Each thing that must hold -> None, or where it first does not."""
    pairs = list(zip(runs, expected, strict=True))
    whole = [(run, want) for run, want in pairs if run.outputs]
    broken = next((run for run in runs if not run.outputs), None)
    shapes = _first(_wrong_shape(run.outputs, want, run.case) for run, want in whole)
    if not whole and broken is not None:
        shapes = _what_happened(broken, exercise)
    parts = {SHAPES: shapes}
    for p in exercise.properties:
        parts[p.name] = shapes or _first(_not_as_it_should(p, run) for run, _ in whole)
    changed = _first(_changed(run) for run in runs)
    parts[EQUAL] = shapes or _first(_unequal(exercise, run, want) for run, want in pairs) or changed
    parts[UNTOUCHED] = changed if whole else shapes
    float32 = [
        (run.outputs.get(name), value)
        for run, want in pairs
        for name, value in want.items()
        if _dtype(value) == np.float32
    ]
    if float32:
        kept = not shapes and all(
            _dtype(got) == np.float32 for got, value in float32 if np.ndim(value)
        )
        parts[DTYPE] = None if kept else "where float32 went in, another type came out"
    return parts


def _unequal(exercise: Exercise, run: Run, want: Outputs) -> str | None:
    if not run.outputs:
        return _what_happened(run, exercise)
    return _first(
        _difference(_called(name), run.outputs[name], value, run.case, _rtol(exercise, value))
        for name, value in want.items()
    )


def _changed(run: Run) -> str | None:
    if not run.untouched:
        return f"your function changed its argument{_in(run.case)}"
    if run.outputs and not run.repeats:
        return f"called twice with the same arguments it gave two results{_in(run.case)}"
    return None


def _first(failures: Iterable[str | None]) -> str | None:
    return next((failure for failure in failures if failure), None)


def _dtype(value: Any) -> Any:
    return getattr(value, "dtype", None)


def _rtol(exercise: Exercise, value: Any) -> float:
    return 1e-4 if _dtype(value) == np.float32 else exercise.rtol


def _in(case: Case) -> str:
    return f" (case: {case.about})" if case.about else ""


def _what_happened(run: Run, exercise: Exercise) -> str:
    """The error of the student's function, with the line of it."""
    if run.error is None or run.empty:
        return f"a part of the result is None{_in(run.case)}"
    line = f"\nin your line: {run.error.line}" if run.error.line else ""
    form = "" if line else f"\nExpected: {exercise.form}"
    return f"{run.error.kind}: {run.error.message}{_in(run.case)}{line}{form}"


def _wrong_shape(outputs: Any, want: Outputs, case: Case) -> str | None:
    for name, value in want.items():
        got = outputs.get(name)
        number = isinstance(got, int | float | np.number | np.ndarray | np.bool_)
        number = number and np.asarray(got).dtype.kind in "fiub"
        if not number or np.shape(got) != np.shape(value):
            shape = np.shape(value)
            expected = f"an array of shape {shape}" if shape else "one number"
            what = f"an array of shape {np.shape(got)}" if getattr(got, "ndim", 0) else "one number"
            if not number:
                what = f"a {type(got).__name__}" if got is not None else "None (no `return`?)"
            return f"{_called(name)}: got {what}, expected {expected}{_in(case)}"
    return None


def _difference(name: str, got: Any, want: Any, case: Case, rtol: float) -> str | None:
    """None where equal; otherwise the element that is off most, and both numbers."""
    got = np.asarray(got, dtype=np.float64)
    want = np.broadcast_to(np.asarray(want, dtype=np.float64), got.shape)
    if close(got, want, rtol):
        return None
    off = np.where(np.isfinite(got), abs(got - want), np.inf)
    off[(got == want) | (np.isnan(got) & np.isnan(want))] = 0
    at = np.unravel_index(int(np.argmax(off)), got.shape)
    index = f"[{', '.join(map(str, at))}]" if at else ""
    return f"{name}{index} got {_text(got[at])}, expected {_text(want[at])}{_in(case)}"


def _not_as_it_should(p: Property, run: Run) -> str | None:
    """Where a property does not hold, within 1e-5: float32 rounds."""
    got = np.asarray(p.measure(run.outputs, *run.case.inputs), dtype=np.float64)
    if np.allclose(got, p.should, rtol=0, atol=1e-5):
        return None
    return _difference(f"{p.name}: at ", got, p.should, run.case, 0)


def _called(name: str) -> str:
    return "your result" if name == "result" else name


def _text(value: float) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:.4g}"


def _same(runs: list[Run], others: list[Run] | None) -> bool:
    """Did both do the same on these cases, errors included?"""
    if others is None:
        return False
    for run, other in zip(runs, others, strict=True):
        if run.error is not None or other.error is not None:
            if _kind(run) != _kind(other):
                return False
        elif not equal(run.outputs, other.outputs, 1e-4 if _is_float32(run) else 1e-8):
            return False
    return True


def _kind(run: Run) -> str:
    """The class of its error."""
    return run.error.kind if run.error else ""


def _is_float32(run: Run) -> bool:
    return any(_dtype(part) == np.float32 for part in run.case.inputs)


# ---------------------------------------------------------------------------------- the cause


def _diagnosis(exercise: Exercise, runs: list[Run], expected: list[Outputs]) -> tuple[str, str]:
    """(a suspicion and a question, which mistake it is); empty where nothing is certain."""
    if any(_kind(run) == "LockedError" for run in runs):
        return "", "locked"
    tried = [
        (wrong, [run_on(exercise, function, case) for case in exercise.cases])
        for wrong in exercise.wrongs
        for function in (wrong.function, *wrong.variants)
    ]
    alike = [wrong for wrong, others in tried if _same(runs, others)]
    first = next((i for i, (run, want) in enumerate(zip(runs, expected, strict=True))
                  if not _right(exercise, run, want)), None)  # fmt: skip
    if not alike and first is not None and _finite(runs[first]):
        # two mistakes at once: the one that shows on the first case that is wrong
        alike = [w for w, others in tried if _same([runs[first]], [others[first]])]
    if len(set(map(id, alike))) == 1:
        return f"{alike[0].suspicion}\n{alike[0].question}", alike[0].function.__name__
    if first is None:
        return "", ""
    run, want = runs[first], expected[first]
    if _kind(run) == "UnboundLocalError":
        return "A name that is assigned inside a function is local to it: give it another.", "local"
    if not run.outputs or _wrong_shape(run.outputs, want, run.case):
        return "", ""
    name, value = next(
        (name, value)
        for name, value in want.items()
        if _difference(name, run.outputs[name], value, run.case, _rtol(exercise, value))
    )
    if not np.isfinite(np.asarray(run.outputs[name], float)).all() and np.isfinite(value).all():
        return ("nan and inf come from 0 / 0, inf / inf or log 0. Which numbers of this case are "
                "very large, very small, or 0?"), "not finite"  # fmt: skip
    reason = _factor(run, name, value)
    return (reason[0].upper() + reason[1:], reason) if reason else ("", "")


def _right(exercise: Exercise, run: Run, want: Outputs) -> bool:
    return equal(run.outputs, want, max(_rtol(exercise, value) for value in want.values()))


def _finite(run: Run) -> bool:
    try:
        return bool(run.outputs) and all(
            np.isfinite(np.asarray(value, float)).all() for value in run.outputs.values()
        )
    except (TypeError, ValueError):
        return False


def _factor(run: Run, name: str, want: Any) -> str | None:
    """Is the first output that is wrong the right one times a number?"""
    got, want = np.ravel(np.asarray(run.outputs[name], float)), np.ravel(want).astype(float)
    if got.shape != want.shape or close(got, want, 1e-5) or not np.isfinite(got).all():
        return None
    largest = int(np.argmax(abs(want)))
    if want[largest] == 0 or len(want) < 2:
        return None
    factor = float(got[largest] / want[largest])
    if not factor or not close(got, factor * want, 1e-6):
        return None
    named = constant_factor(
        factor, tuple(part.shape for part in run.case.inputs if isinstance(part, np.ndarray))
    )
    times = f"{factor:.4g} times too large" if factor > 1 else f"{1 / factor:.4g} times too small"
    return named or (
        None if factor < 0 or math.isclose(factor, 1) else f"it is {times} everywhere."
    )
