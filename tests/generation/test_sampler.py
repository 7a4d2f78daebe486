"""Samplers against their definitions, and what they draw against its exact distribution."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from tinygpt.generation import next_ids, penalised, probabilities

LOGITS = np.log(np.array([[0.5, 0.2, 0.2, 0.1]]))


# ----------------------------------------------------------------------- the plain definitions


def plain(logits, *, temperature=1.0, top_k=None, top_p=None, min_p=None):
    """One row in plain Python: a list of (probability, id) that gets shorter."""
    if temperature == 0:
        best = max(range(len(logits)), key=lambda i: (logits[i], -i))
        return [float(i == best) for i in range(len(logits))]
    weight = [math.exp((z - max(logits)) / temperature) for z in logits]
    likeliest_first = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    kept = likeliest_first[: top_k or None]

    def share(i):
        return weight[i] / math.fsum(weight[j] for j in kept)

    if top_p is not None:
        enough, reached = [], 0.0
        for i in kept:
            if enough and reached >= top_p:
                break
            enough.append(i)
            reached += share(i)
        kept = enough
    if min_p:
        kept = [i for i in kept if share(i) >= min_p * share(kept[0])]
    return [share(i) if i in kept else 0.0 for i in range(len(logits))]


SETTINGS = [
    {"temperature": t, "top_k": k, "top_p": p, "min_p": m}
    for t, k, p, m in product(
        (0, 0.5, 1.0, 2.0), (None, 0, 1, 3, 6, 99), (None, 0.3, 0.75, 1.0), (None, 0.0, 0.4, 1.0)
    )
]


@pytest.mark.parametrize("ties", [False, True])
def test_every_filter_is_its_plain_definition(ties):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((3, 6))
    if ties:
        logits = np.round(logits)
    for settings in SETTINGS:
        got = probabilities(logits, **settings)
        for row, z in zip(got, logits.tolist(), strict=True):
            np.testing.assert_allclose(row, plain(z, **settings), atol=1e-12, err_msg=str(settings))


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.25, 1), (0.26, 2), (0.5, 2), (0.500001, 3), (0.75, 3), (1.0, 4), (1e-9, 1)],
)
def test_top_p_that_is_a_cumulated_sum(top_p, kept):
    """Four equal tokens: sums of 0.25 are exact. The token that reaches the sum is the last."""
    p = probabilities(np.zeros((1, 4)), top_p=top_p)[0]
    assert np.flatnonzero(p).tolist() == list(range(kept))
    assert p[0] == float(Fraction(1, kept))


def test_the_token_that_crosses_top_p_stays():
    """S1"""
    p = probabilities(np.log([[0.5, 0.41, 0.09]]), top_p=0.9)[0]
    assert np.flatnonzero(p).tolist() == [0, 1]


def test_min_p_keeps_what_is_exactly_at_the_bound():
    p = probabilities(np.log([[0.5, 0.25, 0.125, 0.125]]), min_p=0.5)[0]
    np.testing.assert_allclose(p, [2 / 3, 1 / 3, 0, 0], rtol=1e-12)
    assert np.flatnonzero(probabilities(np.zeros((1, 3)), min_p=1.0)[0]).tolist() == [0, 1, 2]


def test_repetition_penalty():
    """S3: positive logits are divided, negative ones multiplied, each once."""
    ids = np.array([[0, 1, 1, 0]])
    z = penalised(np.array([[-2.0, 2.0, 0.0, -1.0]]), ids, 1.5)
    np.testing.assert_allclose(z[0], [-3, 4 / 3, 0, -1], rtol=1e-12)


def test_the_penalty_knows_the_rows_apart():
    logits = np.array([[1.0, 0.9], [1.0, 0.9]])
    ids = np.array([[0], [1]])
    drawn = next_ids(
        logits, np.random.default_rng(0), ids=ids, repetition_penalty=2.0, temperature=0
    )
    assert drawn.tolist() == [1, 0]


# -------------------------------------------------------------------------------- by hand


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
    p = probabilities(np.array([[-1e4, 1e4 - 1, 1e4]]), temperature=1e-6, top_k=2)
    assert p[0].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("k", "kept"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (99, [0, 1, 2, 3])]
)
def test_top_k_keeps_exactly_k_and_the_lower_id_of_equals(k, kept):
    p = probabilities(LOGITS, top_k=k)[0]
    assert np.flatnonzero(p).tolist() == kept
    assert p.sum() == pytest.approx(1.0)
    assert p[1] == 0 or p[0] / p[1] == pytest.approx(2.5)


def test_tokens_that_cannot_be_are_no_matter():
    p = probabilities(np.array([[0.0, -np.inf, 0.0]]), top_k=3, top_p=0.99, min_p=0.1)[0]
    assert p.tolist() == [0.5, 0.0, 0.5]
    with pytest.raises(ValueError, match="not numbers"):
        probabilities(np.array([[0.0, np.nan]]))


def test_rows_are_drawn_independently():
    logits = np.array([[0.0, -1e9], [-1e9, 0.0]])
    assert next_ids(logits, np.random.default_rng(0)).tolist() == [0, 1]


# -------------------------------------------------------------------------------- what is drawn

DRAWS = [
    {},
    {"temperature": 0.7},
    {"temperature": 1.6},
    {"top_k": 3},
    {"top_p": 0.7},
    {"min_p": 0.3},
    {"temperature": 1.3, "top_k": 5, "top_p": 0.9, "min_p": 0.05},
    {"repetition_penalty": 1.7},
]
# the 99.9 % points of chi-squared for 1, 2, ... degrees of freedom
CRITICAL = (10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32)


@pytest.mark.parametrize("settings", DRAWS, ids=str)
def test_frequencies_are_the_probabilities(settings):
    """Chi-squared at a fixed seed against the exact distribution in plain Python."""
    n, z = 20_000, [0.4, 1.1, -0.3, 0.4, 1.9, -1.2, 0.0, 0.8]
    ids = np.array([[4, 5]])
    exact = dict(settings)
    seen = {4: z[4] / 1.7, 5: z[5] * 1.7} if exact.pop("repetition_penalty", None) else {}
    p = np.array(plain([seen.get(i, v) for i, v in enumerate(z)], **exact))
    drawn = next_ids(
        np.repeat([z], n, axis=0),
        np.random.default_rng(0),
        ids=np.repeat(ids, n, axis=0),
        **settings,
    )
    observed = np.bincount(drawn, minlength=len(z))
    possible = p > 0
    assert not observed[~possible].any()  # what was filtered is never drawn
    chi_squared = ((observed - n * p)[possible] ** 2 / (n * p[possible])).sum()
    assert possible.sum() > 1
    assert chi_squared < CRITICAL[possible.sum() - 2]


def test_the_logits_are_left_alone():
    logits = LOGITS.copy()
    next_ids(
        logits,
        np.random.default_rng(0),
        ids=np.array([[0]]),
        repetition_penalty=2.0,
        temperature=0.3,
        top_k=2,
        top_p=0.5,
        min_p=0.1,
    )
    assert np.array_equal(logits, LOGITS)
