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
LAUNCHERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class World:
    """Which rank this process is. `comm`: MPI's communicator of all, None for one alone; `calls`: a
    second one, for messages that must not meet those of the first."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    names: tuple[str, ...] = ("",)  # of each rank: its machine and its process
    has_own_cores: bool = False  # the launcher gave each rank of this machine cores of its own
    has_own_gpu: bool = False  # and a GPU of its own, the only one that it sees
    comm: Any = None
    calls: Any = None

    @property
    def is_first(self) -> bool:
        """Is this the rank that prints and writes?"""
        return self.rank == 0


@functools.cache
def world_of_ranks() -> World:
    """The world that this process was started into. ValueError where a launcher has started several
    processes without `-m mpi4py` (a rank that fails would leave the others waiting for ever), or
    with another MPI than mpi4py's (each would take itself for alone)."""
    started = max(int(os.environ.get(name) or 1) for name in LAUNCHERS)
    if "mpi4py" not in sys.modules:
        if started == 1:
            return World()
        raise ValueError(
            "several processes are started by: mpiexec -n 4 python -m mpi4py -m tinygpt train ... "
            "(without -m mpi4py a process that fails would leave the others waiting)"
        )
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    if comm.size == 1 and started > 1:
        raise ValueError(
            f"{started} processes were started, and MPI sees one: is the launcher that of the MPI "
            f"which mpi4py uses? With Slurm, begin with mpiexec inside the job"
        )
    if comm.size == 1:
        return World()
    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    cores, gpus = local.allgather(_affinity()), local.allgather(os.environ.get(GPUS))
    return World(
        comm.rank,
        comm.size,
        local.rank,
        local.size,
        tuple(comm.allgather(f"process {os.getpid()} on {socket.gethostname()}")),
        bool(cores[0]) and len(set().union(*cores)) == sum(map(len, cores)),
        local.size > 1 and len(set(gpus)) == local.size,
        comm,
        comm.Dup(),
    )


def _affinity() -> set[int]:
    """The cores that this process may use, where the system says."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def cores_of_this_process() -> int:
    """The cores that this process may use, divided over the ranks of its machine: 1 at least."""
    world = world_of_ranks()
    ranks = 1 if world.has_own_cores else world.local_size
    return max(1, (len(_affinity()) or os.cpu_count() or 1) // ranks)


def device_of_this_rank(device: str, count: Callable[[], int]) -> str:
    """ "gpu" is another one for each rank of a machine that has `count()` of them. ValueError where
    there are fewer than ranks, or all are to take the same one."""
    world = world_of_ranks()
    if world.local_size == 1 or world.has_own_gpu or device == "cpu":
        return device
    if device != "gpu":
        raise ValueError(f"{world.local_size} ranks on one machine cannot share {device}: say gpu")
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
    of_intel = Path(sys.prefix) / "Library" / "bin" / "mpiexec.exe"  # impi-rt, on Windows
    there = [str(path) for path in (beside, of_intel) if path.is_file()]
    found = there[0] if there else shutil.which("mpiexec")
    if importlib.util.find_spec("mpi4py") is None or found is None:
        raise ValueError(
            "several processes need MPI, which is not installed: pip install mpi4py mpich (on "
            "Windows impi-rt in place of mpich)"
        )
    return found
