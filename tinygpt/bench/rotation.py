"""How to time several programs fairly: each in a process of its own, in rotation, with idle gaps.

Thread pools of BLAS and OpenMP wait busily for some time after a call and would steal the next
one's cores; two pools in one process fight; whoever runs first may look slow. So every side is a
process that waits until it is asked, does one piece of work, and says how long it took. The sides
take turns, the order is turned round every time, and medians and minimums are both reported.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

GAP = 0.15  # seconds of silence before each piece of work


@dataclass(frozen=True)
class Times:
    """Seconds of one side, one number a round; and what it said of itself: what its `serve` was
    given, its peak memory in bytes and the page faults of each piece of work."""

    name: str
    seconds: tuple[float, ...]
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        return min(self.seconds)


def serve(work: Callable[[], object], times: int = 1, **said: Any) -> None:
    """The loop of one side: for each line on standard input, do `times` pieces of work and print
    the seconds of one and the page faults of one; at the end of the input, the peak memory."""
    work()  # warm
    print(json.dumps(said), flush=True)
    for _ in sys.stdin:
        faults, start = _faults(), time.perf_counter()
        for _ in range(times):
            work()
        seconds = time.perf_counter() - start
        print(seconds / times, (_faults() - faults) / times, flush=True)
    print(_peak(), flush=True)


def rotate(sides: dict[str, Sequence[str]], rounds: int, gap: float = GAP) -> list[Times]:
    """Time the sides, name -> command line of a process that serves. RuntimeError if one ends."""
    processes = {
        name: subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        for name, command in sides.items()
    }
    try:
        said = {name: json.loads(_line(name, process)) for name, process in processes.items()}
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        faults: dict[str, list[float]] = {name: [] for name in sides}
        order = list(sides)
        for _ in range(rounds):
            for name in order:
                time.sleep(gap)
                process = processes[name]
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
                took, faulted = _line(name, process).split()
                seconds[name].append(float(took))
                faults[name].append(float(faulted))
            order.reverse()
        for name, process in processes.items():
            assert process.stdin is not None
            process.stdin.close()
            said[name] |= {
                "peak_bytes": int(_line(name, process)),
                "page_faults": statistics.median(faults[name]),
            }
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    return [Times(name, tuple(s), said[name]) for name, s in seconds.items()]


def _line(name: str, process: subprocess.Popen) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"the process of {name} ended before it answered")
    return line.strip()


def _faults() -> int:
    """Page faults of this process so far, where a system counts them."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _peak() -> int:
    """The most memory that this process has had, in bytes, where a system says.

    Linux counts in ru_maxrss what the parent had when it started this process, so its other number
    is read where there is one."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def ratios(of: Times, to: Times) -> tuple[float, float]:
    """(ratio of the medians, ratio of the minimums)"""
    return of.median / to.median, of.minimum / to.minimum
