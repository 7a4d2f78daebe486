"""The whole model: what must hold for every GPT, whatever it has learned."""

import gc
import math
import tracemalloc

import numpy as np
import pytest

import tinygpt as tg
from tests import matrix
from tinygpt import GPT, AdamW, GPTConfig, Tensor, check_gradient, clip_grad_norm
from tinygpt.backend import random_stream
from tinygpt.generation import next_ids
from tinygpt.models.gpt import gpt_plain
from tinygpt.nn import Module, attention, merge_heads

SMALL = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 8}
rng = np.random.default_rng(0)
IDS = rng.integers(0, 11, (3, 6))
TARGETS = rng.integers(0, 11, (3, 6))


def small(**settings):
    """A GPT whose weights are large enough to matter: fresh ones give nearly flat logits."""
    model = GPT(GPTConfig(**(SMALL | settings)))
    model.vector().data[...] += 0.3 * np.random.default_rng(5).standard_normal(
        model.vector().data.size
    ).astype(np.float32)
    return model


# --------------------------------------------------------------------------------- construction


def test_built_twice_from_one_config_the_same_weights():
    a, b = (GPT(GPTConfig(**SMALL)).state_dict() for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    c = GPT(GPTConfig(**SMALL), seed=1).state_dict()
    assert not np.array_equal(a["wte.weight"], c["wte.weight"])


def test_gpt2s_names_and_shapes():
    state = GPT(GPTConfig(**SMALL)).state_dict()
    assert state["wte.weight"].shape == (11, 8)
    assert state["wpe.weight"].shape == (6, 8)
    assert state["h.1.attn.c_attn.weight"].shape == (8, 24)
    assert state["h.1.mlp.c_fc.weight"].shape == (8, 32)
    assert state["ln_f.bias"].shape == (8,)
    assert "lm_head.weight" not in state
    untied = GPT(GPTConfig(**SMALL, tie_weights=False)).state_dict()
    assert untied["lm_head.weight"].shape == (11, 8)


@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_num_parameters(tie, bias):
    V, T, N, C = 11, 6, 2, 8
    block = 12 * C * C + 2 * C + bias * (3 * C + C + 4 * C + C + 2 * C)
    expected = V * C * (1 if tie else 2) + T * C + N * block + C + bias * C
    model = GPT(GPTConfig(**SMALL, tie_weights=tie, bias=bias))
    assert model.num_parameters() == expected


def test_gpt2s_own_size():
    """124 439 808 parameters, the number of the published model, from the formula's parts."""
    V, T, N, C = 50257, 1024, 12, 768
    per_block = 12 * C * C + 13 * C
    assert V * C + T * C + N * per_block + 2 * C == 124_439_808


def test_gpt2s_initialisation():
    model = GPT(GPTConfig(vocab_size=500, n_embd=128, n_head=4, n_layer=8))
    state = model.state_dict()
    assert state["wte.weight"].std() == pytest.approx(0.02, rel=0.03)
    assert state["h.3.attn.c_attn.weight"].std() == pytest.approx(0.02, rel=0.03)
    for name in ("attn", "mlp"):
        std = state[f"h.3.{name}.c_proj.weight"].std()
        assert std == pytest.approx(0.02 / math.sqrt(16), rel=0.03)
    assert not state["h.3.mlp.c_fc.bias"].any()
    assert (state["ln_f.weight"] == 1).all()


@pytest.mark.parametrize(("vocab", "tie"), [(11, False), (65, True), (1024, True)])
def test_loss_at_start(vocab, tie):
    """ln V + C 0.02^2 / 2: the logits are nearly flat, a little noise of the head on top. (A tied
    head prefers the token that it sees, which shows where V is very small.)"""
    config = GPTConfig(vocab_size=vocab, n_embd=128, tie_weights=tie)
    ids = rng.integers(0, vocab, (16, 64))
    targets = rng.integers(0, vocab, (16, 64))
    loss = GPT(config).loss(ids, targets).item()
    assert loss == pytest.approx(math.log(vocab) + 128 * 0.02**2 / 2, abs=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_embd": 10, "n_head": 4}, "n_embd=10 is not divisible by n_head=4"),
        ({"vocab_size": 0}, "vocab_size >= 1, got 0"),
        ({"n_layer": 1.5}, "n_layer >= 1, got 1.5"),
        ({"block_size": -3}, "block_size >= 1, got -3"),
        ({"dropout": 1.0}, "0 <= dropout < 1, got 1.0"),
        ({"bias": "False"}, "bias to be True or False, got 'False'"),
        ({"tie_weights": 0}, "tie_weights to be True or False, got 0"),
        ({"n_layer": True}, "n_layer >= 1, got True"),
        ({"position": "sideways"}, "one of .*learned.*got 'sideways'"),
    ],
)
def test_a_config_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**(SMALL | settings))


def test_a_new_model_is_in_eval_mode():
    assert not GPT(GPTConfig(**SMALL)).training


# ----------------------------------------------------------------------------------- properties


@pytest.mark.gradcheck
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dropout": 0.2},
        {"tie_weights": False, "bias": False},
        *[{"position": p} for p in ("none", "sinusoidal", "rotary", "alibi")],
    ],
)
def test_gradients_end_to_end(settings):
    class Loss(Module):
        def __init__(self):
            self.model = small(**settings).train()

        def __call__(self, ids, targets):
            return self.model.loss(ids, targets)

    report = check_gradient(Loss(), IDS, TARGETS, samples=16)
    assert len(report.arguments) == len(Loss().parameters())


def test_causality_by_changing_a_token():
    model = small()
    before = model(IDS).numpy()
    for t in range(6):
        changed = IDS.copy()
        changed[:, t] = (changed[:, t] + 1) % 11
        after = model(changed).numpy()
        assert np.array_equal(after[:, :t], before[:, :t])
        assert (after[:, t] != before[:, t]).any()


def test_causality_by_gradient():
    """The loss at position t alone sends no gradient to a later position's embedding."""
    model = small(position="learned")
    for t in range(6):
        model.zero_grad()
        targets = np.full((3, 6), -100)
        targets[:, t] = TARGETS[:, t]
        model.loss(IDS, targets).backward()
        heard = np.abs(model.wpe.weight.grad).sum(axis=1) > 0
        assert heard.tolist() == [True] * (t + 1) + [False] * (5 - t)


def test_rows_of_a_batch_are_independent():
    model = small()
    together = model(IDS).numpy()
    for b in range(3):
        np.testing.assert_allclose(model(IDS[b]).numpy()[0], together[b], rtol=2e-5, atol=2e-6)
    other = IDS.copy()
    other[1] = 0
    np.testing.assert_allclose(model(other).numpy()[[0, 2]], together[[0, 2]], rtol=2e-5, atol=2e-6)


def test_without_positions_one_layer_does_not_see_the_order_of_the_past():
    """One layer: with more, each position has seen a different past, which tells the order."""
    model = small(position="none", n_layer=1)
    swapped = IDS[:, [1, 0, 2, 3, 4, 5]]
    last = model(IDS).numpy()[:, -1]
    np.testing.assert_allclose(model(swapped).numpy()[:, -1], last, rtol=1e-4, atol=1e-5)
    learned = small(n_layer=1)
    assert np.abs(learned(swapped).numpy()[:, -1] - learned(IDS).numpy()[:, -1]).max() > 1e-2


def test_without_positions_longer_texts_are_accepted():
    assert small(position="none")(np.zeros((1, 9), int)).shape == (1, 9, 11)


def test_dropout_is_off_in_eval_mode():
    """M4"""
    model, plain = small(dropout=0.5), small()
    a, b = model(IDS).numpy(), model(IDS).numpy()
    assert np.array_equal(a, b)
    assert np.array_equal(a, plain(IDS).numpy())
    assert not np.array_equal(model.train()(IDS).numpy(), a)


def test_float32_stays():
    model = small(dropout=0.1).train()
    assert model(IDS).dtype == np.float32
    model.loss(IDS, TARGETS).backward()
    assert all(p.grad.dtype == np.float32 for p in model.parameters())


def test_memory_is_level_over_twenty_steps():
    """Without the cyclic collector: what a step made is gone when the next begins."""
    model = GPT(GPTConfig(**(SMALL | {"n_embd": 64}), dropout=0.1)).train()
    optimizer, levels = AdamW(model), []
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(20):
            loss = model.loss(IDS, TARGETS)
            loss.backward()
            clip_grad_norm(model, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            levels.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert abs(levels[19] - levels[4]) < 20_000  # one step's activations are half a megabyte


def test_overfits_one_batch():
    model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=32)).train()
    optimizer = AdamW(model, lr=1e-2, weight_decay=0.0)
    text = np.random.default_rng(1).integers(0, 11, (4, 9))
    for _ in range(150):
        loss = model.loss(text[:, :-1], text[:, 1:])
        loss.backward()
        clip_grad_norm(model, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.05


# ------------------------------------------------------------------------------------- inputs


def test_what_ids_may_be():
    model = small()
    expected = model(IDS[:1]).numpy()
    for ids in (
        IDS[0],
        IDS[0].tolist(),
        IDS[:1].tolist(),
        Tensor(IDS[0]),
        IDS[0].astype(np.uint16),
    ):
        assert np.array_equal(model(ids).numpy(), expected)
    assert model([3]).shape == (1, 1, 11)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([[0, 11]], ValueError, r"id 11 at \[0, 1\] is outside the vocabulary of 11 \(0 to 10\)"),
        ([-1], ValueError, r"id -1 at \[0, 0\]"),
        ([0.5], TypeError, "expected integers as ids, got float64"),
        ([], ValueError, "not empty"),
        ([[[1]]], ValueError, r"\(T,\) or \(B, T\)"),
        ([0] * 7, ValueError, r"7 ids, but this model sees at most block_size=6.*ids\[:, -6:\]"),
    ],
)
def test_ids_that_cannot_be(ids, error, message):
    """C1 on the host: the id, its place and the vocabulary."""
    with pytest.raises(error, match=message):
        small()(ids)


def test_targets_that_cannot_be():
    model = small()
    with pytest.raises(ValueError, match=r"target 11 at \[0, 0\]"):
        model.loss([1], [11])
    with pytest.raises(ValueError, match="must have one shape"):
        model.loss([1, 2], [1])
    with pytest.raises(ValueError, match="every target is -100"):
        model.loss([1], [-100])


def test_ignored_targets_count_nowhere():
    model = small()
    targets = TARGETS.copy()
    targets[1:] = -100
    assert model.loss(IDS, targets).item() == pytest.approx(
        model.loss(IDS[:1], TARGETS[:1]).item(), rel=1e-6
    )


def test_the_device_that_the_environment_names(monkeypatch):
    monkeypatch.setenv("TINYGPT_DEVICE", "gpu")
    if not tg.gpu_available():
        with pytest.raises(tg.DeviceError):
            GPT(GPTConfig(**SMALL))


# ------------------------------------------------------------------------------------- writing


def test_generate_returns_the_prompt_and_what_comes_next():
    out = small().generate([[1, 2], [3, 4]], 5, seed=0)
    assert isinstance(out, np.ndarray)
    assert out.shape == (2, 7)
    assert out[:, :2].tolist() == [[1, 2], [3, 4]]
    assert small().generate([1, 2], 0).tolist() == [[1, 2]]


def test_greedy_is_the_likeliest_token_also_past_the_block():
    model = small()
    out = model.generate([[3, 1]], 9, temperature=0)
    ids = [3, 1]
    for _ in range(9):
        ids.append(int(model(ids[-6:]).numpy()[0, -1].argmax()))
    assert out[0].tolist() == ids
    assert model.generate([[3, 1]], 9, top_k=1, seed=3)[0].tolist() == ids


def test_sampled_text_past_the_block_is_that_of_the_last_ids():
    """Greedy text may end in one token for ever, and would not tell which ids the model saw."""
    model = small()
    ids, stream = [3, 1], random_stream(4, "sampling")
    for _ in range(20):
        ids.append(int(next_ids(model(ids[-6:]).numpy()[:, -1], stream)[0]))
    assert len(set(ids[7:])) > 3
    assert model.generate([[3, 1]], 20, seed=4)[0].tolist() == ids


def test_heads_are_independent():
    """Zero what one head passes on: what the others pass on is bit-identical."""
    q, k, v = np.random.default_rng(0).standard_normal((3, 2, 3, 5, 4))
    whole = merge_heads(attention(q, k, v)).numpy()
    v[:, 1] = 0
    part = merge_heads(attention(q, k, v)).numpy()
    assert np.array_equal(whole[..., :4], part[..., :4])
    assert np.array_equal(whole[..., 8:], part[..., 8:])
    assert not part[..., 4:8].any()


def test_tied_weights_get_the_gradient_of_both_uses():
    tied, untied = small(), small(tie_weights=False)
    for model in (tied, untied):
        model.to("float64")
    untied.load_state_dict(tied.state_dict() | {"lm_head.weight": tied.wte.weight.data})
    for model in (tied, untied):
        model.loss(IDS, TARGETS).backward()
    both = untied.wte.weight.grad + untied.lm_head.weight.grad
    np.testing.assert_allclose(tied.wte.weight.grad, both, rtol=1e-10)


def test_numbers_of_pytorch():
    """Logits, gradients and five training steps: see tests/recorded/make_gpt.py."""
    assert matrix.RECORDED.is_file()
    matrix.recorded()


def test_a_seed_repeats_and_another_differs():
    model = small()
    a, b, c = (model.generate([1], 30, seed=s).tolist() for s in (1, 1, 2))
    assert a == b != c


def test_top_k_0_is_off():
    """S2"""
    model = small()
    assert (
        model.generate([1], 20, top_k=0, seed=1).tolist()
        == model.generate([1], 20, top_k=None, seed=1).tolist()
    )


def test_a_row_that_has_stopped_stays_stopped():
    """S4: it repeats its stop id, and the end is where all rows have one."""
    model = small()
    free = model.generate([[1], [2]], 30, seed=2)
    stop = int(free[0, 3])  # what the first row draws third
    length = next(i for i in range(1, 31) if free[1, i] == stop) + 1
    assert length > 6
    out = model.generate([[1], [2]], 30, seed=2, stop_ids=(stop,))
    first = free[0, 1:].tolist().index(stop) + 2
    assert out[0].tolist() == free[0, :first].tolist() + [stop] * (out.shape[1] - first)
    assert out.shape[1] == length
    assert out[1].tolist() == free[1, :length].tolist()
    six = model.generate([[1], [2]], 6, seed=2, stop_ids=(stop,))
    assert six.tolist() == out[:, :7].tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_p": 0.0}, "0 < top_p <= 1"),
        ({"top_p": 1.1}, "0 < top_p <= 1"),
        ({"min_p": -0.1}, "0 <= min_p <= 1"),
        ({"repetition_penalty": 0.0}, "repetition_penalty > 0"),
        ({"stop_ids": (11,)}, "stop id 11 is outside the vocabulary of 11"),
        ({"temperature": -1.0}, "temperature >= 0"),
        ({"temperature": float("nan")}, "temperature >= 0"),
        ({"temperature": float("inf")}, "temperature >= 0"),
        ({"top_k": -1}, "top_k >= 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(settings, message):
    with pytest.raises(ValueError, match=message):
        small().stream([1], 5, **settings)
    with pytest.raises(ValueError, match="max_new_tokens"):
        small().stream([1], -1)


def test_streaming_does_not_switch_recording_off_for_its_caller():
    model = small()
    for _ in model.stream([1], 3, seed=0):
        assert model(IDS).requires_grad
    stream = model.stream([1], 3, seed=0)
    next(stream)  # paused
    assert model(IDS).requires_grad


def test_writing_is_always_in_eval_mode_and_leaves_the_mode_alone():
    model = small(dropout=0.5)
    expected = model.generate([1], 10, temperature=0).tolist()
    model.train()
    assert model.generate([1], 10, temperature=0).tolist() == expected
    assert model.training
    assert model.drop.training


def test_the_plain_form_is_the_model():
    model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=8), seed=3)
    ids = np.random.default_rng(0).integers(0, 11, (2, 8))
    assert np.array_equal(gpt_plain(model, ids).numpy(), model(ids).numpy())
    assert np.array_equal(gpt_plain(model, ids[:, :5]).numpy(), model(ids[:, :5]).numpy())


def test_the_spread_of_the_first_weights_is_a_setting():
    shape = {"vocab_size": 50, "block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 64}
    for mlp in ("gelu", "swiglu"):
        small, large = (GPT(GPTConfig(**shape, mlp=mlp, init_std=s), seed=1) for s in (0.02, 0.1))
        for (name, a), (_, b) in zip(
            small.named_parameters(), large.named_parameters(), strict=True
        ):
            times = 5 if a.ndim == 2 and name.startswith("h.") else 1
            assert np.allclose(b.data, times * a.data, rtol=1e-5), name


def test_a_classifier_comes_back_from_disk(tmp_path):
    config = GPTConfig(9, block_size=6, n_layer=1, n_head=2, n_embd=8, n_classes=3, init_std=0.05)
    model = GPT(config, seed=2)
    model.save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    assert again.config == config
    ids = np.array([[1, 2, 3]])
    assert np.array_equal(again(ids).numpy(), model(ids).numpy())
    assert model(ids).shape == (1, 3, 3)
    assert "score" in model.describe()
    with pytest.raises(ValueError, match="n_classes"):
        from tinygpt.models.export import exportable

        exportable(model)
