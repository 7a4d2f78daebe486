"""Trainer: the training loop, and what a run needs around it.

First the loop plainly. The Trainer's steps are the same, over workers and parts of a batch; between
them it shows progress, logs, measures the held-out loss, samples and saves. One step alone is in
step.py, what is on disk in saving.py, Ctrl-C in interrupts.py, a loss that is no number in
replay.py.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.backend import Array, array_module, is_host, keep_freed_memory, to_float
from tinygpt.generation.writing import generate_text
from tinygpt.models.gpt import GPT
from tinygpt.optim.clip import clip_factor, clip_grad_norm
from tinygpt.optim.schedule import learning_rate
from tinygpt.progress import progress
from tinygpt.text.batches import RandomBatches, check_length, window_batches
from tinygpt.text.examples import ExampleBatches
from tinygpt.training.adversarial import ordinary_ids, training_loss
from tinygpt.training.arguments import TrainingArguments, make_optimizer
from tinygpt.training.evaluation import mean_loss
from tinygpt.training.interrupts import interrupts
from tinygpt.training.parallel import Workers
from tinygpt.training.replay import stop_unless_finite
from tinygpt.training.run_folder import LOG_FILE, hold
from tinygpt.training.saving import (
    in_words,
    load_best,
    restore,
    save,
    save_best,
    what_is_saved,
)
from tinygpt.training.world import cores_of_this_process

EVAL_WINDOWS = 512  # held-out windows that a loss is measured on, at most
OVERFITTING = 4  # measurements without a better one after which it is said


def train_plain(model, optimizer, batches, *, rate, n, max_norm=1.0):
    """The loop in its shortest form. batches: x, y (B, T) ids, y one place later. The losses."""
    losses = []
    model.train()  # dropout drops
    for step in range(1, n + 1):
        x, y = next(batches)
        optimizer.lr = rate(step)
        loss = model.loss(x, y)  # forward: how surprised the model is by y
        loss.backward()  # backward: how much more so, for a little more of each parameter
        clip_grad_norm(model, max_norm)  # no step is too long
        optimizer.step()  # every parameter goes a little against its gradient
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


class Trainer:
    """Trains a model on ids.

    train and validation are 1-D arrays of token ids, or batches: without end to train on, a list to
    measure on. validation may be None. Where a folder is
    given, the best model so far stands there, and resume points and the log below it. With `begin`,
    every window begins with that id. `floor` is the loss of a perfect model, for the picture. A
    callback is called with the trainer and each line of the log, and ends the run if it returns
    True; over ranks (ranks.py) in each of them. The model is left in train mode while it runs and
    in eval mode afterwards.
    """

    def __init__(
        self,
        model: GPT,
        arguments: TrainingArguments,
        *,
        train: np.ndarray | ExampleBatches | None = None,
        validation: np.ndarray | list[tuple[np.ndarray, np.ndarray]] | None = None,
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
        special = tokenizer.special_tokens.values() if tokenizer is not None else ()
        self.ordinary = ordinary_ids(model.config.vocab_size, special)  # ids that noise may replace
        self.batches: RandomBatches | ExampleBatches | None = None
        if isinstance(train, ExampleBatches):
            self.batches = train
        elif train is not None:
            check_length(train, block_size, "the text to train on")
            self.batches = RandomBatches(train, block_size, a.batch_size, seed=a.seed, begin=begin)
        self.validation: list[tuple[np.ndarray, np.ndarray]] = []
        if isinstance(validation, list):
            self.validation = validation
        elif validation is not None:
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
        self.check_moments()
        a = self.arguments
        self.optimizer.lr = learning_rate(
            self.optimizer.steps + 1,
            a.schedule,
            peak=a.learning_rate,
            floor=min(a.min_learning_rate, a.learning_rate),
            warmup=a.warmup_steps,
            total=a.max_steps,
        )
        with self.workers.one_blas_thread_each(), np.errstate(all="ignore"):
            loss = self.gradient(x, y)
            self.norm = self.workers.norm()
            factor = clip_factor(self.norm, a.max_grad_norm)
            on_host = is_host(self.norm)  # there a broken gradient never reaches the weights
            if not on_host or (math.isfinite(self.norm) and math.isfinite(loss)):
                self.workers.update(self.optimizer, factor)
        return loss

    def check_moments(self) -> None:
        """RuntimeError where the optimizer remembers a part alone, and no other rank is there."""
        if self.optimizer.holds_a_share and not self.workers.shares_moments:
            raise RuntimeError(
                "this rank has a share of the moments, and the others are not there any more: stay "
                "inside `with over_ranks(trainer)`, or begin anew from a resume point"
            )

    def gradient(self, x: np.ndarray, y: np.ndarray) -> Array:
        """Backward through the whole batch; the loss."""
        if not self.model.training:
            self.model.train()
        self.optimizer.zero_grad()
        n_kept = np.count_nonzero(y != -100)
        if n_kept == 0:
            raise ValueError("every target is -100: there is nothing to learn from")
        return self.workers.sum_of(self.backward, slice(0, len(x)), x, y, n_kept)

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
                part_loss = training_loss(model, x[part], y[part], self.arguments, self.ordinary)
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
                interrupts() as interrupted,
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
            # read once: a Ctrl-C after this waits for the next step
            stop = self.workers.agreed(bool(interrupted))
            due = self._due(step) | ({"read", "save"} if stop else set())
            ends = False  # a callback or patience asks for the end
            if "read" in due:
                stop_unless_finite(self, step, loss, x, y)
            if "log" in due:
                seconds = time.perf_counter() - began
                ends |= self._log_step(bar, step, step - start, loss, tokens, seconds)
            if "measure" in due:
                ends |= self._measure(bar, step)
            if "sample" in due:
                self._write_sample(bar, step)
            if due:  # a callback may look at a clock, which ranks do not share
                ends = self.workers.agreed(ends)
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
        if done == 2 * a.logging_steps and step < a.max_steps:  # said once, when the pace is known
            left = (a.max_steps - step) * seconds / done
            bar.write(f"about {_duration(left)} for the {a.max_steps - step:,} steps left")
        return asked

    def _measure(self, bar: Any, step: int) -> bool:
        """Measure the held-out loss, keep the model if it is the best; whether to end here."""
        a, loss = self.arguments, self.evaluate()
        if self.best is None or loss < self.best[1]:
            self.best = step, loss
            save_best(self)
        asked = self._log(step=step, validation_loss=loss)
        best_step, best_loss = self.best
        measured = math.ceil(step / a.eval_steps)  # the last step is measured out of turn too
        waited = measured - best_step // a.eval_steps if step > best_step else 0
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
        return mean_loss(self.model, self.validation, self.workers.each)

    # saving.py: what is on disk, and going on from there
    save, restore, load_best, what_is_saved = save, restore, load_best, what_is_saved

    # -------------------------------------------------------------------------------- details

    def _number_of_workers(self) -> tuple[int, int]:
        """Workers for the rows of a batch, and threads for the optimizer's step: `workers`, else
        one for each core, but no more than there are rows; on a GPU one, for it does all at once.
        """
        a = self.arguments
        if not is_host(self.model.vector().data):
            return 1, 1
        threads = a.workers or cores_of_this_process()
        return min(threads, a.batch_size), threads

    def _write_sample(self, bar: Any, step: int) -> None:
        if self.tokenizer is None or self.model.config.n_classes or not self.workers.speaks:
            return  # a classifier writes nothing
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
                in_words(self, line["step"]),
                open(self.folder / LOG_FILE, "a", encoding="utf-8", newline="\n") as file,
            ):
                file.write(json.dumps(line) + "\n")
        answers = [callback(self, line) for callback in self.callbacks]  # all of them are asked
        return any(answer is True for answer in answers)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
