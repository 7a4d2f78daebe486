"""BERT's and RoBERTa's folders: the fields of their config.json and the names of their tensors.

Theirs are PyTorch's Linear, weights (out, in), and query, key and value are three of them; ours is
one (in, 3 C). So each of their tensors is a view of a part of one of ours, turned round.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.backend import default_device, to_cpu
from tinygpt.files import read_json, write_arrays, write_text
from tinygpt.models.config import take_fields
from tinygpt.models.pretrained import CONFIG_FILE, WEIGHTS_FILE, find, load, map_weights

TABLE = "embeddings.word_embeddings.weight"
ACTIVATIONS = {"gelu": "gelu_exact", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu"}
FIELDS = {
    "vocab_size": "vocab_size", "block_size": "max_position_embeddings",
    "n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_embd": "hidden_size",
    "n_inner": "intermediate_size", "n_types": "type_vocab_size",
}  # fmt: skip
ONLY = {
    "position_embedding_type": ("absolute", None), "is_decoder": (False,),
    "add_cross_attention": (False,), "embedding_size": (None,),
}  # fmt: skip
# the head in whose tensors the loss is -> the prefix of its names; the second one is RoBERTa's
MASKED = {"bert": "cls.predictions.", "roberta": "lm_head."}
PREFIXES = ("bert.", "roberta.")
UNUSED = ("embeddings.position_ids", "cls.seq_relationship.")  # a buffer, and another head of BERT


def read_config(config: dict[str, Any]) -> dict[str, Any]:
    """BertConfig's fields, without the head. ValueError for what this model cannot do."""
    kind = config.get("model_type")
    if kind not in MASKED:
        raise ValueError(f'expected model_type "bert" or "roberta", got {kind!r}')
    fields = take_fields({"type_vocab_size": 1, **config}, FIELDS, ONLY)
    activation = config.get("hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"hidden_act = {activation!r} is not supported, only {known}")
    if config.get("tie_word_embeddings", True) is not True:
        raise ValueError("tie_word_embeddings = False is not supported, only True")
    pad = config.get("pad_token_id", 0 if kind == "bert" else 1)
    return fields | {
        "dropout": config.get("hidden_dropout_prob", 0.1),
        "norm_eps": config.get("layer_norm_eps", 1e-12),
        "mlp": ACTIVATIONS[activation],
        "pad_id": pad,
        "first_position": pad + 1 if kind == "roberta" else 0,
    }


def views(
    arrays: dict[str, np.ndarray], config: Any, stored: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Their name -> the view of our array that has their shape."""
    roberta, found = config.first_position > 0, {}
    whole = {
        "wte.weight": TABLE,
        "wpe.weight": "embeddings.position_embeddings.weight",
        "types.weight": "embeddings.token_type_embeddings.weight",
        "ln": "embeddings.LayerNorm",
        "pooler": "pooler.dense",
        "masked.dense": "lm_head.dense" if roberta else "cls.predictions.transform.dense",
        "masked.ln": "lm_head.layer_norm" if roberta else "cls.predictions.transform.LayerNorm",
        "masked.bias": "lm_head.bias" if roberta else "cls.predictions.bias",
        "score": "qa_outputs" if config.head == "span" else "classifier",
    }
    parts = {
        "attn.c_proj": "attention.output.dense",
        "ln_1": "attention.output.LayerNorm",
        "mlp.c_fc": "intermediate.dense",
        "mlp.c_proj": "output.dense",
        "ln_2": "output.LayerNorm",
    }
    for name, a in arrays.items():
        layer = ".".join(name.split(".")[2:]) if name.startswith("h.") else name
        part, _, end = layer.rpartition(".")
        block = f"encoder.layer.{name.split('.')[1]}." if name.startswith("h.") else ""
        a = a.T if a.ndim == 2 and name not in whole else a
        if part == "attn.c_attn":
            for theirs, third in zip(("query", "key", "value"), np.split(a, 3), strict=True):
                found[f"{block}attention.self.{theirs}.{end}"] = third
        elif name in whole:
            found[whole[name]] = a
        else:
            found[f"{block}{(parts if block else whole)[part]}.{end}"] = a
    return found


def _names(stored: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """The tensors by their names without a prefix; those of old files have other endings, and the
    masked head may hold its table and its bias a second time."""
    found = {}
    for name, array in stored.items():
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
        name = name.replace("LayerNorm.beta", "LayerNorm.bias")
        if not name.startswith(UNUSED) and not name.startswith(f"{MASKED[kind]}decoder."):
            found[name] = array
    return found


def read(
    cls: Any, kind: Any, where: str | Path, *, seed: int, device: str | None, **changes: Any
) -> Any:
    """The model in such a folder: see BERT.from_pretrained."""
    folder = find(where)
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{folder} holds no model: there is no {CONFIG_FILE} in it")
    theirs = read_json(path, "model configuration")
    try:
        fields = read_config(theirs)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from error
    stored = _names(map_weights(folder), theirs["model_type"])
    fields |= {"pooler": "pooler.dense.weight" in stored} | _head(stored)
    new_head = bool(changes.keys() & {"head", "n_classes"})
    if new_head:
        heads = ("cls.", "lm_head.", "classifier.", "qa_outputs.")
        stored = {n: a for n, a in stored.items() if not n.startswith(heads)}
        fields |= {"n_classes": 0}
    try:
        config = kind(**(fields | changes))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    model = cls(config, seed=seed if new_head else None, device="cpu")
    model.vector().seed = seed
    layout = sys.modules[__name__]
    if new_head:  # what the file does not have stays as it was drawn
        mine = {name: to_cpu(p.data) for name, p in model.named_tensors()}
        drawn = views(mine, config)
        pooled = () if "pooler.dense.weight" in stored else ("pooler.",)
        extra = ("cls.", "lm_head.", "classifier.", "qa_outputs.", *pooled)
        stored |= {n: a for n, a in drawn.items() if n.startswith(extra)}
    load(model, folder, stored, layout)
    return model.to(device or default_device())


def _head(stored: dict[str, np.ndarray]) -> dict[str, Any]:
    """Which head the file has."""
    if "classifier.weight" in stored:
        return {"head": "classes", "n_classes": len(stored["classifier.weight"])}
    if "qa_outputs.weight" in stored:
        return {"head": "span"}
    masked = any(name.startswith(tuple(MASKED.values())) for name in stored)
    return {"head": "masked" if masked else "none"}


def write(model: Any, folder: Path) -> None:
    """config.json and model.safetensors, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    c = model.config
    kind = "roberta" if c.first_position else "bert"
    name = {"masked": "MaskedLM", "classes": "SequenceClassification", "none": "Model",
            "span": "QuestionAnswering"}[c.head]  # fmt: skip
    config = {"architectures": [f"{'Roberta' if c.first_position else 'Bert'}For{name}".replace(
        "ForModel", "Model")], "model_type": kind}  # fmt: skip
    config |= {theirs: getattr(c, ours) for ours, theirs in FIELDS.items()}
    config |= {
        "intermediate_size": c.n_inner or 4 * c.n_embd,
        "hidden_dropout_prob": c.dropout,
        "attention_probs_dropout_prob": c.dropout,
        "layer_norm_eps": c.norm_eps,
        "hidden_act": {ours: theirs for theirs, ours in reversed(ACTIVATIONS.items())}[c.mlp],
        "pad_token_id": c.pad_id,
        "tie_word_embeddings": True,
    }
    if c.n_classes:
        config["id2label"] = {str(i): f"LABEL_{i}" for i in range(c.n_classes)}
    write_text(folder / CONFIG_FILE, json.dumps(config, indent=2) + "\n")
    arrays = {name: to_cpu(p.data) for name, p in model.named_tensors()}
    heads = ("cls.", "lm_head.", "classifier.", "qa_outputs.")
    named = {
        name if name.startswith(heads) else f"{kind}.{name}" if c.head != "none" else name: a
        for name, a in views(arrays, c).items()
    }
    write_arrays(folder / WEIGHTS_FILE, named)
