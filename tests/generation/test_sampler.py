"""Samplers against their definitions."""

import numpy as np
import pytest

from tinygpt.generation import next_ids, probabilities

LOGITS = np.log(np.array([[0.5, 0.2, 0.2, 0.1]]))


def test_temperature():
    p = np.array([0.5, 0.2, 0.2, 0.1])
    np.testing.assert_allclose(probabilities(LOGITS)[0], p, rtol=1e-12)
    np.testing.assert_allclose(
        probabilities(LOGITS, temperature=0.5)[0], p**2 / (p**2).sum(), rtol=1e-12
    )
    assert probabilities(LOGITS, temperature=0)[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert probabilities(np.zeros((1, 3)), temperature=0)[0].tolist() == [1.0, 0.0, 0.0]


def test_a_tiny_temperature_does_not_overflow():
    p = probabilities(np.array([[1e4, 1e4 - 1, -1e4]]), temperature=1e-6)
    assert p[0].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("k", "kept"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (99, [0, 1, 2, 3])]
)
def test_top_k_keeps_exactly_k_and_the_lower_id_of_equals(k, kept):
    p = probabilities(LOGITS, top_k=k)[0]
    assert np.flatnonzero(p).tolist() == kept
    assert p.sum() == pytest.approx(1.0)
    assert p[1] == 0 or p[0] / p[1] == pytest.approx(2.5)


def test_rows_are_drawn_independently():
    logits = np.array([[0.0, -1e9], [-1e9, 0.0]])
    assert next_ids(logits, np.random.default_rng(0)).tolist() == [0, 1]


def test_frequencies_are_the_probabilities():
    """Chi-squared at fixed seed: 3 degrees of freedom, the 99.9 % point is 16.27."""
    n = 20_000
    drawn = next_ids(np.repeat(LOGITS, n, axis=0), np.random.default_rng(0))
    expected = n * np.array([0.5, 0.2, 0.2, 0.1])
    observed = np.bincount(drawn, minlength=4)
    assert ((observed - expected) ** 2 / expected).sum() < 16.27


def test_what_was_filtered_is_never_drawn():
    logits = np.repeat(np.array([[0.0, 0.0, 0.0, -5.0]]), 2000, axis=0)
    drawn = next_ids(logits, np.random.default_rng(1), top_k=2)
    assert set(drawn.tolist()) == {0, 1}


def test_the_logits_are_left_alone():
    logits = LOGITS.copy()
    probabilities(logits, temperature=0.3, top_k=2)
    assert np.array_equal(logits, LOGITS)
