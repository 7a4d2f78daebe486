"""What a folder says beside the weights, own parts, and models written for transformers."""

import json

import numpy as np
import pytest

from tests.models.test_formats import IDS, LLAMA, random
from tinygpt import GPT, GPTConfig
from tinygpt.cli import main
from tinygpt.models.export import exportable
from tinygpt.nn import MLP
from tinygpt.nn.module import Module
from tinygpt.text import BPETokenizer

# ----------------------------------------------------------------------- what ends a text


def test_f33_what_ends_a_text_is_kept_and_used(tmp_path):
    model = random()
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    first = int(model.generate(IDS[:1], 1, temperature=0)[0, -1])
    (tmp_path / "config.json").write_text(
        json.dumps(config | {"eos_token_id": first}), encoding="utf-8"
    )
    (tmp_path / "generation_config.json").unlink()
    again = GPT.from_pretrained(tmp_path)
    assert again.stop_ids == (first,)
    assert again.generate(IDS[:1], 9, temperature=0).shape == (1, 7)  # and no further
    assert again.generate(IDS[:1], 9, temperature=0, stop_ids=()).shape == (1, 15)
    again.save_pretrained(tmp_path / "again")
    for name in ("config.json", "generation_config.json"):
        assert json.loads((tmp_path / "again" / name).read_text("utf-8"))["eos_token_id"] == first


def test_every_setting_of_generation_comes_back(tmp_path):
    model = random()
    model.save_pretrained(tmp_path)
    said = {"eos_token_id": [3, 5, 700], "temperature": 0.6, "top_p": 0.9, "do_sample": True}
    (tmp_path / "generation_config.json").write_text(
        json.dumps(said | {"pad_token_id": None}), encoding="utf-8"
    )
    again = GPT.from_pretrained(tmp_path)
    assert again.stop_ids == (3, 5)  # 700 is outside of the vocabulary: it never comes
    again.save_pretrained(tmp_path / "again")
    kept = json.loads((tmp_path / "again" / "generation_config.json").read_text("utf-8"))
    assert said.items() <= kept.items()


@pytest.mark.parametrize("bad", ["[1, 2]", '{"eos_token_id": "x"}', "{", '{"eos_token_id": [1.5]}'])
def test_settings_of_generation_that_are_none(tmp_path, bad):
    random().save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text(bad, encoding="utf-8")
    with pytest.raises(ValueError, match=r"generation_config\.json|eos_token_id"):
        GPT.from_pretrained(tmp_path)


def test_a_run_with_an_end_of_text_says_so(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("one two<|endoftext|>three four\n" * 60, encoding="utf-8")
    options = ["--max-steps", "2", "--n-layer", "1", "--n-embd", "8", "--n-head", "1",
               "--block-size", "4", "--tokenizer", "bpe", "--vocab-size", "270",
               "--special-tokens", "<|endoftext|>", "--workers", "1",
               "--output-dir", str(tmp_path / "runs")]  # fmt: skip
    assert main(["train", str(text), *options]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    end = json.loads((run / "config.json").read_text("utf-8"))["eos_token_id"]
    assert end == GPT.from_pretrained(run).stop_ids[0] == BPETokenizer.load(run).end_id
    assert main(["train", "--resume", str(run), "--max-steps", "4"]) == 0
    assert json.loads((run / "config.json").read_text("utf-8"))["eos_token_id"] == end


# ---------------------------------------------------------------------------- own parts


class Doubled(MLP):
    def __call__(self, x):
        return super().__call__(x) * 2


class Mine(GPT):
    """A part of its own, and the same names and shapes: nothing else would tell."""

    def new_block(self, rng):
        block = super().new_block(rng)
        c = self.config
        block.mlp = Doubled(c.n_embd, n_inner=c.mlp_width, residual_std=0.02, rng=rng)
        return block


class Warm(GPT):
    """No part of its own, and another function all the same."""

    def logits(self, x):
        return super().logits(x) * 3

    def hidden(self, ids, cache=None):
        return super().hidden(ids, cache) + 1


class OtherAttention(GPT):
    def new_block(self, rng):
        block = super().new_block(rng)
        block.attn = Other(block.attn)
        return block


class Other(Module):
    def __init__(self, attn):
        self.attn = attn

    def __call__(self, x, cache=None):
        return self.attn(x, cache) - x


SMALL = GPTConfig(vocab_size=11, block_size=6, n_layer=2, n_head=2, n_embd=8)


@pytest.mark.parametrize(
    ("kind", "settings"), [(Mine, {}), (Warm, {}), (OtherAttention, {}), (Warm, LLAMA)]
)
def test_own_parts_are_named_and_no_other_class_loads_them(tmp_path, kind, settings):
    model = kind(GPTConfig(**(vars(SMALL) | settings)))
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert config["model_type"] == "tinygpt"
    assert config["own_parts"][""] == kind.__name__
    with pytest.raises(ValueError, match=f"the model is a {kind.__name__}.*TheClass"):
        GPT.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="parts of its own"):
        GPT(model.config).load_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    assert np.array_equal(again(IDS).numpy(), model(IDS).numpy())
    assert main(["generate", str(tmp_path), "a b"]) == 2


def test_a_part_that_was_exchanged_is_named_too(tmp_path):
    model = random()
    assert model.own_parts() == {}
    model.h[1].mlp = Doubled(8)
    assert model.own_parts() == {"h.1.mlp": "Doubled"}
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"h\.1\.mlp is a Doubled"):
        GPT.from_pretrained(tmp_path)


def test_a_class_of_ones_own_loads_what_gpt_wrote(tmp_path):
    model = random()
    model.save_pretrained(tmp_path)

    class Same(GPT):
        pass

    assert np.array_equal(Same.from_pretrained(tmp_path)(IDS).numpy(), model(IDS).numpy())


def test_trace_is_what_the_model_computes_or_refuses():
    assert np.allclose(Mine(SMALL).trace(IDS)["logits"], Mine(SMALL)(IDS).numpy(), atol=1e-6)
    with pytest.raises(ValueError, match=r"h\.0\.attn is a Other"):
        OtherAttention(SMALL).trace(IDS)

    with pytest.raises(ValueError, match="Warm computes other logits"):
        Warm(SMALL).trace(IDS)


def test_describe_of_own_parts_is_the_tree():
    assert "Doubled" in Mine(SMALL).describe()
    assert "multiply-adds" in random().describe()


# ----------------------------------------------------------------------------- tinygpt export

CAN = {
    "gpt2": {},
    "no biases": {"bias": False},
    "sinusoidal": {"position": "sinusoidal"},
    "no positions": {"position": "none", "bias": False},
    "one key head": {"n_kv_head": 1, "n_head": 4},
    "two key heads": {"n_kv_head": 2, "n_head": 4, "position": "sinusoidal", "bias": False},
    "adapters": {"lora_rank": 2},
    "untied": {"tie_weights": False, "mlp": "gelu_exact", "bias": False, "n_inner": 20},
    "llama": LLAMA | {"n_kv_head": 1},
    "llama with adapters": LLAMA | {"lora_rank": 2},
}
CANNOT = {
    "position = alibi": {"position": "alibi"},
    "position = rotary": {"position": "rotary"},
    "norm = rms_norm": {"norm": "rms_norm"},
    "mlp = swiglu": {"mlp": "swiglu", "position": "none"},
    "bias = True": LLAMA | {"bias": True},
    "rope_pairs = neighbours": LLAMA | {"rope_pairs": "neighbours"},
}


def a_run(folder, **settings):
    tokenizer = BPETokenizer.train("the cat sat on the mat, the hat", 262)
    model = random(**settings, vocab_size=262)
    model.save_pretrained(folder)
    tokenizer.save(folder)
    return model


@pytest.mark.parametrize("name", CAN)
def test_an_exported_model_computes_the_same(tmp_path, capsys, name):
    model = a_run(tmp_path / "run", **CAN[name])
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    assert "AutoModelForCausalLM" in capsys.readouterr().out
    again = GPT.from_pretrained(tmp_path / "out")
    kind = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))["model_type"]
    assert kind == ("llama" if "llama" in name else "gpt2")
    y = model(IDS).numpy()
    np.testing.assert_allclose(again(IDS).numpy(), y, atol=1e-5 * np.abs(y).max())


@pytest.mark.parametrize("message", CANNOT)
def test_what_has_no_such_form_is_refused_by_name(tmp_path, capsys, message):
    a_run(tmp_path / "run", **CANNOT[message])
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_export_does_not_write_over_a_model(tmp_path, capsys):
    a_run(tmp_path / "run")
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "run")]) == 2
    assert "there is a model in" in capsys.readouterr().err
    assert main(["export"]) == 2
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], None),
        (["--no-bias"], "transformers reads it after: tinygpt export"),
        (["--position", "alibi"], "transformers has no form for it: position = alibi"),
    ],
)
def test_train_says_whether_transformers_reads_the_run(tmp_path, capsys, options, words):
    (tmp_path / "text.txt").write_text("one two three four\n" * 60, encoding="utf-8")
    small = "--max-steps 1 --n-layer 1 --n-embd 8 --n-head 1 --block-size 4 --tokenizer byte"
    assert main(["train", str(tmp_path / "text.txt"), *small.split(), "--workers", "1",
                 "--output-dir", str(tmp_path / "runs"), *options]) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert words in out if words else "transformers" not in out


def test_own_parts_are_not_exported():
    with pytest.raises(ValueError, match="the model, a Mine"):
        exportable(Mine(SMALL))


@pytest.mark.parity
@pytest.mark.parametrize("name", CAN)
def test_transformers_reads_it(tmp_path, name):
    transformers = pytest.importorskip("transformers")
    import torch

    model = a_run(tmp_path / "run", **CAN[name])
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    y = model(IDS).numpy()
    z = theirs(torch.tensor(IDS)).logits.detach().numpy()
    np.testing.assert_allclose(z, y, atol=1e-4 * np.abs(y).max())
    text = "the cat's hat, 12  \u732b\n"
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer(text)["input_ids"] == BPETokenizer.load(tmp_path / "run").encode(text)
