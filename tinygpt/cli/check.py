"""tinygpt check: the answers in students' files, judged; a table."""

import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from tinygpt.cli.settings import parse, shown
from tinygpt.lesson.exercises import EXERCISES
from tinygpt.lesson.grading import Graded, grade
from tinygpt.progress import progress

A_DAY = 86_400  # seconds


@dataclass
class CheckCommand:
    """Judge the answers in notebooks or Python files: a row for each file, a column for each
    exercise. Each file is run in a process of its own, with bounds on time and memory, but with
    your rights: judge strangers' files as a user who may do nothing else.

    tinygpt check 05_loss.ipynb --why

    tinygpt check students/*.ipynb --csv > points.csv
    """

    files: Positional[
        Annotated[tuple[Path, ...], shown("FILE.py|FILE.ipynb ...", "what the students wrote")]
    ]
    csv: bool = False  # comma-separated values in place of the table
    why: bool = False  # also say what is wrong first, as `check` in the lesson does
    timeout: float = 60.0  # seconds for each file
    memory: float = 4000.0  # megabytes for each file, where the system can bound them (Linux)


def check(argv: list[str]) -> int:
    """Exit code 0 where every answer is right, 1 where one is not."""
    command = parse(CheckCommand, argv, "check")
    if not command.files:
        raise ValueError("expected files to judge: tinygpt check FILE.py|FILE.ipynb ...")
    if not 0 < command.timeout <= A_DAY:
        raise ValueError(
            f"expected a timeout above 0 and up to {A_DAY:,} seconds, got {command.timeout:g}"
        )
    if not 0 < command.memory < math.inf:
        raise ValueError(f"expected a memory above 0 megabytes, got {command.memory:g}")
    for path in command.files:
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        if path.suffix not in (".py", ".ipynb"):
            raise ValueError(f"{path}: expected a .py or .ipynb file")
    quiet = len(command.files) == 1
    graded = [
        grade(path, command.timeout, command.memory)
        for path in progress(command.files, "judging", disable=quiet)
    ]
    ids = [id for id in EXERCISES if any(id in g.results for g in graded)]
    if command.csv:
        _csv(graded, ids)
    else:
        _table(graded, ids)
    if command.why:
        _reasons(graded)
    right = [g.results.get(id, {}).get("accepted", False) for g in graded for id in ids]
    return 0 if right and all(right) else 1


def _names(graded: list[Graded]) -> list[str]:
    """The file's name, or its whole path where two have the same."""
    names = [g.path.name for g in graded]
    return [
        plain(n if names.count(n) == 1 else str(g.path)) for n, g in zip(names, graded, strict=True)
    ]


def plain(text: str, longest: int = 2000) -> str:
    """A stranger's text in one harmless piece: no escape sequences, no line ends, no more than so
    many characters."""
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: longest + 1])
    return text if len(text) <= longest else f"{text[:longest]} ..."


def _cell(text: str) -> str:
    """A field of a CSV file that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _points(g: Graded, id: str) -> int:
    return g.results.get(id, {}).get("points", 0)


def _totals(graded: list[Graded], ids: list[str]) -> dict[str, int]:
    return {id: next(g.results[id]["total"] for g in graded if id in g.results) for id in ids}


def _table(graded: list[Graded], ids: list[str]) -> None:
    names, totals = _names(graded), _totals(graded, ids)
    width = max(map(len, names))
    print(f"{'':<{width}}{''.join(f'{id:>8}' for id in ids)}{'all':>8}")
    for name, g in zip(names, graded, strict=True):
        points = "".join(f"{f'{_points(g, id)}/{totals[id]}':>8}" for id in ids)
        whole = f"{sum(_points(g, id) for id in ids)}/{sum(totals.values())}"
        print(f"{name:<{width}}{points}{whole:>8}")
    for name, g in zip(names, graded, strict=True):
        for trouble in g.troubles:
            print(f"{name}: {plain(trouble)}")
    if not ids:
        print("no exercise was found: an answer keeps the name that the lesson gives it")


def _csv(graded: list[Graded], ids: list[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", *ids, "points", "of", "trouble"])
    whole = sum(_totals(graded, ids).values())
    for name, g in zip(_names(graded), graded, strict=True):
        points = [_points(g, id) for id in ids]
        trouble = "; ".join(map(plain, g.troubles))
        writer.writerow([_cell(name), *points, sum(points), whole, _cell(trouble)])


def _reasons(graded: list[Graded]) -> None:
    for name, g in zip(_names(graded), graded, strict=True):
        for id, result in sorted(g.results.items()):
            if result["why"]:
                why = "\n".join(map(plain, result["why"].split("\n")[:40]))
                print(f"\n{name}  {id}\n{why}")
