"""Tasks: what a GPT is used for, with examples, a metric and a baseline each (task.py)."""

from pathlib import Path

from tinygpt.tasks.dialogue import Dialogue
from tinygpt.tasks.own_files import FileTask, Labels, OwnDialogue, OwnQuestions, Pairs
from tinygpt.tasks.package import Package
from tinygpt.tasks.questions import Questions
from tinygpt.tasks.task import Task
from tinygpt.tasks.translation import Translation
from tinygpt.text.corpora import ALL_TASKS, TASK_NAMES
from tinygpt.text.examples import Parts

TASKS: dict[str, type[Task]] = {t.name: t for t in (Package, Translation, Dialogue, Questions)}
FROM_A_FILE: dict[str, type[FileTask]] = {
    t.name: t for t in (Pairs, Labels, OwnQuestions, OwnDialogue)
}


def make_task(name: str, file: str = "", encoding: str = "utf-8", held_out: float = 0.1) -> Task:
    """The task of that name; with a file, its examples are those in it. ValueError for a name that
    is none, for a file that is not there or is needed, and for what is wrong in it."""
    if name not in TASK_NAMES or name == ALL_TASKS:
        raise ValueError(f"there is no task {name!r}: expected one of {', '.join(TASK_NAMES)}")
    if file and name in FROM_A_FILE:
        if not Path(file).is_file():
            raise ValueError(f"there is no file {file} with examples of {name}")
        return FROM_A_FILE[name](Path(file), encoding, held_out)
    if file:
        raise ValueError(f"the task {name} makes its own examples: leave {file} out")
    if name not in TASKS:
        raise ValueError(f"the task {name} needs a file: tinygpt train --task {name} FILE")
    return TASKS[name]()


__all__ = ["FROM_A_FILE", "TASKS", "Parts", "Task", "make_task"]
