"""trace and describe."""

import numpy as np
import pytest

from tests.models.test_gpt import IDS, SMALL, small
from tinygpt import GPT, GPTConfig
from tinygpt.models.describe import layers
from tinygpt.nn.position import POSITIONS


@pytest.mark.parametrize("position", POSITIONS)
def test_the_trace_is_what_the_model_computes(position):
    model = small(position=position, dropout=0.3).train()
    seen = model.trace(IDS)
    assert model.training
    model.eval()
    assert np.array_equal(seen["logits"], model(IDS).numpy())
    assert np.array_equal(seen["h.1.logits"], seen["logits"])
    x = seen["embedding"]
    for i in range(2):
        x = x + seen[f"h.{i}.attn"]
        assert np.array_equal(x, seen[f"h.{i}.middle"])
        x = x + seen[f"h.{i}.mlp"]
        assert np.array_equal(x, seen[f"h.{i}"])
        weights = seen[f"h.{i}.attn.weights"]
        assert weights.shape == (3, 2, 6, 6)
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
        assert not weights[..., np.triu_indices(6, 1)[0], np.triu_indices(6, 1)[1]].any()
        mixed = weights @ seen[f"h.{i}.attn.v"]  # (B, H, T, D) -> what attention gave
        merged = mixed.transpose(0, 2, 1, 3).reshape(3, 6, 8)
        projected = model.h[i].attn.c_proj(merged).numpy()
        np.testing.assert_allclose(projected, seen[f"h.{i}.attn"], rtol=1e-4, atol=1e-5)


def test_scores_before_the_mask():
    seen = small().trace(IDS[0])
    q, k = seen["h.0.attn.q"], seen["h.0.attn.k"]
    np.testing.assert_allclose(
        seen["h.0.attn.scores"], q @ k.swapaxes(-1, -2) / 2, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"tie_weights": False}, {"bias": False}, {"position": "rotary"}, {"n_layer": 1}],
)
def test_the_table_adds_up(settings):
    model = GPT(GPTConfig(**(SMALL | settings)))
    rows = layers(model)
    assert sum(row[2] for row in rows) == model.num_parameters()
    last = model.describe().splitlines()[-1].split()
    assert last == ["together", f"{model.num_parameters():,}", f"{sum(row[3] for row in rows):,}"]


def test_multiply_adds_by_hand():
    """V 11, T 6, N 2, H 2, C 8: 12 C^2 for each token and block, C T (T + 1) for who looks at whom,
    C V for each token at the head."""
    total = sum(row[3] for row in layers(GPT(GPTConfig(**SMALL))))
    assert total == 2 * (6 * 12 * 64 + 8 * 6 * 7) + 6 * 8 * 11
