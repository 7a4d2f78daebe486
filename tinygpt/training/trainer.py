"""Trainer: the training loop with everything around it.

One step, plainly, is in step.py, and the loop by hand in the README. Here is what a run needs: a
progress bar, held-out loss, samples, a log, the best model and resume points on disk, and words for
what went wrong.
"""

import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.autograd.finite import NotFinite, every_result_checked
from tinygpt.backend import Array, array_module, is_host, keep_freed_memory, to_float
from tinygpt.files import read_arrays
from tinygpt.generation.writing import generate_text
from tinygpt.models.gpt import GPT
from tinygpt.models.pretrained import WEIGHTS_FILE
from tinygpt.optim.clip import clip_factor, grad_norm
from tinygpt.optim.schedule import learning_rate
from tinygpt.progress import progress
from tinygpt.text.batches import RandomBatches, check_length, window_batches
from tinygpt.training.arguments import TrainingArguments, make_optimizer
from tinygpt.training.checkpoint import (
    MOMENTS_FILE,
    checkpoints,
    drop_checkpoints_after,
    find_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tinygpt.training.evaluation import mean_loss
from tinygpt.training.parallel import Workers
from tinygpt.training.run_folder import LOG_FILE, cut_log, draw_loss, hold, read_log

EVAL_WINDOWS = 512  # held-out windows that a loss is measured on, at most
OVERFITTING = 4  # measurements without a better one after which it is said


class TrainingError(RuntimeError):
    """Training cannot go on; what was saved last stays."""


class Trainer:
    """Trains a model on ids.

    train and validation are 1-D arrays of token ids; validation may be None. Where a folder is
    given, the best model so far stands there, and resume points and the log below it. With `begin`,
    every window begins with that id. `floor` is the loss of a perfect model, for the picture. A
    callback is called with the trainer and each line of the log, and ends the run if it returns
    True. The model is left in train mode while it runs and in eval mode afterwards.
    """

    def __init__(
        self,
        model: GPT,
        arguments: TrainingArguments,
        *,
        train: np.ndarray | None = None,
        validation: np.ndarray | None = None,
        tokenizer: Any = None,
        folder: str | Path | None = None,
        begin: int | None = None,
        floor: float | None = None,
        callbacks: Sequence[Callable[["Trainer", dict[str, Any]], Any]] = (),
    ):
        if not isinstance(model, GPT):
            raise TypeError(
                f"expected a GPT, or a subclass of it, got {type(model).__name__}: the loop by "
                "hand (README) trains any Module"
            )
        self.model, self.arguments = model, arguments
        a, block_size = arguments, model.config.block_size
        if a.device is not None:
            model.to(a.device)
        if tokenizer is not None and tokenizer.end_id is not None:
            model.generation.setdefault("eos_token_id", tokenizer.end_id)  # kept in its folder
        self.tokenizer, self.folder = tokenizer, None if folder is None else Path(folder)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.floor, self.callbacks = floor, callbacks
        self.batches: RandomBatches | None = None
        if train is not None:
            check_length(train, block_size, "the text to train on")
            self.batches = RandomBatches(train, block_size, a.batch_size, seed=a.seed, begin=begin)
        self.validation: list[tuple[np.ndarray, np.ndarray]] = []
        if validation is not None:
            check_length(validation, block_size, "the held-out text")
            rows = a.micro_batch_size or a.batch_size
            self.validation = window_batches(
                validation, block_size, rows, limit=EVAL_WINDOWS, begin=begin
            )
        self.optimizer = make_optimizer(model, a)
        self.workers = Workers(model, *self._number_of_workers())
        self.norm: Array = np.zeros(())  # of the last gradient, before clipping
        self.best: tuple[int, float] | None = None  # the step and the held-out loss of the best
        self.saved: int | None = None  # the step of the model at the top of the folder

    # ------------------------------------------------------------------------------ one step

    def step(self, x: np.ndarray, y: np.ndarray) -> Array:
        """One optimiser step on the batch x, y (B, T); the loss as a 0-d array, unread.

        The rows are divided over the workers, and with micro_batch_size worked off a few at a
        time. Each part counts by its kept targets (a mean of means would give a target of a small
        part too much weight), and dropout is told where the part begins, so the result is that of
        the whole batch.
        """
        a, model = self.arguments, self.model
        self.optimizer.lr = learning_rate(
            self.optimizer.steps + 1,
            a.schedule,
            peak=a.learning_rate,
            floor=min(a.min_learning_rate, a.learning_rate),
            warmup=a.warmup_steps,
            total=a.max_steps,
        )
        with self.workers.one_blas_thread_each(), np.errstate(all="ignore"):
            loss = self._gradient(x, y)
            self.norm = grad_norm(model)
            factor = clip_factor(self.norm, a.max_grad_norm)
            on_host = is_host(self.norm)  # there a broken gradient never reaches the weights
            if not on_host or (math.isfinite(self.norm) and math.isfinite(loss)):
                self.workers.update(self.optimizer, factor)
        return loss

    def _gradient(self, x: np.ndarray, y: np.ndarray) -> Array:
        """Backward through the whole batch; the loss."""
        if not self.model.training:
            self.model.train()
        self.optimizer.zero_grad()
        n_kept = np.count_nonzero(y != -100)
        if n_kept == 0:
            raise ValueError("every target is -100: there is nothing to learn from")
        return self.workers.sum_of(self.backward, len(x), x, y, n_kept)

    def backward(self, model: GPT, rows: slice, x: np.ndarray, y: np.ndarray, n_kept: int) -> Any:
        """A worker's part: backward through these rows of a batch that keeps so many targets; what
        they add to its loss."""
        with np.errstate(all="ignore"):  # each thread has a setting of its own
            return self._backward(model, rows, x, y, n_kept)

    def _backward(self, model: GPT, rows: slice, x: np.ndarray, y: np.ndarray, n_kept: int) -> Any:
        loss = 0.0
        size = self.arguments.micro_batch_size or len(x)
        for start in range(rows.start, rows.stop, size):
            part = slice(start, min(start + size, rows.stop))
            share = float(np.count_nonzero(y[part] != -100) / n_kept)
            if share:
                model.vector().begin_part(start)
                part_loss = model.loss(x[part], y[part])
                xp = array_module(part_loss.data)
                part_loss.backward(xp.full((), share, dtype=part_loss.dtype))
                loss = loss + part_loss.data * share
        model.vector().row = 0  # whoever forwards next has a batch of their own
        return loss

    # ------------------------------------------------------------------------------ the loop

    def train(self) -> None:
        """Train to max_steps, or until the held-out loss has not fallen for `patience` times.

        Ctrl-C (or SIGTERM, SIGHUP) finishes the step, writes a resume point and raises
        KeyboardInterrupt. TrainingError where the loss or the norm is not finite, or nothing can be
        saved: what was saved stays. ValueError where another process trains in the folder.
        """

        a, start = self.arguments, self.optimizer.steps
        if self.batches is None:
            raise ValueError("Trainer(..., train=ids) is needed for the loop")
        keep_freed_memory()
        try:
            with (
                hold(self.folder) if self.folder is not None else nullcontext(),
                _interrupts() as interrupted,
                np.errstate(all="ignore"),  # what is not finite is noticed where it matters
                progress(total=a.max_steps, initial=start, unit="step", dynamic_ncols=True) as bar,
            ):
                self._loop(self.batches, bar, interrupted)
        finally:
            self.model.eval()

    def _loop(self, batches: Iterator[Any], bar: Any, interrupted: list[bool]) -> None:
        a, start, began, tokens = self.arguments, self.optimizer.steps, time.perf_counter(), 0
        for step in range(start + 1, a.max_steps + 1):
            x, y = next(batches)
            loss = self.step(x, y)
            tokens += x.size
            stop = bool(interrupted)  # read once: a Ctrl-C after this waits for the next step
            due = self._due(step) | ({"read", "save"} if stop else set())
            ends = False  # a callback or patience asks for the end
            if "read" in due:
                self._stop_unless_finite(step, loss, x, y)
            if "log" in due:
                seconds = time.perf_counter() - began
                ends |= self._log_step(bar, step, step - start, loss, tokens, seconds)
            if "measure" in due:
                ends |= self._measure(bar, step)
            if "sample" in due:
                self._write_sample(bar, step)
            if "save" in due or ends:
                self.save()
            bar.update()
            if stop and step < a.max_steps:
                raise KeyboardInterrupt
            if ends:
                break

    def _due(self, step: int) -> set[str]:
        """What is to be done after this step; read: look whether its loss is a number."""
        a = self.arguments
        every = {"log": a.logging_steps, "sample": a.sample_steps, "save": a.save_steps}
        if self.validation:
            every["measure"] = a.eval_steps
        due = {what for what, n in every.items() if n and step % n == 0}
        if step == 1:
            due.add("log")
        if step == a.max_steps:  # the end; what the model writes then, its caller shows
            due = (due | {"log", "save"} | every.keys() & {"measure"}) - {"sample"}
        if is_host(self.norm) or due & {"log", "save"}:  # on a GPU reading waits for it
            due.add("read")
        return due

    def _log_step(
        self, bar: Any, step: int, done: int, loss: Array, tokens: int, seconds: float
    ) -> bool:
        """A line of the log, and the bar; whether a callback asks for the end. done: the steps, and
        tokens, of so many seconds."""
        a = self.arguments
        asked = self._log(
            step=step,
            loss=to_float(loss),
            grad_norm=to_float(self.norm),
            learning_rate=self.optimizer.lr,
            tokens_per_second=round(tokens / seconds),
        )
        shown = {"loss": f"{to_float(loss):.2f}", "tokens/s": f"{tokens / seconds:.0f}"}
        if self.best is not None:
            shown["best"] = f"{self.best[1]:.3f}"
        bar.set_postfix(shown, refresh=False)
        if done == 2 * a.logging_steps and step < a.max_steps:
            left = (a.max_steps - step) * seconds / done
            bar.write(f"about {_duration(left)} for the {a.max_steps - step:,} steps left")
        return asked

    def _measure(self, bar: Any, step: int) -> bool:
        """Measure the held-out loss, keep the model if it is the best; whether to end here."""
        a, loss = self.arguments, self.evaluate()
        if self.best is None or loss < self.best[1]:
            self.best = step, loss
            self._save_best()
        asked = self._log(step=step, validation_loss=loss)
        best_step, best_loss = self.best
        measured = math.ceil(step / a.eval_steps)  # the last step is measured out of turn too
        waited = measured - best_step // a.eval_steps
        remark = "" if best_step == step else f" (best: {best_loss:.3f} at step {best_step})"
        bar.write(f"step {step}: loss on held-out text {loss:.3f} per token{remark}")
        if waited == OVERFITTING:
            bar.write(f"overfitting since step {best_step}: the model learns the text by heart")
        if a.patience and waited >= a.patience:
            bar.write(f"no better model in {waited} measurements: the run ends (--patience)")
            return True
        return asked

    def evaluate(self) -> float:
        """The mean loss per held-out token, over at most EVAL_WINDOWS windows evenly spread."""
        return mean_loss(self.model, self.validation)

    # --------------------------------------------------------------------- saving, going on

    def save(self) -> None:
        """A resume point of this step. Where no held-out text says which model is the best, this
        one also stands at the top of the folder. TrainingError where it cannot be saved: what was
        saved before stays."""
        if self.folder is None:
            return
        a, model, optimizer = self.arguments, self.model, self.optimizer
        if not math.isfinite(to_float(model.vector().data.sum())):
            raise TrainingError("the weights are not finite any more: what was saved last stays")
        state = {
            "optimizer": a.optimizer,
            "dropout_seed": model.vector().seed,
            "batches": None if self.batches is None else self.batches.rng.bit_generator.state,
            "best": self.best,
        }
        with self._saving(optimizer.steps):
            if not self.validation or self.best is None:
                self._save_best()
            write_checkpoint(
                self.folder, optimizer.steps, model, self.tokenizer, optimizer.state_dict(), state
            )
            draw_loss(self.folder, self.floor)

    def _save_best(self) -> None:
        """The model as it is now to the top of the folder, each file whole or not at all."""
        if self.folder is None:
            return
        with self._saving(self.optimizer.steps):
            self.model.save_pretrained(self.folder)
            if self.tokenizer is not None:
                self.tokenizer.save(self.folder)
            self.saved = self.optimizer.steps

    @contextmanager
    def _saving(self, step: int) -> Iterator[None]:
        """A full disk, or a folder that is gone, in words."""
        try:
            yield
        except OSError as error:
            raise TrainingError(
                f"step {step} could not be saved: {error}. {self.what_is_saved()}"
            ) from error

    def what_is_saved(self) -> str:
        """What the folder of the run holds now, for whoever has to go on from there."""
        assert self.folder is not None
        points = checkpoints(self.folder)
        saved = "No resume point was saved yet"
        if points:
            n = points[0].name.removeprefix("step-")
            saved = f"Go on from step {n} with: tinygpt train --resume {self.folder}"
        if (self.folder / WEIGHTS_FILE).is_file() and self.saved is not None:
            saved += f"\nThe best model so far, that of step {self.saved}, is in {self.folder}"
        return saved

    def restore(self, where: str | Path) -> None:
        """Go on from a resume point, or the newest of a run: weights, moments, random numbers, all
        as they were. What the run had written for later steps is removed.

        ValueError where a file of it is not as it was written, or it is not one of this run."""
        _, checkpoint = find_checkpoint(Path(where))
        step = self._load(checkpoint)
        if self.folder is not None:
            with hold(self.folder):
                later = [line["validation_loss"] for line in read_log(self.folder)
                         if line["step"] > step and "validation_loss" in line]  # fmt: skip
                if later and (self.best is None or min(later) < self.best[1]):
                    self.best = None  # the best model in the folder is one that this run gives up
                    self._save_best()
                cut_log(self.folder, step)
                drop_checkpoints_after(self.folder, step)

    def load_best(self) -> None:
        """Put the best weights of this run, those in its folder, into the model."""
        if self.folder is not None and self.saved != self.optimizer.steps:
            self.model.load_pretrained(self.folder)

    def _load(self, checkpoint: Path) -> int:
        state = read_checkpoint(checkpoint)
        if self.batches is not None and not isinstance(state.get("batches"), dict):
            raise ValueError(f"{checkpoint} does not say which batches come next")
        if state["optimizer"] != self.arguments.optimizer:
            raise ValueError(
                f"{checkpoint} was trained with {state['optimizer']}, not with "
                f"{self.arguments.optimizer}"
            )
        self.model.load_pretrained(checkpoint)
        self.optimizer.load_state_dict(read_arrays(checkpoint / MOMENTS_FILE), state["step"])
        self.model.vector().seed = state["dropout_seed"]
        if self.batches is not None:
            self.batches.rng.bit_generator.state = state["batches"]
        self.best = tuple(state["best"]) if state.get("best") else None
        self.saved = state["step"] if self.best is None else self.best[0]
        return state["step"]

    # -------------------------------------------------------------------------------- details

    def _number_of_workers(self) -> tuple[int, int]:
        """Workers for the rows of a batch, and threads for the optimizer's step: `workers`, else
        one for each core, but no more than there are rows; on a GPU one, for it does all at once.
        """
        a = self.arguments
        if not is_host(self.model.vector().data):
            return 1, 1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        threads = a.workers or cores or 1
        return min(threads, a.batch_size), threads

    def _stop_unless_finite(self, step: int, loss: Array, x: np.ndarray, y: np.ndarray) -> None:
        values = {"loss": to_float(loss), "gradient norm": to_float(self.norm)}
        wrong = {name: value for name, value in values.items() if not math.isfinite(value)}
        if not wrong:
            return
        (name, value), rate = next(iter(wrong.items())), self.arguments.learning_rate
        raise TrainingError(
            f"step {step}: the {name} is {value}, so training stopped. {self._cause(step, x, y)}. "
            f"A smaller --learning-rate than {rate:g} or a longer warm-up usually helps.\n"
            f"{self.what_is_saved() if self.folder else ''}".rstrip()
        )

    def _cause(self, step: int, x: np.ndarray, y: np.ndarray) -> str:
        """The norms of the largest parameters, and the first op that made no number.

        On a CPU the weights are still those that the step began with, and it is played again. On a
        GPU, where the loss is not read at every step, they may be gone: then everything since the
        last resume point is.
        """
        batches: Iterator[Any] = iter([(x, y)])
        if not is_host(self.model.vector().data):
            points = [] if self.folder is None else checkpoints(self.folder)
            if not points:
                return "There is no resume point to play the steps before it again from"
            self._load(points[0])
            batches = self.batches or batches
        played = step
        self.workers = self.workers.in_this_process()
        try:
            with every_result_checked(), np.errstate(all="ignore"):
                while self.optimizer.steps < step:
                    played = self.optimizer.steps + 1
                    self.step(*next(batches))
                    if self.optimizer.steps < played:
                        break  # refused: the gradient is too long to be measured
            first = f"Played again to step {played}, every op gave numbers, but they are too large"
        except NotFinite as error:
            first = f"The first that is no number, in step {played}: {error}"
        norms = {
            name: to_float((p.data * p.data).sum()) ** 0.5
            for name, p in self.model.named_parameters()
        }
        largest = sorted(norms, key=lambda name: -norms[name])[:3]
        return f"{first}. Largest parameters: " + ", ".join(
            f"{name} has norm {norms[name]:.3g}" for name in largest
        )

    def _write_sample(self, bar: Any, step: int) -> None:
        if self.tokenizer is None:
            return
        text = generate_text(
            self.model,
            self.tokenizer,
            self.tokenizer.opening(),
            60,
            temperature=0.8,
            top_k=40,
            seed=step,
        )
        bar.write(f"step {step} writes: {' '.join(text.split())}")

    def _log(self, **line: Any) -> bool:
        """Write a line to the log and tell the callbacks; whether one of them asks for the end."""
        if self.folder is not None:
            with (
                self._saving(line["step"]),
                open(self.folder / LOG_FILE, "a", encoding="utf-8", newline="\n") as file,
            ):
                file.write(json.dumps(line) + "\n")
        answers = [callback(self, line) for callback in self.callbacks]  # all of them are asked
        return any(answer is True for answer in answers)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


@contextmanager
def _interrupts() -> Iterator[list[bool]]:
    """A list that Ctrl-C puts something in, so that the step is finished; a second Ctrl-C stops
    at once. SIGTERM (from a scheduler, or `kill`) and SIGHUP (a closed terminal) are the same.
    Only the main thread receives signals."""
    seen: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(signum: int, frame: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(True)

    kinds = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP")
             if hasattr(signal, name)]  # fmt: skip
    before = [signal.signal(kind, note) for kind in kinds]
    try:
        yield seen
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
