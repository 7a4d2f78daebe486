"""What can be said for certain of a wrong answer that no list of mistakes knows.

A probe needs the right answer and the results, nothing else, so it holds for every exercise:

    neighbour    what came out is what the right answer gives for another input: lr = 1, t - 1,
                 a and b exchanged, z turned round
    other form   it is the right result, negative, squared, its logarithm, one place further, ...
    factor       it is the right result times a number, and that number is N, or 1 / dy, or ...
    deaf         it stays the same when an input changes that the right one listens to
    place        it is right everywhere but in the first row, at the targets, in one of the outputs
    time         it is right but in one special case

A sentence is said only where it holds on every case, and on every case with one input changed.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygpt.lesson.exercise import Exercise, Outputs
from tinygpt.lesson.trying import Run, Trial, equal_values, outputs_of


@dataclass(frozen=True)
class Evidence:
    """All that is known: the trials, what the answer did on each, and what the right one does
    (None where it cannot be tried)."""

    exercise: Exercise
    trials: list[Trial]
    runs: list[Run]
    wants: list[Outputs | None]
    tolerance: Callable[[Any], float]  # of a right value

    def pairs(self) -> list[tuple[Trial, Outputs, Outputs]]:
        """The trials on which both gave a result of the same names."""
        return [
            (t, run.outputs, want)
            for t, run, want in zip(self.trials, self.runs, self.wants, strict=True)
            if run.outputs and want and len(run.outputs) == len(want)
        ]

    def complete(self) -> bool:
        """Did the answer give something on every case?"""
        return all(r.outputs for t, r in zip(self.trials, self.runs, strict=True) if not t.changed)

    def same(self, got: Any, want: Any) -> bool:
        return equal_values(got, want, self.tolerance(want))


def sentence(e: Evidence) -> tuple[str, str]:
    """(what is certain, a question that leads on), or ("", "")."""
    with np.errstate(all="ignore"):  # inf - inf, in somebody's results
        for probe in (neighbour, other_form, factor, deaf, place, time, some_factor):
            found = probe(e)
            if found is not None:
                return found
    return "", ""


# ------------------------------------------------------------------------------------ neighbour


def neighbour(e: Evidence) -> tuple[str, str] | None:
    """Is it what the right answer gives for other inputs?"""
    pairs = e.pairs()
    if not pairs or not e.complete() or not any(_off(e, *p) for p in pairs):
        return None
    pairs.sort(key=lambda p: not _off(e, *p))  # one on which it is wrong first: most fail there
    inputs = e.exercise.given
    for k, name in enumerate(inputs):
        for words, change in _changes(name):
            if _all_are(e, pairs, lambda case, k=k, change=change: _with(case, k, change)):
                return f"Yours is what comes out {words}.", f"As what should {name} come in?"
    for i, k in itertools.combinations(range(len(inputs)), 2):
        if _all_are(e, pairs, lambda case, i=i, k=k: _swapped(case, i, k)):
            return (f"{inputs[i]} and {inputs[k]} are exchanged.",
                    f"Which of the two is {inputs[i]}?")  # fmt: skip
    return None


def _off(e: Evidence, trial: Trial, got: Outputs, want: Outputs) -> bool:
    return not all(map(e.same, got.values(), want.values()))


def _all_are(e: Evidence, pairs: list, inputs_of: Callable[[Any], tuple | None]) -> bool:
    for trial, got, _ in pairs:
        inputs = inputs_of(trial.case)
        if inputs is None:
            return False
        try:
            other = outputs_of(e.exercise, e.exercise.answer, replace(trial.case, inputs=inputs))
        except Exception:
            return False
        if len(other) != len(got) or not all(map(e.same, got.values(), other.values())):
            return False
    return True


def _with(case: Any, k: int, change: Callable[[Any], Any]) -> tuple | None:
    if k >= len(case.inputs):
        return None
    try:
        other = change(case.inputs[k])
    except Exception:
        return None
    return None if other is None else (*case.inputs[:k], other, *case.inputs[k + 1 :])


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of an array, or of a list that could be one; None for a list of unequal things."""
    try:
        return np.shape(value)
    except ValueError:
        return None


def _swapped(case: Any, i: int, k: int) -> tuple | None:
    a, b = case.inputs[i], case.inputs[k]
    if type(a) is not type(b) or _shape(a) != _shape(b):
        return None
    inputs = list(case.inputs)
    inputs[i], inputs[k] = b, a
    return tuple(inputs)


def _changes(name: str) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """(words, what becomes of the input); None for one of another kind."""

    def whole(f: Callable) -> Callable:
        return lambda v: f(v) if isinstance(v, int) and not isinstance(v, bool) else None

    def number(f: Callable) -> Callable:
        return lambda v: f(v) if isinstance(v, float) else None

    def array(f: Callable) -> Callable:
        def changed(v: Any) -> Any:
            if isinstance(v, list) and v and all(isinstance(a, np.ndarray) for a in v):
                return [f(a) for a in v]
            return f(v) if isinstance(v, np.ndarray) else None

        return changed

    yield f"for {name} + 1", whole(lambda v: v + 1)
    yield f"for {name} - 1", whole(lambda v: v - 1)
    yield f"as if {name} were 1", whole(lambda v: 1)
    yield f"as if {name} were 1", number(lambda v: 1.0)
    yield f"as if {name} were 0", number(lambda v: 0.0)
    yield f"with 1 - {name} in the place of {name}", number(lambda v: 1 - v)
    yield f"with -{name} in the place of {name}", number(lambda v: -v)
    yield f"with 1 / {name} in the place of {name}", number(lambda v: 1 / v)
    yield f"with the square of {name}", number(lambda v: v * v)
    yield f"with the root of {name}", number(math.sqrt)
    yield f"with -{name} in the place of {name}", array(lambda v: -v)
    yield f"with |{name}| in the place of {name}", array(abs)
    yield f"with the squares of {name}", array(lambda v: v * v)
    yield f"with {name} upside down", array(lambda v: v[::-1].copy())
    yield f"with {name} backwards", array(lambda v: v[..., ::-1].copy())
    yield (
        f"with {name} transposed",
        array(lambda v: v.swapaxes(-1, -2).copy() if v.ndim > 1 else None),
    )
    yield f"with {name} sorted", array(lambda v: np.sort(v))
    yield f"with {name} sorted, the largest first", array(lambda v: np.sort(v)[..., ::-1].copy())


# ----------------------------------------------------------------------------------- other form

FORMS: tuple[tuple[str, Callable[[np.ndarray], Any]], ...] = (
    ("the opposite of the right one: yes and no are exchanged",
     lambda w: 1.0 - w if np.isin(w, (0, 1)).all() else None),
    ("the right one with the other sign", lambda w: -w),
    ("the square of the right one", lambda w: w * w),
    ("the root of the right one", lambda w: np.sqrt(w) if (w >= 0).all() else None),
    ("the logarithm of the right one", lambda w: np.log(w) if (w > 0).all() else None),
    ("minus the logarithm of the right one", lambda w: -np.log(w) if (w > 0).all() else None),
    ("e to the power of the right one", np.exp),
    ("1 divided by the right one", lambda w: 1 / w if w.all() else None),
    ("1 minus the right one", lambda w: 1 - w),
    ("the right one without its signs", abs),
    ("the right one, each row divided by its sum",
     lambda w: w / w.sum(-1, keepdims=True) if w.ndim else None),
    ("the running sum of the right one", lambda w: np.cumsum(w, -1) if w.ndim else None),
    ("the right one transposed", lambda w: w.swapaxes(-1, -2) if w.ndim > 1 else None),
    ("the right one upside down", lambda w: w[::-1] if w.ndim else None),
    ("the right one backwards", lambda w: w[..., ::-1] if w.ndim else None),
    ("the right one, each element one place too far back",
     lambda w: np.roll(w, 1, -1) if w.ndim else None),
    ("the right one, each element one place too far on",
     lambda w: np.roll(w, -1, -1) if w.ndim else None),
    ("the right one and an axis of size 1 before it", lambda w: w[None] if w.ndim else None),
    ("the right one and an axis of size 1 after it", lambda w: w[..., None]),
    ("the right one as a single long row", lambda w: w.reshape(-1) if w.ndim > 1 else None),
    ("the sum of all elements of the right one", lambda w: w.sum() if w.ndim else None),
    ("the mean of all elements of the right one", lambda w: w.mean() if w.ndim else None),
    ("the largest element of the right one", lambda w: w.max() if w.size and w.ndim else None),
    ("the first element of the right one alone", lambda w: w.flat[0] if w.ndim else None),
    ("the last element of the right one alone", lambda w: w.flat[-1] if w.ndim else None),
    ("the right one without its first element", lambda w: w[1:] if w.ndim == 1 else None),
    ("the right one without its last element", lambda w: w[:-1] if w.ndim == 1 else None),
)  # fmt: skip


def other_form(e: Evidence) -> tuple[str, str] | None:
    """Is it the right result, changed afterwards? And may it be had out of what came back?"""
    pairs = e.pairs()
    if not pairs or not e.complete():
        return None
    wrong = _wrong_outputs(e, pairs)
    rights = [want[j] for _, want in _by_place(pairs) for j in wrong]
    truths = all(np.asarray(value).dtype.kind == "b" for value in rights)
    for words, form in FORMS if truths else FORMS[1:]:  # the first is about yes and no
        if wrong and all(
            e.same(got[j], _formed(form, want[j])) for got, want in _by_place(pairs) for j in wrong
        ):
            return (f"{_are(_which(e, pairs, wrong))} {words}.", "Which step is one too many, or "
                    "missing?")  # fmt: skip
    return (
        _laid_out(e, pairs, wrong)
        or _not_summed(e, pairs, wrong)
        or _too_many(e, pairs, wrong)
        or _constant(e, pairs, wrong)
    )


def _laid_out(e: Evidence, pairs: list, wrong: list[int]) -> tuple[str, str] | None:
    """Are all the right numbers there, in another shape, or in another order?"""
    shapes, order = [], []
    for got, want in _by_place(pairs):
        for j in wrong:
            g, w = got[j], want[j]
            if not isinstance(g, np.ndarray) or not np.ndim(w) or g.size != np.size(w):
                return None
            if not (_all_finite(g) and _all_finite(w)):
                return None
            g, w = g.astype(float), np.asarray(w, float)
            shapes.append((g.shape, w.shape, e.same(g.reshape(w.shape), w)))
            order.append(e.same(np.sort(g, None), np.sort(w, None)) and len(np.unique(w)) > 1)
    if not shapes:
        return None
    which, other = _which(e, pairs, wrong), next((s for s in shapes if s[0] != s[1]), None)
    if other and all(same for *_, same in shapes):
        return (f"{which} holds the right numbers in another shape: {other[0]}, where {other[1]} "
                "is asked for.", "What gives an array the shape of another?")  # fmt: skip
    if all(order):
        return (f"{which} holds the right numbers in another order.",
                "Which axes are exchanged, or cut into rows otherwise?")  # fmt: skip
    return None


def _not_summed(e: Evidence, pairs: list, wrong: list[int]) -> tuple[str, str] | None:
    """Is it right once what lies along some axis is added up? Everywhere, where it is wrong."""
    axes = set()
    for got, want in _by_place(pairs):
        for j in wrong:
            g, w = got[j], np.asarray(want[j])
            if e.same(g, want[j]):
                continue
            if not isinstance(g, np.ndarray) or g.ndim <= w.ndim or not _all_finite(g):
                return None
            front = tuple(range(g.ndim - w.ndim))
            found = next(
                (a for a in (front, *((i,) for i in range(1, g.ndim)))
                 if g.sum(axis=a).shape == w.shape and e.same(g.sum(axis=a), want[j])), None
            )  # fmt: skip
            if found is None:
                return None
            axes.add(found)
    if not axes:
        return None
    first = next(iter(axes))
    along = f"axis {first[0]}" if len(axes) == 1 and len(first) == 1 else "some axes"
    return (f"{_which(e, pairs, wrong)} is not added up: it would be right if what lies along "
            f"{along} were summed.", "What was used several times, and so gets several slopes?"
            )  # fmt: skip


def _too_many(e: Evidence, pairs: list, wrong: list[int]) -> tuple[str, str] | None:
    """Does an array with an axis more hold the right one, at one place of that axis?"""
    for axis, place in itertools.product(range(4), (0, -1)):
        found = []
        for got, want in _by_place(pairs):
            for j in wrong:
                g, w = got[j], want[j]
                whole = isinstance(g, np.ndarray) and g.ndim == np.ndim(w) + 1 and axis < g.ndim
                found.append(whole and g.shape[axis] > 0 and e.same(np.take(g, place, axis), w))
        if found and all(found):
            where = "first" if place == 0 else "last"
            return (f"{_which(e, pairs, wrong)} has an axis too many: the right result is what "
                    f"stands at the {where} place of its axis {axis}.",
                    "How many axes are asked for, and which one goes?")  # fmt: skip
    return None


def _constant(e: Evidence, pairs: list, wrong: list[int]) -> tuple[str, str] | None:
    """The same number added everywhere, in all cases; or the same number whatever comes in."""
    differences, values = [], []
    for got, want in _by_place(pairs):
        for j in wrong:
            if np.shape(got[j]) != np.shape(want[j]) or not is_number(got[j]):
                return None
            differences.append(np.asarray(got[j], float) - np.asarray(want[j], float))
            values.append(np.asarray(got[j], float))
    if not differences:
        return None
    first = float(np.ravel(differences[0])[0])
    if first and all(np.allclose(d, first, rtol=1e-6, atol=1e-9) for d in differences):
        more = "too large" if first > 0 else "too small"
        return (f"{_are(_which(e, pairs, wrong))} {abs(first):.4g} {more}, everywhere and in every "
                "case.", "What was added once too often, or left out?")  # fmt: skip
    first = float(np.ravel(values[0])[0])
    several = len({np.asarray(w[j]).tobytes() for _, w in _by_place(pairs) for j in wrong}) > 1
    if several and all(np.allclose(v, first, rtol=1e-6) for v in values):
        return (f"{_are(_which(e, pairs, wrong))} {first:.4g}, whatever comes in.",
                "Which of the inputs should it depend on?")  # fmt: skip
    return None


def _formed(form: Callable, want: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return form(np.asarray(want, dtype=float))
    except (ValueError, TypeError, IndexError):
        return None


def _by_place(pairs: list) -> Iterator[tuple[list, list]]:
    for _, got, want in pairs:
        yield list(got.values()), list(want.values())


def _wrong_outputs(e: Evidence, pairs: list) -> list[int]:
    """Which of the outputs, by place, are wrong on any trial."""
    n = min(len(want) for _, _, want in pairs)
    wrong = {j for got, want in _by_place(pairs) for j in range(n) if not e.same(got[j], want[j])}
    return sorted(wrong) if all(len(want) == n for _, _, want in pairs) else []


def _which(e: Evidence, pairs: list, wrong: list[int]) -> str:
    """In words: "Your result", "dlogits", "Each number"."""
    names = list(pairs[0][2])
    if len(names) == 1 or len(wrong) == len(names):
        return "Your result" if len(names) == 1 else "Each of your results"
    return _listed([names[j] for j in wrong])


def _are(which: str) -> str:
    """With its verb: "dlogits is", "x.grad and y.grad are"."""
    return f"{which} are" if " and " in which else f"{which} is"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _all_finite(value: Any) -> bool:
    return is_number(value) and bool(np.isfinite(np.asarray(value, float)).all())


def is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.generic | np.ndarray)


# --------------------------------------------------------------------------------------- factor


def factor(e: Evidence) -> tuple[str, str] | None:
    """Is it the right result times a number of the case that has a name?"""
    which, found = _factors(e)
    if not found:
        return None
    factors = [f for _, f in found]
    if max(factors) - min(factors) < 1e-6 * max(map(abs, factors)):
        return _constant_factor(which, factors[0])
    for words, value in _candidates(e, [t for t, _ in found]):
        for how, power in (("times too large", 1), ("times too small", -1)):
            if all(value(t) and _near(f, value(t) ** power) for t, f in found):
                return f"{_are(which)} {words} {how}.", f"Where does {words} come in?"
    return None


def some_factor(e: Evidence) -> tuple[str, str] | None:
    """Is it at least the right result times one number in each case? Of a single number that would
    say nothing."""
    which, found = _factors(e)
    arrays = any(np.size(v) > 1 for _, _, want in e.pairs() for v in want.values())
    for trial, f in found:  # several outputs of a case: one number for all
        if any(not _near(f, g) for t, g in found if t is trial):
            return None
    shown = list(dict.fromkeys(f"{f:.4g}" for t, f in found if not t.changed))
    if not arrays or len(shown) < 2:
        return None
    return (f"{_are(which)} the right one times one number in each case: {', '.join(shown)}.",
            "Which number of the case is that?")  # fmt: skip


def _factors(e: Evidence) -> tuple[str, list[tuple[Trial, float]]]:
    """(which outputs, for each trial the number that the right result is multiplied by)."""
    pairs = [p for p in e.pairs() if not p[0].changed] + [p for p in e.pairs() if p[0].changed]
    if not pairs or not e.complete():
        return "", []
    wrong, found = _wrong_outputs(e, pairs), []
    for (trial, _, _), (got, want) in zip(pairs, _by_place(pairs), strict=True):
        for j in wrong:
            f = _factor(e, got[j], want[j])
            if f is None:
                return "", []
            if not math.isnan(f):  # nan: all 0, which any number explains
                found.append((trial, f))
    if not found or all(abs(f - 1) < 1e-6 for _, f in found) or any(f == 0 for _, f in found):
        return "", []
    return _which(e, pairs, wrong), found


def _constant_factor(which: str, f: float) -> tuple[str, str]:
    named = {
        -1.0: ("the right one with the other sign", "Where does a minus come in?"),
        2.0: ("2 times too large, in every case", "What is added twice?"),
        0.5: ("2 times too small, in every case", "What is halved, or comes in only once?"),
        1 / math.log(2): ("1.443 = 1 / ln 2 times too large: that is in bits",
                          "Which logarithm counts in nats?"),
        math.log(2): ("0.6931 = ln 2 times too small: a logarithm has another base",
                      "Which logarithm is the natural one?"),
    }  # fmt: skip
    for value, (words, question) in named.items():
        if _near(f, value):
            return f"{_are(which)} {words}.", question
    times = f"{f:.4g} times too large" if abs(f) > 1 else f"{1 / f:.4g} times too small"
    return f"{_are(which)} {times}, everywhere and in every case.", "Which factor is that?"


def _factor(e: Evidence, got: Any, want: Any) -> float | None:
    """got = f want: f; nan where both are 0; None where there is no such number."""
    if not is_number(got) or np.shape(got) != np.shape(want):
        return None
    g, w = np.ravel(np.asarray(got, float)), np.ravel(np.asarray(want, float))
    if not g.size or not np.isfinite(g).all() or not np.isfinite(w).all():
        return None
    at = int(np.argmax(abs(w)))
    if w[at] == 0:
        return math.nan if not g.any() else None
    f = float(g[at] / w[at])
    return f if e.same(g, f * w) else None


def _candidates(e: Evidence, among: list[Trial]) -> Iterator[tuple[str, Callable[[Trial], float]]]:
    """Numbers of a case that a factor may be, each with its words; only such as differ."""
    for k, name in enumerate(e.exercise.given):
        sample = among[0].case.inputs[k] if k < len(among[0].case.inputs) else None
        if isinstance(sample, int | float) and not isinstance(sample, bool):
            yield name, lambda t, k=k: float(t.case.inputs[k])
            yield f"the square of {name}", lambda t, k=k: float(t.case.inputs[k]) ** 2
            yield f"1 - {name}", lambda t, k=k: 1 - float(t.case.inputs[k])
            if sample > 0:
                yield f"the root of {name}", lambda t, k=k: math.sqrt(abs(t.case.inputs[k]))
        if isinstance(sample, np.ndarray):
            for axis in range(sample.ndim):
                words = f"the size of {name}'s axis {axis}" if sample.ndim > 1 else f"len({name})"
                yield words, lambda t, k=k, a=axis: _size(t, k, a)
                yield f"the root of {words}", lambda t, k=k, a=axis: math.sqrt(_size(t, k, a))
                yield f"the square of {words}", lambda t, k=k, a=axis: _size(t, k, a) ** 2
            if sample.ndim > 1:
                yield (f"the number of elements of {name}",
                       lambda t, k=k: float(t.case.inputs[k].size))  # fmt: skip
            yield f"the sum of {name}", lambda t, k=k: float(t.case.inputs[k].sum())
            yield (f"the norm of {name}",
                   lambda t, k=k: float(np.sqrt((t.case.inputs[k] ** 2.0).sum())))  # fmt: skip
        if isinstance(sample, list) and sample and isinstance(sample[0], np.ndarray):
            yield (f"the norm of {name}", lambda t, k=k: math.sqrt(
                sum(float((a**2.0).sum()) for a in t.case.inputs[k])))  # fmt: skip
            yield f"len({name})", lambda t, k=k: float(len(t.case.inputs[k]))


def _size(trial: Trial, k: int, axis: int) -> float:
    shape = np.shape(trial.case.inputs[k])
    return float(shape[axis]) if axis < len(shape) else math.nan


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-5)


# ----------------------------------------------------------------------------------------- deaf


def deaf(e: Evidence) -> tuple[str, str] | None:
    """Which inputs does it not listen to, that the right one does? Which ones should it not?"""
    bases = [(r, w) for t, r, w in zip(e.trials, e.runs, e.wants, strict=True) if not t.changed]
    quiet, loud = [], []
    for name in e.exercise.given:
        moves: dict[int, list[tuple[bool, bool]]] = {}  # output -> (right one moved, theirs did)
        for t, run, want in zip(e.trials, e.runs, e.wants, strict=True):
            base, right = bases[t.base]
            if t.changed != name or not want or not right:
                continue
            for j, (before, after) in enumerate(_pairs_of(right, want)):
                theirs = list(_pairs_of(base.outputs, run.outputs))
                if j < len(theirs):
                    mine = theirs[j]
                    if _all_finite(mine[0]) and _all_finite(mine[1]):
                        moves.setdefault(j, []).append(
                            (not e.same(before, after), not e.same(mine[0], mine[1]))
                        )
        right_moves = {j for j, ms in moves.items() if any(r for r, _ in ms)}
        their_moves = {j for j, ms in moves.items() if any(t for _, t in ms)}
        silent = right_moves - their_moves
        if silent and (silent == right_moves or len(moves) <= 4):
            quiet.append((name, sorted(silent), len(moves)))
        elif their_moves - right_moves and len(moves) <= 4:
            loud.append((name, sorted(their_moves - right_moves), len(moves)))
    names = list(bases[0][1] or {})
    if quiet:
        most = max(quiet, key=lambda q: len(q[1]))
        quiet = [q for q in quiet if q[1] == most[1]]
        changed = " or ".join(name for name, _, _ in quiet)
        verb = "change" if len(quiet) > 1 else "changes"
        outputs, of = quiet[0][1], quiet[0][2]
        what = "Your result stays"
        if of > 1 and len(outputs) < of and of <= 4:
            what = f"{_listed([names[j] for j in outputs])} " + (
                "stays" if len(outputs) == 1 else "stay"
            )
        return f"{what} the same when {changed} {verb}.", f"Where should {changed} come in?"
    if loud:
        name, outputs, of = loud[0]
        what = (
            "Your result changes"
            if of == 1
            else f"{_listed([names[j] for j in outputs])} "
            + ("changes" if len(outputs) == 1 else "change")
        )
        single = isinstance(e.trials[0].case.inputs[e.exercise.given.index(name)], int | float)
        when = f"{name} does" if single else f"the numbers in {name} do"
        return f"{what} when {when}, and should not.", f"How does {name} get in there?"
    return None


def _pairs_of(a: Outputs | None, b: Outputs | None) -> Iterator[tuple[Any, Any]]:
    if a and b and len(a) == len(b):
        yield from zip(a.values(), b.values(), strict=True)


# ---------------------------------------------------------------------------------------- place


def place(e: Evidence) -> tuple[str, str] | None:
    """Where is it right? One of several outputs; all but a row; at the targets alone."""
    pairs = e.pairs()
    if not pairs or not e.complete():
        return None
    wrong = _wrong_outputs(e, pairs)
    names = list(pairs[0][2])
    found = _region(e, pairs, wrong) if len(wrong) == 1 or len(names) > 4 else None
    if found:
        return found
    if wrong and len(wrong) < len(names) <= 6:
        right = [n for j, n in enumerate(names) if j not in wrong]
        verb, bad = ("is" if len(right) == 1 else "are"), [names[j] for j in wrong]
        return (f"{_listed(right)} {verb} right; {_listed(bad)} "
                f"{'is' if len(bad) == 1 else 'are'} not.",
                f"Which line makes {_listed(bad)}, and what goes into it?")  # fmt: skip
    return None


def _region(e: Evidence, pairs: list, wrong: list[int]) -> tuple[str, str] | None:
    masks, rights = [], []
    for trial, got, want in pairs:
        for j in wrong:
            g, w = list(got.values())[j], list(want.values())[j]
            if not is_number(g) or np.shape(g) != np.shape(w) or not np.ndim(w):
                return None
            mask = _unlike(e, np.asarray(g, float), np.asarray(w, float))
            if mask.any() and mask.size > 1:
                masks.append((trial, mask))
                rights.append(np.asarray(w, float))
    if not masks or all(mask.all() for _, mask in masks):
        return None
    for words, region in _regions():
        cut = [(mask, r) for t, mask in masks if (r := region(t, mask.shape)) is not None]
        if len(cut) < len(masks):
            continue
        if all(r.all() for _, r in cut) or not any(r.any() for _, r in cut):
            continue
        inside = [w[r] for w, (_, r) in zip(rights, cut, strict=True)]
        outside = [w[~r] for w, (_, r) in zip(rights, cut, strict=True)]
        if all((mask <= r).all() for mask, r in cut) and _differ(outside):
            return f"Right everywhere but {words}.", "What is different there?"
        if all((mask == ~r).all() for mask, r in cut) and _differ(inside):
            return f"Right {words} alone.", "What is different everywhere else?"
    return None


def _differ(parts: list[np.ndarray]) -> bool:
    """Are there different numbers among them? To be right where all are 0 shows nothing."""
    numbers = np.concatenate([part.ravel() for part in parts])
    return numbers.size > 0 and not bool((numbers == numbers[0]).all())


def _unlike(e: Evidence, got: np.ndarray, want: np.ndarray) -> np.ndarray:
    finite = want[np.isfinite(want)]
    scale = max(float(abs(finite).max()) if finite.size else 0.0, 1e-3)
    rtol = e.tolerance(want)
    return ~np.isclose(got, want, rtol=rtol, atol=rtol * scale, equal_nan=True)


def _regions() -> Iterator[tuple[str, Callable[[Trial, tuple[int, ...]], np.ndarray | None]]]:
    def at(index: int) -> Callable:
        def region(trial: Trial, shape: tuple[int, ...]) -> np.ndarray | None:
            if len(shape) != 1:
                return None
            r = np.zeros(shape, bool)
            r[index] = True
            return r

        return region

    def two(f: Callable[[int, int], np.ndarray]) -> Callable:
        def region(trial: Trial, shape: tuple[int, ...]) -> np.ndarray | None:
            if len(shape) < 2:
                return None
            return np.broadcast_to(f(shape[-2], shape[-1]), shape)

        return region

    def targets(trial: Trial, shape: tuple[int, ...]) -> np.ndarray | None:
        for given in trial.case.inputs:
            numbers = isinstance(given, np.ndarray) and given.dtype.kind in "iu" and given.ndim == 1
            if numbers and len(shape) == 2 and shape[0] == len(given) and given.max() < shape[1]:
                r = np.zeros(shape, bool)
                r[np.arange(len(given)), given] = True
                return r
        return None

    yield "at the targets", targets
    yield "in the first row", two(lambda n, m: (np.arange(n) == 0)[:, None] & np.ones(m, bool))
    yield "in the last row", two(lambda n, m: (np.arange(n) == n - 1)[:, None] & np.ones(m, bool))
    yield "in the first column", two(lambda n, m: np.ones((n, 1), bool) & (np.arange(m) == 0))
    yield "in the last column", two(lambda n, m: np.ones((n, 1), bool) & (np.arange(m) == m - 1))
    yield "in the first element", at(0)
    yield "in the last element", at(-1)
    yield "on the diagonal", two(lambda n, m: np.eye(n, m, dtype=bool))
    yield "above the diagonal", two(lambda n, m: ~np.tri(n, m, dtype=bool))
    yield "below the diagonal", two(lambda n, m: np.tri(n, m, -1, dtype=bool))


# ----------------------------------------------------------------------------------------- time


def time(e: Evidence) -> tuple[str, str] | None:
    """When is it right? In all cases but a special one."""
    cases = [(t, r, w) for t, r, w in zip(e.trials, e.runs, e.wants, strict=True)
             if not t.changed and w]  # fmt: skip
    bad = [t for t, r, w in cases
           if not r.outputs or len(r.outputs) != len(w) or _off(e, t, r.outputs, w)]  # fmt: skip
    if len(bad) == 1 and len(cases) > 2 and bad[0].case.about:
        error = next(r.error for t, r, _ in cases if t is bad[0])
        where = bad[0].case.about + (f" (there it raises a {error.kind})" if error else "")
        return (f"Right in the {len(cases) - 1} other cases; wrong where: {where}.",
                "Which of your lines meets that case, and what does it do then?")  # fmt: skip
    return None
