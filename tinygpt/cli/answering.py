"""Which task a model is asked to do, and which labels it knows."""

from pathlib import Path
from typing import Any

from tinygpt.text.chat import tasks_of
from tinygpt.training.run_folder import record_of


def task_to_answer(folder: Path, tokenizer: Any, wanted: str | None) -> str:
    """The task that a model is asked to do. ValueError where it has learned none, or several and
    nobody says which."""
    known = tasks_of(tokenizer)
    if not known:
        raise ValueError(
            f"{folder} has not learned to answer, it writes on from a text: tinygpt generate "
            f"{folder}. To make one that answers: tinygpt train --task dialogue"
        )
    if wanted is None and len(known) > 1:
        raise ValueError(f"{folder} has learned {', '.join(known)}: say which with --task")
    if wanted is not None and wanted not in known:
        raise ValueError(f"{folder} has learned {', '.join(known)}, not {wanted}")
    return wanted or known[0]


def labels_of(folder: Path) -> list[str]:
    """The labels that a run chooses from. ValueError where its folder does not tell."""
    record = record_of(folder)
    labels = record["text"].get("labels") if record else None
    if not labels:
        raise ValueError(f"{folder} does not say which labels its classes are: it has no run.json")
    return labels


def remembered(folder: Path, task: str) -> int | None:
    """How many exchanges before a question the chats had that this task was learned from: with more
    a model knows nothing to do. None where its folder does not tell."""
    record = record_of(folder)
    longest = (record["text"].get("exchanges") or {}).get(task) if record else None
    return None if longest is None else longest - 1
