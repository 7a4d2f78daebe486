"""tinygpt tasks: what a model can be taught to answer, and how well it does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tinygpt.backend import keep_freed_memory
from tinygpt.cli.settings import parse, shown
from tinygpt.tasks import FROM_A_FILE, TASKS
from tinygpt.tasks.report import PARTS, make_report


@dataclass
class TasksCommand:
    """List the tasks: those that make their own examples, and those that read a file.

    tinygpt tasks --report FILE.md: train and judge all of them, with intervals over the seeds; it
    takes more than an hour. --parts makes some of its tables alone.
    """

    report: Annotated[Path | None, shown("FILE.md")] = None  # write the report there
    parts: tuple[Literal["each", "together", "pretraining", "bert", "robustness"], ...] = (
        "each", "together", "pretraining", "bert", "robustness",
    )  # fmt: skip
    seeds: int = 3  # how many
    share: float = 1.0  # of the steps: 0.1 for a glance


def tasks(argv: list[str]) -> None:
    command = parse(TasksCommand, argv, "tasks")
    if command.report is not None:
        if command.seeds < 1 or not 0 < command.share <= 1:
            raise ValueError(
                f"expected seeds >= 1 and 0 < share <= 1, got {command.seeds}, {command.share}"
            )
        if not command.report.parent.is_dir():
            raise ValueError(f"{command.report.parent} is no folder: nothing can be written there")
        keep_freed_memory()
        return make_report(
            command.report, command.parts, range(1, command.seeds + 1), command.share
        )
    print("tinygpt train --task NAME")
    for name, task in TASKS.items():
        print(f"  {name:<14}{task.about}")
    print(f"  {'all':<14}one model for all of these")
    print("tinygpt train --task NAME FILE")
    for name, kind in FROM_A_FILE.items():
        form = " <tab> ".join(kind.columns) or '{"messages": [{"role": "user", ...}, ...]}'
        print(f"  {name:<14}{kind.about}; a line each: {form}")
    print(f"tinygpt tasks --report FILE.md: {', '.join(PARTS)}")
