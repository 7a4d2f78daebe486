"""Workers as processes: only one thread at a time runs Python, processes need not wait.

A step of a small model is a thousand short calls of NumPy. After each a thread needs the
interpreter, which the other one may hold, and then it sleeps and has to be woken: a quarter of the
step. Forked processes have an interpreter each. They share what has to be shared:

    values, moments          one array for all
    gradients                one array for each, added up by the first process
    rows, rate, factor       sent down a pipe at every step

It is what threads do, in the same order, so the bits are the same. `tinygpt train` works so on
Linux; in a notebook, where an op may be exchanged at any time, workers are threads.
"""

import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from tinygpt.backend import PIECE, Array, is_host, keep_freed_memory
from tinygpt.optim.optimizer import Optimizer
from tinygpt.training.parallel import Workers, divided
from tinygpt.training.saving import TrainingError
from tinygpt.training.trainer import Trainer

INTERRUPTS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]


@contextmanager
def forked(trainer: Trainer) -> Iterator[None]:
    """Inside, the steps of this trainer are divided over processes, where that can be: on Linux, on
    a CPU, with more than one worker. A step raises TrainingError where one of them has died.

    The processes begin as copies of this one, so what is changed in the trainer, its model or its
    optimizer meanwhile does not reach them; the weights, the learning rate and the step do. The
    model's arrays move: views that were taken before no longer show it.
    """
    n, threads = _processes(trainer), trainer.workers
    if n == 1:
        keep_freed_memory()
        yield
        return
    processes = trainer.workers = Processes(trainer, n)
    try:
        yield
    finally:
        processes.end()
        trainer.workers = threads


def _processes(trainer: Trainer) -> int:
    """How many processes have something to do."""
    workers, vector = trainer.workers, trainer.model.vector()
    if sys.platform != "linux" or not is_host(vector.data) or isinstance(workers, Processes):
        return 1
    return workers.threads if _is_long(vector.data, workers.threads) else len(workers.models)


def _is_long(vector: np.ndarray, n: int) -> bool:
    """Does the optimizer's step have two pieces for each of n?"""
    return len(vector) > 2 * n * PIECE


class Processes(Workers):
    """The workers of a trainer, all but the first in a process of its own."""

    def __init__(self, trainer: Trainer, n: int):
        super().__init__(trainer.model, 1)  # no threads
        self._trainer, self._threads = trainer, trainer.workers
        self.models, self.threads = trainer.workers.models, n
        first, *others = (model.vector() for model in self.models)
        first.live_in(_shared(first.data), _shared_zeros(first.grad))
        first.gradients_stay = True
        for other in others:  # replicas have the values of the first, and their own gradients
            other.live_in(first.data, _shared_zeros(other.grad))
        moments = trainer.optimizer.moments
        for name in moments:  # one after the other: each is there twice meanwhile
            moments[name] = _shared(moments[name])
        keep_freed_memory()  # only now: the old arrays go back to the system

        context = multiprocessing.get_context("fork")
        self._sent, self._step = 0, 0
        self._pipes: list[Any] = []
        self._children: list[Any] = []
        for i in range(1, n):
            here, there = context.Pipe()
            self._pipes.append(here)
            child = context.Process(target=self._serve, args=(i, there), daemon=True)
            with _signals_wait():
                child.start()
            there.close()  # the child alone holds it now, so when that ends, reading here does too
            self._children.append(child)

    def in_this_process(self) -> Workers:
        return self._threads

    def end(self) -> None:
        for child in self._children:
            child.kill()
            child.join()

    # -------------------------------------------------------------------------- the first process

    def sum_of(self, work: Callable[..., Array], rows: slice, *args: Any) -> Array:
        """The same sum. A function cannot be sent, so the children do what they know: `work` is
        the trainer's `backward`."""
        first, *others = self.models
        self._step = self._trainer.optimizer.steps + 1
        mine, *theirs = divided(rows, len(self.models))
        drawing = first.vector().drawing()
        self._tell("backward", [(share, drawing, *args) for share in theirs])
        losses = [work(first, mine, *args), *self._answers(len(theirs))]
        total = first.vector().gradient()
        for other in others:
            total += other.vector().grad  # complete: the child has called gradient()
        first.vector().gradient_is_there()
        return sum(losses)

    def update(self, optimizer: Optimizer, factor: float | Array | None = None) -> None:
        if not _is_long(optimizer.vector.data, self.threads):
            return optimizer.step(factor=factor)
        self._tell("update", [(optimizer.lr, optimizer.steps, factor)] * len(self._pipes))
        optimizer.step(run=self._share_of(0), factor=factor)
        self._answers(len(self._pipes))

    def _share_of(self, i: int) -> Callable[..., Iterator[None]]:
        """The `run` of an optimizer's step in process i: it works off its share of the parts."""
        return lambda work, parts: map(work, parts[divided(slice(0, len(parts)), self.threads)[i]])

    def _tell(self, what: str, each: list[Any]) -> None:
        """Tell the first children, as many as there are arguments, what to do."""
        self._sent += 1
        for pipe, args in zip(self._pipes, each, strict=False):
            with suppress(OSError):  # it has died: that is said when its answer is missing
                pipe.send((self._sent, what, args))

    def _answers(self, n: int) -> list[Any]:
        """What the first n children have to say, once they have done their part."""
        answers = [self._answer(i) for i in range(n)]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _answer(self, i: int) -> Any:
        try:
            number, answer = self._pipes[i].recv()
            while number < self._sent:  # of an order before, whose answer an exception left unread
                number, answer = self._pipes[i].recv()
            return answer
        except (EOFError, OSError):
            self._children[i].join()
            return TrainingError(
                f"step {self._step}: a worker process ended with code "
                f"{self._children[i].exitcode} (-9: it was killed, often because memory ran out). "
                f"{self._trainer.what_is_saved() if self._trainer.folder else ''}".rstrip()
            )

    # ------------------------------------------------------------------------- the other processes

    def _serve(self, i: int, pipe: Any) -> None:
        """The life of process i: it does what it is told, until the first process ends."""
        for kind in INTERRUPTS:
            signal.signal(kind, signal.SIG_IGN)  # Ctrl-C is for the first one
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        for other in self._pipes:  # while a copy is open here, no child would see that end close
            other.close()
        do = {"backward": self._backward, "update": self._update}
        with self.one_blas_thread_each(), suppress(EOFError, OSError):  # the first process is gone
            while True:
                number, what, args = pipe.recv()
                try:
                    answer = do[what](i, *args)
                except Exception as error:
                    answer = _portable(error, i)
                pipe.send((number, answer))
        os._exit(0)

    def _backward(self, i: int, rows: slice, drawing: tuple[int, int], *args: Any) -> Array:
        model = self.models[i].train()
        vector = model.vector()
        vector.draw_as(*drawing)
        vector.zero_grad()
        loss = self._trainer.backward(model, rows, *args)
        vector.gradient()  # zeros where nothing arrived
        return loss

    def _update(self, i: int, lr: float, steps: int, factor: float | None) -> None:
        optimizer = self._trainer.optimizer
        optimizer.lr, optimizer.steps = lr, steps
        optimizer.vector.gradient_is_there()
        optimizer.step(run=self._share_of(i), factor=factor)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """A Ctrl-C while a process is made waits until that one has said that it does not listen."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _portable(error: Exception, i: int) -> Exception:
    """The error as it can be sent to another process, with the lines that it comes from."""
    where = f"in worker process {i}:\n{traceback.format_exc()}"
    try:
        error = pickle.loads(pickle.dumps(error))
    except Exception:  # it holds what cannot be sent, or cannot be made again
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(where)
    return error


def _shared_zeros(array: np.ndarray) -> np.ndarray:
    """Zeros of that shape in memory that forked processes have in common. They take none until they
    are written."""
    return np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype)


def _shared(array: np.ndarray) -> np.ndarray:
    """A copy in memory that forked processes have in common."""
    copy = _shared_zeros(array)
    if array.any():
        copy[...] = array
    return copy
