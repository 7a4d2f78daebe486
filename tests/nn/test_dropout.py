"""Dropout: the mask is a hash, so it is the same wherever it is drawn."""

import copy

import numpy as np
import pytest

from tinygpt import AdamW, Tensor, nn
from tinygpt.nn import Dropout, Module
from tinygpt.nn.dropout_mask import Key, draw_mask, make_key

N = 100_000
ONES = np.ones(N, np.float32)


def mask(number, p=0.5, shape=(N,)):
    return draw_mask(np.empty(0), shape, p=p, key=Key(number))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_stays(p):
    for number in (0, 1, 2**31, 2**32 - 1, 123456789):
        share = mask(number, p).mean()
        assert abs(share - (1 - p)) < 5 * np.sqrt(p * (1 - p) / N)


def test_kept_elements_grow_so_that_the_mean_stays():
    y = nn.dropout(ONES, p=0.25, key=Key(5)).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert y.mean() == pytest.approx(1.0, abs=0.02)


def test_neighbours_and_other_keys_are_independent():
    m = mask(77).astype(float)
    bound = 5 / np.sqrt(N)
    for shift in (1, 2, 64, 4096):
        assert abs(np.corrcoef(m[:-shift], m[shift:])[0, 1]) < bound
    for other in [76, 78, 0, *(77 ^ (1 << bit) for bit in range(32))]:
        assert abs(np.corrcoef(m, mask(other).astype(float))[0, 1]) < bound


def test_masks_of_two_keys_are_no_permutations_of_each_other():
    """With a hash of (index ^ key) any 2^16 elements would have the same number of zeros."""
    counts = {int(mask(number, shape=(2**16,)).sum()) for number in range(16)}
    assert len(counts) > 8


def test_steps_sites_and_seeds_draw_different_masks():
    keys = {
        make_key(seed, step, site).number
        for seed in range(5)
        for step in range(20)
        for site in range(13)
    }
    assert len(keys) == 5 * 20 * 13


def test_a_part_of_the_batch_gets_its_part_of_the_mask():
    whole = draw_mask(np.empty(0), (6, 3, 5), p=0.5, key=Key(9))
    for start in range(6):
        part = draw_mask(np.empty(0), (6 - start, 3, 5), p=0.5, key=Key(9, row=start))
        assert np.array_equal(part, whole[start:])


def test_backward_uses_the_mask_of_forward():
    x = Tensor(np.ones((4, 50)), requires_grad=True)
    y = nn.dropout(x, p=0.5, key=Key(3))
    y.sum().backward()
    assert np.array_equal(x.grad, y.numpy())


def test_nothing_is_dropped_at_p_0_and_in_eval_mode():
    x = Tensor(ONES)
    assert nn.dropout(x, p=0.0).data is x.data
    drop = Dropout(0.5)
    assert drop(x).data is x.data
    assert (drop.train()(x).numpy() == 0).any()
    assert drop.eval()(x).data is x.data


def test_an_optimiser_step_moves_on_to_the_next_mask():
    class Layer(Module):
        def __init__(self):
            self.linear = nn.Linear(4, 400, rng=np.random.default_rng(0))
            self.drop = Dropout(0.5)

        def __call__(self, x):
            return self.drop(self.linear(x))

    model = Layer().train()
    optimizer = AdamW(model, lr=0.0)
    x = np.ones((1, 4), np.float32)
    first = model(x)
    first.sum().backward()
    optimizer.step()
    assert not np.array_equal(model(x).numpy() == 0, first.numpy() == 0)


def dropped(drop):
    return drop(np.ones((4, 500), np.float32)).numpy() == 0


def differ(masks):
    return all(
        0.3 < np.mean(a != b) < 0.7 for i, a in enumerate(masks) for b in masks[:i]
    )  # independent masks of p = 0.5 differ in half of their elements


def test_every_forward_draws_another_mask_in_no_packed_model():
    """A loop by hand with `p.data -= lr * p.grad`: no optimizer, no pack()."""
    a, b = Dropout(0.5).train(), Dropout(0.5).train()
    assert differ([dropped(d) for d in (a, b, a, b, a)])


def test_every_forward_draws_another_mask_between_two_steps():
    """Two micro-batches of one step, in a loop by hand that accumulates gradients."""
    model = two_dropouts()
    AdamW(model, lr=0.1)
    masks = [dropped(model.first), dropped(model.second), dropped(model.first)]
    model.vector().steps += 1
    assert differ([*masks, dropped(model.first), dropped(model.first)])


def test_a_part_that_was_announced_has_masks_of_its_own():
    """Asked again for the same rows, the Trainer's forward drops the same elements."""
    model, vector = two_dropouts(), None
    vector = model.vector()
    masks = []
    for row in (0, 4, 0):
        vector.begin_part(row)
        masks.append([dropped(model.first), dropped(model.first)])
    assert np.array_equal(masks[0], masks[2])
    assert differ([*masks[0], *masks[1]])


def test_copies_of_a_dropout_drop_other_elements():
    drop = Dropout(0.5).train()
    assert differ([dropped(d) for d in (drop, copy.deepcopy(drop), copy.deepcopy(drop))])


def two_dropouts():
    class Layer(Module):
        def __init__(self):
            self.linear = nn.Linear(2, 2, rng=0)
            self.first, self.second = Dropout(0.5), Dropout(0.5)

    return Layer().train().pack()


def test_attention_weights_are_dropped_alike_in_forward_and_backward():
    """With v = 1 and p = 0.5, y is the sum of the weights that were kept, times 2."""
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 3, 4, 5, 6))
    y = nn.attention(q, k, np.ones_like(q), p=0.5, key=Key(4)).numpy()
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(6)
    scores = np.where(np.tril(np.ones((5, 5), bool)), scores, -np.inf)
    w = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = (w * draw_mask(w, w.shape, p=0.5, key=Key(4)) * 2).sum(-1)
    np.testing.assert_allclose(y[..., 0], expected, rtol=1e-12)
