"""tinygpt bench: measurements, side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tyro.conf import Positional

from tinygpt.bench import cache, engine, samplers
from tinygpt.cli.evaluate import held_out_ids
from tinygpt.cli.settings import parse
from tinygpt.models.gpt import GPT
from tinygpt.text.load import load_tokenizer
from tinygpt.training.run_folder import newest_run


@dataclass
class BenchCommand:
    """Measurements, side by side.

    tinygpt bench engine: what the tape costs for each op

    tinygpt bench cache: time for the next token with and without the KV cache, and a picture

    tinygpt bench samplers RUN: how varied, and how likely, is what each way to sample writes
    """

    what: Positional[Literal["engine", "cache", "samplers"]]
    run: Positional[Path | None] = None  # samplers: the folder of a run (default: the newest)
    vs: Literal["torch"] | None = None  # engine: also time PyTorch, if it is installed
    rounds: int = 15  # engine, cache: how often each side is timed
    length: int = 256  # samplers: tokens of each text
    output: Path = Path("cache.png")  # cache: the picture


def bench(argv: list[str]) -> None:
    command = parse(BenchCommand, argv, "bench")
    for name in ("rounds", "length"):
        if getattr(command, name) < 1:
            raise ValueError(f"expected {name} >= 1, got {getattr(command, name)}")
    {"engine": _engine, "cache": _cache, "samplers": _samplers}[command.what](command)


def _engine(command: BenchCommand) -> None:
    print(engine.report(engine.run(command.vs == "torch", command.rounds)))


def _cache(command: BenchCommand) -> None:
    if not command.output.parent.is_dir():
        raise ValueError(f"{command.output.parent} is no folder: the picture cannot be put there")
    times = cache.run(command.rounds)
    cache.draw(times, cache.BLOCK_SIZE, command.output)
    print(f"{cache.report(times, cache.BLOCK_SIZE)}\n\n{command.output}")


def _samplers(command: BenchCommand) -> None:
    folder = command.run or newest_run()
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    held_out = held_out_ids(folder, tokenizer)
    starts = np.linspace(0, len(held_out) - 8, 8).astype(int)
    prompts = np.stack([held_out[s : s + 8] for s in starts])
    print(f"{folder}: 8 texts of {command.length} tokens for each, after 8 held-out tokens")
    print(samplers.report(samplers.run(model, prompts, held_out, command.length)))
