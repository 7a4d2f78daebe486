"""Folders with a model: config.json and model.safetensors, in the layout of Hugging Face.

A layout says what the fields of config.json mean and which view of our arrays each tensor is
(gpt2_format.py, llama_format.py). So a file is read by copying each tensor into its view, once, and
written by copying it out.
"""

import importlib
import json
import re
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from tinygpt.backend import default_device, is_host, like, random_stream, to_cpu
from tinygpt.files import copy_array, map_arrays, read_json, write_arrays, write_text
from tinygpt.models import gpt2_format, llama_format
from tinygpt.models.config import GPTConfig
from tinygpt.nn.lora import draw_adapters
from tinygpt.nn.module import Module
from tinygpt.text.reading import as_path

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
GENERATION_FILE = "generation_config.json"
INDEX_FILE = "model.safetensors.index.json"
HUB_FILES = (CONFIG_FILE, GENERATION_FILE, "*.safetensors", INDEX_FILE, "tokenizer.json",
             "vocab.json", "merges.txt")  # fmt: skip
LAYOUTS = {"gpt2": gpt2_format, "tinygpt": gpt2_format, "llama": llama_format}
HEAD = "lm_head.weight"
TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")  # in both files; the second one counts
OWN_PARTS = "own_parts"  # in config.json: the classes that a subclass of GPT brought along
BUFFERS = re.compile(r"\.attn\.(masked_)?bias$|rotary_emb\.inv_freq$")  # not learned: masks, angles
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
SHIPPED = {"storyteller": Path(__file__).parents[1] / "lesson" / "storyteller"}  # name -> folder
HUB_NAMES = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2")  # without an owner

Model = TypeVar("Model", bound=Module)  # GPT, or a subclass of it


# -------------------------------------------------------------------------- the methods of GPT


def from_pretrained(
    cls: type[Model], where: str | Path, *, seed: int = 0, device: str | None = None, **changes: Any
) -> Model:
    """The model in a folder (a run, or anything in Hugging Face's layout of GPT-2 or Llama), or
    the published one of that name. It is in eval mode.

    changes: fields of GPTConfig that are to be other than in the folder: dropout; a shorter
    block_size, which cuts learned positions; lora_rank and lora_alpha, for adapters that are
    drawn by the seed. ValueError names what is missing, cut short or does not fit.
    """
    unknown = changes.keys() - {field.name for field in dataclass_fields(GPTConfig)}
    if unknown:
        raise TypeError(
            f"{', '.join(sorted(unknown))}: no such field of GPTConfig, and no other setting "
            f"is taken here (all numbers become float32)"
        )
    folder = find(where)
    fields, layout = read_config(folder)
    try:
        config = GPTConfig(**(fields | changes))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / CONFIG_FILE}: {error}") from error
    if changes.get("block_size", 0) > fields["block_size"] and config.position == "learned":
        raise ValueError(f"{folder} has learned {fields['block_size']} positions, not more")
    stored = map_weights(folder)
    check_size(folder, config, stored)
    make: Any = cls
    model = make(config, seed=None, device="cpu")
    model.vector().seed = seed
    new_adapters = bool(config.lora_rank) and not fields.get("lora_rank")
    if new_adapters:
        draw_adapters(model, random_stream(seed, "adapters"))
    shorter = "block_size" in changes
    model.generation = read_generation(folder)
    load(model, folder, stored, layout, new_adapters=new_adapters, shorter=shorter)
    return model.to(device or default_device())


def load_pretrained(model: Any, folder: str | Path) -> None:
    """Copy the weights in a folder into the model, which has to be of the same shape."""
    folder = Path(folder)
    _, layout = read_config(folder)
    model.generation = read_generation(folder)
    load(model, folder, map_weights(folder), layout)


def save_pretrained(model: Any, folder: str | Path) -> None:
    """config.json and model.safetensors, in Hugging Face's layout of GPT-2 or of Llama."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder, asdict(model.config))


# ----------------------------------------------------------------------------------------- where


def find(where: str | Path) -> Path:
    """The folder: `where` itself, that of a shipped model (storyteller), or that of a published one
    of this name (gpt2, distilgpt2, owner/model), fetched and cached by huggingface_hub, which also
    goes on with a broken download and honours HF_HUB_OFFLINE. ValueError says what is missing."""
    name, folder = str(where), as_path(where)
    if folder is not None and folder.is_dir():
        return folder
    if folder is not None:
        raise ValueError(f"{folder} is a file: give the folder that it is in{_pickle([folder])}")
    if name in SHIPPED:
        return SHIPPED[name]
    if name not in HUB_NAMES and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        shown = name if len(name) < 80 else f"{name:.60} ..."
        raise ValueError(
            f"there is no model {shown!r}: expected the folder of a run (with a config.json in "
            f"it), the name of a run in runs/, {', '.join(SHIPPED)}, or a published model such as "
            "gpt2 or owner/model. If it belongs to a text, put the whole text in quotes"
        )
    folder = Path(name)
    try:
        hub = importlib.import_module("huggingface_hub")
        errors = importlib.import_module("huggingface_hub.errors")
    except ImportError as error:
        raise ValueError(
            f"{folder} is no folder. To fetch a published model of that name: install "
            f'huggingface_hub (pip install -e ".[hub]")'
        ) from error
    try:
        return Path(hub.snapshot_download(name, allow_patterns=list(HUB_FILES)))
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is no folder, and no model of that name could be fetched from "
            f"huggingface.co: {' '.join(str(error).split())[:300]}"
        ) from error


def _pickle(paths: Any) -> str:
    """What to do where the weights are in a file that only runs code can read."""
    found = [p for p in paths if any(p.match(kind) for kind in PICKLES)]
    if not found:
        return ""
    return (
        f". {found[0].name} is a pickle: reading one can run any code that is in it, so it is not "
        f"read. Where you trust it, convert it with PyTorch:\n"
        f'python -c "import sys, torch; from safetensors.torch import save_file; '
        f"w = torch.load(sys.argv[1], weights_only=True); w = w.get('model', w); "
        f'save_file({{k: v.clone() for k, v in w.items()}}, sys.argv[2])" '
        f"{found[0]} {found[0].with_name(WEIGHTS_FILE)}"
    )


# ---------------------------------------------------------------------------------------- config


def read_config(folder: Path) -> tuple[dict[str, Any], ModuleType]:
    """GPTConfig's fields from config.json, and the layout of the weights. ValueError names what is
    missing and what this model cannot do."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{folder} holds no model: there is no {CONFIG_FILE} in it")
    config = read_json(path, "model configuration")
    if not isinstance(config, dict):
        raise ValueError(f"{path} is no model configuration: it holds no settings by name")
    kind = config.get("model_type", "")
    layout = gpt2_format if "block_size" in config else LAYOUTS.get(kind)
    if layout is None:
        known = ", ".join(f'"{name}"' for name in LAYOUTS)
        raise ValueError(f"{path}: expected model_type {known}, got {kind!r}")
    try:
        return layout.read_config(config), layout
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ValueError(f"{path}: {error}") from error


def read_generation(folder: Path) -> dict[str, Any]:
    """What a folder says on writing with its model: the ids that begin and end a text, and all of
    generation_config.json. It is kept and written again; stop_ids come from it."""
    config = read_json(folder / CONFIG_FILE, "model configuration")
    said = {name: config[name] for name in TOKEN_IDS if config.get(name) is not None}
    path = folder / GENERATION_FILE
    if path.is_file():
        more = read_json(path, "settings of generation")
        if not isinstance(more, dict):
            raise ValueError(f"{path} holds no settings by name")
        said |= {name: value for name, value in more.items() if value is not None}
    try:
        end_ids(said, 1)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder}: eos_token_id = {said['eos_token_id']!r}: {error}") from error
    return said


def end_ids(generation: dict[str, Any], vocab_size: int) -> tuple[int, ...]:
    """The ids of its eos_token_id, a number or a list, that a vocabulary of this size has."""
    ids = generation.get("eos_token_id", [])
    ids = ids if isinstance(ids, list) else [ids]
    if not all(isinstance(i, int) for i in ids):
        raise ValueError("expected a whole number, or a list of them")
    return tuple(i for i in ids if 0 <= i < vocab_size)


def _refuse_other_parts(model: Any, folder: Path) -> None:
    """ValueError where the folder is from a class with parts of its own that this model lacks."""
    theirs = read_json(folder / CONFIG_FILE, "model configuration").get(OWN_PARTS) or {}
    mine = model.own_parts() if theirs else {}
    other = [f"{name or 'the model'} is a {kind}" for name, kind in theirs.items()
             if mine.get(name) != kind]  # fmt: skip
    if other:
        raise ValueError(
            f"{folder} was written by a class with parts of its own ({', '.join(other[:5])}), and "
            f"{type(model).__name__} would compute something else: load it with that class, "
            f"TheClass.from_pretrained(folder)"
        )


def check_size(folder: Path, config: Any, stored: dict[str, np.ndarray]) -> None:
    """ValueError where the file holds far fewer numbers than such a model has: before so much
    memory is asked for."""
    c = config
    attention = c.n_embd * (2 * c.n_embd + 2 * c.kv_heads * (c.n_embd // c.n_head))
    least = c.vocab_size * c.n_embd + c.n_layer * (attention + 2 * c.n_embd * c.mlp_width)
    has = sum(array.size for array in stored.values())
    if least > 4 * has + 1_000_000:
        raise ValueError(
            f"{folder / WEIGHTS_FILE} holds {has:,} numbers, but a model as in {CONFIG_FILE} has "
            f"more than {least:,}: the two do not belong together"
        )


# --------------------------------------------------------------------------------------- weights


def map_weights(folder: Path) -> dict[str, np.ndarray]:
    """Name -> array, views of the files: names without the prefix of the class that wrote them.

    One model.safetensors or, listed in the index, several shards. ValueError for pickles and for
    what is missing, cut short or altered."""
    index = folder / INDEX_FILE
    if (folder / WEIGHTS_FILE).is_file():
        files = [folder / WEIGHTS_FILE]
    elif index.is_file():
        try:
            names = read_json(index, "index of weights")["weight_map"].values()
            files = [folder / Path(name).name for name in sorted(set(names))]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{index} is cut short or altered: {error!r}") from error
        lost = [file.name for file in files if not file.is_file()]
        if lost:
            raise ValueError(f"{folder} lacks {', '.join(lost)}, named in {INDEX_FILE}")
    else:
        hint = _pickle(sorted(folder.iterdir()))
        raise ValueError(f"{folder} holds no weights: there is no {WEIGHTS_FILE} in it{hint}")
    stored = {}
    for file in files:
        for name, array in map_arrays(file).items():
            name = name.removeprefix("_orig_mod.")  # of torch.compile
            name = name.removeprefix("transformer.").removeprefix("model.")
            if not BUFFERS.search(name):
                stored[name] = array
    return stored


def load(
    model: Any,
    folder: Path,
    stored: dict[str, np.ndarray],
    layout: ModuleType,
    *,
    new_adapters: bool = False,
    shorter: bool = False,
) -> None:
    """Copy the stored tensors into the model, each once. One ValueError lists every missing,
    unknown and misshapen one, and then nothing was copied. new_adapters: the model has adapters
    that the file does not have. shorter: it was asked to have fewer learned positions."""
    _refuse_other_parts(model, folder)
    tensors = dict(model.named_tensors())
    arrays = {
        name: p.data if is_host(p.data) else np.empty(p.shape, str(p.dtype))
        for name, p in tensors.items()
    }
    stored = _tied(model, folder, dict(stored), layout)
    if new_adapters:
        arrays = {name: a for name, a in arrays.items() if ".lora_" not in name}
    views = layout.views(arrays, model.config, stored)
    positions = "wpe.weight"
    if shorter and positions in views and positions in stored:
        stored[positions] = stored[positions][: len(views[positions])]
    wrong = [f"missing: {name} {view.shape}" for name, view in views.items() if name not in stored]
    wrong += [f"unknown: {name} {a.shape}" for name, a in stored.items() if name not in views]
    wrong += [
        f"shape: {name} should be {view.shape}, is {stored[name].shape}"
        for name, view in views.items()
        if name in stored and stored[name].shape != view.shape
    ]
    wrong += [
        f"numbers: {name} has {a.dtype}"
        for name, a in stored.items()
        if a.dtype.kind != "f" and a.dtype.names is None
    ]
    if wrong:
        raise ValueError(f"the weights in {folder} do not fit its model\n  " + "\n  ".join(wrong))
    for name, view in views.items():
        copy_array(view, stored[name])
    _refuse_not_finite(folder, views)
    for name, array in arrays.items():
        if not is_host(tensors[name].data):
            tensors[name].data[...] = like(array, tensors[name].data)


def _refuse_not_finite(folder: Path, views: dict[str, Any]) -> None:
    """ValueError where a weight is no number: everything that is computed with it would be none."""
    for name, view in views.items():
        with np.errstate(all="ignore"):
            finite = np.isfinite(view.sum(dtype=np.float64))
        if not finite:
            n = int(np.count_nonzero(~np.isfinite(view)))
            raise ValueError(
                f"{folder}: {name} has {n:,} numbers that are not finite (nan or inf), so the "
                f"model is broken: take another one, or an earlier resume point"
            )


def _tied(model: Any, folder: Path, stored: dict[str, Any], layout: ModuleType) -> dict[str, Any]:
    """Where head and embedding are one table, the file may have either name, or both."""
    if not model.config.tie_weights or HEAD not in stored:
        return stored
    head, table = stored.pop(HEAD), stored.get(layout.TABLE)
    if table is None:
        stored[layout.TABLE] = head
    elif head.shape != table.shape or any(
        not np.array_equal(head[i : i + 256], table[i : i + 256]) for i in range(0, len(head), 256)
    ):
        raise ValueError(
            f"{folder}: its config says that the head is the table of the embedding, but "
            f"{HEAD} and {layout.TABLE} differ: set tie_word_embeddings to false"
        )
    return stored


def save(model: Any, folder: Path, fields: dict[str, Any]) -> None:
    """config.json, generation_config.json and model.safetensors, each whole or not at all. A Llama
    is written as one, all else in GPT-2's layout."""
    own = model.own_parts()
    layout = llama_format if llama_format.is_llama(fields) and not own else gpt2_format
    if layout is llama_format:
        fields = fields | {"n_inner": model.config.mlp_width}
    config = layout.write_config(fields)
    if own:
        config |= {"model_type": "tinygpt", "architectures": [type(model).__name__], OWN_PARTS: own}
        config |= {name: fields[name] for name in gpt2_format.OWN}
    ids = {name: model.generation.get(name) for name in TOKEN_IDS[:2]}
    write_text(folder / CONFIG_FILE, json.dumps(config | ids, indent=2) + "\n")
    write_text(folder / GENERATION_FILE, json.dumps(ids | model.generation, indent=2) + "\n")
    arrays = {name: to_cpu(p.data) for name, p in model.named_tensors()}
    views = layout.views(arrays, model.config)
    write_arrays(folder / WEIGHTS_FILE, {layout.full_name(name): a for name, a in views.items()})
