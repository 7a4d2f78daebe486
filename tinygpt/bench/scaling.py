"""What n ranks would gain: a cost model of a training step, and a simulation that checks it.

    step(n) = C b + max(0, ring(n) - overlap 2/3 C b)       seconds
    ring(n) = 2 (n - 1) (latency + bytes / (n bandwidth))   the all-reduce of the gradient

C b: seconds for the b rows of one rank; two thirds of them are backward, beside which gradients
that are complete can already be sent. In a ring every rank passes a part of 1/n of the vector to
its neighbour, n - 1 times while the parts are summed up and n - 1 times while the sums go round.

Patarasuk & Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations".
"""

import functools
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from tinygpt.bench.configs import Setup, step_flops
from tinygpt.lesson import pictures
from tinygpt.models.config import GPTConfig
from tinygpt.models.gpt import GPT
from tinygpt.training.arguments import PRESETS

BACKWARD = 2 / 3  # of the time of a step
RANKS = tuple(2**k for k in range(11))  # 1 ... 1024
BATCH = 512  # rows, of the batch that is shared in the last lines of the report


@dataclass(frozen=True)
class Network:
    """latency: seconds until a message begins to arrive; bandwidth: bytes per second."""

    name: str
    latency: float
    bandwidth: float


NETWORKS = (  # assumed: Ethernet by TCP, and a network that reads memory itself (RDMA)
    Network("10 Gb/s", 20e-6, 10e9 / 8),
    Network("100 Gb/s", 5e-6, 100e9 / 8),
)
GPU_FLOPS = (
    50e12  # assumed, of a GPU that trains in float32 with TF32: what it reaches, not its peak
)


@dataclass(frozen=True)
class Job:
    """A model in data parallel: numbers of its gradient, floating point operations of one row."""

    name: str
    numbers: int
    row_flops: float
    rows: int  # of one rank

    @property
    def bytes(self) -> int:
        return 4 * self.numbers


@functools.cache
def jobs() -> tuple[Job, ...]:
    """The presets baby and gpt2, with the rows that one GPU holds."""
    rows = {"baby": 64, "gpt2": 4}
    vocab = {"baby": {"vocab_size": 65}, "gpt2": {}}
    found = []
    for name in rows:
        known = {f.name for f in fields(GPTConfig)}
        shape = {k: v for k, v in PRESETS[name].items() if k in known} | vocab[name]
        config = GPTConfig(**shape)
        numbers = GPT(config, seed=None).num_parameters()
        found.append(Job(name, numbers, step_flops(Setup(name, config, 1, 1)), rows[name]))
    return tuple(found)


def ring_seconds(n: int, size: float, network: Network) -> float:
    """An all-reduce of so many bytes over n ranks."""
    return 2 * (n - 1) * (network.latency + size / n / network.bandwidth)


def step_seconds(
    n: int, compute: float, size: float, network: Network, overlap: float = 0.0
) -> float:
    """A step whose rows take a rank `compute` seconds. overlap: 1 where sending can go on during
    all of backward, 0 where it begins after it, as here."""
    hidden = overlap * BACKWARD * compute
    return compute + max(0.0, ring_seconds(n, size, network) - hidden)


def efficiency(
    n: int, compute: float, size: float, network: Network, overlap: float = 0.0
) -> float:
    """What n ranks do in a second, as a share of n times what one does."""
    return compute / step_seconds(n, compute, size, network, overlap)


def simulated_step(
    n: int, compute: float, size: float, network: Network, jitter: float = 0.0, seed: int = 0
) -> float:
    """The same step played message by message: in each round rank i gets a part from rank i - 1,
    once both have done the round before. With jitter the ranks compute unequally long (a normal
    distribution, that share of the mean wide), and the slowest one is waited for."""
    rng = np.random.default_rng(seed)
    ready = compute * np.maximum(1 + jitter * rng.standard_normal(n), 0.1)
    for _ in range(2 * (n - 1)):
        ready = (
            np.maximum(ready, np.roll(ready, 1)) + network.latency + size / n / network.bandwidth
        )
    return float(ready.max())


def stops_paying(compute_row: float, rows: int, size: float, network: Network) -> tuple[int, int]:
    """Ranks that share one batch of so many rows, 1, 2, 4, ... of them: up to how many half of what
    they could do is used, and how many make the shortest step. More of them only wait longer."""
    ways = [n for n in RANKS if n <= rows]
    steps = {n: step_seconds(n, compute_row * rows / n, size, network) for n in ways}
    half = max(n for n in ways if compute_row * rows >= 0.5 * n * steps[n])
    return half, min(ways, key=lambda n: steps[n])


def fit(sizes: list[int], seconds: list[float]) -> Network:
    """Latency and bandwidth of what two ranks measured: seconds = 2 latency + bytes / bandwidth.
    Least squares of the relative error, so that short messages count as much as long ones."""
    x, t = np.array(sizes, float), np.array(seconds, float)
    a = np.stack([2 / t, x / t], axis=1)
    (latency, per_byte), *_ = np.linalg.lstsq(a, np.ones(len(t)), rcond=None)
    return Network("measured", max(float(latency), 1e-9), 1 / max(float(per_byte), 1e-15))


def draw(path: Path, flops: float = GPU_FLOPS) -> None:
    """Efficiency against the number of ranks, a panel for each model: lines are the model, dots the
    simulation with jitter."""
    figure = pictures.new_figure(9, 3.6)
    for axes, of in zip(figure.subplots(1, 2, sharey=True), jobs(), strict=True):
        compute = of.row_flops * of.rows / flops
        for network, colour in zip(NETWORKS, ("tab:orange", "tab:blue"), strict=True):
            for overlap, style in ((0.0, "-"), (1.0, "--")):
                values = [100 * efficiency(n, compute, of.bytes, network, overlap) for n in RANKS]
                axes.semilogx(RANKS, values, style, base=2, color=colour)
                if overlap == 0:
                    axes.annotate(f" {network.name}", (RANKS[-1], values[-1]), va="center",
                                  color=colour)  # fmt: skip
            dots = [100 * compute / simulated_step(n, compute, of.bytes, network, 0.05)
                    for n in RANKS]  # fmt: skip
            axes.plot(RANKS, dots, ".", color=colour)
        million = of.numbers / 1e6
        axes.set_title(f"{of.name}: {million:.1f} million, {of.rows} rows a rank", fontsize=10)
        axes.set_xlabel("ranks")
        axes.set_xticks(RANKS[::2], [str(n) for n in RANKS[::2]])
        axes.set_ylim(0, 105)
        axes.spines[["top", "right"]].set_visible(False)
    first = figure.axes[0]
    first.set_ylabel("efficiency, %")
    for style, what in (("-", "sent after backward"), ("--", "sent during backward"),
                        (".", "simulated, ranks unequal by 5 %")):  # fmt: skip
        first.plot([], [], style, color="grey", label=what)
    first.legend(frameon=False, fontsize=7, loc="lower left")
    pictures.save(figure, path)


def report(flops: float = GPU_FLOPS) -> str:
    """The table, and where data parallel stops paying."""
    shown = (2, 8, 64, 1024)
    rows_said = [f"{of.rows} ({of.name})" for of in jobs()]
    lines = [
        f"A cost model, not a measurement: ranks of {flops / 1e12:g} TFLOP/s each, gradients in "
        f"float32, a ring.\nEfficiency, where each rank has its {' or '.join(rows_said)} rows:",
        f"{'':<18}{'seconds/step':>14}" + "".join(f"{n:>8} ranks" for n in shown)
        + "   with overlap, 1024",
    ]  # fmt: skip
    verdicts = []
    for of in jobs():
        compute = of.row_flops * of.rows / flops
        for network in NETWORKS:
            cells = "".join(f"{efficiency(n, compute, of.bytes, network):>14.0%}" for n in shown)
            best = efficiency(1024, compute, of.bytes, network, overlap=1.0)
            lines.append(f"{of.name + ', ' + network.name:<18}{compute:>14.4f}{cells}{best:>14.0%}")
            half, fastest = stops_paying(of.row_flops / flops, BATCH, of.bytes, network)
            verdicts.append(
                f"{of.name}, {network.name}: ranks that share a batch of {BATCH} rows use half of "
                f"what they could do up to {half}, and make the shortest step with {fastest}"
            )
    lines += ["", *verdicts, ""]
    lines.append(
        "What would come next: send each layer's gradient while backward goes on (the column on "
        "the right); gradients in 16 bits; the weights of a layer divided over the GPUs of one "
        "machine, and layers over machines."
    )
    return "\n".join(lines)
