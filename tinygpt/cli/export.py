"""tinygpt export: a model as other programs read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import Positional

from tinygpt.cli.settings import parse, shown, words_last
from tinygpt.models.export import exportable
from tinygpt.models.gpt import GPT
from tinygpt.models.pretrained import CONFIG_FILE
from tinygpt.text.load import load_tokenizer
from tinygpt.training.run_folder import find_model, known_model


@dataclass
class ExportCommand:
    """Write a model and its tokenizer for Hugging Face's transformers: the same function, the same
    ids. What their layouts of GPT-2 and Llama cannot say is refused by name."""

    run_and_folder: Positional[
        Annotated[
            tuple[str, ...],
            shown("[RUN] FOLDER", "a run (default: the newest), and the new folder"),
        ]
    ] = ()


def export(argv: list[str]) -> None:
    words = list(parse(ExportCommand, words_last(argv, ExportCommand), "export").run_and_folder)
    if not 1 <= len(words) <= 2:
        raise ValueError("expected a run and a new folder: tinygpt export [RUN] FOLDER")
    if len(words) == 1 and known_model(words[0]) is not None:
        raise ValueError(f"expected a new folder too: tinygpt export {words[0]} FOLDER")
    folder = Path(words.pop())
    if (folder / CONFIG_FILE).exists():
        raise ValueError(f"there is a model in {folder} already: give a new folder")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give a new folder")
    where = find_model(words[0] if words else None)
    model, tokenizer = GPT.from_pretrained(where), load_tokenizer(where)
    written = exportable(model)
    written.save_pretrained(folder)
    tokenizer.save(folder)
    print(f"{where} -> {folder}, {_difference(model, folder)}\n"
          f"In Python: AutoModelForCausalLM.from_pretrained({str(folder)!r}) and "
          f"AutoTokenizer.from_pretrained({str(folder)!r}), of transformers")  # fmt: skip


def _difference(model: GPT, folder: Path) -> str:
    """Read what was written, and compare its logits on random ids. ValueError where they differ."""
    c = model.config
    ids = np.random.default_rng(0).integers(0, c.vocab_size, (1, min(c.block_size, 64)))
    a, b = model(ids).numpy(), GPT.from_pretrained(folder)(ids).numpy()
    apart = float(np.abs(a - b).max() / np.abs(a).max())
    if not apart < 1e-4:
        raise ValueError(f"what was written in {folder} computes other logits: {apart:.1e} apart")
    return f"read back: its logits differ by {apart:.1e} of the largest"
