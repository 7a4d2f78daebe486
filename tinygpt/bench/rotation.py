"""How to time several programs fairly: each in a process of its own, in rotation, with idle gaps.

Thread pools of BLAS and OpenMP wait busily for some time after a call and would steal the next
one's cores; two pools in one process fight; whoever runs first may look slow. So every side is a
process that waits until it is asked, does one piece of work, and says how long it took. The sides
take turns, the order is turned round every time, and medians and minimums are both reported.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

GAP = 0.15  # seconds of silence before each piece of work


@dataclass(frozen=True)
class Times:
    """Seconds of one side, one number a round."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        return min(self.seconds)


def serve(work: Callable[[], object]) -> None:
    """The loop of one side: for each line on standard input, work once and print the seconds."""
    work()  # warm
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        work()
        print(time.perf_counter() - start, flush=True)


def rotate(sides: dict[str, Sequence[str]], rounds: int) -> list[Times]:
    """Time the sides, name -> command line of a process that serves. RuntimeError if one ends."""
    processes = {
        name: subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        for name, command in sides.items()
    }
    try:
        for name in processes:
            _line(name, processes[name])
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        order = list(sides)
        for _ in range(rounds):
            for name in order:
                time.sleep(GAP)
                process = processes[name]
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
                seconds[name].append(float(_line(name, process)))
            order.reverse()
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()
    return [Times(name, tuple(s)) for name, s in seconds.items()]


def _line(name: str, process: subprocess.Popen) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"the process of {name} ended before it answered")
    return line.strip()


def ratios(of: Times, to: Times) -> tuple[float, float]:
    """(ratio of the medians, ratio of the minimums)"""
    return of.median / to.median, of.minimum / to.minimum
