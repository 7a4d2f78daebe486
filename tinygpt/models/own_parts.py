"""Which parts of a model are a subclass's own: a file of weights alone would not say so."""

import re
from dataclasses import replace
from typing import Any


def own_parts(model: Any, usual: type) -> dict[str, str]:
    """Name -> class of the Modules in it that are not what the usual class (GPT) makes for such a
    config; "" is the model itself. They are written in config.json, and another class refuses to
    load it."""
    c = model.config
    shape = {"vocab_size": 1, "block_size": 1, "n_layer": 1, "n_embd": 2 * c.n_head, "n_inner": 1}
    small = usual(replace(c, **shape, lora_rank=min(c.lora_rank, 1)), device="cpu")
    theirs: dict[str, type] = {}
    for name, module in small.named_modules():
        layers = range(c.n_layer) if name.startswith("h.0") else [0]
        theirs |= {re.sub(r"^h\.0", f"h.{i}", name): type(module) for i in layers}
    mine: dict[str, type] = {name: type(module) for name, module in model.named_modules()}
    return {
        name: mine.get(name, type(None)).__name__
        for name in sorted(theirs.keys() | mine.keys())
        if theirs.get(name) is not mine.get(name)
    }
