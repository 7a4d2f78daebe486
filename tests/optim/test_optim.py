"""Optimisers against their formulas in plain Python and PyTorch's paths; clipping; schedules."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tinygpt import AdamW, clip_grad_norm
from tinygpt.autograd.parameters import Parameter
from tinygpt.nn import Module
from tinygpt.optim import SGD, Adam, NAdam, NAdamW, adam, learning_rate, nadam

RECORDED = np.load(Path(__file__).parents[1] / "recorded" / "optimizers.npz")


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


# One number at a time, straight from the papers: w, its gradients -> w after each step.


def sgd_plain(w, gradients, lr, decay, momentum=0.0, nesterov=False):
    velocity = 0.0
    for g in gradients:
        g = g + decay * w
        velocity = momentum * velocity + g
        w = w - lr * (g + momentum * velocity if nesterov else velocity)
        yield w


def adam_plain(w, gradients, lr, decay, betas=(0.9, 0.999), eps=1e-8, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        w = w - lr * (m / (1 - betas[0] ** t)) / (math.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield w


def nadam_plain(w, gradients, lr, decay, betas=(0.9, 0.999), eps=1e-8, decoupled=False):
    m = v = 0.0

    def mu(t):
        return betas[0] * (1 - 0.5 * 0.96 ** (0.004 * t))

    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        now, ahead = (math.prod(mu(i) for i in range(1, n + 1)) for n in (t, t + 1))
        look = mu(t + 1) * m / (1 - ahead) + (1 - mu(t)) * g / (1 - now)
        w = w - lr * look / (math.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield w


SLOW = {"betas": (0.9, 0.999), "eps": 1e-8}
RUNS = {  # as in recorded/make_optimizers.py: ours, its settings, the formula, more settings of it
    "SGD": (SGD, {"lr": 0.05}, sgd_plain, {}),
    "SGD momentum": (SGD, {"lr": 0.05, "momentum": 0.9}, sgd_plain, {}),
    "SGD nesterov": (SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}, sgd_plain, {}),
    "Adam": (Adam, {"lr": 0.02, **SLOW}, adam_plain, {}),
    "AdamW": (AdamW, {"lr": 0.02, **SLOW}, adam_plain, {"decoupled": True}),
    "AdamW fast": (
        AdamW, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3}, adam_plain, {"decoupled": True},
    ),
    "NAdam": (NAdam, {"lr": 0.02, **SLOW}, nadam_plain, {}),
    "NAdamW": (NAdamW, {"lr": 0.02, **SLOW}, nadam_plain, {"decoupled": True}),
}  # fmt: skip


class Recorded(Module):
    def __init__(self):
        self.matrix = Parameter(RECORDED["start matrix"].copy())
        self.vector_ = Parameter(RECORDED["start vector"].copy())


def path_of(kind, settings):
    """Our weights after each of the 20 steps along the recorded gradients."""
    model, path = Recorded(), {"matrix": [], "vector": []}
    stepper = kind(model, weight_decay=0.1, **settings)
    for step in range(20):
        stepper.zero_grad()
        (model.matrix * RECORDED["gradients matrix"][step]).sum().backward()
        (model.vector_ * RECORDED["gradients vector"][step]).sum().backward()
        stepper.step()
        path["matrix"].append(model.matrix.data.copy())
        path["vector"].append(model.vector_.data.copy())
    return path


@pytest.mark.parametrize("name", RUNS)
def test_the_path_is_pytorchs(name):
    kind, settings, _, _ = RUNS[name]
    for part, ours in path_of(kind, settings).items():
        np.testing.assert_allclose(ours, RECORDED[f"{name} {part}"], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", RUNS)
def test_the_path_is_the_formulas(name):
    kind, settings, formula, more = RUNS[name]
    for part, ours in path_of(kind, settings).items():
        decay = 0.1 if part == "matrix" else 0.0  # matrices decay, vectors do not
        for at in np.ndindex(RECORDED[f"start {part}"].shape):
            gradients = [g[at] for g in RECORDED[f"gradients {part}"]]
            start = RECORDED[f"start {part}"][at]
            expected = list(formula(start, gradients, decay=decay, **settings, **more))
            np.testing.assert_allclose([w[at] for w in ours], expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, NAdam, NAdamW])
def test_going_on_from_a_saved_state_changes_nothing(kind):
    """Ten steps at once, and four, saved, loaded into a new optimiser, then six: the same bits."""
    more = {"momentum": 0.9} if kind is SGD else {}
    whole, parted = Model(), Model()
    first, second = kind(whole, **more), kind(parted, **more)
    for step in range(10):
        if step == 4:
            state = {name: a.copy() for name, a in second.state_dict().items()}
            second = kind(parted, **more)
            second.load_state_dict(state, steps=4)
        for model, stepper in ((whole, first), (parted, second)):
            set_gradients(model, step)
            stepper.step()
    assert np.array_equal(whole.vector().data, parted.vector().data)
    assert whole.vector().steps == parted.vector().steps == 10


@pytest.mark.parametrize("kind", [Adam, NAdam])
def test_going_back_to_a_saved_state_in_the_same_optimizer(kind):
    model = Model()
    stepper = kind(model)
    for step in range(6):
        set_gradients(model, step)
        stepper.step()
        if step == 2:
            state = {name: a.copy() for name, a in stepper.state_dict().items()}
            weights = model.vector().data.copy()
    end = model.vector().data.copy()
    stepper.load_state_dict(state, steps=3)
    model.vector().data[...] = weights
    for step in range(3, 6):
        set_gradients(model, step)
        stepper.step()
    assert np.array_equal(end, model.vector().data)


def test_a_state_of_another_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"SGD remembers \{\}, but the file has .*'m'"):
        SGD(Model()).load_state_dict(Adam(Model()).state_dict(), steps=1)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, NAdam, NAdamW])
def test_every_optimizer_on_every_device(device, kind):
    """Three steps in float64 as on NumPy; the gradient itself is never written to."""
    more = {"momentum": 0.5, "nesterov": True} if kind is SGD else {}
    host, there = Model(), Model().to(device.name)
    pair = [(m, kind(m, weight_decay=0.1, **more)) for m in (host, there)]
    for step in range(3):
        for model, stepper in pair:
            stepper.zero_grad()
            for p in model.parameters():
                g = np.random.default_rng(step).standard_normal(p.shape)
                (p * (g if model is host else device.array(g))).sum().backward()
            before = device.numpy(model.vector().gradient()).copy()
            stepper.step()
            assert np.array_equal(device.numpy(model.vector().grad), before)
    np.testing.assert_allclose(
        device.numpy(there.vector().data), host.vector().data, rtol=1e-12, atol=1e-14
    )


def test_the_first_step_is_lr_long_whatever_the_gradient():
    """Bias correction: without it, beta2 = 0.999 would make the first step 3.16 lr long."""
    for scale in (1e-3, 1.0, 1e3):
        model = Model()
        before = model.matrix.data.copy()
        (model.matrix * scale).sum().backward()
        AdamW(model, lr=0.01, eps=1e-30, weight_decay=0.0).step()
        np.testing.assert_allclose(before - model.matrix.data, 0.01, rtol=1e-9)


def test_the_size_of_the_parts_changes_nothing():
    results = []
    for size in (7, 10**6):
        model = Model(n=5)
        optimizer = AdamW(model)
        for step in range(3):
            set_gradients(model, step)
            optimizer.step(size=size)
        results.append(model.vector().data.copy())
    assert np.array_equal(*results)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, NAdam, NAdamW])
def test_float32_stays(kind):
    model = Model(np.float32)
    stepper = kind(model, weight_decay=0.1)
    set_gradients(model, 0)
    clip_grad_norm(model, 0.1)
    stepper.step()
    assert {a.dtype for a in (model.matrix.data, *stepper.moments.values())} == {
        np.dtype("float32")
    }


def test_a_parameter_without_gradient_stays_as_it_is():
    """Neither momentum nor decay moves what this loss does not touch, also after steps that did."""
    model = Model()
    optimizer = AdamW(model, lr=0.1, weight_decay=0.5)
    (model.matrix.sum() + model.vector_.sum()).backward()
    optimizer.step()
    optimizer.zero_grad()
    matrix, vector = model.matrix.data.copy(), model.vector_.data.copy()
    (model.vector_ * 1.0).sum().backward()
    optimizer.step()
    assert np.array_equal(model.matrix.data, matrix)
    assert not np.array_equal(model.vector_.data, vector)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (AdamW, {"lr": -1}, "lr and weight_decay >= 0, got -1 and 0.01"),
        (AdamW, {"betas": (0.9, 1.0)}, "betas in"),
        (NAdam, {"betas": (0.9,)}, "two betas"),
        (Adam, {"eps": -1e-8}, "eps >= 0, got -1e-08"),
        (NAdamW, {"weight_decay": -0.1}, "got 0.002 and -0.1"),
        (SGD, {"momentum": 1.0}, "momentum < 1, got 1.0"),
        (SGD, {"nesterov": True}, "looks ahead along the momentum"),
    ],
)
def test_settings_that_cannot_be(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(Model(), **settings)


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


def rates(steps, schedule="cosine", **settings):
    return [learning_rate(s, schedule, **settings) for s in steps]


def test_cosine():
    """M3: after its end the rate stays."""
    m3 = {"peak": 1.0, "floor": 0.1, "warmup": 2, "total": 10}
    assert rates((1, 2, 6, 10, 11, 18), **m3) == pytest.approx([0.5, 1.0, 0.55, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 0.775, 0.55, 0.325, 0.1, 0.1]),
        ("cosine", [0.5, 1.0, 0.1 + 0.45 * (1 + math.sqrt(0.5)), 0.55,
                    0.1 + 0.45 * (1 - math.sqrt(0.5)), 0.1, 0.1]),
        ("step", [0.5, 1.0, 1.0, 0.2, 0.1, 0.1, 0.1]),
    ],
)  # fmt: skip
def test_schedules(schedule, expected):
    """M3 for all: none goes below its floor (linear: -0.625 at step 15 if unclamped)."""
    settings = {"peak": 1.0, "floor": 0.1, "warmup": 2, "total": 10}
    if schedule == "step":
        settings, expected = settings | {"peak": 2.0}, [1.0, 2.0, 2.0, 0.2, 0.1, 0.1, 0.1]
    assert rates((1, 2, 4, 6, 8, 10, 15), schedule, **settings) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "step"])
def test_every_schedule_rises_once_falls_and_stays(schedule):
    seen = rates(range(1, 80), schedule, peak=1.0, floor=0.1, warmup=3, total=50)
    assert seen[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert all(a >= b for a, b in pairwise(seen[2:]))
    assert len(set(seen[49:])) == 1
    assert seen[-1] == (1.0 if schedule == "constant" else 0.1)


def test_no_warmup_and_a_warmup_that_never_ends():
    assert learning_rate(1, peak=1.0, floor=0.0, warmup=0, total=1) == 0.0
    assert learning_rate(1, peak=1.0, floor=1.0, warmup=0, total=5) == 1.0
    assert learning_rate(5, peak=1.0, floor=0.1, warmup=10, total=5) == 0.1


def test_a_schedule_that_there_is_not():
    with pytest.raises(ValueError, match=r"\['constant', 'linear', 'cosine', 'step'\], got 'exp'"):
        learning_rate(1, "exp", peak=1.0, floor=0.0, warmup=0, total=10)


@pytest.mark.parametrize("kind", [Adam, AdamW, NAdamW])
def test_the_plain_form_is_the_formula_that_runs(kind):
    """Twenty steps of the lines that a reader sees first, and of the optimizer."""
    plain = {Adam: adam.adam_plain, AdamW: adam.adamw_plain, NAdamW: nadam.nadamw_plain}[kind]
    rng = np.random.default_rng(8)
    p = Parameter(rng.standard_normal((3, 5)))
    w, m, v = p.numpy().copy(), np.zeros((3, 5)), np.zeros((3, 5))
    settings = {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}
    optimizer = kind([p], **settings)
    for t in range(1, 21):
        g = rng.standard_normal((3, 5))
        p.grad = g
        optimizer.step()
        w, m, v = plain(w, g, m, v, t, **settings)
        np.testing.assert_allclose(p.numpy(), w, rtol=1e-12)
