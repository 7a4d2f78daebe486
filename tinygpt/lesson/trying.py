"""Trying an answer: what it does on each case of its exercise. Nothing is judged here."""

import _thread
import contextlib
import copy
import inspect
import io
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import tinygpt
from tinygpt.lesson.exercise import Case, Exercise, FormError, Outputs

NOT_THEIRS = (  # of the frames
    str(Path(tinygpt.__file__).parent), str(Path(np.__file__).parent), contextlib.__file__
)  # fmt: skip
MOST_NUMBERS = 100_000  # of one result that are looked at
MOST_PRINTED = 500  # letters of what an answer prints that are kept


ENDLESS = "TimeoutError"  # the kind of failure of an answer that was stopped


@contextlib.contextmanager
def at_most(seconds: float | None) -> Iterator[None]:
    """TimeoutError where what stands inside is still running after so many seconds. (A bell in
    another thread interrupts this one, as the keys Ctrl and C would; so only the main thread can be
    stopped, and elsewhere nothing is.)"""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    rung = threading.Event()

    def ring() -> None:
        rung.set()
        _thread.interrupt_main()

    bell = threading.Timer(seconds, ring)
    bell.daemon = True
    bell.start()
    try:
        yield
        bell.cancel()
        if rung.is_set():  # in the very last moment: the interrupt is on its way
            time.sleep(1)
    except KeyboardInterrupt as interrupt:
        if not rung.is_set():
            raise  # somebody's own
        late = TimeoutError(f"still running after {seconds:g} seconds")
        raise late.with_traceback(interrupt.__traceback__) from None
    finally:
        bell.cancel()


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
        message = str(error) if len(str(error)) < 400 else f"{error!s:.400} ..."
        return cls(type(error).__name__, message, own[-1] if own else "")


@dataclass(frozen=True)
class Other:
    """A result that is no number and no array of numbers: the name of its class."""

    kind: str


@dataclass
class Run:
    """What an answer did on a case: its outputs, none where it raised an error."""

    case: Case
    outputs: Outputs = field(default_factory=dict)
    error: Failure | None = None
    empty: bool = False  # it returned None
    untouched: bool = True
    repeats: bool = True
    printed: str = ""  # the beginning of what it printed


# ------------------------------------------------------------------------------- what is tried


@dataclass(frozen=True)
class Trial:
    """A case of the exercise, or one of them with one input changed alone."""

    case: Case
    base: int = 0  # the case that it was
    changed: str = ""  # which input was changed


def trials(exercise: Exercise) -> list[Trial]:
    """The cases, then each of them with each input changed. The same list wherever it is made, so
    that what one process tries another can judge."""
    found = [Trial(case, i) for i, case in enumerate(exercise.cases)]
    for i, case in enumerate(exercise.cases):
        for k, name in enumerate(exercise.given):
            other = varied(case.inputs[k]) if k < len(case.inputs) else None
            if other is not None:
                inputs = (*case.inputs[:k], other, *case.inputs[k + 1 :])
                found.append(Trial(replace(case, inputs=inputs), i, name))
    return found


def varied(value: Any) -> Any:
    """Another value of the same kind, or None where there is none to be had. Not the same numbers
    in another order: an answer that adds them all up would not notice."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return (value + 1) % (value.max() + 1) if len(np.unique(value)) > 1 else None
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        chances = value.ndim == 1 and bool((value >= 0).all()) and abs(value.sum() - 1) < 0.01
        factors = np.linspace(0.6, 0.9, value.size).reshape(value.shape)
        other = np.roll(value, 1) * factors
        return (other * (value.sum() / other.sum()) if chances else other).astype(value.dtype)
    if isinstance(value, list | tuple):
        parts = [varied(part) for part in value]
        return None if any(part is None for part in parts) else type(value)(parts)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value + 1 if isinstance(value, int) else 0.8 * value + 0.01


# -------------------------------------------------------------------------------------- trying


def all_runs(
    exercise: Exercise,
    answer: Any,
    lend: dict[str, Any] | None = None,
    seconds: float | None = None,
) -> list[Run]:
    """The answer on every trial; the library's ops that do the exercise refuse meanwhile. lend:
    names that the lesson gives to the answer, for where its cell was not run. seconds: how long a
    trial may take; after one that took longer no other is tried."""
    if not callable(answer):
        answer = _not_a_function(exercise, answer)
    runs: list[Run] = []
    with _locked(exercise.locked), _lent(answer, lend or {}):
        for t in trials(exercise):
            if runs and runs[-1].error and runs[-1].error.kind == ENDLESS:
                runs.append(replace(runs[-1], case=t.case))
            else:
                runs.append(run_on(exercise, answer, t.case, not t.changed, seconds))
    return runs


def outputs_of(exercise: Exercise, function: Any, case: Case) -> Outputs:
    """What the function gives on the case, as plain numbers and arrays."""
    with np.errstate(all="ignore"), warnings.catch_warnings(), _heard():
        warnings.simplefilter("ignore")
        shown = exercise.observe(function, *copy.deepcopy(case.inputs))
        return {name: plain(value) for name, value in shown.items()}


def run_on(
    exercise: Exercise,
    function: Any,
    case: Case,
    again: bool = True,
    seconds: float | None = None,
) -> Run:
    """The answer on one case; again: does a second call say the same?"""
    run, inputs = Run(case), copy.deepcopy(case.inputs)
    returned: list[Any] = []

    def called(*args: Any, **settings: Any) -> Any:
        returned.append(function(*args, **settings))
        return returned[-1]

    tried = function if isinstance(function, type) else called
    with _heard() as heard, np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with at_most(seconds):
                shown = exercise.observe(tried, *inputs)
            run.outputs = {name: plain(value) for name, value in shown.items()}
            run.empty = all(value is None for value in run.outputs.values())
            if again:
                run.repeats = equal(run.outputs, outputs_of(exercise, function, case), 0)
        except (Exception, SystemExit) as error:
            nothing_is_none = exercise.blank is None  # a blank answer returns None, and no other
            run.error, run.outputs = Failure.of(error), {}
            run.empty = nothing_is_none and bool(returned) and returned[-1] is None
    run.untouched = _equal_inputs(inputs, case.inputs)
    run.printed = heard.getvalue()
    if run.empty:
        run.outputs = {}
    return run


def plain(value: Any) -> Any:
    """A result as it is judged: a number, an array of numbers of its own, None; of anything else
    the name of its class. A list of lists of numbers is an array."""
    if value is None or type(value) in (bool, float):
        return value
    if type(value) is int:
        return value if abs(value) < 2**63 else Other("int")
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return value
    if isinstance(value, np.ndarray | list | tuple):
        try:
            array = np.array(value)
        except (ValueError, TypeError, OverflowError, RuntimeError):
            return Other(type(value).__name__)
        if array.dtype.kind in "fiub" and (array.size or isinstance(value, np.ndarray)):
            return array if array.size <= MOST_NUMBERS else np.broadcast_to(0.0, array.shape)
    return Other(type(value).__name__)


class _Heard(io.StringIO):
    """Keeps the beginning of what is printed: an answer may print a million lines."""

    def write(self, text: str) -> int:
        room = MOST_PRINTED - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


@contextlib.contextmanager
def _heard() -> Iterator[_Heard]:
    heard = _Heard()
    with contextlib.redirect_stdout(heard):
        yield heard


@contextlib.contextmanager
def _lent(answer: Any, names: dict[str, Any]) -> Iterator[None]:
    """Inside, the answer finds these names, where it has none of its own."""
    space = getattr(inspect.unwrap(answer), "__globals__", {}) if callable(answer) else {}
    missing = [name for name in names if name not in space]
    space |= {name: names[name] for name in missing}
    try:
        yield
    finally:
        for name in missing:
            space.pop(name, None)


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
    said = "an array" if isinstance(answer, np.ndarray) else f"{answer!r:.40}"

    def complain(*_: Any, **__: Any) -> Any:
        raise FormError(f"{said} is no function: give `{exercise.name}` itself, without brackets")

    return complain


# ----------------------------------------------------------------------------------- comparing


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
    return all(equal_values(a[n], b[n], rtol) for n in a)


def equal_values(a: Any, b: Any, rtol: float) -> bool:
    """Equal within rounding; what is no number, only where both are the same."""
    if a is None or b is None or isinstance(a, Other) or isinstance(b, Other):
        return bool(a == b) if type(a) is type(b) else False
    x, y = np.asarray(a, float), np.asarray(b, float)
    return x.shape == y.shape and close(x, y, rtol)


def _equal_inputs(a: Any, b: Any) -> bool:
    """Is a, which an answer was lent, still b? Into a list it may have put anything at all."""
    if isinstance(b, list | tuple):
        if type(a) is not type(b) or len(a) != len(b):
            return False
        return all(_equal_inputs(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, np.ndarray):
        if not isinstance(a, np.ndarray) or a.dtype != b.dtype:
            return False
        return np.array_equal(a, b, equal_nan=b.dtype.kind == "f")
    return not isinstance(b, int | float | str) or bool(np.array_equal(a, b))
