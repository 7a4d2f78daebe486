"""The judge: tries an answer on every case of its exercise, then says what is wrong.

Equality with the right answer counts more than all that can be seen without it together, so that a
wrong answer never gets half the points. Another float dtype than that of the inputs costs a point
and blocks nothing. A reason is given only where it is certain: an error that Python explains, a
known mistake that gives the same on every trial, or what a probe (probes.py) has seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tinygpt.lesson import probes
from tinygpt.lesson.exercise import Case, Exercise, Outputs, Property
from tinygpt.lesson.exercises import EXERCISES
from tinygpt.lesson.python_errors import explain
from tinygpt.lesson.trying import (
    Other,
    Run,
    all_runs,
    close,
    equal,
    outputs_of,
    run_on,
    trials,
)

SECONDS = 10.0  # that an answer may take for one case


@dataclass(frozen=True)
class Verdict:
    """points of total; what held and what did not; in words why it is wrong (`reason`, "" where
    nothing is certain) and where that is seen first (`where`); `cause`: which mistake it is, to be
    recognised when it comes again; `case`: the inputs on which it is seen."""

    exercise: Exercise
    points: int
    total: int
    lines: tuple[tuple[bool | None, str], ...] = ()  # None: not reached
    reason: str = ""
    where: str = ""
    cause: str = ""
    blank: bool = False
    case: Case | None = None
    printed: str = ""  # the beginning of what the answer printed

    @property
    def failure(self) -> str:
        return "\n".join(part for part in (self.reason, self.where) if part)

    @property
    def accepted(self) -> bool:
        return not self.blank and not self.failure

    def __str__(self) -> str:
        words = {True: "yes", False: "NO", None: "--"}
        marks = "\n".join(f"  {words[held]:<4} {name}" for held, name in self.lines)
        return "\n".join(part for part in (marks, self.failure) if part)


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Run the answer on all trials, compare, and find the reason of what is wrong."""
    return judge_runs(exercise, all_runs(exercise, answer, lent(exercise), SECONDS))


def lent(exercise: Exercise) -> dict[str, Any]:
    """The names that the lesson gives to this answer, with the right answers behind them."""
    return {name: EXERCISES[id].answer for name, id in exercise.lends}


def judge_runs(exercise: Exercise, runs: list[Run]) -> Verdict:
    """The same for what an answer did elsewhere, on all the trials in order."""
    tried = trials(exercise)
    wants = _expected(exercise)
    n = len(exercise.cases)
    cases, expected = runs[:n], [want or {} for want in wants[:n]]
    parts = _parts(exercise, cases, expected)
    weight = dict.fromkeys(parts, 1)
    weight[EQUAL] = 1 + sum(1 for name in parts if name != EQUAL)
    total = sum(weight.values())
    printed = next((run.printed for run in cases if run.printed), "")
    if all(run.empty for run in cases) or _is_blank(exercise, cases):
        return Verdict(exercise, 0, total, blank=True, printed=printed)
    points = sum(weight[name] for name, failure in parts.items() if failure is None)
    seen = any(run.outputs for run in cases)
    held = sum(_right(exercise, run, want) for run, want in zip(cases, expected, strict=True))
    labels = {EQUAL: f"equal to the right answer, in {held} of {n} cases"}
    if held == n and parts[EQUAL]:
        labels[EQUAL] += ", but not without harm"
    if exercise.in_place:
        labels[UNTOUCHED] = "a second call agrees"
    unseen = {name for name in parts if name not in (SHAPES, EQUAL, UNTOUCHED)}
    unseen = unseen if parts[SHAPES] else set()  # of results of another shape nobody knows
    if any(run.error for run in cases):  # in these nothing came out
        unseen |= {SHAPES, DTYPE} & {name for name, f in parts.items() if name == SHAPES or f}
    lines = tuple(
        (
            None if name in unseen or not (seen or name == EQUAL) else failure is None,
            labels.get(name, name),
        )
        for name, failure in parts.items()
    )
    failed = {name: f for name, f in parts.items() if f is not None and name != DTYPE}
    if not failed:
        return Verdict(exercise, points, total, lines, printed=printed)
    evidence = probes.Evidence(exercise, tried, runs, wants, lambda w: _rtol(exercise, w))
    reason, cause = _reason(exercise, evidence, cases, expected)
    first = next((i for i, run in enumerate(cases) if not _right(exercise, run, expected[i])), 0)
    # with a reason the numbers come after it; without one a broken property says more than they do
    order = [SHAPES, EQUAL, *failed] if reason else [SHAPES, *_named(exercise), EQUAL, *failed]
    name = next(name for name in order if name in failed)
    where = failed[name]
    return Verdict(exercise, points, total, lines, reason, where, cause or f"{name}: {where}",
                   case=cases[first].case, printed=printed)  # fmt: skip


def _named(exercise: Exercise) -> list[str]:
    return [p.name for p in exercise.properties]


@cache
def _expected_by_id(id: str) -> list[Outputs | None]:
    exercise = EXERCISES[id]
    found: list[Outputs | None] = []
    for t in trials(exercise):
        try:
            found.append(outputs_of(exercise, exercise.answer, t.case))
        except Exception:
            if not t.changed:
                raise
            found.append(None)  # a changed input on which the right answer cannot be tried
    return found


@cache
def _mistakes_by_id(id: str) -> list[tuple[Any, list[Run]]]:
    """(known mistake, what it does on every trial), each way to write it."""
    exercise = EXERCISES[id]
    return [
        (wrong, all_runs(exercise, function, lent(exercise)))
        for wrong in exercise.wrongs
        for function in (wrong.function, *wrong.variants)
    ]


def _expected(exercise: Exercise) -> list[Outputs | None]:
    return _expected_by_id(exercise.id)


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
    "the shapes", "equal", "arguments untouched, and a second call agrees",
    "float32 stays float32, float64 stays float64",
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
    floats = [
        (_dtype(run.outputs.get(name)), _dtype(value))
        for run, want in pairs
        for name, value in want.items()
        if np.ndim(value) and value.dtype.kind == "f"
    ]
    if any(want == np.float32 for _, want in floats):
        other = next(((got, want) for got, want in floats if got != want), None)
        parts[DTYPE] = None if not other and not shapes else (
            "another type came out than went in" if other is None or other[0] is None
            else f"where {other[1]} went in, {other[0]} came out"
        )  # fmt: skip
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


def _truths(value: Any) -> bool:
    """Is it an array of True and False?"""
    return isinstance(value, np.ndarray) and value.dtype.kind == "b"


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
    if run.error.kind in ("FormError", "LockedError"):  # which is the reason, and says itself
        return f"Expected: {exercise.form}"
    return f"{run.error.kind}: {run.error.message}{_in(run.case)}{line}{form}"


def _wrong_shape(outputs: Any, want: Outputs, case: Case) -> str | None:
    for name, value in want.items():
        got = outputs.get(name)
        number = got is not None and not isinstance(got, Other)
        of = " of True and False" if _truths(value) else ""
        if not number or np.shape(got) != np.shape(value) or (of and not _truths(got)):
            shape = np.shape(value)
            expected = f"an array of shape {shape}{of}" if shape else "one number"
            what = "one number"
            if isinstance(got, np.ndarray) and got.ndim:
                numbers = f" of {_dtype(got)}" if of else ""
                what = f"an array of shape {np.shape(got)}{numbers}"
            elif not number:
                what = _no_number(got)
            return f"{_called(name)}: got {what}, expected {expected}{_in(case)}"
    return None


def _no_number(got: Any) -> str:
    if got is None:
        return "None (no `return`?)"
    named = {"ndarray": "an array of something else than numbers", "list": "a list of unequal rows",
             "Tensor": "a Tensor, whose array is x.numpy()"}  # fmt: skip
    return named.get(got.kind, f"a {got.kind}")


def _difference(name: str, got: Any, want: Any, case: Case, rtol: float) -> str | None:
    """None where equal; otherwise the element that is off most, and both numbers."""
    truths = _truths(want) or isinstance(want, bool | np.bool_)
    got = np.asarray(got, dtype=np.float64)
    want = np.broadcast_to(np.asarray(want, dtype=np.float64), got.shape)
    if close(got, want, rtol):
        return None
    off = np.where(np.isfinite(got), abs(got - want), np.inf)
    off[(got == want) | (np.isnan(got) & np.isnan(want))] = 0
    at = np.unravel_index(int(np.argmax(off)), got.shape)
    index = f"[{', '.join(map(str, at))}]" if at else ""
    theirs, right = _texts(float(got[at]), float(want[at]))
    if truths:
        theirs, right = (str(bool(v)) for v in (got[at], want[at]))
    return f"{name}{index} got {theirs}, expected {right}{_in(case)}"


def _not_as_it_should(p: Property, run: Run) -> str | None:
    """Where a property does not hold, within 1e-5: float32 rounds."""
    got = np.asarray(p.measure(run.outputs, *run.case.inputs), dtype=np.float64)
    if np.allclose(got, p.should, rtol=0, atol=1e-5):
        return None
    return _difference(f"{p.name}:{' at ' if got.ndim else ''}", got, p.should, run.case, 0)


def _called(name: str) -> str:
    return "your result" if name == "result" else name


def _texts(a: float, b: float) -> tuple[str, str]:
    """Both numbers, with as many digits as it takes to see that they differ."""
    a, b = (0.0 if abs(v) < 1e-12 else v for v in (a, b))
    for digits in range(4, 18):
        if f"{a:.{digits}g}" != f"{b:.{digits}g}":
            return f"{a:.{digits}g}", f"{b:.{digits}g}"
    return f"{a:g}", f"{b:g}"


def _same(runs: list[Run], others: list[Run]) -> bool:
    """Did both do the same on these cases, errors included?"""
    for run, other in zip(runs, others, strict=True):
        if run.error is not None or other.error is not None:
            if _fault(run) != _fault(other) or run.untouched != other.untouched:
                return False
        elif run.empty != other.empty or run.untouched != other.untouched:
            return False
        elif not run.outputs and not other.outputs:
            continue
        elif not equal(run.outputs, other.outputs, 1e-4 if _is_float32(run) else 1e-8):
            return False
    return True


def _fault(run: Run) -> tuple[str, str]:
    """Its error: the class, and the words, but for those that Python writes in several ways."""
    kind = _kind(run)
    return kind, "" if kind in ("ZeroDivisionError", "RecursionError") else _words(run)


def _kind(run: Run) -> str:
    """The class of its error."""
    return run.error.kind if run.error else ""


def _is_float32(run: Run) -> bool:
    return any(_dtype(part) == np.float32 for part in run.case.inputs)


# --------------------------------------------------------------------------------- the reason


def _reason(
    exercise: Exercise, evidence: probes.Evidence, cases: list[Run], expected: list[Outputs]
) -> tuple[str, str]:
    """(what is certain and a question, which mistake it is); empty where nothing is certain."""
    locked = next((run.error for run in cases if _kind(run) == "LockedError"), None)
    if locked:
        return locked.message[0].upper() + locked.message[1:] + ".", "locked"
    mistakes = _mistakes_by_id(exercise.id)
    alike = [w for w, theirs in mistakes if _same(evidence.runs, theirs)]
    if len(set(map(id, alike))) == 1:
        return f"{alike[0].suspicion}\n{alike[0].question}", alike[0].function.__name__
    known = _but_for_what_is_not_finite(exercise, evidence, cases, expected)
    if known:
        return known
    wrong = [run for run, want in zip(cases, expected, strict=True)
             if not _right(exercise, run, want)]  # fmt: skip
    # an error explains what is wrong only where nothing was wrong before it
    meaning = _error_in_words(wrong[0]) if wrong else ""
    for said in (meaning, _no_numbers(cases), _changing(exercise, cases)):
        if said:
            return said, said
    numbers = _numbers_for_truths(cases, expected)
    if numbers:
        return numbers, "numbers for True and False"
    nothing, cause = _nothing_back(cases)
    if nothing:
        return nothing, cause
    said, question = probes.sentence(evidence)
    if said:
        return f"{said}\n{question}", said
    return _nan(exercise, cases, expected) or ("", "")


def _error_in_words(run: Run) -> str:
    """What the error of a run means; "" where there is none, or none that is known."""
    if run.error is None:
        return ""
    if run.error.kind == "FormError":  # the exercise's own words
        return run.error.message[0].upper() + run.error.message[1:] + "."
    return explain(run.error)


def _no_numbers(cases: list[Run]) -> str:
    """Something came back that is no number, and no array of them."""
    for run in cases:
        for name, value in run.outputs.items():
            if isinstance(value, Other):
                called = _called(name)
                what = _no_number(value)
                return f"{called[0].upper()}{called[1:]} is {what}: asked for are numbers."
    return ""


def _changing(exercise: Exercise, cases: list[Run]) -> str:
    """An answer that changes what it was given, or that gives two results."""
    if any(not run.untouched for run in cases) and exercise.in_place:
        return (
            "You change something that should stay as it is: not all that is given is to be "
            "changed.\nWhich of the arguments stands on the left of a line of yours?"
        )
    if any(not run.untouched for run in cases):
        return ("You change what you were given, which belongs to the caller: the next call finds "
                "other numbers.\nWhich line makes an array or list of your own first?")  # fmt: skip
    if any(run.outputs and not run.repeats for run in cases):
        return ("Called twice with the same arguments, your function gives two results: it draws a "
                "number of its own, or keeps something from call to call.\n"
                "What in it is neither an argument nor made anew?")  # fmt: skip
    return ""


def _nothing_back(cases: list[Run]) -> tuple[str, str]:
    """Where in some cases, or for some of the calls, nothing comes back."""
    for run in cases:
        missing = [name for name, value in run.outputs.items() if value is None]
        if run.empty or (missing and len(missing) < len(run.outputs)):
            said = (
                "In some cases nothing comes back: a way through your function has no `return`, or "
                "returns None."
            )
            return f"{said}\nWhich way is that?", "no return"
    return "", ""


def _but_for_what_is_not_finite(
    exercise: Exercise, evidence: probes.Evidence, cases: list[Run], expected: list[Outputs]
) -> tuple[str, str] | None:
    """A known mistake that gives the same wherever numbers came out, where besides nan, infinity or
    an error came out in a special case: two mistakes at once."""
    whole = [i for i, run in enumerate(evidence.runs) if _finite(run)]
    broken = [run for run in cases if not _finite(run)]
    wrong = [i for i in whole if i < len(cases) and not _right(exercise, cases[i], expected[i])]
    if len(broken) != 1 or not wrong or len(cases) < 3 or not broken[0].case.about:
        return None
    mine = [evidence.runs[i] for i in whole]
    alike = [
        w for w, theirs in _mistakes_by_id(exercise.id) if _same(mine, [theirs[i] for i in whole])
    ]
    if len(set(map(id, alike))) != 1:
        return None
    about = f"(And besides, no number comes out where: {broken[0].case.about}.)"
    w = alike[0]
    return f"{w.suspicion}\n{w.question}\n{about}", w.function.__name__


def _finite(run: Run) -> bool:
    return bool(run.outputs) and all(
        probes.is_number(v) and np.isfinite(np.asarray(v, float)).all()
        for v in run.outputs.values()
    )


def _numbers_for_truths(cases: list[Run], expected: list[Outputs]) -> str:
    for run, want in zip(cases, expected, strict=True):
        for name, value in want.items():
            got = run.outputs.get(name)
            if _truths(value) and isinstance(got, np.ndarray) and not _truths(got):
                return ("Your table holds numbers. 1 and 0 look like True and False, but ~ and an "
                        "index take them otherwise.\nWhat does a comparison of two arrays return?"
                        )  # fmt: skip
    return ""


def _nan(exercise: Exercise, cases: list[Run], expected: list[Outputs]) -> tuple[str, str] | None:
    for run, want in zip(cases, expected, strict=True):
        if _right(exercise, run, want) or not run.outputs:
            continue
        for name, value in want.items():
            got = run.outputs[name]
            if not probes.is_number(got) or np.shape(got) != np.shape(value):
                return None
            if not np.isfinite(np.asarray(got, float)).all() and np.isfinite(value).all():
                return (
                    "nan and inf come from 0 / 0, inf / inf, inf - inf, 0 times inf or log 0.\n"
                    "Which numbers of this case are very large, very small, or 0?", "not finite"
                )  # fmt: skip
        return None
    return None


def _right(exercise: Exercise, run: Run, want: Outputs) -> bool:
    return equal(run.outputs, want, max(_rtol(exercise, value) for value in want.values()))
