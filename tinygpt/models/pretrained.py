"""config.json and model.safetensors, in the layout of Hugging Face's GPT-2.

Our Linear keeps its weight as (in, out), as GPT-2's Conv1D does, and our attributes bear GPT-2's
names, so a tensor's name in the file is "transformer." and its name in the model.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.files import read_arrays, write_arrays, write_text

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
PREFIX, HEAD = "transformer.", "lm_head."

# our field -> theirs
FIELDS = {
    "vocab_size": "vocab_size",
    "block_size": "n_positions",
    "n_layer": "n_layer",
    "n_head": "n_head",
    "n_embd": "n_embd",
    "tie_weights": "tie_word_embeddings",
}
DROPOUTS = ("embd_pdrop", "attn_pdrop", "resid_pdrop")  # one number of ours
# what a GPT-2 config can ask for and this model has in one form only
FIXED = {
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "n_inner": None,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
}


def write_config(folder: Path, fields: dict[str, Any]) -> None:
    """GPTConfig's fields as config.json. What GPT-2 cannot express is model_type "tinygpt"."""
    gpt2 = fields["bias"] and fields["position"] == "learned"
    config: dict[str, Any] = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2" if gpt2 else "tinygpt",
    }
    config |= {theirs: fields[ours] for ours, theirs in FIELDS.items()}
    config |= dict.fromkeys(DROPOUTS, fields["dropout"])
    config |= FIXED | {"initializer_range": 0.02, "bos_token_id": None, "eos_token_id": None}
    if not gpt2:
        config |= {"bias": fields["bias"], "position": fields["position"]}
    write_text(folder / CONFIG_FILE, json.dumps(config, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """GPTConfig's fields from config.json. ValueError names what this model cannot do."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{folder} holds no model: there is no {CONFIG_FILE} in it")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config["model_type"]
        fields = {ours: config.get(theirs) for ours, theirs in FIELDS.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no model configuration: {error!r}") from error
    if kind not in ("gpt2", "tinygpt"):
        raise ValueError(f'{path}: expected model_type "gpt2" or "tinygpt", got {kind!r}')
    if fields["tie_weights"] is None:
        fields["tie_weights"] = True  # as transformers takes it
    missing = [FIELDS[ours] for ours, value in fields.items() if value is None]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    for name, value in FIXED.items():
        if config.get(name, value) != value:
            raise ValueError(f"{path}: {name} = {config[name]!r} is not supported, only {value!r}")
    dropouts = [config.get(name, 0.0) for name in DROPOUTS]
    if dropouts != dropouts[:1] * 3:
        raise ValueError(f"{path}: {', '.join(DROPOUTS)} differ, this model has one dropout")
    own = ("bias", "position") if kind == "tinygpt" else ()
    more = {name: config[name] for name in own if name in config}
    return {"dropout": dropouts.pop(), "bias": True, "position": "learned"} | fields | more


def check_size(folder: Path, fields: dict[str, Any], state: dict[str, np.ndarray]) -> None:
    """ValueError where the file holds far fewer numbers than such a model has."""
    V, T, N, C = (fields[k] for k in ("vocab_size", "block_size", "n_layer", "n_embd"))
    least = V * C + N * 12 * C * C + (T * C if fields["position"] == "learned" else 0)
    has = sum(array.size for array in state.values())
    if least > 4 * has + 1_000_000:
        raise ValueError(
            f"{folder / WEIGHTS_FILE} holds {has:,} numbers, but a model as in {CONFIG_FILE} has "
            f"more than {least:,}: the two do not belong together"
        )


def write_weights(folder: Path, state: dict[str, np.ndarray]) -> None:
    """name -> array as model.safetensors, whole or not at all."""
    write_arrays(
        folder / WEIGHTS_FILE,
        {name if name.startswith(HEAD) else PREFIX + name: a for name, a in state.items()},
    )


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """model.safetensors as name -> array, with and without the prefix of GPT2LMHeadModel."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ValueError(f"{folder} holds no weights: there is no {WEIGHTS_FILE} in it")
    return {name.removeprefix(PREFIX): array for name, array in read_arrays(path).items()}
