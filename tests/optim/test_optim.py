"""AdamW, clipping and the schedule against their formulas in plain Python."""

import math
from itertools import pairwise

import numpy as np
import pytest

from tinygpt import AdamW, clip_grad_norm
from tinygpt.autograd.parameters import Parameter
from tinygpt.nn import Module
from tinygpt.optim import adam, warmup_cosine


class Model(Module):
    def __init__(self, dtype=np.float64, n=1):
        rng = np.random.default_rng(0)
        self.matrix = Parameter(rng.standard_normal((2, 3 * n)).astype(dtype))
        self.vector_ = Parameter(rng.standard_normal(4).astype(dtype))


def set_gradients(model, step):
    rng = np.random.default_rng(step)
    for p in model.parameters():
        p.zero_grad()
        (p * rng.standard_normal(p.shape).astype(p.dtype)).sum().backward()


def adamw_plain(w, gradients, lr, beta1, beta2, eps, decay):
    """Loshchilov & Hutter, algorithm 2, one number at a time."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        w = w - lr * decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
    return w


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.99), (0.0, 0.5)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_is_its_formula(betas, decay):
    model = Model()
    start = [p.data.copy() for p in model.parameters()]
    settings = {"lr": 0.01, "betas": betas, "eps": 1e-6, "weight_decay": decay}
    optimizer = AdamW(model, **settings)
    history = []
    for step in range(20):
        set_gradients(model, step)
        history.append([p.grad.copy() for p in model.parameters()])
        optimizer.step()
        optimizer.zero_grad()
    for i, (p, w) in enumerate(zip(model.parameters(), start, strict=True)):
        for at in np.ndindex(p.shape):
            gradients = [h[i][at] for h in history]
            own = decay if p.ndim == 2 else 0.0  # matrices decay, vectors do not
            expected = adamw_plain(w[at], gradients, 0.01, *betas, 1e-6, own)
            assert p.data[at] == pytest.approx(expected, rel=1e-12)


def test_the_first_step_is_lr_long_whatever_the_gradient():
    """Bias correction: without it, beta2 = 0.999 would make the first step 3.16 lr long."""
    for scale in (1e-3, 1.0, 1e3):
        model = Model()
        before = model.matrix.data.copy()
        (model.matrix * scale).sum().backward()
        AdamW(model, lr=0.01, eps=1e-30, weight_decay=0.0).step()
        np.testing.assert_allclose(before - model.matrix.data, 0.01, rtol=1e-9)


def test_chunks_change_nothing(monkeypatch):
    results = []
    for size in (7, 10**6):
        monkeypatch.setattr(adam, "CHUNK", size)
        model = Model(n=5)
        optimizer = AdamW(model)
        for step in range(3):
            set_gradients(model, step)
            optimizer.step()
        results.append(model.vector().data.copy())
    assert np.array_equal(*results)


def test_float32_stays():
    model = Model(np.float32)
    optimizer = AdamW(model)
    set_gradients(model, 0)
    clip_grad_norm(model, 0.1)
    optimizer.step()
    assert {a.dtype for a in (model.matrix.data, optimizer.m, optimizer.v)} == {np.dtype("float32")}


def test_a_parameter_without_gradient_only_decays():
    model = Model()
    before = model.matrix.data.copy()
    (model.vector_ * 1.0).sum().backward()
    AdamW(model, lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(model.matrix.data, before * 0.95, rtol=1e-12)


@pytest.mark.parametrize(
    "settings", [{"lr": -1}, {"betas": (0.9, 1.0)}, {"eps": -1e-8}, {"weight_decay": -0.1}]
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(ValueError, match="expected"):
        AdamW(Model(), **settings)


def test_adamw_against_numbers_of_pytorch():
    """torch.optim.AdamW 2.13.0, float64: w = [1, -2], lr 0.1, betas (0.9, 0.999), eps 1e-8, weight
    decay 0.1 on a 1 x 2 matrix, gradients [0.5, -1], [-0.25, 2], [4, 0] one after the other."""

    class One(Module):
        def __init__(self):
            self.w = Parameter(np.array([[1.0, -2.0]]))

    model = One()
    optimizer = AdamW(model, lr=0.1, weight_decay=0.1)
    seen = []
    for g in ([0.5, -1.0], [-0.25, 2.0], [4.0, 0.0]):
        model.zero_grad()
        (model.w * np.array([g])).sum().backward()
        optimizer.step()
        seen.append(model.w.data[0].tolist())
    recorded = [
        [0.890000002, -1.880000001],
        [0.8544662986878463, -1.897810353462075],
        [0.7798069929979751, -1.9071321584563097],
    ]
    np.testing.assert_allclose(seen, recorded, rtol=1e-12)


# ------------------------------------------------------------------------------------- clipping


class Pair(Module):
    """A parameter of two numbers whose gradient is set."""

    def __init__(self, gradient):
        self.w = Parameter(np.zeros(2))
        self.vector()
        (self.w * np.array(gradient)).sum().backward()


@pytest.mark.parametrize(
    ("gradient", "norm", "after"),
    [([0.0, 0.0], 0.0, [0, 0]), ([3.0, 4.0], 5.0, [0.6, 0.8]), ([0.3, 0.4], 0.5, [0.3, 0.4])],
)
def test_clipping(gradient, norm, after):
    """M6"""
    model = Pair(gradient)
    assert float(clip_grad_norm(model, 1.0)) == pytest.approx(norm)
    np.testing.assert_allclose(model.w.grad, after, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_is_scaled(bad):
    with np.errstate(invalid="ignore"):
        model = Pair([bad, 1.0])
        assert not math.isfinite(clip_grad_norm(model, 1.0))
    assert model.w.grad[1] == 1.0


def test_one_norm_over_all_parameters():
    """By hand: norms 3, 4 and 12 make 13."""

    class Three(Module):
        def __init__(self):
            self.a, self.b = Parameter(np.zeros((1, 1))), Parameter(np.zeros(1))
            self.c = Parameter(np.zeros((2, 2)))

    model = Three()
    (model.a * 3.0).sum().backward()
    (model.b * 4.0).sum().backward()
    (model.c * 6.0).sum().backward()
    assert float(clip_grad_norm(model, 1.0)) == pytest.approx(13.0)
    assert model.a.grad[0, 0] == pytest.approx(3 / 13)
    assert np.linalg.norm(model.vector().gradient()) == pytest.approx(1.0)


def test_max_norm_must_be_positive():
    with pytest.raises(ValueError, match="max_norm > 0"):
        clip_grad_norm(Pair([1.0, 1.0]), 0.0)


# ------------------------------------------------------------------------------------- schedule


def test_warmup_cosine():
    """M3: after its end the rate stays."""
    rate = {
        s: warmup_cosine(s, peak=1.0, floor=0.1, warmup=2, total=10) for s in (1, 2, 6, 10, 11, 18)
    }
    assert rate == pytest.approx({1: 0.5, 2: 1.0, 6: 0.55, 10: 0.1, 11: 0.1, 18: 0.1})


def test_no_warmup_and_a_warmup_that_never_ends():
    assert warmup_cosine(1, peak=1.0, floor=0.0, warmup=0, total=1) == 0.0
    assert warmup_cosine(1, peak=1.0, floor=1.0, warmup=0, total=5) == 1.0
    assert warmup_cosine(5, peak=1.0, floor=0.1, warmup=10, total=5) == 0.1
    rates = [warmup_cosine(s, peak=1.0, floor=0.1, warmup=3, total=50) for s in range(1, 60)]
    assert max(rates) == 1.0 and min(rates[3:]) == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[2:]))
