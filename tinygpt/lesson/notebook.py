"""What a student calls in a lesson: about, predict, check, hint, reveal, use, progress.

What was tried is kept in `progress.json` beside the notebook, for the student alone; delete it to
begin anew.
"""

import ast
import contextlib
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygpt
from tinygpt.backend import default_device
from tinygpt.files import write_text
from tinygpt.lesson.exercises import exercise
from tinygpt.lesson.judge import Verdict, judge
from tinygpt.lesson.output import in_notebook, say
from tinygpt.lesson.source import show

OFFER_HINT_AFTER = 3  # refusals for the same mistake
PROGRESS_FILE = "progress.json"

_accepted: dict[str, Any] = {}  # id -> the student's answer, while this kernel runs
_keep = True  # write the progress file?
_lent: dict[str, Any] | None = None  # in a teacher's run: what `use` gives


def about() -> None:
    """Which Python, which tinygpt, which device: the first thing to know when something is odd."""
    print(
        f"Python {platform.python_version()} ({sys.executable}), tinygpt {tinygpt.__version__}, "
        f"NumPy {np.__version__}; device: {default_device()}"
    )


# ------------------------------------------------------------------------------------- guesses


def predict(id: str, guess: Any, truth: Callable[[], Any]) -> None:
    """Your guess beside the truth. Without a guess (None) it asks below, and the run goes on."""
    if guess is not None:
        _compare(id, guess, truth)
    elif not (in_notebook() and _ask(id, truth)):
        print(f"{id}  no guess yet: put yours in the place of None, and run the cell again")


def _compare(id: str, guess: Any, truth: Callable[[], Any]) -> None:
    right = truth()
    guess = _read_guess(guess, right)
    _note(id, guess=guess if isinstance(guess, int | float | str | bool) else repr(guess))
    near = _distance(guess, right)
    verdict = "right" if near <= 0.1 else "close" if near <= 0.3 else "not what happens. Why?"
    say(f"you said {_shown(guess)}, it is {_shown(right)}: {verdict}", id)


def _read_guess(guess: Any, right: Any) -> Any:
    """What was typed, as the kind of thing that the truth is: "1, 4" is (1, 4), "'no'" is no."""
    if isinstance(guess, str) and not isinstance(right, str):
        with contextlib.suppress(ValueError, SyntaxError):
            guess = ast.literal_eval(guess.strip())
    if isinstance(guess, str):
        guess = guess.strip().strip("\"'")
    return tuple(guess) if isinstance(guess, list) and isinstance(right, tuple) else guess


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
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _ask(id: str, truth: Callable[[], Any]) -> bool:
    """A field below the cell. False where there are no widgets."""
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        return False
    field = ipywidgets.Text(
        description=id, placeholder="your guess, then Enter", continuous_update=False
    )
    below = ipywidgets.Output()

    def answered(change: Any) -> None:
        text = change["new"].strip()
        if text:
            with below:
                below.clear_output()
                _compare(id, text, truth)

    field.observe(answered, names="value")
    display(field, below)
    return True


# ------------------------------------------------------------------------------------- answers


def check(id: str, answer: Any) -> None:
    """Try an answer on every case of the exercise: what holds, and what fails first."""
    if _lent is not None:
        return
    e = exercise(id)
    verdict = judge(e, answer)
    if verdict.accepted:
        _accepted[id] = answer
    else:
        _accepted.pop(id, None)
    entry = _note(id, verdict=verdict)
    headline = f"{id}   {verdict.points}/{verdict.total}"
    if verdict.blank:
        say(f"{e.blank_says}. Expected: {e.form}", headline)
        return
    text = str(verdict)
    if verdict.accepted:
        text += "\nright"
        if verdict.points < verdict.total:
            text += (
                ", but for one point: float64 came out where float32 went in. (np.sqrt(7) is a "
                "float64 and makes its partner one; math.sqrt(7) is a plain number.)"
            )
    elif entry["refused"].count(verdict.cause) >= OFFER_HINT_AFTER:
        text += f"\n{_next_help(id, entry)}"
    say(text, headline)


def hint(id: str) -> None:
    """The first time the plan, the second time nearly the answer, on another case."""
    if _lent is not None:
        return
    e, entry = exercise(id), _note(id)
    n = min(entry["hints"], 1)
    _note(id, hints=min(entry["hints"] + 1, 2))
    say(e.hints[n], f"{id}   hint {n + 1} of 2")
    if entry["hints"] >= 1:
        print(f'still stuck: reveal("{id}")')


def reveal(id: str) -> None:
    """The library's own lines, or those of the right answer."""
    if _lent is not None:
        return
    e = exercise(id)
    _note(id, revealed=True)
    show(e.answer)
    if e.library is not None:
        print("\nand in the library:")
        show(e.library)


def use(id: str) -> Any:
    """Your answer, if it was accepted; else a right one, so that the lesson goes on."""
    if _lent is not None:
        return _lent[str(id).zfill(4)]
    e = exercise(id)
    if id in _accepted:
        print(f"{id}: with your {e.name}")
        return _accepted[id]
    print(f"{id}: with the library's answer, until yours is right")
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
