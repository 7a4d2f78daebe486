"""Workers as processes: only one thread at a time runs Python, processes need not wait.

A step of a small model is a thousand short calls of NumPy. After each a thread needs the
interpreter, which the other one may hold, and then it sleeps and has to be woken: a quarter of the
step. Forked processes have an interpreter each. They share what has to be shared:

    values, moments          one array for all
    gradients                one array for each, added up by the first process
    rows, rate, step         sent down a pipe at every step

It is what threads do, in the same order, so the bits are the same. `tinygpt train` works so on
Linux; in a notebook, where an op may be exchanged at any time, workers are threads.
"""

import mmap
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from tinygpt.backend import PIECE, Array, is_host, keep_freed_memory
from tinygpt.optim.optimizer import Optimizer
from tinygpt.training.parallel import Workers, divided
from tinygpt.training.trainer import Trainer, TrainingError


@contextmanager
def forked(trainer: Trainer) -> Iterator[None]:
    """Inside, the steps of this trainer are divided over processes, where that can be: on Linux, on
    a CPU, with more than one worker. A step raises TrainingError where one of them has died."""
    workers, vector = trainer.workers, trainer.model.vector()
    to_divide = len(workers.models) > 1 or _worth_dividing(vector.data, workers.threads)
    if sys.platform != "linux" or not is_host(vector.data) or not to_divide:
        yield
        return
    processes = trainer.workers = Processes(trainer)
    try:
        yield
    finally:
        processes.end()
        trainer.workers = processes.in_this_process()


class Processes(Workers):
    """The workers of a trainer, all but the first in a process of its own."""

    def __init__(self, trainer: Trainer):
        super().__init__(trainer.model, 1)
        self._trainer, self._threads = trainer, trainer.workers
        self.models, self.threads = self._threads.models, self._threads.threads
        first, *others = (model.vector() for model in self.models)
        first.live_in(_shared(first.data), _shared(first.grad))
        for other in others:
            other.live_in(first.data, _shared(other.grad))
        moments = trainer.optimizer.moments
        for name, moment in moments.items():  # one after the other: each is there twice meanwhile
            moments[name] = _shared(moment)
        del moment
        keep_freed_memory()  # now that the old arrays are gone

        context = multiprocessing.get_context("fork")
        self._pipes: list[Any] = []
        self._children: list[Any] = []
        for i in range(1, self.threads):
            here, there = context.Pipe()
            self._pipes.append(here)
            child = context.Process(target=self._serve, args=(i, there), daemon=True)
            child.start()
            there.close()  # so that the end of the child is seen here
            self._children.append(child)

    def in_this_process(self) -> Workers:
        return self._threads

    def end(self) -> None:
        for child in self._children:
            child.kill()
            child.join()

    # -------------------------------------------------------------------------- the first process

    def sum_of(self, work: Callable[..., Array], rows: int, *args: Any) -> Array:
        first, *others = self.models
        mine, *theirs = divided(rows, len(self.models))
        steps = first.vector().steps
        self._tell("backward", [(share, steps, *args) for share in theirs])
        losses = [work(first, mine, *args), *self._answers(len(theirs))]
        total = first.vector().gradient()
        for other in others:
            total += other.vector().grad
        return sum(losses)

    def update(self, optimizer: Optimizer) -> None:
        if not _worth_dividing(optimizer.vector.data, self.threads):
            return optimizer.step()
        self._tell("update", [(optimizer.lr, optimizer.steps)] * len(self._pipes))
        optimizer.step(self._share_of(0))
        self._answers(len(self._pipes))

    def _share_of(self, i: int) -> Callable[..., Iterator[None]]:
        """How process i works off the parts of the vector: it does its share of them."""
        return lambda work, parts: map(work, parts[divided(len(parts), self.threads)[i]])

    def _tell(self, what: str, each: list[Any]) -> None:
        for pipe, args in zip(self._pipes, each, strict=False):
            with suppress(OSError):  # it has died: that is said when its answer is missing
                pipe.send((what, args))

    def _answers(self, n: int) -> list[Any]:
        """What the first n children have to say, once they have done their part."""
        answers = []
        for pipe, child in zip(self._pipes[:n], self._children, strict=False):
            try:
                answers.append(pipe.recv())
            except (EOFError, OSError):
                child.join()
                trainer = self._trainer
                raise TrainingError(
                    f"step {trainer.optimizer.steps + 1}: a worker process ended with code "
                    f"{child.exitcode} (-9: it was killed, often because memory ran out). "
                    f"{trainer.what_is_saved() if trainer.folder else ''}".rstrip()
                ) from None
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    # ------------------------------------------------------------------------- the other processes

    def _serve(self, i: int, pipe: Any) -> None:
        """The life of process i: it does what it is told, until the first process ends."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first one
        for other in self._pipes:  # an end that is held here too would not be seen to close
            other.close()
        do = {"backward": self._backward, "update": self._update}
        with self.one_blas_thread_each():
            while True:
                try:
                    what, args = pipe.recv()
                except EOFError:
                    os._exit(0)
                try:
                    pipe.send(do[what](i, *args))
                except Exception as error:
                    pipe.send(error)

    def _backward(self, i: int, rows: slice, steps: int, *args: Any) -> Array:
        model = self.models[i].train()
        vector = model.vector()
        vector.steps = steps
        vector.zero_grad()
        loss = self._trainer.backward(model, rows, *args)
        vector.gradient()  # zeros where nothing arrived
        return loss

    def _update(self, i: int, lr: float, steps: int) -> None:
        optimizer = self._trainer.optimizer
        optimizer.lr, optimizer.steps = lr, steps
        optimizer.vector.gradient_is_there()
        optimizer.step(self._share_of(i))


def _worth_dividing(vector: np.ndarray, n: int) -> bool:
    """Does the optimizer's step have two parts for each of n processes?"""
    return n > 1 and len(vector) > 2 * n * PIECE


def _shared(array: np.ndarray) -> np.ndarray:
    """A copy in memory that forked processes have in common."""
    copy = np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype)
    if array.any():  # it is zeros already, and takes no memory until it is written
        copy[...] = array
    return copy
