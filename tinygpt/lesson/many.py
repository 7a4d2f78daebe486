"""Lesson 21: a program in several processes by MPI, started from a cell."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tinygpt.training.world import mpiexec

SECONDS = 60  # after which a program is ended
# Each process prints into a file of its own, so that their lines do not mix.
FIRST = (
    "import sys; from mpi4py import MPI; "
    "sys.stdout = open(f'{sys.argv[1]}/{MPI.COMM_WORLD.rank:04}.txt', 'w', encoding='utf-8'); "
)


def mpi(n: int, program: str) -> str:
    """What n processes of this program print, rank 0 first. Where MPI is not installed, how
    to get it: the lesson goes on."""
    try:
        start = mpiexec()
    except ValueError as error:
        return f"left out: {error}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(FIRST + program.lstrip("\n"), encoding="utf-8")
        line = [start, "-n", str(n), sys.executable, "-m", "mpi4py", str(path), folder]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8",
                                  errors="replace", timeout=SECONDS, env=environment)  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"it was ended after {SECONDS} seconds: does a process wait for one that left?"
        said = "".join(file.read_text("utf-8") for file in sorted(Path(folder).glob("*.txt")))
    return said if done.returncode == 0 else f"{said}\n{done.stderr}"
