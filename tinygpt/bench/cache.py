"""What the KV cache saves: the time for the next token against the length of the text."""

import statistics
import time
from pathlib import Path
from typing import Any

from tinygpt.backend import keep_freed_memory
from tinygpt.lesson import pictures
from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.progress import progress

BLOCK_SIZE = 256


def run(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each token, from the second to a little past block_size, with and without
    cache: the median of the rounds, which alternate."""
    keep_freed_memory()
    model = GPT(GPTConfig(vocab_size=1024, block_size=BLOCK_SIZE))
    n = BLOCK_SIZE + BLOCK_SIZE // 4
    times: dict[str, list[list[float]]] = {"with cache": [], "without": []}
    for _ in progress(range(rounds), "rounds"):
        for name, seen in times.items():
            stream, seconds = model.stream([0], n, use_cache=name == "with cache", seed=0), []
            start = time.perf_counter()
            for _ in stream:
                now = time.perf_counter()
                seconds.append(1000 * (now - start))
                start = now
            seen.append(seconds)
    return {k: [statistics.median(t) for t in zip(*v, strict=True)] for k, v in times.items()}


def draw(times: dict[str, list[float]], block_size: int, path: Path) -> None:
    """Time against length, and where the block is full."""
    figure = pictures.new_figure(7, 4)
    axes: Any = figure.add_subplot(xlabel="tokens so far", ylabel="ms for the next token")
    axes.spines[["top", "right"]].set_visible(False)
    for (name, ms), style in zip(times.items(), ("-", "--"), strict=True):
        axes.plot(range(1, len(ms) + 1), ms, style, label=name)
    axes.axvline(block_size, color="grey", linewidth=0.8)
    axes.annotate(" block_size", (block_size, axes.get_ylim()[1]), va="top", color="grey")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    pictures.save(figure, path)


def report(times: dict[str, list[float]], block_size: int) -> str:
    """Medians of 16 tokens at the beginning, in the middle, before the end of the block, after."""
    with_cache, without = times.values()
    lines = [f"{'tokens so far':<15} {'with cache':>12} {'without':>12}   ms for the next, medians"]
    for at in (16, block_size // 2, block_size - 16, block_size + 8):
        a, b = (statistics.median(t[at - 8 : at + 8]) for t in (with_cache, without))
        lines.append(f"{at:<15} {a:12.2f} {b:12.2f}   {b / a:.1f} x")
    return "\n".join(lines)
