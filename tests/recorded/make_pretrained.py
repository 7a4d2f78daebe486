"""Folders as `transformers` writes them, and what it computes from them.

    pip install torch transformers          in an environment of its own
    python -m tests.recorded.make_pretrained

pretrained.npz: for each of a few small models config.json, the tensors (float16, so the numbers
are those of the file), ids, logits and a gradient."""

import json
import tempfile
from pathlib import Path

import numpy as np

from tests.models import live

NAMES = ("gpt2, exact GELU", "llama, llama3")


def main():
    import torch
    from safetensors.numpy import load_file

    recorded = {}
    for name in NAMES:
        made = live.make(name)
        model = made["model"]
        for p in model.parameters():
            p.data = p.data.half().float()  # what float16 can hold
        model.zero_grad()
        ids = torch.tensor(made["ids"][:1, :24])
        out = model(ids, labels=ids)
        out.loss.backward()
        is_table = ("wte.weight", "tokens.weight")
        table = next(p for n, p in model.named_parameters() if n.endswith(is_table))
        recorded[f"{name}/gradient"] = table.grad.numpy().copy()
        with tempfile.TemporaryDirectory() as folder:
            model.half().save_pretrained(folder)
            config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
            tensors = load_file(Path(folder) / "model.safetensors")
        recorded[f"{name}/config"] = np.array(json.dumps(config))
        for key, array in tensors.items():
            recorded[f"{name}/tensors/{key}"] = array
        recorded[f"{name}/ids"] = ids.numpy().astype(np.uint8)
        recorded[f"{name}/logits"] = out.logits.detach().numpy()
        recorded[f"{name}/loss"] = np.array(out.loss.item())
    np.savez_compressed(Path(__file__).with_name("pretrained.npz"), **recorded)


if __name__ == "__main__":
    main()
