"""How to time several programs fairly: each in a process of its own, in rotation, with idle gaps.

Thread pools of BLAS and OpenMP wait busily for some time after a call and would steal the next
one's cores; two pools in one process fight; whoever runs first may look slow. So every side is a
process that waits until it is asked, does one piece of work, and says how long it took. The sides
take turns, the order is turned round every time, and medians and minimums are both reported.
"""

import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
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
    print(peak_memory(), flush=True)


def fastest(ways: dict[str, Callable[[], object]], times: int = 1, rounds: int = 7) -> str:
    """Which of several ways to do the same work is the fastest here, by medians, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, work in ways.items():
            start = time.perf_counter()
            for _ in range(times):
                work()
            seconds[name].append(time.perf_counter() - start)
    return min(ways, key=lambda name: statistics.median(seconds[name][1:]))


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
    """Page faults of this process and its workers so far, where a system counts them."""
    if sys.platform == "win32":
        return 0
    import resource

    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for worker in multiprocessing.active_children():  # on Linux alone
        stat = Path(f"/proc/{worker.pid}/stat").read_text(encoding="ascii")
        faults += int(stat.rpartition(")")[2].split()[7])
    return faults


def peak_memory() -> int:
    """The most memory that this process and its workers have had, in bytes, where a system says.

    Linux counts in ru_maxrss what the parent had when it started this process, so its other numbers
    are read: what each one has now, a page that n of them share as 1/n in each; its files once; and
    how much more than now each one has had."""
    with suppress(OSError, KeyError):  # not Linux, or one of before 2020
        workers = [str(worker.pid) for worker in multiprocessing.active_children()]
        all_of_them = [_memory(process) for process in ("self", *workers)]
        now = sum(m["Pss_Anon"] + m["Pss_Shmem"] for m in all_of_them) + all_of_them[0]["RssFile"]
        return now + sum(m["VmHWM"] - m["VmRSS"] for m in all_of_them)
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _memory(process: str) -> dict[str, int]:
    """Bytes, by the names that Linux gives them in two files."""
    files = (Path(f"/proc/{process}/{name}") for name in ("status", "smaps_rollup"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if "kB" in line}


def ratios(of: Times, to: Times) -> tuple[float, float]:
    """(ratio of the medians, ratio of the minimums)"""
    return of.median / to.median, of.minimum / to.minimum
