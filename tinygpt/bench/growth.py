"""How speed grows with the model: tokens per second against width, depth, block and batch, beside
the limit that the products of matrices alone would set."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinygpt.bench.configs import SETUPS, step_flops
from tinygpt.bench.rotation import GAP
from tinygpt.lesson import pictures
from tinygpt.models.gpt import GPT
from tinygpt.progress import progress
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.forked import forked
from tinygpt.training.trainer import Trainer

VALUES = {
    "n_embd": (32, 64, 128, 256, 512),
    "n_layer": (1, 2, 4, 8, 16),
    "block_size": (16, 32, 64, 128, 256),
    "batch_size": (1, 3, 6, 12, 24),
}


def run(rounds: int) -> dict[str, list[tuple[int, float, float]]]:
    """For each setting: (value, tokens per second, its limit), all else as configuration A."""
    results: dict[str, list[tuple[int, float, float]]] = {name: [] for name in VALUES}
    for name, value in progress([(n, v) for n, values in VALUES.items() for v in values], "growth"):
        setup = SETUPS["A"]
        if name == "batch_size":
            setup = replace(setup, batch_size=value)
        else:
            model = replace(setup.model)
            setattr(model, name, value)
            setup = replace(setup, model=model)
        T, rows = setup.model.block_size, setup.batch_size
        trainer = Trainer(GPT(setup.model), TrainingArguments(batch_size=rows, warmup_steps=0))
        ids = np.random.default_rng(0).integers(0, setup.model.vocab_size, (rows, T + 1))
        steps = []
        time.sleep(GAP)  # a BLAS thread that has worked waits busily, on a core that a worker needs
        with forked(trainer):
            for _ in range(rounds + 1):
                start = time.perf_counter()
                trainer.step(ids[:, :-1], ids[:, 1:])
                steps.append(time.perf_counter() - start)
        peaks = [_sgemm() for _ in range(rounds)]
        tokens, flops = rows * T, step_flops(setup)
        limit = tokens * max(peaks) / flops
        results[name].append((value, tokens / min(steps[1:]), limit))
    return results


def _sgemm(n: int = 1024) -> float:
    """Floating point operations per second of one large product."""
    a = np.ones((n, n), np.float32)
    start = time.perf_counter()
    a @ a
    return 2 * n**3 / (time.perf_counter() - start)


def draw(results: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Four panels: ours, and the dashed limit."""
    figure = pictures.new_figure(9, 6)
    for axes, (name, points) in zip(figure.subplots(2, 2).flat, results.items(), strict=False):
        values, speeds, limits = zip(*points, strict=True)
        axes.loglog(values, speeds, "o-", label="a training step")
        axes.loglog(values, limits, "--", color="grey", label="products of matrices alone")
        axes.set_xticks(values, [str(v) for v in values])
        axes.minorticks_off()
        axes.set_xlabel(name)
        axes.set_ylabel("tokens per second")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8)
    pictures.save(figure, path)


def report(results: dict[str, list[tuple[int, float, float]]]) -> str:
    """The table."""
    lines = [f"{'':<12}{'':>6}{'tokens/s':>12}{'limit':>12}{'share':>8}"]
    for name, points in results.items():
        for value, speed, limit in points:
            lines.append(f"{name:<12}{value:>6}{speed:>12,.0f}{limit:>12,.0f}{speed / limit:>8.0%}")
    return "\n".join(lines)
