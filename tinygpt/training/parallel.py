"""Workers: the rows of a batch divided over threads.

There are three forms of it, which share this small contract:

    threads                    Workers     here
    processes of one machine   Processes   forked.py
    processes anywhere, MPI    Ranks       ranks.py

    sum_of(work, rows, ...)    rows in, the sum of the gradients out, in the first model (with
                               shared moments: this rank's part of it)
    norm()                     of that gradient
    update(optimizer, factor)  one step of the optimizer
    each(work, items)          work(item) of each item, in their order (evaluation)
    agreed(flag)               has any of them set it?
    moments(optimizer)         all that the optimizer remembers, for a resume point
    speaks                     is this the process that writes and prints?

NumPy lets go of the interpreter while it computes, so two threads keep two cores busy, each on its
own rows. BLAS then runs one thread in each: dividing a small product over cores, as BLAS does by
default, gains little, and two divisions at once get in each other's way.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from threadpoolctl import ThreadpoolController

from tinygpt.backend import Array
from tinygpt.optim.clip import grad_norm
from tinygpt.optim.optimizer import Optimizer

# elements at a time in the optimizer's step: enough that threads do not wait for the interpreter
THREAD_PIECE = 256 * 1024


class Workers:
    """Threads that share a model's values; n of them have a replica with gradients of its own.

    The result is that of one worker up to rounding, and bit-equal from run to run: rows are
    divided the same way and the parts are added in the same order.
    """

    def __init__(self, model: Any, n: int, threads: int | None = None):
        """n workers for the rows of a batch, at most one a row; `threads`, at least n (the
        default), for the optimizer's step, which has many elements however few the rows are."""
        self.models = [model, *(model.replica() for _ in range(n - 1))]
        self.threads = max(n, threads or 1)
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        self._blas = ThreadpoolController()

    @contextmanager
    def one_blas_thread_each(self) -> Iterator[None]:
        """To be entered for a whole step: a BLAS thread that has just worked waits busily for more,
        on a core that a worker needs. And a worker that comes back from NumPy gets the interpreter
        after 0.1 ms at most, not after 5."""
        if len(self.models) == 1:
            yield
            return
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        try:
            with self._blas.limit(limits=1, user_api="blas"):
                yield
        finally:
            sys.setswitchinterval(interval)

    @contextmanager
    def blas_threads(self, most: int) -> Iterator[None]:
        """At most so many threads of BLAS, and never more than there were."""
        before = [lib.num_threads for lib in self._blas.lib_controllers if lib.user_api == "blas"]
        with self._blas.limit(limits=min([most, *before]), user_api="blas"):
            yield

    def in_this_process(self) -> "Workers":
        """Workers on the same arrays that run here, and so see an op that is exchanged here."""
        return self

    def sum_of(self, work: Callable[..., Array], rows: slice, *args: Any) -> Array:
        """The sum of work(model, some of the rows, *args) over the workers; the gradients that it
        leaves in their models are added up in the first one."""
        first, *others = self.models
        if self._pool is None or not others:
            result = work(first, rows, *args)
            first.vector().gradient()
            first.vector().gradient_is_there()  # a parameter without one: zeros, for any workers
            return result
        for other in others:
            other.train(first.training)
            other.vector().draw_as(*first.vector().drawing())
            other.vector().zero_grad()
        shares = divided(rows, len(self.models))
        results = _all(self._pool, lambda m, share: work(m, share, *args), self.models, shares)
        total = first.vector().gradient()
        for other in others:
            total += other.vector().gradient()
        first.vector().gradient_is_there()
        return sum(results)

    def norm(self) -> Array:
        """|g| of the whole gradient, as a 0-d array."""
        return grad_norm(self.models[0])

    def update(self, optimizer: Optimizer, factor: float | Array | None = None) -> None:
        """The optimizer's step along factor x the gradient, divided over the threads where there
        are two parts for each."""
        n, pool = self.threads, self._pool
        if pool is None:
            return optimizer.step(factor=factor)

        def run(work: Callable[[Any], None], parts: list[Any]) -> Iterable[object]:
            if len(parts) < 2 * n:
                return map(work, parts)
            shares = divided(slice(0, len(parts)), n)
            return _all(pool, lambda share: [work(part) for part in parts[share]], shares)

        optimizer.step(run=run, size=THREAD_PIECE, factor=factor)

    # ------------------------------------------- what differs only where there are several ranks

    speaks = True  # is this the process that writes and prints?
    shares_moments = False  # does the optimizer step, and remember, a part alone?

    def each(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """work(item) of each, in their order."""
        return map(work, items)

    def agreed(self, flag: bool) -> bool:
        """Has any rank set this flag?"""
        return flag

    def moments(self, optimizer: Optimizer) -> dict[str, Array]:
        """All that the optimizer remembers, on the CPU."""
        return optimizer.state_dict()


def _all(pool: ThreadPoolExecutor, work: Callable[..., Any], *each: Iterable[Any]) -> list[Any]:
    """work(a, b, ...) for each, in threads. An error is raised when all of them have ended: none is
    still writing when the next step begins."""
    futures = [pool.submit(work, *arguments) for arguments in zip(*each, strict=True)]
    wait(futures)
    return [future.result() for future in futures]


def divided(rows: slice, among: int) -> list[slice]:
    """The rows in slices of about equal length."""
    n = rows.stop - rows.start
    return [slice(a, b) for a, b in pairwise(rows.start + n * i // among for i in range(among + 1))]
