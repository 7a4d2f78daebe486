"""tinygpt tasks: what a model can be taught to answer."""

from dataclasses import dataclass

from tinygpt.cli.settings import parse
from tinygpt.tasks import FROM_A_FILE, TASKS


@dataclass
class TasksCommand:
    """List the tasks: those that make their own examples, and those that read a file."""


def tasks(argv: list[str]) -> None:
    parse(TasksCommand, argv, "tasks")
    print("tinygpt train --task NAME")
    for name, task in TASKS.items():
        print(f"  {name:<14}{task.about}")
    print(f"  {'all':<14}one model for all of these")
    print("tinygpt train --task NAME FILE")
    for name, kind in FROM_A_FILE.items():
        form = " <tab> ".join(kind.columns) or '{"messages": [{"role": "user", ...}, ...]}'
        print(f"  {name:<14}{kind.about}; a line each: {form}")
