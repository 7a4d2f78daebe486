"""What a run has on disk while it trains: the best model, resume points, and going on."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinygpt.backend import to_float
from tinygpt.files import read_arrays
from tinygpt.models.pretrained import WEIGHTS_FILE
from tinygpt.training.checkpoint import (
    MOMENTS_FILE,
    checkpoints,
    drop_checkpoints_after,
    find_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tinygpt.training.run_folder import cut_log, draw_loss, hold, read_log


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved last stays."""


def save(trainer: Any) -> None:
    """A resume point of this step. Where no held-out text says which model is the best, this
    one also stands at the top of the folder. TrainingError where it cannot be saved: what was
    saved before stays."""
    a, model, optimizer = trainer.arguments, trainer.model, trainer.optimizer
    trainer.check_moments()
    moments = trainer.workers.moments(optimizer)  # ranks hold parts of them: all take part
    if trainer.folder is None:
        return
    if not math.isfinite(to_float(model.vector().data.sum())):
        raise TrainingError("the weights are not finite any more: what was saved last stays")
    state = {
        "optimizer": a.optimizer,
        "dropout_seed": model.vector().seed,
        "batches": None if trainer.batches is None else trainer.batches.rng.bit_generator.state,
        "best": trainer.best,
    }
    with in_words(trainer, optimizer.steps):
        if not trainer.validation or trainer.best is None:
            save_best(trainer)
        write_checkpoint(trainer.folder, optimizer.steps, model, trainer.tokenizer, moments, state)
        draw_loss(trainer.folder, trainer.floor)


def save_best(trainer: Any) -> None:
    """The model as it is now to the top of the folder, each file whole or not at all."""
    if trainer.folder is None:
        return
    with in_words(trainer, trainer.optimizer.steps):
        trainer.model.save_pretrained(trainer.folder)
        if trainer.tokenizer is not None:
            trainer.tokenizer.save(trainer.folder)
        trainer.saved = trainer.optimizer.steps


@contextmanager
def in_words(trainer: Any, step: int) -> Iterator[None]:
    """A full disk, or a folder that is gone, in words."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"step {step} could not be saved: {error}. {what_is_saved(trainer)}"
        ) from error


def what_is_saved(trainer: Any) -> str:
    """What the folder of the run holds now, for whoever has to go on from there."""
    assert trainer.folder is not None
    points = checkpoints(trainer.folder)
    saved = "No resume point was saved yet"
    if points:
        n = points[0].name.removeprefix("step-")
        saved = f"Go on from step {n} with: tinygpt train --resume {trainer.folder}"
    if (trainer.folder / WEIGHTS_FILE).is_file() and trainer.saved is not None:
        saved += f"\nThe best model so far, that of step {trainer.saved}, is in {trainer.folder}"
    return saved


def restore(trainer: Any, where: str | Path) -> None:
    """Go on from a resume point, or the newest of a run: weights, moments, random numbers, all
    as they were. What the run had written for later steps is removed.

    ValueError where a file of it is not as it was written, or it is not one of this run."""
    _, checkpoint = find_checkpoint(Path(where))
    step = load(trainer, checkpoint)
    if trainer.folder is not None:
        with hold(trainer.folder):
            later = [line["validation_loss"] for line in read_log(trainer.folder)
                     if line["step"] > step and "validation_loss" in line]  # fmt: skip
            if later and (trainer.best is None or min(later) < trainer.best[1]):
                trainer.best = None  # the best model in the folder is one that this run gives up
                save_best(trainer)
            cut_log(trainer.folder, step)
            drop_checkpoints_after(trainer.folder, step)


def load_best(trainer: Any) -> None:
    """Put the best weights of this run, those in its folder, into the model."""
    if trainer.folder is not None and trainer.saved != trainer.optimizer.steps:
        trainer.model.load_pretrained(trainer.folder)


def load(trainer: Any, checkpoint: Path) -> int:
    state = read_checkpoint(checkpoint)
    if trainer.batches is not None and not isinstance(state.get("batches"), dict):
        raise ValueError(f"{checkpoint} does not say which batches come next")
    if state["optimizer"] != trainer.arguments.optimizer:
        raise ValueError(
            f"{checkpoint} was trained with {state['optimizer']}, not with "
            f"{trainer.arguments.optimizer}"
        )
    trainer.model.load_pretrained(checkpoint)
    trainer.optimizer.load_state_dict(read_arrays(checkpoint / MOMENTS_FILE), state["step"])
    trainer.model.vector().seed = state["dropout_seed"]
    if trainer.batches is not None:
        trainer.batches.rng.bit_generator.state = state["batches"]
    trainer.best = tuple(state["best"]) if state.get("best") else None
    trainer.saved = state["step"] if trainer.best is None else trainer.best[0]
    return state["step"]
