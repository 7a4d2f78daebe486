"""GPT-2's folder: the fields of its config.json and the names of its tensors.

Our Linear keeps its weight as (in, out), as GPT-2's Conv1D does, and our attributes bear GPT-2's
names, so a tensor's name in the file is "transformer." and its name in the model. What GPT-2 cannot
express has the same layout and model_type "tinygpt". nanoGPT and minGPT have the same names too,
but weights as (out, in).
"""

from typing import Any

import numpy as np

from tinygpt.models.config import take_fields

TABLE = "wte.weight"  # also the head's, where they are tied
ACTIVATIONS = {"gelu_new": "gelu", "gelu_pytorch_tanh": "gelu", "gelu": "gelu_exact"}
DROPOUTS = ("embd_pdrop", "attn_pdrop", "resid_pdrop")  # one number of ours
# our field -> theirs
FIELDS = {
    "vocab_size": "vocab_size",
    "block_size": "n_positions",
    "n_layer": "n_layer",
    "n_head": "n_head",
    "n_embd": "n_embd",
}
# fields of ours that only a file of model_type "tinygpt" has
OWN = (
    "bias", "position", "rope_base", "rope_pairs", "rope_scaling", "norm", "mlp", "n_classes",
    "n_kv_head", "lora_rank", "lora_alpha",
)  # fmt: skip
# what a config can ask for and this model has in one form only; upcasting is nothing in float32
ONLY = {
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "reorder_and_upcast_attn": (False, True),
    "add_cross_attention": (False,),
}


def read_config(config: dict[str, Any]) -> dict[str, Any]:
    """GPTConfig's fields. ValueError names what is missing and what this model cannot do."""
    if "block_size" in config and "n_positions" not in config:
        return _nano_config(config)
    fields = take_fields(config, FIELDS, ONLY)
    dropouts = [config.get(name, 0.0) for name in DROPOUTS]
    if dropouts != dropouts[:1] * 3:
        raise ValueError(f"{', '.join(DROPOUTS)} differ, this model has one dropout")
    fields |= {
        "dropout": dropouts[0],
        "tie_weights": config.get("tie_word_embeddings", True),
        "norm_eps": config.get("layer_norm_epsilon", 1e-5),
        "init_std": config.get("initializer_range", 0.02),
        "n_inner": config.get("n_inner") or 0,
        "mlp": _mlp(config.get("activation_function", "gelu_new")),
    }
    if config.get("model_type") == "tinygpt":
        fields |= {name: config[name] for name in OWN if name in config}
    return fields


def _mlp(activation: str) -> str:
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation_function = {activation!r} is not supported, only {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[activation]


def _nano_config(config: dict[str, Any]) -> dict[str, Any]:
    """nanoGPT's model_args, which is exact in its GELU, or minGPT's config, which is not."""
    fields = take_fields(config, {name: name for name in FIELDS}, {})
    mini = "resid_pdrop" in config
    return fields | {
        "dropout": config.get("resid_pdrop" if mini else "dropout", 0.0),
        "bias": config.get("bias", True),
        "tie_weights": config.get("tie_word_embeddings", not mini),
        "mlp": _mlp(config.get("activation_function", "gelu_new" if mini else "gelu")),
    }


# what makes a GPT a GPT-2, beside an MLP without a gate
SHAPE = {
    "bias": True, "position": "learned", "norm": "layer_norm", "n_classes": 0, "n_kv_head": 0,
    "lora_rank": 0,
}  # fmt: skip


def is_gpt2(fields: dict[str, Any]) -> bool:
    """Can a GPT of these fields be written as a GPT-2?"""
    return fields["mlp"] != "swiglu" and all(fields[k] == v for k, v in SHAPE.items())


def write_config(fields: dict[str, Any]) -> dict[str, Any]:
    """config.json for GPTConfig's fields."""
    gpt2 = is_gpt2(fields)
    names = {ours: theirs for theirs, ours in reversed(ACTIVATIONS.items())}
    config: dict[str, Any] = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2" if gpt2 else "tinygpt",
    }
    config |= {theirs: fields[ours] for ours, theirs in FIELDS.items()}
    config |= dict.fromkeys(DROPOUTS, fields["dropout"])
    config |= {
        "tie_word_embeddings": fields["tie_weights"],
        "layer_norm_epsilon": fields["norm_eps"],
        "n_inner": fields["n_inner"] or None,
        "activation_function": names.get(fields["mlp"], "gelu_new"),
        "initializer_range": fields["init_std"],
    }
    config |= {name: known[0] for name, known in ONLY.items()}
    return config if gpt2 else config | {name: fields[name] for name in OWN}


def views(
    arrays: dict[str, np.ndarray], config: Any, stored: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Their name -> the view of our array that has their shape. stored: the file's tensors, which
    say in c_attn which way round all its weights are (c_proj is square and could not tell)."""
    c_attn = "h.0.attn.c_attn.weight"
    turned = (
        stored is not None
        and c_attn in stored
        and stored[c_attn].shape == arrays[c_attn].shape[::-1]
    )
    linear = ("c_attn.weight", "c_proj.weight", "c_fc.weight", "c_gate.weight")
    return {n: a.T if turned and n.endswith(linear) else a for n, a in arrays.items()}


def full_name(name: str) -> str:
    """The name in a file of GPT2LMHeadModel."""
    return name if name.startswith("lm_head.") else "transformer." + name
