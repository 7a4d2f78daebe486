"""Ranks: processes that MPI has started, on one machine or many, each with a share of the rows.

    every rank   draws the same batch, and computes the gradient of its own rows
    Allreduce    the sum of all gradients, in every rank
    every rank   makes the same step, so the weights stay equal

With shard=True (ZeRO, stage 1) a rank steps, and remembers the moments of, one n-th of the vector:

    Reduce_scatter_block    the sum of all gradients, of its own part alone
    every rank              steps its part: m and v take 1/n of the memory
    Allgather               the new weights of all parts

Both send the same: of L numbers a ring of n ranks sends 2 L (n - 1) / n from each.

Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models",
sections 5.1 and 7.2.1. Inside a rank the rows are divided over threads (parallel.py).
"""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygpt.backend import Array, array_module, keep_freed_memory, to_cpu
from tinygpt.optim.optimizer import Optimizer
from tinygpt.training.forked import forked
from tinygpt.training.parallel import Workers, divided
from tinygpt.training.saving import TrainingError
from tinygpt.training.trainer import Trainer
from tinygpt.training.wire import wire_for
from tinygpt.training.world import World, cores_of_this_process, world_of_ranks

ASK, HERE = 1, 2  # the two messages of a roll call
ROLL_CALL = 5.0  # seconds that a rank has to answer one


def step_plain(comm, model, optimizer, x, y):
    """One step in every rank, plainly. x, y (B, T): the whole batch, the same in all, and every
    target counts. Its loss."""
    rows = np.array_split(np.arange(len(x)), comm.size)[comm.rank]  # those of this rank
    loss = model.loss(x[rows], y[rows]) * (len(rows) / len(x))  # its share of the mean over all
    loss.backward()
    g = model.vector().gradient()
    g[...] = comm.allreduce(g)  # the sum over the ranks
    optimizer.step()  # the same in all of them, from the same weights
    optimizer.zero_grad()
    return comm.allreduce(loss.item())


def sharded_plain(comm, update, w, g, m, v):
    """The end of a step with ZeRO-1, plainly: w, g (L,) of all; m, v (L / n,) of this rank's part.
    update(w, g, m, v) -> w, m, v: the optimizer's formula (optim/adam.py)."""
    n = len(w) // comm.size
    mine = slice(comm.rank * n, (comm.rank + 1) * n)
    g_mine = comm.allreduce(g)[mine]  # a Reduce_scatter sends a rank no more than this part
    w_mine, m, v = update(w[mine], g_mine, m, v)
    return np.concatenate(comm.allgather(w_mine)), m, v


@contextmanager
def over_ranks(trainer: Trainer) -> Iterator[None]:
    """Inside, the steps of this trainer are divided over the ranks of the world that this process
    was started into; over processes of its own (forked.py) where it is alone.

    All ranks enter and leave together, and call the same things inside. Give the folder to the
    first one alone. With shared moments a `.grad` is whole in its rank's part only, and outside
    steps and resume points raise. TrainingError where the ranks do not begin with the same weights,
    draw other batches, or one does not come."""
    world, inside = world_of_ranks(), trainer.workers
    if world.size == 1:
        with forked(trainer):
            yield
        return
    a = trainer.arguments
    ranks = trainer.workers = Ranks(
        world, inside, trainer.optimizer, shard=a.shard_optimizer, timeout=a.rank_timeout
    )
    keep_freed_memory()  # only now: the arrays that the vector has left go back to the system
    ranks.begin(trainer.model)
    trainer.best, trainer.saved = world.comm.bcast((trainer.best, trainer.saved))
    try:
        yield
    finally:
        trainer.workers = inside


class Ranks(Workers):
    """The workers of one rank (`inside`), and what joins them to those of the others.

    The vector moves into arrays with room at the end, so that it has n equal parts. The result is
    that of one process up to rounding, because the parts of a sum are added in another order.
    """

    def __init__(
        self, world: World, inside: Workers, optimizer: Optimizer, *, shard: bool, timeout: float
    ):
        self.models, self.threads = inside.models, inside.threads
        self._world, self._inside, self._timeout = world, inside, timeout
        self._batch = 0  # a checksum of the last one
        self.speaks, self.shares_moments = world.is_first, shard
        vector = self.models[0].vector()
        self._length = len(vector.data)
        self._values, self._grads = (self._with_room(a) for a in (vector.data, vector.grad))
        vector.live_in(self._values[: self._length], self._grads[: self._length])
        vector.gradients_stay = True
        for other in self.models[1:]:
            other.vector().live_in(vector.data, other.vector().grad)
        self._wire = wire_for(self._values, world.comm)
        self._mine = self._wire.mine(self._values)
        if shard:  # the room at the end of the last part is not the optimizer's
            optimizer.hold_only(
                *(min(i, self._length) for i in (self._mine.start, self._mine.stop))
            )

    def _with_room(self, row: Array) -> Array:
        """A copy of the row with zeros behind it, up to a multiple of the number of ranks."""
        n = self._world.size
        longer = array_module(row).zeros(-(-len(row) // n) * n, row.dtype)
        longer[: len(row)] = row
        return longer

    def begin(self, model: Any) -> None:
        """TrainingError where the ranks do not begin with the same weights, frozen ones too."""
        self.meet("the beginning")
        mine = 0
        for _, tensor in model.named_tensors():
            mine = zlib.crc32(to_cpu(tensor.data).tobytes(), mine)
        checksums = self._world.comm.allgather(mine)
        if len(set(checksums)) > 1:
            raise TrainingError(
                f"the ranks do not begin with the same weights (checksums {checksums}): have all "
                f"machines the same files, and the same version of tinygpt and NumPy?"
            )

    @contextmanager
    def one_blas_thread_each(self) -> Iterator[None]:
        """BLAS too keeps to the cores that are this rank's."""
        if len(self.models) > 1:
            with self._inside.one_blas_thread_each():
                yield
        else:
            with self._inside.blas_threads(cores_of_this_process()):
                yield

    def in_this_process(self) -> Workers:
        return self._inside

    # --------------------------------------------------------------------------------- a step

    def sum_of(self, work: Callable[..., Array], rows: slice, *args: Any) -> Array:
        self._batch = _checksum(args)
        mine = divided(rows, self._world.size)[self._world.rank]
        loss = self._inside.sum_of(work, mine, *args)
        self.meet("the gradients")
        if self.shares_moments:
            self._wire.sum_share(self._grads)
        else:
            self._wire.sum_up(self._grads)
        return self._number(loss)

    def norm(self) -> Array:
        """Each rank squares its own part, whether it has the others or not: so all have the same
        bits, on processors that add in another order, too."""
        mine, xp = self._grads[self._mine], array_module(self._grads)
        return xp.sqrt(self._number(xp.dot(mine, mine)))

    def _number(self, x: Array) -> Array:
        """The sum of one number of each rank, as a 0-d array."""
        row = array_module(self._values).zeros(1, self._values.dtype)
        row += x
        self._wire.sum_up(row)
        return row.reshape(())

    def update(self, optimizer: Optimizer, factor: float | Array | None = None) -> None:
        self._inside.update(optimizer, factor)
        if self.shares_moments:
            self.meet("the new weights")
            self._wire.gather(self._values)

    # ------------------------------------------------------------------------ between the steps

    def each(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """Every n-th of them here; what comes out, of all of them and in their order."""
        n, items = self._world.size, list(items)
        with self._inside.blas_threads(cores_of_this_process()):
            mine = [work(item) for item in items[self._world.rank :: n]]
        self.meet("the measurements")
        parts = self._world.comm.allgather(mine)
        return [parts[i % n][i // n] for i in range(len(items))]

    def agreed(self, flag: bool) -> bool:
        self.meet("the next step")
        flags, batches = zip(*self._world.comm.allgather((flag, self._batch)), strict=True)
        if len(set(batches)) > 1:
            raise TrainingError(
                f"the ranks draw other batches (checksums {batches}): have all machines the same "
                f"text, and the same settings?"
            )
        return any(flags)

    def moments(self, optimizer: Optimizer) -> dict[str, Array]:
        """In the first rank all of them, for which it needs room; in the others nothing."""
        state = optimizer.state_dict()
        if not self.shares_moments:
            return state
        self.meet("a resume point")
        return {name: self._whole(part) for name, part in state.items()}

    def _whole(self, part: np.ndarray) -> np.ndarray:
        """The parts of all ranks, one behind the other, in the first rank."""
        padded = np.zeros(self._mine.stop - self._mine.start, part.dtype)
        padded[: len(part)] = part
        size = len(self._values) if self._world.is_first else 0
        whole = np.empty(size, part.dtype)
        self._world.comm.Gather(padded, whole if size else None)
        return whole[: self._length]

    # ---------------------------------------------------------------------- who has not come

    def meet(self, what: str) -> None:
        """Wait until all ranks have come here. TrainingError, which names those that are missing,
        after `timeout` seconds: MPI itself would wait for ever."""
        arrived, began = self._world.comm.Ibarrier(), time.perf_counter()
        while not arrived.Test():
            waited = time.perf_counter() - began
            if waited > 1e-3:  # a rank that is late may need this core
                time.sleep(min(waited / 20, 0.05))
            if waited > 1:
                self._answer()
            if waited > self._timeout:
                raise TrainingError(self._missing(what))

    def _answer(self) -> None:
        """Tell whoever asks that this rank is there, and waits too."""
        calls, status = self._world.calls, _status()
        while calls.Iprobe(tag=ASK, status=status):
            calls.recv(source=status.source, tag=ASK)
            calls.isend(None, status.source, HERE)

    def _missing(self, what: str) -> str:
        """The ranks that do not answer a roll call, in words."""
        others, silent = self._world.calls, set(range(self._world.size)) - {self._world.rank}
        asked = [others.isend(None, rank, ASK) for rank in silent]
        until = time.perf_counter() + ROLL_CALL
        while silent and time.perf_counter() < until:
            self._answer()
            silent -= {rank for rank in silent if others.iprobe(rank, HERE)}
            time.sleep(0.01)
        del asked
        names = ", ".join(f"rank {rank} ({self._world.names[rank]})" for rank in sorted(silent))
        return (
            f"waited {self._timeout:g} seconds for {what}: {names or 'a rank'} did not come. Is "
            f"its machine overloaded, or does it wait for a file? --rank-timeout sets the limit"
        )


def _checksum(args: tuple[Any, ...]) -> int:
    """Of the arrays among these."""
    mine = 0
    for a in args:
        if isinstance(a, np.ndarray):
            mine = zlib.crc32(np.ascontiguousarray(a).tobytes(), mine)
    return mine


def _status() -> Any:
    from mpi4py import MPI

    return MPI.Status()
