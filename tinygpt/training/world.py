"""World: the processes that train one model together, as `mpiexec -n 4` has started them.

    world = world_of_ranks()
    world.rank, world.size              which of how many this process is; 0 of 1 where it is alone
    world.local_rank, world.local_size  the same among those of its machine

MPI (Message Passing Interface) starts the processes, numbers them and carries what they send; it
comes by `mpi4py`, and is loaded only where a launcher has started this process.
"""

import functools
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# what launchers tell a process: MPICH's and Intel's mpiexec, Open MPI's, and Slurm's srun
LAUNCHERS = ("PMI_RANK", "PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


@dataclass(frozen=True)
class World:
    """Which rank this process is. `comm`: MPI's communicator of all, None for one alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    names: tuple[str, ...] = ("",)  # of each rank: its machine and its process
    comm: Any = None

    @property
    def is_first(self) -> bool:
        """Is this the rank that prints and writes?"""
        return self.rank == 0


@functools.cache
def world_of_ranks() -> World:
    """The world that this process was started into. ValueError where it was started by a launcher
    without `-m mpi4py`: a rank that fails would then leave the others waiting for ever."""
    by_mpi4py = "mpi4py" in sys.modules
    if not by_mpi4py and not any(name in os.environ for name in LAUNCHERS):
        return World()
    if not by_mpi4py:
        raise ValueError(
            "several processes are started by: mpiexec -n 4 python -m mpi4py -m tinygpt train ... "
            "(without -m mpi4py a process that fails would leave the others waiting)"
        )
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    if comm.size == 1:
        return World()
    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    names = comm.allgather(f"process {os.getpid()} on {socket.gethostname()}")
    return World(comm.rank, comm.size, local.rank, local.size, tuple(names), comm)


def cores_of_this_process() -> int:
    """The cores that this process may use, divided over the ranks of its machine: 1 at least."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return max(1, (len(allowed) or os.cpu_count() or 1) // world_of_ranks().local_size)


def device_of_this_rank(device: str, count: Callable[[], int]) -> str:
    """ "gpu" is another one for each rank of a machine that has `count()` of them. ValueError where
    there are fewer than ranks."""
    world = world_of_ranks()
    if world.size == 1 or device != "gpu":
        return device
    if world.local_size > (found := count()):
        raise ValueError(
            f"{world.local_size} ranks on one machine need as many GPUs, and it has {found}: start "
            f"one rank for each GPU"
        )
    return f"gpu:{world.local_rank}"


def mpiexec() -> str:
    """The program that starts ranks: beside this Python, or in the PATH. ValueError where MPI is
    not installed."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if importlib.util.find_spec("mpi4py") is None or found is None:
        raise ValueError(
            "several processes need MPI, which is not installed: pip install mpi4py mpich (on "
            "Windows impi-rt in place of mpich)"
        )
    return found
