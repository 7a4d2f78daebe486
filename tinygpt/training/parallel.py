"""Workers: the rows of a batch divided over threads.

NumPy lets go of the interpreter while it computes, so two threads keep two cores busy, each on its
own rows. BLAS then runs one thread in each: dividing a small product over cores, as BLAS does by
default, gains little, and two divisions at once get in each other's way.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from threadpoolctl import ThreadpoolController

from tinygpt.backend import Array


class Workers:
    """n threads that share a model's values and have gradients of their own.

    The result is that of one worker up to rounding, and bit-equal from run to run: rows are
    divided the same way and the parts are added in the same order.
    """

    def __init__(self, model: Any, n: int, threads: int | None = None):
        """n workers for the rows of a batch; `threads` (default: n) for what has no rows, the
        elements of the parameter vector."""
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

    def map(self, work: Callable[[Any], Any], parts: list[Any]) -> list[Any]:
        """work(part) of each, divided over the threads, where there are at least two for each."""
        n = self.threads
        if self._pool is None or len(parts) < 2 * n:
            return [work(part) for part in parts]
        shares = [parts[len(parts) * i // n : len(parts) * (i + 1) // n] for i in range(n)]
        done = self._pool.map(lambda share: [work(part) for part in share], shares)
        return [result for share in done for result in share]

    def sum_of(self, rows: int, work: Callable[[Any, slice], Array]) -> Array:
        """The sum of work(model, slice of the rows) over the workers; the gradients that it leaves
        in their models are added up in the first one."""
        first, *others = self.models
        if self._pool is None or not others:
            return work(first, slice(0, rows))
        for other in others:
            other.train(first.training)
            other.vector().steps = first.vector().steps
            other.vector().zero_grad()
        n = len(self.models)
        parts = [slice(a, b) for a, b in pairwise(rows * i // n for i in range(n + 1))]
        results = list(self._pool.map(work, self.models, parts))
        total = first.vector().gradient()
        for other in others:
            total += other.vector().gradient()
        return sum(results)
