"""config.json and model.safetensors, in the layout of Hugging Face's GPT-2.

Our Linear keeps its weight as (in, out), as GPT-2's Conv1D does, and our attributes bear GPT-2's
names, so a tensor's name in the file is "transformer." and its name in the model.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.files import replacing, write_text

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
    dropouts = {config.get(name, 0.0) for name in DROPOUTS}
    if len(dropouts) > 1:
        raise ValueError(f"{path}: {', '.join(DROPOUTS)} differ, this model has one dropout")
    fields["dropout"] = dropouts.pop()
    if kind == "tinygpt":
        fields |= {name: config[name] for name in ("bias", "position") if name in config}
    return fields


def write_weights(folder: Path, state: dict[str, np.ndarray]) -> None:
    """name -> array as model.safetensors, whole or not at all."""
    from safetensors.numpy import save_file

    arrays = {
        (name if name.startswith(HEAD) else PREFIX + name): np.ascontiguousarray(array)
        for name, array in state.items()  # safetensors 0.8.0 writes other orders wrongly
    }
    with replacing(folder / WEIGHTS_FILE) as temporary:
        save_file(arrays, temporary, metadata={"format": "pt"})


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """model.safetensors as name -> array, with and without the prefix of GPT2LMHeadModel."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ValueError(f"{folder} holds no weights: there is no {WEIGHTS_FILE} in it")
    try:
        state = load_file(path)
    except SafetensorError as error:
        size = path.stat().st_size
        raise ValueError(f"{path} ({size} bytes) is cut short or altered: {error}") from error
    return {name.removeprefix(PREFIX): array for name, array in state.items()}
