"""Tasks of one's own, from a file.

    --task pairs FILE        prompt <tab> answer                  a line each
    --task labels FILE       label <tab> text                     the labels are those in the file
    --task questions FILE    text <tab> question <tab> answer
    --task dialogue FILE     a chat in each line, JSON: {"messages": [{"role": "user", ...}, ...]}

A tab, a line end or a backslash in a text is written \\t, \\n, \\\\. Empty lines are left out.
"""

import random
import re
from collections.abc import Sequence
from pathlib import Path

from tinygpt.tasks import metrics
from tinygpt.tasks.task import Task
from tinygpt.text.chat import Example, read_chats
from tinygpt.text.examples import Parts
from tinygpt.text.reading import read_text

ESCAPES = {"\\t": "\t", "\\n": "\n", "\\\\": "\\"}


def read_columns(path: Path, names: Sequence[str], encoding: str) -> list[tuple[str, list[str]]]:
    """(place, the columns) of each line of a tab-separated file. ValueError with the line where
    there are more or fewer columns, or one is empty."""
    lines = []
    for n, line in enumerate(read_text(path, encoding).splitlines(), 1):
        if not line.strip():
            continue
        where, columns = f"{path}, line {n}", line.split("\t")
        if len(columns) != len(names):
            raise ValueError(
                f"{where}: expected {len(names)} columns with a tab between ({', '.join(names)}), "
                f"got {len(columns)}. A tab inside of a text is written \\t"
            )
        columns = [re.sub(r"\\[tn\\]", lambda m: ESCAPES[m[0]], c) for c in columns]
        for name, column in zip(names, columns, strict=True):
            if not column.strip():
                raise ValueError(f"{where}: the {name} is empty: fill it in, or leave the line out")
        lines.append((where, columns))
    if not lines:
        raise ValueError(f"{path} has no examples: a line of {', '.join(names)} is expected")
    return lines


class FileTask(Task):
    """Examples from somebody's file, in three parts: a share is held out to choose the best model
    by, and as much again to report a number on."""

    columns: tuple[str, ...] = ()
    settings = {"tokenizer": "char", "batch_size": 16, "max_steps": 1000}

    def __init__(self, path: Path, encoding: str = "utf-8", held_out: float = 0.1):
        self.path, self.encoding, self.held_out = path, encoding, held_out
        self.all = [Example(turns, self.name, where) for where, turns in self.read(path, encoding)]

    def read(self, path: Path, encoding: str) -> list[tuple[str, tuple[str, ...]]]:
        """(place, turns) of each example."""
        return [(where, self.turns(*c)) for where, c in read_columns(path, self.columns, encoding)]

    def turns(self, *columns: str) -> tuple[str, ...]:
        """The turns in a line."""
        return columns

    def examples(self) -> Parts:
        """Divided by what is asked, so that nothing is asked in two parts."""
        asked: dict[tuple[str, ...], list[Example]] = {}
        for e in self.all:
            asked.setdefault(e.turns[:-1], []).append(e)
        groups = list(asked.values())
        random.Random(0).shuffle(groups)
        n = round(self.held_out * len(groups))
        if self.held_out and not 0 < n < len(groups) / 2:
            raise ValueError(
                f"{self.path} has {len(groups)} different prompts, too few to hold {self.held_out} "
                f"of them out twice: add more, or give another --validation-fraction (0: none)"
            )
        parts = groups[2 * n :], groups[n : 2 * n], groups[:n]
        return Parts(*([e for group in part for e in group] for part in parts))


class Pairs(FileTask):
    """A prompt, and what is to be written after it."""

    name, about = "pairs", "your own pairs of prompt and answer, from a file"
    columns = ("prompt", "answer")

    def score(self, answers: Sequence[str], examples: Sequence[Example]) -> dict[str, float]:
        """Exact match, and BLEU and chrF where sacrebleu is installed."""
        right = [e.answer for e in examples]
        return super().score(answers, examples) | metrics.bleu_and_chrf(answers, right)


class Labels(FileTask):
    """A text, and which of a few labels it has."""

    name, about = "labels", "your own texts with labels, from a file"
    columns = ("label", "text")

    def __init__(self, path: Path, encoding: str = "utf-8", held_out: float = 0.1):
        super().__init__(path, encoding, held_out)
        self.labels = tuple(sorted({e.answer for e in self.all}))
        if len(self.labels) < 2:
            raise ValueError(
                f"{path}: every line has the label {self.labels[0]!r}: two at least are expected"
            )

    def turns(self, *columns: str) -> tuple[str, ...]:
        label, text = columns
        return text, label

    def examples(self) -> Parts:
        parts = super().examples()
        known = {e.answer for e in parts.train}
        for e in [*parts.validation, *parts.test]:
            if e.answer not in known:
                raise ValueError(
                    f"{e.where}: the label {e.answer!r} occurs in held-out lines alone, so nothing "
                    f"could learn it: give more lines of it, or leave it out"
                )
        return parts


class OwnQuestions(FileTask):
    """A question about a text."""

    name, about = "questions", "your own questions about texts"
    columns = ("text", "question", "answer")

    def turns(self, *columns: str) -> tuple[str, ...]:
        text, question, answer = columns
        return f"{text} {question}", answer

    def score(self, answers: Sequence[str], examples: Sequence[Example]) -> dict[str, float]:
        right = [e.answer for e in examples]
        return super().score(answers, examples) | {"F1": metrics.overlap_f1(answers, right)}


class OwnDialogue(FileTask):
    """Chats; only the last answer of each held-out one is judged."""

    name, about = "dialogue", "your own chats"

    def read(self, path: Path, encoding: str) -> list[tuple[str, tuple[str, ...]]]:
        return read_chats(path, encoding)
