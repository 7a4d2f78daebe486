"""Folders with a model: written whole, read back exactly, refused with a reason."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tinygpt import GPT, GPTConfig
from tinygpt.files import write_arrays
from tinygpt.models import pretrained

SMALL = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 8}


FILES = ["config.json", "generation_config.json", "model.safetensors"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"tie_weights": False}, {"bias": False}, {"position": "none"}, {"dropout": 0.25}],
)
def test_round_trip(tmp_path, settings):
    model = GPT(GPTConfig(**SMALL, **settings), seed=3)
    model.save_pretrained(tmp_path / "new" / "folder")
    again = GPT.from_pretrained(tmp_path / "new" / "folder")
    assert again.config == model.config
    assert not again.training
    state, other = model.state_dict(), again.state_dict()
    assert list(state) == list(other)
    assert all(np.array_equal(state[name], other[name]) for name in state)
    assert sorted(os.listdir(tmp_path / "new" / "folder")) == FILES


def test_hugging_faces_layout(tmp_path):
    GPT(GPTConfig(**SMALL)).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "gpt2"
    assert (config["n_positions"], config["n_embd"], config["tie_word_embeddings"]) == (6, 8, True)
    assert config["activation_function"] == "gelu_new"
    state = load_file(tmp_path / "model.safetensors")
    assert state["transformer.h.0.attn.c_attn.weight"].shape == (8, 24)
    assert "transformer.wte.weight" in state
    assert not any(name.startswith("lm_head") for name in state)
    GPT(GPTConfig(**SMALL, tie_weights=False)).save_pretrained(tmp_path)
    assert "lm_head.weight" in load_file(tmp_path / "model.safetensors")


def test_what_gpt2_cannot_express_says_so(tmp_path):
    for settings in ({"bias": False}, {"position": "none"}):
        GPT(GPTConfig(**SMALL, **settings)).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
        assert config["model_type"] == "tinygpt"


def test_names_without_the_prefix_are_read_too(tmp_path):
    model = GPT(GPTConfig(**SMALL))
    model.save_pretrained(tmp_path)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert np.array_equal(
        GPT.from_pretrained(tmp_path).state_dict()["wte.weight"], model.state_dict()["wte.weight"]
    )


def test_arrays_in_another_memory_order_are_written_right(tmp_path):
    """W1: safetensors 0.8.0 writes a transposed array's memory as it lies."""
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_arrays(tmp_path / "model.safetensors", {"t": a.T, "s": a[:, ::2]})
    state = pretrained.map_weights(tmp_path)
    assert state["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert state["s"].tolist() == [[0, 2], [3, 5]]


def change_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "holds no model"),
        (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
        (lambda f: (f / "config.json").write_text("{", encoding="utf-8"), "no model configuration"),
        (
            lambda f: (f / "config.json").write_text("[]", encoding="utf-8"),
            "no model configuration",
        ),
        (lambda f: change_config(f, model_type="bert"), "got 'bert'"),
        (lambda f: change_config(f, model_type="llama"), "lacks max_position_embeddings"),
        (lambda f: change_config(f, n_head=None), "lacks n_head"),
        (lambda f: change_config(f, layer_norm_epsilon=0), "norm_eps > 0, got 0"),
        (
            lambda f: change_config(f, scale_attn_by_inverse_layer_idx=True),
            "scale_attn_by_inverse_layer_idx = True is not supported, only False",
        ),
        (lambda f: change_config(f, scale_attn_weights=False), "scale_attn_weights = False"),
        (lambda f: change_config(f, add_cross_attention=True), "add_cross_attention = True"),
        (lambda f: change_config(f, activation_function="relu"), "activation_function = 'relu'"),
        (lambda f: change_config(f, attn_pdrop=0.3), "attn_pdrop"),
        (lambda f: change_config(f, n_layer=3), "missing: h.2.ln_1.weight"),
        (lambda f: change_config(f, n_layer=1), "unknown: h.1.ln_1.weight"),
        (lambda f: change_config(f, n_embd=16), r"wte.weight should be \(11, 16\), is \(11, 8\)"),
        (
            lambda f: os.truncate(f / "model.safetensors", 5000),
            r"has 5,000 bytes and should have 10,\d\d\d",
        ),
        (
            lambda f: os.truncate(f / "model.safetensors", 3),
            "has 3 bytes and should have more than 8",
        ),
    ],
)
def test_folders_that_are_refused(tmp_path, spoil, message):
    GPT(GPTConfig(**SMALL)).save_pretrained(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="there is no model"):
        GPT.from_pretrained(tmp_path / "nowhere")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    model = GPT(GPTConfig(**SMALL))
    model.save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == FILES
