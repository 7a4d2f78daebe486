"""tinygpt bench: measurements, side by side."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from tyro.conf import Positional

from tinygpt.bench import cache, engine, growth, ops, parallel, reach, samplers, scaling, sides
from tinygpt.cli.evaluate import held_out_ids
from tinygpt.cli.settings import parse, shown
from tinygpt.files import write_text
from tinygpt.models.gpt import GPT
from tinygpt.text.load import load_tokenizer
from tinygpt.training.run_folder import find_model


@dataclass
class BenchCommand:
    """Measurements, side by side.

    tinygpt bench train --config A --vs torch: training steps

    tinygpt bench train --grid: speed against width, depth, block and batch, and a picture

    tinygpt bench loss --vs torch: time to a loss, beside nanoGPT's settings on PyTorch

    tinygpt bench generate --vs torch: writing with GPT-2's size

    tinygpt bench ops: what the fast form of an op gains over its formula

    tinygpt bench engine: what the tape costs for each op

    tinygpt bench cache: time for the next token with and without the KV cache, and a picture

    tinygpt bench parallel: ranks on this machine, and what 1 024 of them would gain, a picture

    tinygpt bench samplers RUN: how varied, and how likely, is what each way to sample writes
    """

    what: Positional[
        Literal["train", "loss", "generate", "ops", "engine", "cache", "parallel", "samplers"]
    ]  # what to measure
    run: Positional[
        Annotated[Path | None, shown("[RUN]", "samplers: a run (default: the newest)")]
    ] = None
    config: Annotated[
        Literal["M", "A", "B", "C", "D"] | None, shown("{M,A,B,C,D}", "train: M to C; generate: D")
    ] = None
    vs: tuple[Literal["torch", "torch.compile", "transformers"], ...] = ()  # also time these
    rounds: int = 9  # how often each side is timed
    seeds: int = 3  # loss: how many runs of each way
    grid: bool = False  # train: vary width, depth, block and batch
    length: int = 256  # samplers: tokens of each text
    # cache, grid, parallel: the picture; default: cache.png, growth.png, scaling.png
    output: Annotated[Path | None, shown("FILE.png")] = None
    json: Annotated[Path | None, shown("FILE.json")] = None  # train, loss, generate: all times


def bench(argv: list[str]) -> None:
    command = parse(BenchCommand, argv, "bench")
    for name in ("rounds", "seeds", "length"):
        if getattr(command, name) < 1:
            raise ValueError(f"expected {name} >= 1, got {getattr(command, name)}")
    for path in (command.output, command.json):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"{path.parent} is no folder: {path.name} cannot be put there")
    {
        "train": _grid if command.grid else _sides,
        "loss": _loss,
        "generate": _sides,
        "ops": lambda c: print(f"{sides.machine()}\n{ops.report(ops.run(c.rounds))}"),
        "engine": _engine,
        "cache": _cache,
        "parallel": _parallel,
        "samplers": _samplers,
    }[command.what](command)


def _sides(command: Any) -> None:
    training = command.what == "train"
    config = command.config or ("A" if training else "D")
    if training == (config == "D"):
        raise ValueError(f"config {config} is for {'generate' if training else 'train'}")
    if (training and "transformers" in command.vs) or (
        not training and "torch.compile" in command.vs
    ):
        raise ValueError(f"--vs {' '.join(command.vs)} is not there for {command.what}")
    what = "training" if training else "writing"
    times = sides.run(what, config, list(command.vs), command.rounds)
    print(f"{sides.machine()}\n{sides.report(what, config, times)}")
    if command.json is not None:
        content = {"machine": sides.machine(), "config": config, "sides": sides.as_json(times)}
        write_text(command.json, json.dumps(content, indent=1) + "\n")


def _loss(command: Any) -> None:
    if set(command.vs) - {"torch"}:
        raise ValueError(f"--vs {' '.join(command.vs)} is not there for loss")
    sides.check_installed(command.vs)
    results = reach.run(command.seeds, "torch" in command.vs)
    print(f"{sides.machine()}\n{reach.report(results)}")
    if command.json is not None:
        write_text(command.json, json.dumps(results, indent=1) + "\n")


def _grid(command: Any) -> None:
    path = command.output or Path("growth.png")
    results = growth.run(command.rounds)
    growth.draw(results, path)
    print(f"{sides.machine()}\n{growth.report(results)}\n\n{path}")


def _engine(command: Any) -> None:
    if set(command.vs) - {"torch"}:
        raise ValueError(f"--vs {' '.join(command.vs)} is not there for engine")
    print(engine.report(engine.run("torch" in command.vs, command.rounds)))


def _cache(command: Any) -> None:
    path = command.output or Path("cache.png")
    times = cache.run(command.rounds)
    cache.draw(times, cache.BLOCK_SIZE, path)
    print(f"{sides.machine()}\n{cache.report(times, cache.BLOCK_SIZE)}\n\n{path}")


def _parallel(command: Any) -> None:
    path = command.output or Path("scaling.png")
    print(f"{sides.machine()}\n{parallel.report(parallel.run(command.rounds))}\n", flush=True)
    print(f"{parallel.equality()}\n\n{parallel.memory(2)}\n", flush=True)
    scaling.draw(path)
    print(f"{scaling.report()}\n\n{path}")


def _samplers(command: Any) -> None:
    folder = find_model(command.run)
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    held_out = held_out_ids(folder, tokenizer)
    starts = np.linspace(0, len(held_out) - 8, 8).astype(int)
    prompts = np.stack([held_out[s : s + 8] for s in starts])
    print(f"{folder}: 8 texts of {command.length} tokens for each, after 8 held-out tokens")
    print(samplers.report(samplers.run(model, prompts, held_out, command.length)))
