"""The examples of a run's task as a corpus: what the tokenizer is learned from, and its SHA-256."""

import re
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from tinygpt.tasks import FROM_A_FILE, TASKS, make_task
from tinygpt.text.chat import Example
from tinygpt.text.corpora import ALL_TASKS, Corpus, DataArguments, sha256_of
from tinygpt.text.examples import Parts

ALL_SETTINGS = {  # of one model for all tasks
    "tokenizer": "bpe", "pattern": "single", "vocab_size": 1024, "block_size": 320, "n_layer": 4,
    "n_head": 4, "n_embd": 128, "position": "rotary", "batch_size": 32, "max_steps": 2000,
    "learning_rate": 2e-3,
}  # fmt: skip
MOST = 20_000  # examples of each of them
OFTEN = {"sample_steps": 0}  # its answers are shown at the end


def settings_of(task: str, file: bool) -> dict:
    """What a run of this task has, where nothing else is said."""
    if task == ALL_TASKS:
        return OFTEN | ALL_SETTINGS
    kinds = FROM_A_FILE if file or task not in TASKS else TASKS
    return OFTEN | kinds[task].settings if task in kinds else {}


def task_corpus(data: DataArguments) -> Corpus:
    """The examples that the settings of a run ask for. ValueError as make_task."""
    names = list(TASKS) if data.task == ALL_TASKS else [data.task]
    tasks = [make_task(n, data.corpus, data.encoding, data.validation_fraction) for n in names]
    if data.head and not (len(tasks) == 1 and tasks[0].labels):
        raise ValueError(
            f"--head chooses among a few labels, which {data.task} does not have: leave it out, "
            f"and the answer is written"
        )
    parts = Parts(*map(_mixed, zip(*(task.examples() for task in tasks), strict=True)))
    train, validation, test = ("".join(map(str, part)) for part in parts)
    file = Path(data.corpus).resolve() if data.corpus else None
    return Corpus(
        re.sub(r"[^\w.-]+", "-", file.stem) if file else data.task,
        train,
        validation,
        sha256_of(train + validation + test),
        path=file,
        examples=parts,
        tasks=tuple(names),
        labels=tasks[0].labels if len(tasks) == 1 else (),
    )


def _mixed(parts: Sequence[list[Example]]) -> list[Example]:
    """The examples of several tasks, as many of each: those of a smaller one come again, and of a
    large one no more than MOST are taken."""
    if len(parts) == 1:
        return parts[0]
    most = min(max(map(len, parts)), MOST)
    examples = [e for part in parts for e in islice(cycle(part), most)]
    return [examples[i] for i in np.random.default_rng(0).permutation(len(examples))]
