"""What a student calls in a lesson: about, predict, check, hint, reveal, use, progress.

What was tried is kept in `progress.json` beside the notebook, for the student alone; delete it to
begin anew.
"""

import ast
import contextlib
import copy
import html
import json
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import tinygpt
from tinygpt.backend import default_device
from tinygpt.files import write_text
from tinygpt.lesson.exercises import EXERCISES, LessonError, exercise
from tinygpt.lesson.guesses import GUESSES, Guess
from tinygpt.lesson.judge import Verdict, judge
from tinygpt.lesson.output import in_notebook, say
from tinygpt.lesson.source import show

OFFER_HINT_AFTER = 3  # refusals for the same mistake
PROGRESS_FILE = "progress.json"

HOUR = 3600.0  # seconds

_accepted: dict[str, Any] = {}  # id -> the student's answer, while this kernel runs
_failed: dict[str, Verdict] = {}  # id -> what was wrong with the last one
_refusals: dict[str, list[tuple[float, str]]] = {}  # id -> when, and for which reason
_hinted: dict[str, int] = {}  # id -> how many hints were shown
_keep = True  # write the progress file?
_lent: dict[str, Any] | None = None  # in a teacher's run: what `use` gives


def about() -> None:
    """Which Python, which tinygpt, which device: the first thing to know when something is odd."""
    print(
        f"Python {platform.python_version()} ({sys.executable}), tinygpt {tinygpt.__version__}, "
        f"NumPy {np.__version__}; device: {default_device()}"
    )


# ------------------------------------------------------------------------------------- guesses


def predict(id: str, guess: Any, *evidence: Any) -> None:
    """Your guess beside the truth, and why. Without a guess (None) it asks below, and the run goes
    on. evidence: what the truth is worked out from (guesses.py); for a guess of your own, a
    function that gives it."""
    if guess is not None:
        verdict, because = _compared(id, guess, evidence)
        say(because, id, big=verdict)
    elif not (in_notebook() and _ask(id, evidence)):
        print(f"{id}  no guess yet: put yours in the place of None, and run the cell again")


def _compared(id: str, guess: Any, evidence: tuple[Any, ...]) -> tuple[str, str]:
    """(the verdict, why it is so)"""
    known = GUESSES.get(id) or Guess(lambda truth: truth())
    right = known.truth(*evidence)
    guess = _read_guess(guess, right)
    _note(id, guess=guess if isinstance(guess, int | float | str | bool) else str(guess))
    near = _distance(guess, right)
    verdict = "right" if near <= 0.1 else "close" if near <= 0.3 else "not what happens"
    why = " Why?" if near > 0.3 and not known.because else ""
    said = f"you said {_shown(guess)}, it is {_shown(right)}: {verdict}.{why}"
    return said, known.reason(*evidence)


def _read_guess(guess: Any, right: Any) -> Any:
    """What was typed, as the kind of thing that the truth is: "1, 4" and "1 4" are (1, 4), "'no'"
    is no, and so is False."""
    if isinstance(guess, str) and not isinstance(right, str):
        text = guess.strip()
        if isinstance(right, tuple):
            text = re.sub(r"[\s,;]+", ", ", text.strip("()[]{} ")) + ","
        with contextlib.suppress(ValueError, SyntaxError):
            guess = ast.literal_eval(text)
        fraction = re.fullmatch(r"([\d.]+)\s*(?:/\s*([\d.]+)|%)", text)
        if fraction:  # "1/16", "6%"
            with contextlib.suppress(ValueError, ZeroDivisionError):
                guess = float(fraction[1]) / float(fraction[2] or 100)
    if isinstance(right, str) and isinstance(guess, int | float) and not isinstance(guess, bool):
        guess = f"{guess:g}"  # 100 where "100" is a choice
    if isinstance(right, str) and right in ("yes", "no"):
        words = {"y": "yes", "n": "no", "true": "yes", "false": "no"}
        guess = str(guess).strip().strip("\"'.!").lower()
        return words.get(guess, guess)
    if isinstance(guess, str):
        guess = guess.strip().strip("\"'.!")
    if isinstance(right, tuple) and isinstance(guess, list | np.ndarray):
        return tuple(int(v) if float(v).is_integer() else float(v) for v in np.ravel(guess))
    return guess


def _distance(guess: Any, right: Any) -> float:
    """How far off, as a share of the right number. A whole number must be hit, and so must anything
    else that is no number."""
    number = all(isinstance(v, int | float | np.number) and not isinstance(v, bool)
                 for v in (guess, right))  # fmt: skip
    if not number:
        if isinstance(guess, str):
            return float(guess.lower() != str(right).lower())
        return float(not np.all(guess == right))
    if abs(right - round(right)) < 1e-6:
        return float(abs(guess - round(right)) > 1e-9)
    return abs(guess - right) / abs(right)


def _shown(value: Any) -> str:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if number and abs(value) >= 10_000 and float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _ask(id: str, evidence: tuple[Any, ...]) -> bool:
    """A field below the cell, the verdict beside it. False where there are no widgets."""
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        return False
    field = ipywidgets.Text(
        description=id, placeholder="your guess, then Enter", continuous_update=False
    )
    beside = ipywidgets.HTML()

    def answered(change: Any) -> None:
        text = change["new"].strip()
        if text:
            verdict, because = _compared(id, text, evidence)
            beside.value = f"<b>{html.escape(verdict)}</b> {html.escape(because)}"

    field.observe(answered, names="value")
    display(ipywidgets.VBox([field, beside]))
    return True


# ------------------------------------------------------------------------------------- answers


_ABSENT = object()


def check(id: Any, answer: Any = _ABSENT) -> None:
    """Try an answer on every case of the exercise: what holds, what is wrong, and why.

    check("05.2", my_function), check(my_function), or check("05.2") for the last function of that
    name. What is wrong is tried on inputs that `case("05.2")` gives you.
    """
    if _lent is not None:
        return
    id, answer = _meant(id, answer, sys._getframe(1).f_globals)
    e = exercise(id)
    verdict = judge(e, answer)
    if verdict.accepted:
        _accepted[id] = answer
    else:
        _accepted.pop(id, None)
        _failed[id] = verdict
    entry = _note(id, verdict=verdict)
    headline = f"{id}: {verdict.points} of {verdict.total} points"
    printed = f"\nyour function printed: {verdict.printed.strip()[:200]}" if verdict.printed else ""
    if verdict.blank:
        say(f"{e.blank_says}. Expected: {e.form}{printed}", headline)
        return
    if verdict.accepted:
        missed = next((name for held, name in verdict.lines if held is False), "")
        said = "right"
        if missed:
            said += (
                f", but for one point: {missed}. (np.zeros(7), np.sqrt(7) and np.cos(np.arange(7)) "
                "are float64 and make their partner one; np.zeros_like(x) is what x is, "
                "math.sqrt(7) a plain number, and a.astype(x.dtype) makes it what x is.)"
            )
        say(_rows(verdict), headline, big=said, good=True)
        return
    given = ", ".join(e.given)
    text = f"{_rows(verdict)}\n{verdict.where}{printed}"
    text += f'\nto look at this case:  {given} = case("{id}")'
    if _again(id, verdict):
        text += f"\n{_next_help(id, entry)}"
    say(text, headline, big=verdict.reason, good=False)


def _rows(verdict: Verdict) -> str:
    """What held and what did not, a line each."""
    marks = {True: "✓ yes", False: "✗ NO ", None: "-    "}
    return "\n".join(f"{marks[held]} {name}" for held, name in verdict.lines)


def _meant(id: Any, answer: Any, names: dict[str, Any]) -> tuple[str, Any]:
    """Which exercise and which answer. LessonError where that cannot be told."""
    by_name = {e.name: e for e in EXERCISES.values()}
    if answer is _ABSENT and callable(id):
        found = by_name.get(getattr(id, "__name__", ""))
        if found is None:
            raise LessonError(
                f'which exercise is that? check("05.2", {getattr(id, "__name__", "f")})'
            )
        return found.id, id
    if callable(id) and not callable(answer):  # exchanged
        id, answer = answer, id
    e = exercise(id)
    if answer is _ABSENT:
        if e.name not in names:
            raise LessonError(f"there is no {e.name} yet: run the cell in which you write it")
        answer = names[e.name]
    return e.id, answer


def _again(id: str, verdict: Verdict) -> bool:
    """Was it refused for the same reason several times within the hour?"""
    if not verdict.cause.isidentifier():  # the name of a known mistake; a probe's words may be many
        return False
    now, refusals = time.time(), _refusals.setdefault(id, [])
    refusals.append((now, verdict.cause))
    return sum(c == verdict.cause and now - t < HOUR for t, c in refusals) >= OFFER_HINT_AFTER


def case(id: Any) -> Any:
    """The inputs on which your last answer was wrong, to look at:   z = case("05.1")"""
    e = exercise(id)
    if e.id not in _failed or _failed[e.id].case is None:
        raise LessonError(f'nothing was wrong yet: check("{e.id}", {e.name}) comes first')
    failed = _failed[e.id].case
    assert failed is not None
    inputs = copy.deepcopy(failed.inputs)
    print(f"{', '.join(e.given)}" + (f"   ({failed.about})" if failed.about else ""))
    return inputs[0] if len(inputs) == 1 else inputs


def hint(id: Any, n: int | None = None) -> None:
    """The first time the plan, then nearly the answer, on another case. hint(id, 1) and hint(id, 2)
    show one of them again."""
    if _lent is not None:
        return
    e = exercise(id)
    seen = _hinted.get(e.id, 0)
    n = min(seen + 1, 2) if n is None else min(max(int(n), 1), 2)
    _hinted[e.id] = max(seen, n)
    entry = _note(e.id)
    _note(e.id, hints=max(entry["hints"], n))
    say(e.hints[n - 1], f"{e.id}   hint {n} of 2")
    if seen >= 1 and e.id not in _accepted:
        print(f'still stuck: reveal("{e.id}")')


def reveal(id: str) -> None:
    """The library's own lines, or those of the right answer."""
    if _lent is not None:
        return
    e = exercise(id)
    _note(e.id, revealed=True)
    show(e.answer)
    if e.library is not None:
        print("\nand in the library:")
        show(e.library)


def use(id: Any) -> Any:
    """Your answer, if it was accepted; else a right one, so that the lesson goes on."""
    if _lent is not None:
        return _lent[str(id).zfill(4)]
    e = exercise(id)
    if e.id in _accepted:
        print(f"{e.id}: with your {e.name}")
        return _accepted[e.id]
    entry = _read().get(e.id, {})
    before = entry.get("total") and entry.get("points", 0) >= entry["total"] - 1
    why = "yours was right before: run its cell again" if before else "until yours is right"
    print(f"{e.id}: with the library's answer, {why}")
    return e.answer


def _next_help(id: str, entry: dict[str, Any]) -> str:
    if entry["hints"] < 2:
        what = "nearly the answer" if entry["hints"] else "a plan"
        return f'The same mistake again. hint("{id}") gives {what}.'
    return f'The same mistake again. reveal("{id}") shows the library\'s lines.'


# ------------------------------------------------------------------------------------ progress


def progress() -> None:
    """A table of what was tried."""
    record = _read()
    if not record:
        print("nothing tried yet")
        return
    print(f"{'':<8}{'points':>8}{'tries':>7}{'hints':>7}")
    for id, entry in sorted(record.items()):
        if "guess" in entry:
            print(f"{id:<8}{'guessed ' + str(entry['guess']):>22}")
        elif entry["total"]:
            points = f"{entry['points']}/{entry['total']}"
            seen = "  revealed" if entry["revealed"] else ""
            print(f"{id:<8}{points:>8}{entry['tries']:>7}{entry['hints']:>7}{seen}")


_record: dict[str, dict[str, Any]] | None = None


def _read() -> dict[str, dict[str, Any]]:
    global _record
    if _record is None:
        _record = {}
        path = Path(PROGRESS_FILE)
        if _keep and path.is_file():
            try:
                _record = dict(json.loads(path.read_text(encoding="utf-8")))
            except ValueError:
                print(f"{path.resolve()} cannot be read and is begun anew")
    return _record


def be_graded(answers: dict[str, Any]) -> None:
    """From here on this is a teacher's run: no progress file, `check`, `hint` and `reveal` are
    silent, and `use` lends from these answers."""
    global _keep, _lent
    _keep, _lent = False, answers


def _note(id: str, verdict: Verdict | None = None, **changes: Any) -> dict[str, Any]:
    """Bring the entry of an exercise up to date, on disk too; the entry."""
    global _keep
    record = _read()
    fresh = {"points": 0, "total": 0, "tries": 0, "hints": 0, "revealed": False, "refused": []}
    entry = record.setdefault(id, {} if "guess" in changes else fresh)
    entry |= changes
    if verdict is not None:
        entry["total"] = verdict.total
        entry["points"] = max(entry["points"], verdict.points)
        if not verdict.blank:
            entry["tries"] += 1
            if not verdict.accepted:
                entry["refused"].append(verdict.cause)
    if _keep and (changes or verdict is not None):
        try:
            write_text(Path(PROGRESS_FILE), json.dumps(record, indent=1) + "\n")
        except OSError as error:
            _keep = False
            print(f"progress is not kept: {error}")
    return dict(entry)
