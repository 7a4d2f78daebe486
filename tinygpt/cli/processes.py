"""Training with several processes: `--processes 4`, and who of them prints."""

import contextlib
import os
import shlex
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tinygpt.training.saving import TrainingError
from tinygpt.training.world import World, mpiexec, world_of_ranks

FIRST_SPEAKS = 3.0  # seconds in which the first rank says an error that all of them have
LEAVING = 30.0  # seconds in which all ranks have saved what is to be saved


def with_processes(n: str, argv: list[str]) -> int:
    """Start the same command line in n processes by MPI, say how, and wait. Its exit code.
    ValueError where MPI is not installed, or n is no number of processes."""
    if not n.isdecimal() or int(n) < 1:
        raise ValueError(f"expected a whole number --processes >= 1, got {n}")
    program = mpiexec()
    rest = _without(argv, "--processes") + (["--debug"] if "--debug" in sys.argv else [])
    line = ["-n", n, sys.executable, "-m", "mpi4py", "-m", "tinygpt", "train", *rest]
    print(
        f"starting: {shlex.join([Path(program).name, *line[:2], 'python', *line[3:]])}", flush=True
    )
    if os.name == "posix":  # mpiexec takes the place of this process, and gets its signals
        os.execv(program, [program, *line])
    return subprocess.call([program, *line])


def _without(argv: list[str], option: str) -> list[str]:
    """The command line without this option and its value."""
    rest, skip = [], False
    for a in argv:
        if skip:
            skip = False
        elif a == option:
            skip = True
        elif not a.startswith(f"{option}="):
            rest.append(a)
    return rest


@contextlib.contextmanager
def only_the_first_speaks() -> Iterator[None]:
    """Inside, ranks but the first print nothing. An error that only one of them has is said with
    its number; one that all have (a wrong option) by the first, which ends the others."""
    world = world_of_ranks()
    if world.size == 1:
        yield
        return
    with contextlib.ExitStack() as stack:
        if not world.is_first:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        try:
            yield
            return
        except BaseException as error:
            ending = error
    # mpi4py ends all ranks as soon as one leaves with another code than 0
    if isinstance(ending, KeyboardInterrupt):
        _leave_together(world)
    elif not world.is_first:
        time.sleep(FIRST_SPEAKS)
    if isinstance(ending, Exception):
        print(f"rank {world.rank} of {world.size} ({world.names[world.rank]}):", file=sys.stderr)
        foreseen = isinstance(ending, ValueError | OSError | TrainingError)
        if not (foreseen and world.is_first):  # the first one is alive, so this rank alone has it
            traceback.print_exception(ending)
    raise ending


def _leave_together(world: World) -> None:
    """Wait for the others, but not for ever: one may not have noticed."""
    all_here, until = world.comm.Ibarrier(), time.monotonic() + LEAVING
    while not all_here.Test() and time.monotonic() < until:
        time.sleep(0.05)
