"""Dropout: the mask is a hash, so it is the same wherever it is drawn."""

import numpy as np
import pytest

from tinygpt import AdamW, Tensor, nn
from tinygpt.nn import Dropout, Module
from tinygpt.nn.dropout import Key, draw_mask, make_key

N = 100_000
ONES = np.ones(N, np.float32)


def mask(number, p=0.5, shape=(N,)):
    return draw_mask(np.empty(0), shape, p, Key(number))


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
    whole = draw_mask(np.empty(0), (6, 3, 5), 0.5, Key(9))
    for start in range(6):
        part = draw_mask(np.empty(0), (6 - start, 3, 5), 0.5, Key(9, row=start))
        assert np.array_equal(part, whole[start:])


def test_backward_uses_the_mask_of_forward():
    x = Tensor(np.ones((4, 50)), requires_grad=True)
    y = nn.dropout(x, p=0.5, key=Key(3))
    y.sum().backward()
    assert np.array_equal(x.grad, y.numpy())


def test_nothing_is_dropped_at_p_0_and_in_eval_mode():
    x = Tensor(ONES)
    assert nn.dropout(x).data is x.data
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
    first, again = model(x).numpy(), model(x).numpy()
    assert np.array_equal(first, again)
    model(x).sum().backward()
    optimizer.step()
    assert not np.array_equal(model(x).numpy() == 0, first == 0)


def test_without_a_packed_model_the_mask_is_that_of_seed_0():
    drop = Dropout(0.5).train()
    assert drop.settings() == {"p": 0.5, "key": make_key(0, 0, 0)}


def test_attention_weights_are_dropped_alike_in_forward_and_backward():
    """With v = 1 and p = 0.5, y is the sum of the weights that were kept, times 2."""
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 3, 4, 5, 6))
    y = nn.attention(q, k, np.ones_like(q), p=0.5, key=Key(4)).numpy()
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(6)
    scores = np.where(np.tril(np.ones((5, 5), bool)), scores, -np.inf)
    w = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = (w * draw_mask(w, w.shape, 0.5, Key(4)) * 2).sum(-1)
    np.testing.assert_allclose(y[..., 0], expected, rtol=1e-12)
