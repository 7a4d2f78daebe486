"""Wire: what ranks send each other, three collective operations in a long row of numbers.

    sum_up(x)      x  <-  the sum of all ranks' x                            MPI: Allreduce
    sum_share(x)   this rank's part of x  <-  the sum of those parts         Reduce_scatter_block
    gather(x)      x  <-  every rank's own part, one behind the other        Allgather

All ranks call the same one at the same time, and it returns when each has what it needs. The row
has as many equal parts as there are ranks, rank 0's first. After sum_share the other parts of x
hold no sums. sum_share and then gather send as much as sum_up: a ring computes that so.
"""

from typing import Any

import numpy as np

from tinygpt.backend import Array, is_host, like, nccl, page_locked


class Wire:
    """By MPI, from and to the memory of the CPU."""

    def __init__(self, comm: Any):
        self.comm = comm

    def mine(self, x: Array) -> slice:
        """Where this rank's part of a row lies."""
        n = len(x) // self.comm.size
        return slice(self.comm.rank * n, (self.comm.rank + 1) * n)

    def sum_up(self, x: Array) -> None:
        self.comm.Allreduce(_in_place(), x)

    def sum_share(self, x: Array) -> None:
        self.comm.Reduce_scatter_block(_in_place(), x)  # the part comes to the beginning of x
        mine = self.mine(x)
        x[mine] = x[: mine.stop - mine.start].copy()

    def gather(self, x: Array) -> None:
        self.comm.Allgather(_in_place(), x)


def _in_place() -> Any:
    """MPI's word for: what is to be sent lies where the result comes."""
    from mpi4py import MPI

    return MPI.IN_PLACE


class StagedWire(Wire):
    """From and to a GPU, through page-locked memory of the CPU, which a GPU copies without help:
    the MPI of PyPI's wheels cannot read a GPU's memory."""

    def __init__(self, comm: Any):
        super().__init__(comm)
        self._rooms: dict[tuple[int, str], np.ndarray] = {}  # one for each length and kind

    def _on_the_cpu(self, x: Array) -> np.ndarray:
        """A copy of x there, complete when this returns."""
        key = len(x), str(x.dtype)
        if key not in self._rooms:
            self._rooms[key] = page_locked(len(x), x.dtype)
        x.get(out=self._rooms[key])
        return self._rooms[key]

    def sum_up(self, x: Array) -> None:
        host = self._on_the_cpu(x)
        super().sum_up(host)
        x[...] = like(host, x)

    def sum_share(self, x: Array) -> None:
        host, mine = self._on_the_cpu(x), self.mine(x)
        super().sum_share(host)
        x[mine] = like(host[mine], x)

    def gather(self, x: Array) -> None:
        host = self._on_the_cpu(x)
        super().gather(host)
        x[...] = like(host, x)


class NcclWire(Wire):
    """Between GPUs directly, by NVIDIA's NCCL, where that is installed (nvidia-nccl-cu13). Not run
    so far: it needs two GPUs."""

    def __init__(self, comm: Any, library: Any):
        super().__init__(comm)
        self._nccl = library.NCCLBackend(comm.size, comm.rank, use_mpi=True)

    def sum_up(self, x: Array) -> None:
        self._nccl.all_reduce(x, x)

    def sum_share(self, x: Array) -> None:
        mine = x[self.mine(x)]
        self._nccl.reduce_scatter(x, mine, len(mine))

    def gather(self, x: Array) -> None:
        mine = x[self.mine(x)]
        self._nccl.all_gather(mine, x, len(mine))


def wire_for(x: Array, comm: Any) -> Wire:
    """The wire for arrays that lie where x lies."""
    if is_host(x):
        return Wire(comm)
    library = nccl()
    return StagedWire(comm) if library is None else NcclWire(comm, library)
