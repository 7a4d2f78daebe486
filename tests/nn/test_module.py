"""Module: names, modes, moving, loading."""

import numpy as np
import pytest

from tests.nn.test_components import block as make_block
from tinygpt import GPT, GPTConfig
from tinygpt.nn import Dropout, LayerNorm, Linear, Module
from tinygpt.nn.module import named_parameters_plain

rng = np.random.default_rng(0)


def block(**settings):
    return make_block(8, 2, rng=np.random.default_rng(0), **settings)


def test_names():
    names = [name for name, _ in block().named_parameters()]
    assert names == [
        "ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight",
        "attn.c_proj.bias", "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias",
        "mlp.c_proj.weight", "mlp.c_proj.bias",
    ]  # fmt: skip


def test_bias_false_means_no_bias_anywhere():
    assert not [name for name, _ in block(bias=False).named_parameters() if "bias" in name]


def test_train_and_eval_reach_everything():
    model = block(dropout=0.5)
    assert not any(m.training for m in model.modules())
    assert model.train() is model
    assert all(m.training for m in model.modules())
    model.eval()
    assert not any(m.training for m in model.modules())


def test_pack_numbers_the_places_of_dropout():
    model = block(dropout=0.5).pack()
    places = [m for m in model.modules() if isinstance(m, Dropout)]
    assert [m.mask_keys.site for m in places] == [0, 1, 2]
    assert all(m.mask_keys.clock is model.vector() for m in places)


def test_state_dict_round_trip():
    a, b = block(), make_block(8, 2, rng=np.random.default_rng(1))
    b.pack()
    vector = b.vector()
    b.load_state_dict(a.state_dict())
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert np.array_equal(p.data, q.data)
    vector.check()  # values were copied in: the vector is whole


def test_state_dict_is_a_copy():
    layer = Linear(2, 2, rng=rng)
    layer.state_dict()["weight"][...] = 0
    assert layer.weight.data.any()


def test_everything_that_does_not_fit_is_listed_at_once():
    layer = Linear(2, 3, rng=rng)
    before = layer.weight.data.copy()
    state = {"weight": np.zeros((3, 2), np.float32), "scale": np.zeros(1, np.float32)}
    with pytest.raises(ValueError, match="do not fit") as caught:
        layer.load_state_dict(state)
    text = str(caught.value)
    assert "missing: bias (3,)" in text
    assert "unknown: scale (1,)" in text
    assert "shape: weight should be (2, 3), is (3, 2)" in text
    assert np.array_equal(layer.weight.data, before)


def test_moving():
    layer = Linear(2, 2, rng=rng)
    weight = layer.weight
    assert layer.to("float64") is layer
    assert layer.weight is weight
    assert weight.dtype == np.float64
    assert layer.to("cpu") is layer
    with pytest.raises(ValueError, match="expected device"):
        layer.to("float16")


def test_zero_grad():
    layer = Linear(2, 2, rng=rng)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    layer.zero_grad()
    assert layer.weight.grad is None


def test_modules_in_modules_are_counted():
    class Stack(Module):
        def __init__(self):
            self.layers = [LayerNorm(3), LayerNorm(3)]

    assert Stack().num_parameters() == 12
    assert len(list(Stack().modules())) == 3


def test_the_plain_walk_finds_what_the_model_has():
    """Without what the plain form leaves out: tied weights that come twice, dicts, frozen ones."""
    model = GPT(GPTConfig(vocab_size=7, block_size=4, n_layer=2, n_head=1, n_embd=4))
    assert list(named_parameters_plain(model)) == list(model.named_parameters())
