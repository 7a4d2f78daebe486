"""The folder of a run: what it holds, how it is made, and which is the newest.

runs/python-docs-20260131-120000/
    config.json  model.safetensors  tokenizer.json      the best model so far, for generate and eval
    run.json                                            the settings, the text's SHA-256, versions
    log.jsonl  loss.png                                 how the loss fell
    checkpoints/step-500/  checkpoints/step-1000/       where the run can go on: see checkpoint.py
"""

import json
import platform
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt import __version__
from tinygpt.files import replacing, write_text
from tinygpt.models.pretrained import WEIGHTS_FILE

RUN_FILE, LOG_FILE, LOSS_PICTURE = "run.json", "log.jsonl", "loss.png"


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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(content[k], dict) for k in ("model", "training", "data", "text")):
            raise ValueError("expected model, training, data and text in it")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is cut short or altered: {error!r}") from error
    return content


def newest_run(output_dir: str | Path = "runs") -> Path:
    """The run whose model was saved last. ValueError where there is none."""
    folders = [p.parent for p in Path(output_dir).glob(f"*/{WEIGHTS_FILE}")]
    if not folders:
        raise ValueError(
            f"there is no run in {Path(output_dir).resolve()}: train one with `tinygpt train`, "
            f"or give the folder of a run"
        )
    return max(folders, key=lambda folder: (folder / WEIGHTS_FILE).stat().st_mtime_ns)


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of log.jsonl; one that was being written when the run stopped is left out."""
    path = folder / LOG_FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


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
            axes.annotate(f" {losses[-1]:.2f}", (steps[-1], losses[-1]), va="center")
    if floor is not None:
        axes.axhline(floor, color="grey", linestyle="--", label=f"a perfect model: {floor:.3f}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    with replacing(folder / LOSS_PICTURE) as temporary, open(temporary, "wb") as file:
        canvas.print_png(file)
