"""Probes: each sentence where it is true, and silence where nothing is certain."""

import copy
import math

import numpy as np
import pytest

from tinygpt.lesson.exercise import call
from tinygpt.lesson.exercises import EXERCISES, attention, loss, position, step, tape, writes
from tinygpt.lesson.judge import judge


def cross(gradient):
    """The right loss, and another gradient: gradient(right, dy, logits, targets)."""

    def answer(logits, targets):
        value, backward = loss.cross_entropy_answer(logits, targets)
        return value, lambda dy: (gradient(backward(dy)[0], dy, logits, targets), None)

    return answer


def only_row(k):
    """Wrong in one row alone."""

    def gradient(right, dy, logits, targets):
        other = right.copy()
        other[k] += 0.5
        return other

    return gradient


def at_targets(right, dy, logits, targets):
    other = right.copy()
    other[np.arange(len(targets)), targets] += 0.25
    return other


def adam(**changed):
    def answer(w, g, m, v, t, lr, beta1, beta2, eps, decay):
        given = {"t": t, "lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "decay": decay}
        given |= {name: f(given) for name, f in changed.items()}
        step.adamw_answer(w, g, m, v, *given.values())

    return answer


def weights_of_a_sum(q, keys, values):
    return attention.look_answer(q, keys.sum(axis=0)[None], values.mean(axis=0)[None])


SENTENCES = [  # exercise, answer, what is certain
    ("05.1", lambda z: loss.softmax_answer(z) ** 2, "Your result is the square of the right one."),
    ("05.1", lambda z: loss.softmax_answer(z) + 1, "Your result is 1 too large, everywhere"),
    ("05.1", lambda z: 1 - loss.softmax_answer(z), "Your result is 1 minus the right one."),
    ("05.1", lambda z: loss.softmax_answer(z)[..., ::-1], "with z backwards"),
    ("05.1", lambda z: np.roll(loss.softmax_answer(z), 1, -1), "one place too far back"),
    ("05.1", lambda z: loss.softmax_answer(z)[None], "an axis of size 1 before it"),
    ("05.1", lambda z: 3.0 * loss.softmax_answer(z), "3 times too large, everywhere and in every"),
    ("05.1", lambda z: np.full_like(z, 0.2), "0.2, whatever comes in"),
    ("05.2", cross(lambda d, dy, z, t: d * len(t) ** 2), "the square of"),
    ("05.2", cross(lambda d, dy, z, t: d * math.sqrt(len(t))),
     "dlogits is the root of the size of logits's axis 0 times too large."),
    ("05.2", cross(lambda d, dy, z, t: d / dy**2), "1 / dy in the place of dy"),
    ("05.2", cross(lambda d, dy, z, t: np.ones_like(d)), "dlogits is 1, whatever comes in."),
    ("05.2", cross(at_targets), "Right everywhere but at the targets."),
    ("05.2", cross(only_row(0)), "Right everywhere but in the first row."),
    ("05.2", cross(only_row(-1)), "Right everywhere but in the last row."),
    ("13.2", adam(eps=lambda g: 0.0), "Yours is what comes out as if eps were 0."),
    ("13.2", adam(lr=lambda g: 0.02), "Your result stays the same when lr changes."),
    ("13.2", adam(t=lambda g: g["t"] + 2), None),
    ("13.2", adam(beta1=lambda g: g["beta1"] ** 2), "with the square of beta1"),
    ("13.3", lambda step_, peak, floor, warmup, total: step.rate_answer(
        step_, floor, peak, warmup, total), "peak and floor are exchanged."),
    ("13.3", lambda step_, peak, floor, warmup, total: step.rate_answer(
        step_, peak**2, floor, warmup, total), "with the square of peak"),
    ("02.1", lambda a, b: (a * b, lambda dy: (dy * b, dy * a + b)), None),
    ("02.1", lambda a, b: (a * b, lambda dy: (dy * b, dy * a * b * b)), "the square of b"),
    ("07.2", lambda n, k: attention.mask_answer(n, k) & (np.arange(k) > 0), None),
    ("00.3", lambda ids, n, size, choose: writes.write_answer(ids, n + 2, size, choose), None),
    ("02.3", lambda root: (tape.backward_answer(root), setattr(root.parents[0], "grad", 9.0))[0],
     None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("id", "answer", "words"), SENTENCES, ids=lambda v: v if type(v) is str else ""
)
def test_what_is_certain_is_said(id, answer, words):
    verdict = judge(EXERCISES[id], answer)
    if words is None:  # at most what is seen
        assert not any(w.suspicion in verdict.reason for w in EXERCISES[id].wrongs)
    else:
        assert words in verdict.reason, verdict.failure
        assert verdict.reason.splitlines()[-1].endswith("?")


def test_a_special_case_is_named():
    def answer(z):
        return loss.softmax_answer(z) * (0.5 if z.ndim == 3 else 1.0)

    verdict = judge(EXERCISES["05.1"], answer)
    assert "Right in the 5 other cases; wrong where: three axes." in verdict.reason


def test_one_of_two_results_is_named():
    def answer(logits, targets):
        value, backward = loss.cross_entropy_answer(logits, targets)
        return value + np.sin(logits).sum(), backward

    assert "dlogits is right; loss is not." in judge(EXERCISES["05.2"], answer).reason


def test_two_mistakes_at_once_are_both_said():
    """Where every gradient is 0 it divides by 0, and besides the min is a max."""

    def answer(grads, max_norm):
        norm = math.sqrt(sum((g**2).sum() for g in grads))
        for g in grads:
            g *= max(1.0, np.float64(max_norm) / norm)
        return norm

    reason = judge(EXERCISES["13.1"], answer).reason
    assert "Short gradients grow, and long ones stay" in reason
    assert "no number comes out where: every gradient is 0" in reason


@pytest.mark.parametrize("id", EXERCISES)
@pytest.mark.parametrize("noise", [1e-3, 1.0])
def test_noise_gets_no_reason(id, noise):
    """Random numbers added to the right results: there is nothing to name but where it is wrong."""
    e = EXERCISES[id]
    if e.in_place or e.observe is not call or id == "01.3":  # where near enough is right
        pytest.skip("in place, a way back, tried in a way of its own: no numbers to add noise to")
    result = e.answer(*copy.deepcopy(e.cases[0].inputs))
    if not isinstance(result, float) and getattr(result, "dtype", np.dtype(int)).kind != "f":
        pytest.skip("a list, whole numbers, yes and no: no numbers to add noise to")
    rng = np.random.default_rng(3)
    table: dict[bytes, float] = {}

    def answer(*inputs):
        key = repr(inputs).encode()
        right = np.asarray(e.answer(*inputs))
        if key not in table:
            table[key] = rng.standard_normal(right.shape) * noise
        return (right + table[key]).astype(right.dtype)

    verdict = judge(e, answer)
    assert not verdict.accepted
    said = verdict.reason.splitlines()[0] if verdict.reason else ""
    assert said in ("",) or said.startswith("Your result is the right one times one number"), said


def test_right_where_all_is_0_is_no_place_to_name():
    """ALiBi's table is 0 on the diagonal, and what lies above it is not looked at: to be right
    there shows nothing."""

    def answer(n_head, T):
        return 0.37 * np.asarray(position.alibi_answer(n_head, T)) ** 2

    assert "diagonal" not in judge(EXERCISES["09.3"], answer).reason


def test_lists_of_unequal_things_are_no_hindrance():
    """Inputs that are lists of arrays of several shapes: the probe that exchanges two arguments has
    nothing to exchange there."""
    from tinygpt.lesson.probes import _shape

    assert _shape([np.zeros((2, 3)), np.zeros(2)]) is None
    assert _shape([[1, 2], [3, 4]]) == (2, 2)
