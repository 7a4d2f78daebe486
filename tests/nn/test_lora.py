"""Adapters: what learns, what stays, and that a merged model is the same."""

import copy

import numpy as np
import pytest

from tests.models.test_gpt import IDS, SMALL, TARGETS
from tinygpt import GPT, AdamW, GPTConfig, check_gradient, nn
from tinygpt.autograd.parameters import Frozen, Parameter
from tinygpt.files import read_arrays, write_arrays
from tinygpt.nn import Linear, Module
from tinygpt.nn.lora import LoRALinear
from tinygpt.training import TrainingArguments
from tinygpt.training.trainer import Trainer


def adapted(**settings):
    """A GPT with adapters that already do something."""
    model = GPT(GPTConfig(**SMALL, lora_rank=2, **settings))
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.lora_B.data[...] = 0.2 * np.random.default_rng(1).standard_normal(
                module.lora_B.shape
            )
    return model


def test_new_adapters_change_nothing():
    plain, model = GPT(GPTConfig(**SMALL)), GPT(GPTConfig(**SMALL, lora_rank=2))
    assert np.array_equal(plain(IDS).numpy(), model(IDS).numpy())


def test_only_the_adapters_learn():
    model = adapted().train()
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == 2 * 4 * 2
    assert all(".lora_" in name for name in names)
    C = 8
    per_block = 2 * (C + 3 * C) + 2 * (C + C) + 2 * (C + 4 * C) + 2 * (4 * C + C)
    assert model.num_parameters() == model.vector().data.size == 2 * per_block
    assert model.num_frozen() == GPT(GPTConfig(**SMALL)).num_parameters()
    before = model.state_dict()
    optimizer = AdamW(model, lr=1e-2)
    for _ in range(3):
        model.loss(IDS, TARGETS).backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]) == (".lora_" not in name), name


@pytest.mark.gradcheck
def test_gradients_end_to_end():
    class Loss(Module):
        def __init__(self):
            self.model = adapted(dropout=0.2, mlp="swiglu", n_inner=12).train()

        def __call__(self, ids, targets):
            return self.model.loss(ids, targets)

    report = check_gradient(Loss(), IDS, TARGETS, samples=16)
    assert len(report.arguments) == len(Loss().parameters())


def test_merged_it_is_the_same_model_without_adapters():
    model = adapted()
    expected = model(IDS).numpy()
    merged = copy.deepcopy(model).merge_adapters()
    assert merged.config == GPTConfig(**SMALL)
    assert not any(isinstance(p, Frozen) for _, p in merged.named_tensors())
    np.testing.assert_allclose(merged(IDS).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert set(merged.state_dict()) == set(GPT(GPTConfig(**SMALL)).state_dict())
    assert np.array_equal(model(IDS).numpy(), expected)  # the first one is as it was


def test_a_frozen_weight_costs_no_gradient(monkeypatch):
    """linear and unembed are told that nobody wants it, and do not compute it."""
    x = np.ones((3, 5), np.float32)
    layer = LoRALinear(Linear(5, 7, rng=np.random.default_rng(0)), 2, 4.0, rng=None)
    seen = []
    function = nn.linear.function

    def spied(*args, **settings):
        y, backward = function(*args, **settings)
        return y, lambda dy: seen.append(backward(dy)) or seen[-1]

    monkeypatch.setattr(nn.linear, "function", spied)
    layer(x).sum().backward()
    wanted = [[g is not None for g in grads[:2]] for grads in seen]
    assert wanted == [[True, True], [False, True]]  # B, then A; W was not recorded at all


def test_two_workers_are_one():
    losses = []
    for workers in (1, 2):
        a = TrainingArguments(batch_size=3, workers=workers, warmup_steps=0, learning_rate=1e-2)
        trainer = Trainer(adapted(dropout=0.2), a)
        losses.append([float(trainer.step(IDS, TARGETS)) for _ in range(4)])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_saved_and_loaded(tmp_path):
    model = adapted()
    model.save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    assert again.config == model.config
    assert np.array_equal(again(IDS).numpy(), model(IDS).numpy())
    GPT(GPTConfig(**SMALL)).save_pretrained(tmp_path / "plain")
    a, b = (GPT.from_pretrained(tmp_path / "plain", lora_rank=2, seed=s) for s in (1, 1))
    c = GPT.from_pretrained(tmp_path / "plain", lora_rank=2, seed=2)
    name = "h.0.attn.c_attn.lora_A"
    first, same, other = (m.state_dict()[name] for m in (a, b, c))
    assert np.array_equal(first, same) and not np.array_equal(first, other)
    assert first.std() == pytest.approx(8**-0.5, rel=0.5)
    assert all(isinstance(p, Frozen | Parameter) for _, p in a.named_tensors())


def test_adapters_that_are_missing_in_a_file_that_should_have_them(tmp_path):
    adapted().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    write_arrays(path, {k: a for k, a in read_arrays(path).items() if ".lora_" not in k})
    for action in (
        lambda: GPT.from_pretrained(tmp_path),
        lambda: adapted().load_pretrained(tmp_path),
    ):
        with pytest.raises(ValueError, match=r"missing: h.0.attn.c_attn.lora_A \(8, 2\)"):
            action()


def test_converted_to_float64_all_of_it():
    model = adapted().to("float64")
    assert {str(p.dtype) for _, p in model.named_tensors()} == {"float64"}
    assert model(IDS).dtype == np.float64


def test_ranks_that_cannot_be():
    with pytest.raises(ValueError, match="a rank of 1 to 8, got 9"):
        GPT(GPTConfig(**SMALL, lora_rank=9))
    with pytest.raises(ValueError, match="lora_rank >= 0, got -1"):
        GPTConfig(**SMALL, lora_rank=-1)
