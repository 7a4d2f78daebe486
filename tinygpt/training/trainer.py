"""Trainer: the training loop with everything around it.

The loop itself is ten lines (`Trainer.step`, and the hand-written one in the README). The rest is
what a run needs: a progress bar, held-out loss, samples, a log, a model on disk whenever it stops.
"""

import json
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.autograd.engine import no_grad
from tinygpt.backend import Array, array_module, is_host, keep_freed_memory, to_float
from tinygpt.generation.writing import generate_text
from tinygpt.models.gpt import GPT
from tinygpt.optim.adam import AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.schedule import learning_rate
from tinygpt.text.batches import check_length, random_batches, window_batches
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.checkpoint import LOG_FILE, draw_loss
from tinygpt.training.parallel import Workers

EVAL_WINDOWS = 512  # held-out windows that a loss is measured on, at most


class TrainingError(RuntimeError):
    """Training cannot go on: the loss or the gradient is no number any more."""


class Trainer:
    """Trains a model on ids.

    train and validation are 1-D arrays of token ids; validation may be None. Where a folder is
    given, the model, the tokenizer and the log are saved there. The model is left in train mode
    while it runs and in eval mode afterwards.
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
    ):
        self.model, self.arguments = model, arguments
        if arguments.device is not None:
            model.to(arguments.device)
        self.train_ids, self.validation_ids = train, validation
        self.tokenizer, self.folder = tokenizer, None if folder is None else Path(folder)
        block_size = model.config.block_size
        if train is not None:
            check_length(train, block_size, "the text to train on")
        if validation is not None:
            check_length(validation, block_size, "the held-out text")
        a = arguments
        self.optimizer = AdamW(
            model, lr=a.learning_rate, betas=a.betas, weight_decay=a.weight_decay
        )
        self.workers = Workers(model, self._number_of_workers())
        self.norm: Array = np.zeros(())  # of the last gradient, before clipping
        self.saved: int | None = None  # the step of the model in the folder

    # ------------------------------------------------------------------------------ one step

    def step(self, x: np.ndarray, y: np.ndarray) -> Array:
        """One optimiser step on the batch x, y (B, T); the loss as a 0-d array, unread.

        The rows are divided over the workers, and with micro_batch_size worked off a few at a
        time. Each part counts by its kept targets (a mean of means would give a target of a small
        part too much weight), and dropout is told where the part begins, so the result is that of
        the whole batch.
        """
        a, model = self.arguments, self.model.train()
        self.optimizer.lr = learning_rate(
            self.optimizer.steps + 1,
            peak=a.learning_rate,
            floor=min(a.min_learning_rate, a.learning_rate),
            warmup=a.warmup_steps,
            total=a.max_steps,
        )
        self.optimizer.zero_grad()
        n_kept = np.count_nonzero(y != -100)
        if n_kept == 0:
            raise ValueError("every target is -100: there is nothing to learn from")
        size = a.micro_batch_size or len(x)

        def work(model: GPT, rows: slice) -> Any:
            """Backward through these rows; their share of the loss."""
            loss = 0.0
            for start in range(rows.start, rows.stop, size):
                part = slice(start, min(start + size, rows.stop))
                share = float(np.count_nonzero(y[part] != -100) / n_kept)
                if share:
                    model.vector().row = start
                    part_loss = model.loss(x[part], y[part])
                    xp = array_module(part_loss.data)
                    part_loss.backward(xp.full((), share, dtype=part_loss.dtype))
                    loss = loss + part_loss.data * share
            return loss

        with self.workers.one_blas_thread_each():
            loss = self.workers.sum_of(len(x), work)
            model.vector().row = 0
            self.norm = clip_grad_norm(model, a.max_grad_norm)
            if not is_host(self.norm) or math.isfinite(self.norm):
                self.optimizer.step()  # a broken gradient never reaches the weights
        return loss

    # ------------------------------------------------------------------------------ the loop

    def train(self) -> None:
        """Train to max_steps. Ctrl-C finishes the step, saves the model and raises
        KeyboardInterrupt. TrainingError where the loss or the norm is not finite: what was saved
        last stays."""
        from tqdm import tqdm

        a, start = self.arguments, self.optimizer.steps
        if self.train_ids is None:
            raise ValueError("Trainer(..., train=ids) is needed for the loop")
        keep_freed_memory()
        batches = random_batches(
            self.train_ids, self.model.config.block_size, a.batch_size, seed=a.seed
        )
        try:
            with (
                _interrupts() as interrupted,
                tqdm(total=a.max_steps, initial=start, unit="step", dynamic_ncols=True) as bar,
            ):
                self._loop(batches, bar, interrupted)
        finally:
            self.model.eval()

    def _loop(self, batches: Iterator[Any], bar: Any, interrupted: list[bool]) -> None:
        a, began, validation, tokens = self.arguments, time.perf_counter(), None, 0
        for step in range(self.optimizer.steps + 1, a.max_steps + 1):
            x, y = next(batches)
            loss = self.step(x, y)
            tokens += x.size
            stop = bool(interrupted)  # read once: a Ctrl-C after this waits for the next step
            last = stop or step == a.max_steps
            saves = last or step % a.save_steps == 0
            if is_host(loss) or step % a.logging_steps == 0 or saves:
                self._stop_unless_finite(step, loss)
            if step % a.logging_steps == 0 or step == 1 or last:
                speed = tokens / (time.perf_counter() - began)
                self._log(
                    step=step,
                    loss=to_float(loss),
                    grad_norm=to_float(self.norm),
                    learning_rate=self.optimizer.lr,
                    tokens_per_second=round(speed),
                )
                shown = {"loss": f"{to_float(loss):.2f}", "tokens/s": f"{speed:.0f}"}
                if validation is not None:
                    shown["held-out"] = f"{validation:.2f}"
                bar.set_postfix(shown, refresh=False)
            if self.validation_ids is not None and (last or step % a.eval_steps == 0):
                validation = self.evaluate(self.validation_ids)
                self._log(step=step, validation_loss=validation)
                bar.write(f"step {step}: loss on held-out text {validation:.3f} per token")
            if a.sample_steps and step % a.sample_steps == 0 and not last:
                self._write_sample(bar, step)
            if saves:
                self.save()
            bar.update()
            if stop:
                raise KeyboardInterrupt

    def evaluate(self, ids: np.ndarray) -> float:
        """The mean loss per token in eval mode, over at most EVAL_WINDOWS windows evenly spread."""
        model, total, count = self.model.eval(), 0.0, 0
        size = self.arguments.micro_batch_size or self.arguments.batch_size
        with no_grad():
            for x, y in window_batches(ids, model.config.block_size, size, limit=EVAL_WINDOWS):
                total += to_float(model.loss(x, y).data) * y.size
                count += y.size
        return total / count

    def save(self) -> None:
        """The model and its tokenizer into the folder, each file whole or not at all.

        TrainingError, and nothing is written, where a weight is no finite number."""
        if self.folder is None:
            return
        if not math.isfinite(to_float(self.model.vector().data.sum())):
            raise TrainingError("the weights are not finite any more: what was saved last stays")
        self.model.save_pretrained(self.folder)
        if self.tokenizer is not None:
            self.tokenizer.save(self.folder)
        self.saved = self.optimizer.steps
        draw_loss(self.folder)

    # -------------------------------------------------------------------------------- details

    def _number_of_workers(self) -> int:
        a = self.arguments
        if not is_host(self.model.vector().data):
            return 1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return min(a.workers or cores or 1, a.batch_size)

    def _stop_unless_finite(self, step: int, loss: Array) -> None:
        values = {"loss": to_float(loss), "gradient norm": to_float(self.norm)}
        for name, value in values.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"step {step}: the {name} is {value}, so training stopped. A smaller "
                    f"--learning-rate than {self.arguments.learning_rate:g} or a longer warm-up "
                    f"usually helps; the model that was saved last stays."
                )

    def _write_sample(self, bar: Any, step: int) -> None:
        if self.tokenizer is None:
            return
        text = generate_text(
            self.model, self.tokenizer, "\n", 60, temperature=0.8, top_k=40, seed=step
        )
        bar.write(f"step {step} writes: {' '.join(text.split())}")

    def _log(self, **line: Any) -> None:
        if self.folder is not None:
            with open(self.folder / LOG_FILE, "a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(line) + "\n")


@contextmanager
def _interrupts() -> Iterator[list[bool]]:
    """A list that Ctrl-C puts something in, so that the step is finished; a second Ctrl-C stops
    at once. Only the main thread receives signals."""
    seen: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(signum: int, frame: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
