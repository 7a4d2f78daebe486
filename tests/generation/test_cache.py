"""The KV cache against reading everything again."""

import numpy as np
import pytest

from tests.models.test_gpt import IDS, small
from tinygpt import Tensor, no_grad
from tinygpt.generation import KVCache
from tinygpt.nn.position import POSITIONS


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("parts", [[6], [1] * 6, [2, 3, 1], [4, 2]])
def test_read_in_parts_the_same_logits(position, parts):
    model, cache, got = small(position=position, bias=False), KVCache(2), []
    start = 0
    with no_grad():
        for n in parts:
            got.append(model(IDS[:, start : start + n], cache).numpy())
            start += n
    assert len(cache) == 6
    np.testing.assert_allclose(
        np.concatenate(got, axis=1), model(IDS).numpy(), rtol=2e-5, atol=2e-5
    )


@pytest.mark.parametrize("position", POSITIONS)
def test_written_with_and_without_the_same_before_and_past_the_block(position):
    """M7: block_size is 6; every token is the choice of model(ids[-6:])."""
    model = small(position=position)
    a, b = (
        model.generate([[3, 1], [5, 9]], 20, seed=4, use_cache=use).tolist()
        for use in (True, False)
    )
    assert a == b
    ids = [3, 1]
    for _ in range(9):
        ids.append(int(model(ids[-6:]).numpy()[0, -1].argmax()))
    assert model.generate([[3, 1]], 9, temperature=0)[0].tolist() == ids


def test_it_reads_each_token_once_until_the_block_is_full(monkeypatch):
    model, read = small(), []
    hidden = model.hidden
    monkeypatch.setattr(
        model,
        "hidden",
        lambda ids, cache=None: (read.append(np.shape(ids)[1]), hidden(ids, cache))[1],
    )
    model.generate([[3, 1]], 8, seed=0)
    assert read == [2, 1, 1, 1, 1, 6, 6, 6]


def test_more_room_is_made_when_it_is_full():
    model, cache = small(position="rotary", block_size=100), KVCache(2)
    ids = np.random.default_rng(0).integers(0, 11, (1, 90))
    with no_grad():
        parts = [model(ids[:, i : i + 9], cache).numpy() for i in range(0, 90, 9)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), model(ids).numpy(), atol=1e-4)


def test_rows_in_another_order():
    model, cache = small(), KVCache(2)
    with no_grad():
        model(IDS[:, :4], cache)
        cache.reorder(np.array([2, 0, 2, 1]))
        got = model(IDS[[2, 0, 2, 1], 4:], cache).numpy()
    np.testing.assert_allclose(got, model(IDS[[2, 0, 2, 1]]).numpy()[:, 4:], rtol=2e-5, atol=2e-5)


def test_refusals():
    model = small()
    with pytest.raises(ValueError, match="for writing, not for training"):
        model(IDS, KVCache(2))
    with no_grad():
        cache = KVCache(2)
        model(IDS[:, :3], cache)
        with pytest.raises(ValueError, match="the cache has 3 rows, got 1"):
            model(IDS[:1, 3:4], cache)
        with pytest.raises(ValueError, match="7 ids, but this model sees at most block_size=6"):
            model(IDS[:, :4], cache)
    assert Tensor([1.0], requires_grad=True).requires_grad  # no_grad was left
