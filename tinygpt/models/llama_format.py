"""Llama's folder: the fields of its config.json and the names of its tensors.

A model with rotary positions, RMS norms, SwiGLU and no biases is a Llama, and is written as one.
There queries, keys and values have a matrix each, and weights are (out, in): each is a transposed
part of our c_attn.
"""

from typing import Any

import numpy as np

from tinygpt.models.config import take_fields

TABLE = "embed_tokens.weight"
# our field -> theirs
FIELDS = {
    "vocab_size": "vocab_size",
    "block_size": "max_position_embeddings",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_embd": "hidden_size",
    "n_inner": "intermediate_size",
}
# what makes a GPT a Llama
SHAPE = {
    "position": "rotary", "rope_pairs": "halves", "norm": "rms_norm", "mlp": "swiglu",
    "bias": False, "n_classes": 0, "lora_rank": 0,
}  # fmt: skip
# what a config can ask for and this model has in one form only
ONLY = {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "pretraining_tp": (1,),
    "sliding_window": (None,),
}
BLOCK = {  # our name in a block -> theirs; c_attn is in three parts
    "ln_1.weight": "input_layernorm.weight",
    "ln_2.weight": "post_attention_layernorm.weight",
    "attn.c_proj.weight": "self_attn.o_proj.weight",
    "mlp.c_gate.weight": "mlp.gate_proj.weight",
    "mlp.c_fc.weight": "mlp.up_proj.weight",
    "mlp.c_proj.weight": "mlp.down_proj.weight",
}
WHOLE = {"wte.weight": TABLE, "ln_f.weight": "norm.weight", "lm_head.weight": "lm_head.weight"}


def read_config(config: dict[str, Any]) -> dict[str, Any]:
    """GPTConfig's fields. ValueError names what is missing and what this model cannot do."""
    fields = take_fields(config, FIELDS, ONLY)
    width = fields["n_embd"] // fields["n_head"]
    if config.get("head_dim") not in (None, width):
        raise ValueError(
            f"head_dim = {config['head_dim']!r} is not supported, only hidden_size / "
            f"num_attention_heads = {width}"
        )
    groups = config.get("num_key_value_heads") or fields["n_head"]
    base, scaling = _rope(config)
    return fields | {
        **SHAPE,
        "n_kv_head": 0 if groups == fields["n_head"] else groups,
        "norm_eps": config.get("rms_norm_eps", 1e-6),
        "init_std": config.get("initializer_range", 0.02),
        "tie_weights": config.get("tie_word_embeddings", False),
        "rope_base": float(base),
        "rope_scaling": scaling,
        "dropout": config.get("dropout", config.get("attention_dropout", 0.0)),
    }


def _rope(config: dict[str, Any]) -> tuple[float, tuple[float, ...]]:
    """rope_base and rope_scaling, from transformers 5's rope_parameters or 4's two fields."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    base = rope.get("rope_theta", config.get("rope_theta", 10_000.0))
    kind = rope.get("rope_type", rope.get("type", "default"))
    names = {
        "default": (),
        "linear": ("factor",),
        "llama3": (
            "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"
        ),
    }  # fmt: skip
    if kind not in names:
        raise ValueError(f"rope_type = {kind!r} is not supported, only {', '.join(names)}")
    if rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)) != 1.0:
        raise ValueError("partial_rotary_factor is not supported, only 1.0")
    missing = [name for name in names[kind] if name not in rope]
    if missing:
        raise ValueError(f"its rope settings lack {', '.join(missing)}")
    return base, tuple(float(rope[name]) for name in names[kind])


def is_llama(fields: dict[str, Any]) -> bool:
    """Can a GPT of these fields be written as a Llama?"""
    return all(fields[name] == value for name, value in SHAPE.items())


def write_config(fields: dict[str, Any]) -> dict[str, Any]:
    """config.json for GPTConfig's fields."""
    scaling, base = fields["rope_scaling"], fields["rope_base"]
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": base}
    if len(scaling) == 1:
        rope |= {"rope_type": "linear", "factor": scaling[0]}
    elif scaling:
        rope |= {
            "rope_type": "llama3",
            "factor": scaling[0],
            "low_freq_factor": scaling[1],
            "high_freq_factor": scaling[2],
            "original_max_position_embeddings": int(scaling[3]),
        }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{theirs: fields[ours] for ours, theirs in FIELDS.items()},
        "num_key_value_heads": fields["n_kv_head"] or fields["n_head"],
        "rms_norm_eps": fields["norm_eps"],
        "tie_word_embeddings": fields["tie_weights"],
        "rope_parameters": rope,
        "rope_theta": base,
        "rope_scaling": rope if scaling else None,
        **{name: known[0] for name, known in ONLY.items() if name != "sliding_window"},
        "attention_dropout": fields["dropout"],
        "initializer_range": fields["init_std"],
    }


def views(
    arrays: dict[str, np.ndarray], config: Any, stored: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Their name -> the view of our array that has their shape."""
    found = {theirs: arrays[ours] for ours, theirs in WHOLE.items() if ours in arrays}
    D = config.n_embd // config.n_head
    cuts = np.cumsum([config.n_head * D, config.kv_heads * D])
    for i in range(config.n_layer):
        for ours, theirs in BLOCK.items():
            found[f"layers.{i}.{theirs}"] = arrays[f"h.{i}.{ours}"].T
        parts = np.split(arrays[f"h.{i}.attn.c_attn.weight"], cuts, axis=1)
        for letter, part in zip("qkv", parts, strict=True):
            found[f"layers.{i}.self_attn.{letter}_proj.weight"] = part.T
    return found


def full_name(name: str) -> str:
    """The name in a file of LlamaForCausalLM."""
    return name if name.startswith("lm_head.") else "model." + name
