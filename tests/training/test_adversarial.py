"""Attacks do harm, training against them uses them, and no gradient of theirs is left behind."""

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Trainer, TrainingArguments
from tinygpt.training.adversarial import (
    constant,
    fgm_plain,
    length,
    loss_from,
    noisy,
    ordinary_ids,
    random_move,
    training_loss,
    worst_move,
)

RNG = np.random.default_rng(0)
IDS, TARGETS = RNG.integers(0, 11, (2, 3, 7))
SHAPE = {"vocab_size": 11, "block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 8}


def model(**settings):
    made = GPT(GPTConfig(**SHAPE, **settings), seed=1)
    made.vector().data[...] *= 5  # far from a flat start
    return made


def arguments(**settings):
    return TrainingArguments(batch_size=3, warmup_steps=0, workers=1, **settings)


def test_the_fast_form_is_the_plain_one():
    m = model()
    x = m.embed(IDS).data
    plain = fgm_plain(lambda moved: loss_from(m, moved, TARGETS), x, 0.3)
    assert np.allclose(worst_move(m, x, TARGETS, epsilon=0.3), plain, atol=1e-6)


def test_the_slope_is_that_of_finite_differences():
    """Along r the loss rises by |g| |r| to first order: by central differences, in float64."""
    m = model().to("float64")
    x = m.embed(IDS).data
    r = worst_move(m, x, TARGETS, epsilon=1.0)
    r /= np.sqrt((r * r).sum())
    h = 1e-5
    rise = (loss_from(m, m.embed(IDS) + h * r, TARGETS).item()
            - loss_from(m, m.embed(IDS) - h * r, TARGETS).item()) / (2 * h)  # fmt: skip
    for _ in range(20):
        other = RNG.standard_normal(x.shape)
        other *= length(r) / length(other)  # as long in every text
        up = loss_from(m, m.embed(IDS) + h * other, TARGETS).item()
        down = loss_from(m, m.embed(IDS) - h * other, TARGETS).item()
        assert (up - down) / (2 * h) < rise


@pytest.mark.parametrize("steps", [1, 3])
def test_a_move_is_as_long_as_was_asked_for_and_beats_chance(steps):
    m = model()
    x = m.embed(IDS).data
    r = worst_move(m, x, TARGETS, epsilon=0.2, steps=steps)
    assert np.allclose(length(r), 0.2 * length(x), rtol=1e-4)
    clean = m.loss(IDS, TARGETS).item()
    attacked = loss_from(m, m.embed(IDS) + r, TARGETS).item()
    by_chance = [
        loss_from(m, m.embed(IDS) + random_move(x, TARGETS, epsilon=0.2, rng=RNG), TARGETS).item()
        for _ in range(20)
    ]
    assert attacked > clean
    assert attacked > max(by_chance)
    assert np.allclose(
        length(random_move(x, TARGETS, epsilon=0.2, rng=RNG)), 0.2 * length(x), rtol=1e-4
    )


def test_padding_changes_no_attack():
    m, targets = model(), TARGETS.copy()
    targets[1, 4:] = -100
    padded = worst_move(m, m.embed(IDS).data, targets, epsilon=0.2)
    alone = worst_move(m, m.embed(IDS[1:2, :4]).data, targets[1:2, :4], epsilon=0.2)
    assert np.allclose(padded[1, :4], alone[0], atol=1e-6)
    assert not padded[1, 4:].any()
    assert not random_move(m.embed(IDS).data, targets, epsilon=0.2, rng=RNG)[1, 4:].any()


def test_more_steps_do_at_least_as_much_harm():
    m = model()
    x = m.embed(IDS).data
    losses = [
        loss_from(m, m.embed(IDS) + worst_move(m, x, TARGETS, epsilon=0.5, steps=n), TARGETS).item()
        for n in (1, 10)
    ]
    assert losses[1] > losses[0]


def test_an_attack_leaves_no_gradient_in_the_model_and_gives_it_back():
    m = model()
    worst_move(m, m.embed(IDS).data, TARGETS, epsilon=0.1)
    assert all(p.grad is None for p in m.parameters())
    with pytest.raises(KeyError), constant(m):
        raise KeyError
    m.loss(IDS, TARGETS).backward()
    assert all(p.grad is not None for p in m.parameters())


def test_the_loss_is_the_mean_of_clean_and_attacked():
    m = model()
    a = arguments(adversarial="fgm", epsilon=0.2)
    x = m.embed(IDS).data
    r = worst_move(m, x, TARGETS, epsilon=0.2)
    both = (m.loss(IDS, TARGETS) + loss_from(m, m.embed(IDS) + r, TARGETS)) / 2
    mine = training_loss(m, IDS, TARGETS, a)
    assert mine.item() == pytest.approx(both.item(), rel=1e-6)
    mine.backward()
    g = {name: p.grad.copy() for name, p in m.named_parameters()}
    m.zero_grad()
    both.backward()
    assert all(np.allclose(g[name], p.grad, atol=1e-6) for name, p in m.named_parameters())


def test_without_settings_it_is_the_models_own_loss():
    m = model()
    assert training_loss(m, IDS, TARGETS, arguments()).item() == m.loss(IDS, TARGETS).item()


def test_label_smoothing_is_that_of_cross_entropy():
    m = model()
    smooth = training_loss(m, IDS, TARGETS, arguments(label_smoothing=0.2)).item()
    logits = m(IDS).numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    hit = np.take_along_axis(log_p, TARGETS[..., None], -1).mean()
    assert smooth == pytest.approx(-(0.8 * hit + 0.2 * log_p.mean()), rel=1e-5)


def test_noise_replaces_a_share_and_never_a_special_token():
    ids = np.random.default_rng(1).integers(0, 100, (40, 50))
    ordinary = ordinary_ids(100, [7, 8])
    out = noisy(ids, ordinary, share=0.3, seed=1, step=2)
    special = np.isin(ids, [7, 8])
    assert (out[special] == ids[special]).all()
    assert not np.isin(out[~special], [7, 8]).any()
    assert 0.26 < (out != ids).mean() < 0.33
    halves = [noisy(ids[a : a + 20], ordinary, share=0.3, seed=1, step=2, row=a) for a in (0, 20)]
    assert np.array_equal(np.concatenate(halves), out)
    assert not np.array_equal(noisy(ids, ordinary, share=0.3, seed=1, step=3), out)


@pytest.mark.parametrize(
    "settings",
    [
        {"adversarial": "fgm"},
        {"adversarial": "pgd"},
        {"token_noise": 0.3},
        {"label_smoothing": 0.1},
    ],
)
def test_a_step_does_not_depend_on_how_the_batch_is_divided(settings):
    x, y = np.random.default_rng(3).integers(0, 11, (2, 4, 8))
    grads = []
    for more in ({}, {"micro_batch_size": 1}, {"workers": 2}):
        a = arguments(**(settings | {"learning_rate": 0.0, "weight_decay": 0.0}))
        for name, value in (more | {"batch_size": 4}).items():
            setattr(a, name, value)
        trainer = Trainer(model(dropout=0.2), a)
        trainer.step(x, y)
        trainer.step(x, y)
        grads.append(float(trainer.norm))
    assert grads[1] == pytest.approx(grads[0], rel=1e-4)
    assert grads[2] == pytest.approx(grads[0], rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"adversarial": "fgsm"}, "expected adversarial to be one of"),
        ({"epsilon": -1}, "expected a number epsilon >= 0"),
        ({"token_noise": 1.0}, "expected token_noise < 1"),
        ({"label_smoothing": 1}, "expected label_smoothing < 1"),
        ({"adversarial_steps": 0}, "adversarial_steps >= 1"),
    ],
)
def test_settings_that_cannot_be(settings, says):
    with pytest.raises(ValueError, match=says):
        TrainingArguments(**settings)
