"""The engine alone: a chain of 1000 multiplications of arrays of one element, there and back.

Nothing is computed to speak of, so this is what the tape costs for each op. Bare NumPy does the
same 2000 multiplications without any tape.
"""

import importlib.util
import sys

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.bench.rotation import Times, ratios, rotate, serve

OPS = 1000


def ours() -> None:
    h = x = Tensor(np.ones(1, np.float32), requires_grad=True)
    for _ in range(OPS):
        h = h * 1.0001
    h.backward()
    assert x.grad is not None


def numpy() -> None:
    h = np.ones(1, np.float32)
    for _ in range(OPS):
        h = h * 1.0001
    dy = np.ones(1, np.float32)
    for _ in range(OPS):
        dy = dy * 1.0001


def torch() -> None:
    pytorch = importlib.import_module("torch")
    h = pytorch.ones(1, requires_grad=True)
    for _ in range(OPS):
        h = h * 1.0001
    h.backward()


SIDES = {"tinygpt": ours, "numpy": numpy, "torch": torch}


def run(vs_torch: bool, rounds: int) -> list[Times]:
    """Time the sides in rotation. ValueError where PyTorch is asked for and is not installed."""
    if vs_torch and importlib.util.find_spec("torch") is None:
        raise ValueError(
            "PyTorch is not installed here: pip install torch, or leave --vs torch out"
        )
    names = [name for name in SIDES if name != "torch" or vs_torch]
    return rotate({n: [sys.executable, "-m", "tinygpt.bench.engine", n] for n in names}, rounds)


def report(times: list[Times]) -> str:
    """A line a side, and the ratios to ours."""
    ours_ = times[0]
    lines = [f"{OPS} multiplications of one element, forward and backward, microseconds an op"]
    lines.append(
        f"{'':<10}{'median':>10}{'minimum':>10}{'tinygpt / it: medians':>24}{'minimums':>10}"
    )
    for t in times:
        by_median, by_minimum = ratios(ours_, t)
        lines.append(
            f"{t.name:<10}{1e6 * t.median / OPS:>10.2f}{1e6 * t.minimum / OPS:>10.2f}"
            f"{by_median:>24.2f}{by_minimum:>10.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    serve(SIDES[sys.argv[1]])
