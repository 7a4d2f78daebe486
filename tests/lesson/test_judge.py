"""The judge: it never falls over an answer, names what is certain, and stays silent otherwise."""

import re
import time
from dataclasses import replace

import numpy as np
import pytest

from tinygpt.lesson.exercise import Case
from tinygpt.lesson.exercises import EXERCISES, exercise, first_model, heads, tokens
from tinygpt.lesson.exercises import loss as lesson05
from tinygpt.lesson.judge import judge
from tinygpt.lesson.python_errors import explain
from tinygpt.lesson.trying import Failure, run_on
from tinygpt.nn.softmax import softmax

SOFTMAX = EXERCISES["05.1"]


class Odd:
    def __getattr__(self, name):
        raise ZeroDivisionError(name)


JUNK = [
    None, "a", 3, np.nan, [], [[1, 2], [3]], (1, None), {}, {"a": 1}, Odd(), np.array(["a"]),
    np.array([]), np.full((3, 7), np.nan), True, object, (None, None), (1.0, lambda dy: "a"),
    (1.0, lambda dy: None), (1.0, lambda dy: (np.ones(3), None)), iter([1]), 10**400, 1j,
]  # fmt: skip


@pytest.mark.parametrize("id", EXERCISES)
@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: type(junk).__name__)
def test_junk_is_judged_and_never_accepted(id, junk):
    verdict = judge(EXERCISES[id], lambda *_, **__: junk)
    assert not verdict.accepted
    assert 2 * verdict.points < verdict.total
    assert verdict.blank or verdict.failure


@pytest.mark.parametrize("error", [ValueError("no"), ZeroDivisionError(), SystemExit])
def test_an_error_is_shown(error):
    def broken(z):
        raise error

    verdict = judge(SOFTMAX, broken)
    assert verdict.points == 0
    assert getattr(error, "__name__", type(error).__name__) in verdict.failure
    assert "in your line: raise error" in verdict.failure


def test_an_answer_without_end_is_stopped(monkeypatch):
    """Once, and not in every case again; its own line is named."""
    monkeypatch.setattr("tinygpt.lesson.judge.SECONDS", 0.5)

    def endless(slope, x, learning_rate, steps):
        while steps >= 0:
            x = x - learning_rate * slope(x)

    before = time.perf_counter()
    verdict = judge(EXERCISES["01.2"], endless)
    assert time.perf_counter() - before < 20
    assert verdict.points == 0 and not verdict.blank
    assert "does not come to an end" in verdict.reason
    assert re.search("in your line: (x = x|while|return np.array)", verdict.where)


def test_an_interrupt_of_the_students_own_is_none_of_ours():
    def interrupted(z):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(SOFTMAX, interrupted)


def test_a_wrong_number_of_arguments_says_the_form():
    verdict = judge(SOFTMAX, lambda: 1)
    assert "TypeError" in verdict.failure and SOFTMAX.form in verdict.failure


def test_wrapping_the_library_is_no_answer():
    verdict = judge(SOFTMAX, lambda z: softmax(z).data)
    assert verdict.points == 0 and verdict.cause == "locked"
    assert "softmax is locked" in verdict.failure
    assert softmax(np.array([0.0, 0.0])).data.tolist() == [0.5, 0.5], "open again"


def test_the_lock_opens_after_an_error():
    with pytest.raises(KeyboardInterrupt):
        judge(SOFTMAX, _interrupted)
    assert softmax(np.array([0.0, 0.0])).data.tolist() == [0.5, 0.5]


def _interrupted(z):
    raise KeyboardInterrupt


def test_an_argument_that_was_changed():
    def in_place(z):
        z -= z.max(axis=-1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=-1, keepdims=True)
        return z

    verdict = judge(SOFTMAX, in_place)
    assert not verdict.accepted
    assert "your function changed its argument" in verdict.failure


def test_two_calls_that_do_not_agree():
    calls = []

    def unsteady(z):
        calls.append(z)
        return lesson05.softmax_answer(z) + 1e-3 * len(calls)

    verdict = judge(SOFTMAX, unsteady)
    assert (False, "arguments untouched, and a second call agrees") in verdict.lines


def test_float64_costs_a_point_and_blocks_nothing():
    verdict = judge(SOFTMAX, lambda z: lesson05.softmax_answer(z.astype(np.float64)))
    assert verdict.accepted and verdict.points == verdict.total - 1
    assert (False, "float32 stays float32, float64 stays float64") in verdict.lines


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1.0 / 7, "7 times too small"), (3.0, "3 times too large"), (-1.0, "with the other sign")],
)
def test_a_constant_factor_is_named(factor, words):
    verdict = judge(SOFTMAX, lambda z: factor * lesson05.softmax_answer(z))
    assert words in verdict.failure.lower()


def test_a_factor_without_a_name_is_a_number():
    verdict = judge(EXERCISES["05.2"], _two_and_a_half)
    assert "2.5 times too large, everywhere and in every case" in verdict.reason


def _two_and_a_half(logits, targets):
    loss, backward = lesson05.cross_entropy_answer(logits, targets)
    return loss, lambda dy: (2.5 * backward(dy)[0], None)


def test_nothing_is_guessed_about_a_number_that_fits_nothing():
    verdict = judge(SOFTMAX, lambda z: np.abs(np.sin(z)).astype(z.dtype))
    assert verdict.cause.startswith("every row sums to 1")
    assert len(verdict.failure.splitlines()) == 1


def test_two_mistakes_at_once_are_told_one_after_the_other():
    """No shift, and the sum over everything: the sum shows on usual numbers already."""
    verdict = judge(SOFTMAX, lambda z: np.exp(z) / np.exp(z).sum())
    assert verdict.cause == "sum_of_everything"


def test_nan_is_explained_where_nothing_else_is_known():
    def by_the_mean(z):
        e = np.exp(z - z.mean(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    verdict = judge(SOFTMAX, by_the_mean)
    assert verdict.cause == "shift_by_the_mean"
    verdict = judge(SOFTMAX, lambda z: lesson05.no_shift(z) + 0.0 * np.log(np.zeros(())))
    assert "nan and inf come from" in verdict.reason


def test_rounding_in_float32_is_no_mistake():
    """The rows of a gradient without its 1/N still sum to 0: the message must be about N."""
    verdict = judge(EXERCISES["05.2"], lesson05.mean_forgotten)
    assert verdict.where.startswith("dlogits[")


def test_an_exercise_that_there_is_not():
    with pytest.raises(ValueError, match=r"there is no exercise '99.9': expected one of 0"):
        exercise("99.9")
    assert exercise("5.1") is SOFTMAX


def test_ids_as_floats_are_refused():
    """They look the same when printed, and can be looked up in no table."""
    as_floats = {
        "04.1": lambda ids, pair, new: [float(v) for v in tokens.merge_answer(ids, pair, new)],
        "04.3": lambda ids, merges: np.array(tokens.encode_answer(ids, merges), float),
        "06.1": lambda *inputs: tuple(a * 1.0 for a in first_model.windows_answer(*inputs)),
    }
    for id, answer in as_floats.items():
        verdict = judge(EXERCISES[id], answer)
        assert not verdict.accepted
        assert "ids are whole numbers" in verdict.reason, id


def test_gradients_that_pile_up_from_call_to_call():
    """The array is made by the forward, and each backward adds to it: both calls return the same
    array, so it must be looked at before the second one."""

    def answer(table, ids):
        dtable = np.zeros_like(table)

        def backward(dy):
            np.add.at(dtable, ids, dy)
            return dtable, None

        return table[ids], backward

    reason = judge(EXERCISES["06.2"], answer).reason
    assert reason.startswith("Backward gives something else the second time")


def test_what_was_changed_before_an_error_is_seen():
    def answer(logits, targets):
        logits[:] = 0
        raise ValueError("nothing more")

    run = run_on(EXERCISES["05.2"], answer, EXERCISES["05.2"].cases[0])
    assert run.error
    assert not run.untouched


@pytest.mark.parametrize("thing", [None, "x", [1.0], np.zeros(2), np.zeros(3, int)])
@pytest.mark.parametrize("lent", [np.ones(3), 2.0, [np.ones(3)]], ids=["array", "number", "list"])
def test_whatever_an_answer_puts_into_a_list_is_a_change(thing, lent):
    def answer(values):
        values[0] = thing

    one = replace(EXERCISES["05.2"], observe=lambda f, values: {"result": f(values)})
    run = run_on(one, answer, Case(([lent],)))
    assert not run.untouched


def test_nan_is_no_second_result():
    """nan is unlike itself, and still the same result: that is not what is wrong."""

    def answer(x):
        y, _ = heads.softmax_op_answer(x)
        return y, lambda dy: dy * np.nan

    assert "second time" not in judge(EXERCISES["08.1"], answer).reason


def test_too_many_gradients_are_counted():
    def answer(x):
        y, backward = heads.softmax_op_answer(x)
        return y, lambda dy: (backward(dy), None)

    reason = judge(EXERCISES["08.1"], answer).reason
    assert reason == "Backward returned a tuple of 2, asked for is one thing: dx."


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda x: x.view(2, 3, 2), "x.reshape"), (lambda x: x.sum(dim=-1), "axis="),
        (lambda x: x.unsqueeze(0), "x[..., None]"), (lambda x: x.sum(along=1), "along="),
        (lambda x: x.reshape(2.0, -1), "//"), (lambda x: x.transpose(0, 1, 2), "swapaxes"),
        (lambda x: np.split(x, 5), "equal parts"), (lambda x: x[x : x + 1], "one number each"),
        (lambda x: np.arange(3) ** -np.arange(3), "2.0 ** n"),
    ],
)  # fmt: skip
def test_what_pytorch_says_otherwise_is_named(mistake, word):
    with pytest.raises(Exception) as raised:
        mistake(np.arange(12).reshape(4, 3))
    assert word in explain(Failure.of(raised.value)), str(raised.value)
