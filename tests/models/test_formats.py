"""Weights of other people: GPT-2's, nanoGPT's, minGPT's and Llama's files.

pytest -m parity        also against transformers itself, where it is installed
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.models import live
from tinygpt import GPT, GPTConfig
from tinygpt.files import BFLOAT16, copy_array, map_arrays
from tinygpt.models import gpt2_format, llama_format, pretrained

RECORDED = np.load(Path(__file__).parents[1] / "recorded" / "pretrained.npz")
NAMES = sorted({key.split("/")[0] for key in RECORDED.files})
SMALL = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 8}
LLAMA = {"position": "rotary", "norm": "rms_norm", "mlp": "swiglu", "bias": False}
IDS = np.random.default_rng(0).integers(0, 11, (2, 6))


def random(**settings):
    """A GPT whose weights are all drawn, biases and norms too."""
    model = GPT(GPTConfig(**(SMALL | settings)))
    data = model.vector().data
    data += 0.3 * np.random.default_rng(5).standard_normal(data.size).astype(np.float32)
    return model


def config_of(folder, **changes):
    """Change fields of config.json; None takes one away."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {k: v for k, v in config.items() if v is not None or k not in changes}
    path.write_text(json.dumps(kept), encoding="utf-8")


def tensors_of(folder, change):
    """Rewrite model.safetensors; change: tensors -> tensors."""
    path = folder / "model.safetensors"
    tensors = change(load_file(path))
    save_file({k: np.ascontiguousarray(a) for k, a in tensors.items()}, path)


# ------------------------------------------------------------------------ recorded of transformers


@pytest.mark.parametrize("name", NAMES)
def test_what_transformers_wrote_gives_its_logits_and_gradients(tmp_path, name):
    prefix = f"{name}/tensors/"
    tensors = {k.removeprefix(prefix): RECORDED[k] for k in RECORDED.files if k.startswith(prefix)}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(str(RECORDED[f"{name}/config"]), encoding="utf-8")
    model, ids = GPT.from_pretrained(tmp_path), RECORDED[f"{name}/ids"]
    logits = RECORDED[f"{name}/logits"]
    assert np.abs(model(ids).numpy() - logits).max() < 1e-5 * np.abs(logits).max()
    loss = model.loss(ids[:, :-1], ids[:, 1:])
    assert loss.item() == pytest.approx(float(RECORDED[f"{name}/loss"]), rel=1e-6)
    loss.backward()
    gradient = RECORDED[f"{name}/gradient"]
    assert np.abs(model.wte.weight.grad - gradient).max() < 1e-4 * np.abs(gradient).max()
    back = tmp_path / "back"
    model.save_pretrained(back)
    mine, theirs = (load_file(f / "model.safetensors") for f in (back, tmp_path))
    assert {k: a.shape for k, a in mine.items()} == {k: a.shape for k, a in theirs.items()}
    assert all(np.array_equal(mine[k], theirs[k]) for k in mine)


# ------------------------------------------------------------------------- the files of others


@pytest.mark.parametrize("settings", [{}, LLAMA | {"n_kv_head": 1}, {"lora_rank": 2}])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floats(tmp_path, settings, dtype):
    model = random(**settings)
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    state, cut = load_file(path), {}
    for name, a in state.items():
        if dtype == "bfloat16":  # the upper half of each number
            cut[name] = np.ascontiguousarray(a.view(np.uint32) >> 16).astype(np.uint16)
        else:
            cut[name] = a.astype(dtype)
    save_file(cut, path)
    if dtype == "bfloat16":
        raw = path.read_bytes()
        end = 8 + int.from_bytes(raw[:8], "little")
        header = raw[8:end].replace(b'"U16"', b'"BF16"')
        path.write_bytes(len(header).to_bytes(8, "little") + header + raw[end:])
    back = GPT.from_pretrained(tmp_path).state_dict()
    tolerance = {"float16": 1e-3, "bfloat16": 8e-3, "float64": 0}[dtype]
    for name, a in model.state_dict().items():
        np.testing.assert_allclose(back[name], a, rtol=tolerance, atol=1e-7)


def test_bfloat16_is_the_upper_half_of_a_float32():
    """W2"""
    bits = np.array([0x3F80, 0xC040, 0x3DCD, 0x0001, 0x7F7F], np.uint16).view(BFLOAT16)
    numbers = np.empty(5, np.float32)
    copy_array(numbers, bits)
    expected = [1.0, -3.0, 0.10009765625, 9.1835e-41, 3.3895314e38]
    np.testing.assert_allclose(numbers, expected, rtol=1e-5)


def test_w5_one_name_for_the_tied_table_or_the_other_or_both(tmp_path):
    model = random()
    expected = model(IDS).numpy()
    for names in (["wte"], ["lm_head"], ["wte", "lm_head"]):
        model.save_pretrained(tmp_path)

        def change(t, names=names):
            table = t.pop("transformer.wte.weight")
            both = {"wte": "transformer.wte.weight", "lm_head": "lm_head.weight"}
            return t | {both[n]: table.copy() for n in names}

        tensors_of(tmp_path, change)
        assert np.array_equal(GPT.from_pretrained(tmp_path)(IDS).numpy(), expected)
    tensors_of(tmp_path, lambda t: t | {"lm_head.weight": t["lm_head.weight"] + 1})
    with pytest.raises(ValueError, match=r"lm_head.weight and wte.weight differ"):
        GPT.from_pretrained(tmp_path)
    config_of(tmp_path, tie_word_embeddings=False)
    assert GPT.from_pretrained(tmp_path).lm_head is not None


def test_buffers_are_no_weights(tmp_path):
    model = random()
    model.save_pretrained(tmp_path)
    mask = np.tril(np.ones((1, 1, 6, 6), np.float32))
    more = {f"transformer.h.{i}.attn.bias": mask for i in range(2)}
    more["transformer.h.0.attn.masked_bias"] = np.float32([-1e4])
    tensors_of(tmp_path, lambda t: t | more)
    assert np.array_equal(GPT.from_pretrained(tmp_path)(IDS).numpy(), model(IDS).numpy())


def test_shards(tmp_path):
    model = random()
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {}
    for i, part in enumerate((names[:7], names[7:])):
        file = f"model-0000{i + 1}-of-00002.safetensors"
        save_file({n: tensors[n] for n in part}, tmp_path / file)
        where |= dict.fromkeys(part, file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": where}), encoding="utf-8")
    assert np.array_equal(GPT.from_pretrained(tmp_path)(IDS).numpy(), model(IDS).numpy())
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match=r"lacks model-00002-of-00002.safetensors, named in"):
        GPT.from_pretrained(tmp_path)
    index.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"index.json is cut short or altered"):
        GPT.from_pretrained(tmp_path)


def turned(tensors):
    """As torch's Linear keeps its weights."""
    linear = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    return {k: a.T if k.endswith(linear) else a for k, a in tensors.items()}


@pytest.mark.parametrize("prefix", ["transformer.", "", "_orig_mod.transformer."])
@pytest.mark.parametrize("bias", [True, False])
def test_nanogpt(tmp_path, bias, prefix):
    """Its model_args as config.json: weights (out, in), GELU exact, the head in both names."""
    model = random(bias=bias, mlp="gelu_exact")
    model.save_pretrained(tmp_path)

    def change(t):
        t = turned({k.replace("transformer.", prefix): a for k, a in t.items()})
        return t | {prefix.replace("transformer.", "") + "lm_head.weight": t[prefix + "wte.weight"]}

    tensors_of(tmp_path, change)
    args = {k: SMALL[k] for k in SMALL} | {"bias": bias, "dropout": 0.0}
    (tmp_path / "config.json").write_text(json.dumps(args), encoding="utf-8")
    again = GPT.from_pretrained(tmp_path)
    assert again.config == model.config
    np.testing.assert_allclose(again(IDS).numpy(), model(IDS).numpy(), rtol=1e-5, atol=1e-6)


def test_mingpt(tmp_path):
    """Its GELU is the tanh form, its head has a table of its own, and its masks are saved."""
    model = random(tie_weights=False)
    model.save_pretrained(tmp_path)
    mask = {"transformer.h.0.attn.bias": np.ones((1, 1, 6, 6), np.float32)}
    tensors_of(tmp_path, lambda t: turned(t) | mask)
    pdrop = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.1)
    args = SMALL | pdrop | {"model_type": "gpt-mini"}
    (tmp_path / "config.json").write_text(json.dumps(args), encoding="utf-8")
    again = GPT.from_pretrained(tmp_path)
    assert again.config == GPTConfig(**SMALL, tie_weights=False, dropout=0.1)
    np.testing.assert_allclose(again(IDS).numpy(), model(IDS).numpy(), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------ what is written


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "gpt2"),
        ({"mlp": "gelu_exact", "norm_eps": 1e-3, "n_inner": 20}, "gpt2"),
        ({"position": "alibi"}, "tinygpt"),
        ({"position": "rotary", "rope_base": 500.0}, "tinygpt"),
        ({"bias": False}, "tinygpt"),
        (LLAMA | {"rope_pairs": "neighbours"}, "tinygpt"),
        ({"norm": "rms_norm"}, "tinygpt"),
        ({"mlp": "swiglu"}, "tinygpt"),
        ({"n_kv_head": 1}, "tinygpt"),
        ({"lora_rank": 2}, "tinygpt"),
        (LLAMA | {"n_inner": 20, "dropout": 0.1}, "llama"),
        (LLAMA | {"n_inner": 20, "n_kv_head": 1, "rope_scaling": (4.0,)}, "llama"),
        (LLAMA | {"n_inner": 20, "rope_scaling": (8.0, 1.0, 4.0, 32.0)}, "llama"),
        (LLAMA | {"n_inner": 20, "tie_weights": False, "rope_base": 5e5}, "llama"),
    ],
)
def test_every_shape_comes_back(tmp_path, settings, kind):
    model = random(**settings)
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == kind
    again = GPT.from_pretrained(tmp_path)
    assert again.config == model.config
    assert np.array_equal(again(IDS).numpy(), model(IDS).numpy())


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act = 'relu' is not supported, only 'silu'"),
        ({"attention_bias": True}, "attention_bias = True"),
        ({"mlp_bias": True}, "mlp_bias = True"),
        ({"head_dim": 7}, "head_dim = 7 is not supported"),
        ({"sliding_window": 4}, "sliding_window = 4"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 2}}, "rope_type = 'yarn'"),
        ({"rope_parameters": {"rope_type": "linear"}}, "rope settings lack factor"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"hidden_size": None}, "lacks hidden_size"),
        ({"num_attention_heads": 3}, "not divisible"),
    ],
)
def test_fields_of_a_llama_that_are_refused_by_name(tmp_path, changes, message):
    random(**LLAMA).save_pretrained(tmp_path)
    config_of(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(tmp_path)


def test_everything_that_does_not_fit_is_listed_at_once(tmp_path):
    random().save_pretrained(tmp_path)

    def change(t):
        del t["transformer.ln_f.bias"]
        t["transformer.wpe.weight"] = t["transformer.wpe.weight"][:, :4]
        return t | {"transformer.extra": np.ones(3, np.float32)}

    tensors_of(tmp_path, change)
    with pytest.raises(ValueError) as caught:
        GPT.from_pretrained(tmp_path)
    assert str(caught.value).split("\n  ")[1:] == [
        "missing: ln_f.bias (8,)",
        "unknown: extra (3,)",
        "shape: wpe.weight should be (6, 8), is (6, 4)",
    ]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "ckpt.pt"])
def test_pickles_are_refused_with_the_way_to_convert_them(tmp_path, name):
    random().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / name).write_bytes(b"\x80\x04.")
    for where in (tmp_path, tmp_path / name):
        with pytest.raises(ValueError, match=r"is a pickle: reading one can run any code") as error:
            GPT.from_pretrained(where)
        assert "python -c" in str(error.value) and "weights_only=True" in str(error.value)


def test_positions_are_cut_only_where_that_was_asked_for(tmp_path):
    """Found by altering files: a config that says fewer positions than the file has is wrong."""
    random().save_pretrained(tmp_path)
    config_of(tmp_path, n_positions=4)
    with pytest.raises(ValueError, match=r"shape: wpe.weight should be \(4, 8\), is \(6, 8\)"):
        GPT.from_pretrained(tmp_path)


def test_changes_to_what_is_in_the_folder(tmp_path):
    random().save_pretrained(tmp_path)
    short = GPT.from_pretrained(tmp_path, block_size=4, dropout=0.2)
    assert (short.config.block_size, short.config.dropout) == (4, 0.2)
    assert np.array_equal(short(IDS[:, :4]).numpy(), random()(IDS[:, :4]).numpy())
    with pytest.raises(ValueError, match="has learned 6 positions, not more"):
        GPT.from_pretrained(tmp_path, block_size=9)
    with pytest.raises(ValueError, match="dropout < 1, got 3"):
        GPT.from_pretrained(tmp_path, dropout=3)


# --------------------------------------------------------------------------------------- the hub


def test_without_huggingface_hub_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r'gpt2 is no folder.*pip install -e "\.\[hub\]"'):
        GPT.from_pretrained("gpt2")


@pytest.mark.skipif(not importlib.util.find_spec("huggingface_hub"), reason="extra hub")
def test_a_published_model_from_the_cache_without_network(tmp_path):
    """The cache as huggingface_hub lays it out, offline; and a name that is not in it."""
    snapshot = tmp_path / "hub" / "models--owner--model" / "snapshots" / "0123abcd"
    random().save_pretrained(snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("0123abcd", encoding="utf-8")
    code = (
        "from tinygpt import GPT; print(GPT.from_pretrained('owner/model').num_parameters())\n"
        "try: GPT.from_pretrained('gpt2')\nexcept ValueError as error: print(error)"
    )
    import os

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1",
                          "PYTHONPATH": str(Path(pretrained.__file__).parents[2])},
    )  # fmt: skip
    assert done.stdout.startswith(str(random().num_parameters())), done.stderr
    assert "gpt2 is no folder, and no model of that name could be fetched" in done.stdout


# ------------------------------------------------------------------------------------ transformers


@pytest.mark.parity
@pytest.mark.parametrize("name", live.SHAPES)
def test_parity_with_transformers_both_ways(tmp_path, name):
    transformers = pytest.importorskip("transformers")
    import torch

    made = live.make(name, tmp_path / "theirs")
    model = GPT.from_pretrained(tmp_path / "theirs")
    ids, logits = made["ids"], made["logits"]

    def close(a, b, tolerance):
        assert np.abs(a - b).max() < tolerance * np.abs(b).max()

    close(model(ids).numpy(), logits, 1e-4)
    if made["loss"] is not None:
        loss = model.loss(ids[:, :-1], ids[:, 1:])
        loss.backward()
        assert loss.item() == pytest.approx(made["loss"], rel=1e-5)
        layout = llama_format if name.startswith("llama") else gpt2_format
        grads = layout.views({n: p.grad for n, p in model.named_parameters()}, model.config)
        for n, g in grads.items():
            close(g, made["gradients"][layout.full_name(n)], 1e-3)
    start = ids[:1, :5]
    mine = model.generate(start, 12, temperature=0, stop_ids=())  # made without eos too
    assert mine.tolist() == made["greedy"].tolist()
    model.save_pretrained(tmp_path / "ours")
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours").eval()
    close(again(torch.tensor(ids)).logits.detach().numpy(), logits, 1e-4)


def test_reading_takes_hardly_more_than_the_weights(tmp_path):
    """In a process of its own, at the highest: its own memory, and of the file's pages no more than
    those of the largest array."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("Linux only")
    model = GPT(GPTConfig(vocab_size=30_000, n_embd=256, n_layer=8, n_head=4))
    model.save_pretrained(tmp_path)
    size = (tmp_path / "model.safetensors").stat().st_size
    code = """
import sys, threading, time
from pathlib import Path
import numpy as np
from tinygpt import GPT
def own():
    text = Path("/proc/self/status").read_text()
    return np.array([1024 * int(text.split(name)[1].split()[0]) for name in ("RssAnon:", "VmRSS:")])
before, peak, go = own(), np.zeros(2, int), True
def watch():
    global peak
    while go:
        peak = np.maximum(peak, own())
        time.sleep(0.001)
t = threading.Thread(target=watch); t.start()
model = GPT.from_pretrained(sys.argv[1])
go = False; t.join()
print(*(np.maximum(peak, own()) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    own, whole = (int(word) for word in done.stdout.split())
    assert own < 1.15 * size + 3e6, f"{own / size:.2f} x the weights"
    largest = 4 * 30_000 * 256
    assert whole < 1.15 * size + largest + 10e6, f"{whole / size:.2f} x the weights"


def test_the_maps_are_closed_when_the_model_is_made(tmp_path):
    """A file that is still mapped could not be replaced on Windows."""
    random().save_pretrained(tmp_path)
    model = GPT.from_pretrained(tmp_path)
    maps = Path("/proc/self/maps")
    if maps.is_file():
        assert str(tmp_path) not in maps.read_text(encoding="utf-8")
    model.save_pretrained(tmp_path)
    assert len(map_arrays(tmp_path / "model.safetensors")) == len(model.state_dict())
    shutil.rmtree(tmp_path)
