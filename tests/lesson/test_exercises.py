"""Every exercise: the right answer passes in any style, every wrong one is refused with its own
words and less than half the points, and nothing written earns nothing.

`pytest -m lesson05` runs those of one lesson.
"""

import re

import numpy as np
import pytest

from tests.lesson import other_styles, right_in_the_library
from tinygpt import GPT, GPTConfig
from tinygpt.lesson.exercises import EXERCISES, whole
from tinygpt.lesson.judge import judge


def each(items):
    """One test for each (exercise, something), marked with the lesson it belongs to."""
    return [
        pytest.param(*item, id=f"{item[0]}-{getattr(item[-1], '__name__', '')}",
                     marks=getattr(pytest.mark, f"lesson{item[0][:2]}"))
        for item in items
    ]  # fmt: skip


ALL = each([(id,) for id in EXERCISES])
WRONG = each([(id, w.function) for id, e in EXERCISES.items() for w in e.wrongs])
VARIANTS = each([(id, w, f) for id, e in EXERCISES.items() for w in e.wrongs for f in w.variants])
RIGHT = each([(id, f) for id, styles in other_styles.STYLES.items() for f in styles])
LIBRARY = each([(id, f) for id, f in right_in_the_library.ANSWERS.items()])


@pytest.mark.parametrize("id", ALL)
def test_the_answer_is_right(id):
    e = EXERCISES[id]
    verdict = judge(e, e.answer)
    assert verdict.accepted and verdict.points == verdict.total, str(verdict)
    assert all(held for held, _ in verdict.lines)


@pytest.mark.parametrize(("id", "function"), RIGHT)
def test_other_styles_are_right(id, function):
    verdict = judge(EXERCISES[id], function)
    assert verdict.accepted and verdict.points == verdict.total, str(verdict)


@pytest.mark.parametrize(("id", "function"), LIBRARY)
def test_the_library_is_right(id, function):
    """What `reveal` shows gives the exercise's answer. (Unlocked: here it may.)"""
    e = EXERCISES[id]
    for case in e.cases:
        ours, expected = e.observe(function, *case.inputs), e.observe(e.answer, *case.inputs)
        for name, value in expected.items():
            tolerance = 1e-5 if getattr(value, "dtype", None) == np.float32 else 1e-9
            np.testing.assert_allclose(ours[name], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("id", "function"), WRONG)
def test_a_wrong_answer_is_refused_with_its_own_words(id, function):
    e = EXERCISES[id]
    (wrong,) = (w for w in e.wrongs if w.function is function)
    verdict = judge(e, function)
    assert not verdict.accepted
    assert 2 * verdict.points < verdict.total
    assert verdict.cause == function.__name__
    assert verdict.reason == f"{wrong.suspicion}\n{wrong.question}"
    assert wrong.question.endswith("?")
    assert re.search("expected|Error|changed its argument", verdict.where, re.IGNORECASE)
    assert len(verdict.reason.split()) <= 60, verdict.reason


@pytest.mark.parametrize(("id", "wrong", "function"), VARIANTS)
def test_the_same_mistake_written_otherwise_gets_the_same_words(id, wrong, function):
    verdict = judge(EXERCISES[id], function)
    assert verdict.cause == wrong.function.__name__
    assert 2 * verdict.points < verdict.total
    assert verdict.reason.endswith(wrong.question)


@pytest.mark.parametrize("id", ALL)
def test_an_exercise_is_complete(id):
    e = EXERCISES[id]
    assert len(e.wrongs) >= 4
    assert len({w.suspicion for w in e.wrongs}) == len(e.wrongs)
    assert len(other_styles.STYLES[id]) >= 2
    assert len(e.hints) == 2 and "____" in e.hints[1]
    for help in e.hints:
        assert e.name not in help, "a hint is no answer"
    assert [other.name for other in EXERCISES.values()].count(e.name) == 1


@pytest.mark.parametrize("id", ALL)
def test_nothing_written_earns_nothing(id):
    e = EXERCISES[id]
    verdict = judge(e, e.blank or (lambda *_, **__: None))
    assert verdict.blank and verdict.points == 0 and not verdict.accepted


@pytest.mark.parametrize("id", ALL)
def test_every_special_case_is_there_for_a_mistake(id):
    """Without it, some wrong answer would be taken for another one or for right, or the dtype would
    not be seen."""
    e = EXERCISES[id]
    for case in e.cases:
        if not case.about or "float32" in case.about:
            continue
        outputs = []
        for function in (e.answer, *(w.function for w in e.wrongs)):
            try:
                with np.errstate(all="ignore"):
                    outputs.append(e.observe(function, *case.inputs))
            except Exception as error:
                outputs.append({"error": repr(type(error))})
        right, *others = outputs
        assert any(
            o.keys() != right.keys()
            or any(
                o[n] is None
                or np.shape(o[n]) != np.shape(right[n])
                or not np.allclose(o[n], right[n], equal_nan=True)
                for n in right
            )
            for o in others
        ), case.about


@pytest.mark.parametrize("sizes", [(65, 16, 2, 8), (100, 32, 3, 12), (7, 5, 1, 4)])
def test_the_parameters_are_those_of_a_gpt(sizes):
    """11.2 counts what a GPT has, and GPT-2 small has as many as are known of it (Radford et al.
    2019, in the weights that were published)."""
    config = GPTConfig(sizes[0], block_size=sizes[1], n_layer=sizes[2], n_head=2, n_embd=sizes[3])
    assert whole.count_answer(*sizes) == GPT(config).num_parameters()
    assert whole.count_answer(50_257, 1024, 12, 768) == 124_439_808
