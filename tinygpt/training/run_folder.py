"""The folder of a run: what it holds, how it is made, and which is the newest.

runs/python-docs-20260131-120000/
    config.json  model.safetensors  tokenizer.json      the best model so far, for generate and eval
    run.json                                            the settings, the text's SHA-256, versions
    log.jsonl  loss.png                                 how the loss fell
    checkpoints/step-500/  checkpoints/step-1000/       where the run can go on: see checkpoint.py
"""

import difflib
import json
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt import __version__
from tinygpt.files import read_json, replacing, write_text
from tinygpt.models.pretrained import CONFIG_FILE, SHIPPED, WEIGHTS_FILE, find
from tinygpt.text.reading import as_path

RUN_FILE, LOG_FILE, LOSS_PICTURE, LOCK_FILE = "run.json", "log.jsonl", "loss.png", ".lock"
RUNS = "runs"  # where runs are made and looked for


class InUse(ValueError):
    """Another process trains in this folder."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """In the block no other process can hold this run. InUse where one does. A process that died
    holds nothing any more: the system lets go of its lock."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE, timeout=0, is_singleton=True)  # once more is no second one
    try:
        lock.acquire()
    except Timeout as error:
        raise InUse(
            f"{folder} is being trained by another process: wait until it ends, or stop it (Ctrl-C "
            f"there saves a resume point)"
        ) from error
    except (NotImplementedError, OSError):  # a file system without locks, or one to read only
        yield
        return
    try:
        yield
    finally:
        lock.release()


def new_run_folder(output_dir: str | Path, corpus: str, n_bytes: int) -> Path:
    """Make output_dir/corpus-time. ValueError, before anything is trained, where it cannot be
    written or the disk has no room for n_bytes."""
    name = f"{corpus}-{time.strftime('%Y%m%d-%H%M%S')}"
    for i in range(1000):
        folder = Path(output_dir) / (f"{name}-{i}" if i else name)
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            if Path(output_dir).is_dir():
                continue  # another run began in this second
            raise ValueError(f"cannot make {folder}: {error}") from error
        except OSError as error:
            raise ValueError(f"cannot make {folder}: {error.strerror or error}") from error
        break
    else:
        raise ValueError(f"{output_dir} has a thousand runs of this second: choose another")
    try:
        check_room(folder, n_bytes)
    except ValueError:
        folder.rmdir()
        raise
    return folder


def check_room(folder: Path, n_bytes: int) -> None:
    """ValueError where the disk has no room for so much, or nothing can be written there."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise ValueError(
            f"{folder.parent.resolve()} has {free / 1e6:.0f} MB free, the run needs "
            f"{n_bytes / 1e6:.0f} MB: choose another --output-dir"
        )
    try:
        with replacing(folder / ".room"):
            pass
        (folder / ".room").unlink()
    except OSError as error:
        raise ValueError(f"cannot write in {folder}: {error.strerror or error}") from error


def write_run(folder: Path, model: Any, training: Any, data: Any, text: dict[str, Any]) -> None:
    """run.json: all settings, what the text was, and the versions that made the numbers."""
    content = {
        "model": asdict(model),
        "training": asdict(training),
        "data": asdict(data),
        "text": text,
        "versions": {
            "tinygpt": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
    }
    write_text(folder / RUN_FILE, json.dumps(content, indent=2) + "\n")


def read_run(folder: Path) -> dict[str, Any]:
    """What write_run wrote. ValueError where it is not there or not whole."""
    path = folder / RUN_FILE
    if not path.is_file():
        raise ValueError(f"{folder} is no run: there is no {RUN_FILE} in it")
    content = read_json(path, "record of a run")
    try:
        if not all(isinstance(content[k], dict) for k in ("model", "training", "data", "text")):
            raise ValueError("expected model, training, data and text in it")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is cut short or altered: {error!r}") from error
    return content


def record_of(folder: Path) -> dict[str, Any] | None:
    """The run.json of a run, also from one of its resume points; None where there is none."""
    for place in (folder, *folder.resolve().parents[:2]):
        if (place / RUN_FILE).is_file():
            return read_run(place)
    return None


# ------------------------------------------------------------------------- which one is meant


def newest_run(output_dir: str | Path = RUNS) -> Path:
    """The run whose model was saved last. ValueError where there is none."""
    saved = {}
    for path in Path(output_dir).glob(f"*/{WEIGHTS_FILE}"):
        try:
            saved[path.parent] = path.stat().st_mtime_ns
        except OSError:  # a broken link hides no other run
            continue
    if not saved:
        raise ValueError(
            f"there is no run in {Path(output_dir).resolve()}: train one with `tinygpt train`, "
            f"give the folder of a run, or take the model that is shipped: {', '.join(SHIPPED)}"
        )
    return max(saved, key=lambda folder: saved[folder])


def known_model(word: str | Path, output_dir: str | Path = RUNS) -> Path | None:
    """The folder of the model that is meant, where it is on this machine: a folder with a model, a
    run's name, a run and its step (RUN/step-500), the name of a shipped model. None for others."""
    name = str(word)
    if name in SHIPPED:
        return SHIPPED[name]
    for place in (name, f"{output_dir}/{name}" if name else ""):
        path = as_path(place)
        if path is None and "/step-" in place:
            run, _, step = place.rpartition("/")
            path = as_path(f"{run}/checkpoints/{step}")
        if path is not None and path.name in (CONFIG_FILE, WEIGHTS_FILE):
            path = path.parent
        if path is not None and (path / CONFIG_FILE).is_file():
            return path
    return None


def find_model(word: str | Path | None, output_dir: str | Path = RUNS) -> Path:
    """The folder of the model that is meant by a word, None for the newest run; one that is only
    known to the hub is fetched. ValueError where there is no such model."""
    if word is None:
        return newest_run(output_dir)
    known = known_model(word, output_dir)
    if known is not None:
        return known
    parent, _, name = str(word).rstrip("/").rpartition("/")
    if parent and (as_path(parent) or parent in SHIPPED or known_model(parent, output_dir)):
        there = _models_below(parent, output_dir)
        raise ValueError(f"there is no {name} in {parent}: it has {', '.join(there) or 'no model'}")
    near = near_run(str(word), output_dir)
    if near is not None:
        raise ValueError(f"there is no model {word}. Did you mean {near}?")
    return find(word)


def _models_below(place: str, output_dir: str | Path) -> list[str]:
    """What can follow a folder, or a run, and a slash: the names of the models in it."""
    folder = known_model(place, output_dir) or Path(place)
    steps = [p.parent for p in (folder / "checkpoints").glob(f"step-*/{CONFIG_FILE}")]
    runs = [p.parent for p in folder.glob(f"*/{CONFIG_FILE}")]
    newest_first = sorted(steps + runs, key=lambda p: p.stat().st_mtime_ns, reverse=True)
    return [p.name for p in newest_first[:8]]


def near_run(word: str, output_dir: str | Path = RUNS) -> str | None:
    """The run or shipped model whose name is nearly this word: a typing error."""
    names = {p.parent.name: str(p.parent) for p in Path(output_dir).glob(f"*/{WEIGHTS_FILE}")}
    names |= {f"{output_dir}/{name}": place for name, place in names.items()}
    names |= {name: name for name in SHIPPED}
    found = difflib.get_close_matches(word.rstrip("/"), names, n=1, cutoff=0.85)
    return names[found[0]] if found else None


def looks_like_a_path(word: str) -> bool:
    """Is this meant as a place and not as a text?"""
    return " " not in word and ("/" in word or "\\" in word or word.startswith(("~", "./", "../")))


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of log.jsonl; one that was being written when the run stopped is left out."""
    path = folder / LOG_FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    try:
        log = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} was altered: {error!r}"[:300]) from error
    if not all(isinstance(line, dict) and isinstance(line.get("step"), int) for line in log):
        raise ValueError(f"{path} was altered: a line of it has no step")
    return log


def cut_log(folder: Path, step: int) -> None:
    """Forget the lines after this step: the run goes on from there and writes them again."""
    lines = [json.dumps(line) + "\n" for line in read_log(folder) if line["step"] <= step]
    write_text(folder / LOG_FILE, "".join(lines))


def draw_loss(folder: Path, floor: float | None = None) -> None:
    """loss.png from log.jsonl: training and validation loss against the step, and the floor, the
    loss that a perfect model would reach, where it is known."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    log = read_log(folder)
    figure = Figure(figsize=(7, 4), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="step", ylabel="loss, nats per token")
    axes.spines[["top", "right"]].set_visible(False)
    for name, marker in (("loss", ""), ("validation_loss", "o")):
        points = [(line["step"], line[name]) for line in log if name in line]
        if points:
            steps, losses = zip(*points, strict=True)
            axes.plot(steps, losses, label=name.replace("_", " "), marker=marker)
            above = "bottom" if name == "validation_loss" else "top"  # the two do not meet
            axes.annotate(f" {losses[-1]:.2f}", (steps[-1], losses[-1]), va=above)
    if floor is not None:
        axes.axhline(floor, color="grey", linestyle="--", label=f"a perfect model: {floor:.3f}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    with replacing(folder / LOSS_PICTURE) as temporary, open(temporary, "wb") as file:
        canvas.print_png(file)
