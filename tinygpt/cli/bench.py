"""tinygpt bench: speed side by side with others."""

from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional

from tinygpt.bench import engine
from tinygpt.cli.settings import parse


@dataclass
class BenchCommand:
    """Measure speed side by side with others: `tinygpt bench engine`."""

    what: Positional[Literal["engine"]]  # engine: what the tape costs for each op
    vs: Literal["torch"] | None = None  # also time PyTorch, if it is installed
    rounds: int = 15  # how often each side is timed


def bench(argv: list[str]) -> None:
    command = parse(BenchCommand, argv, "bench")
    if command.rounds < 1:
        raise ValueError(f"expected rounds >= 1, got {command.rounds}")
    print(engine.report(engine.run(command.vs == "torch", command.rounds)))
