"""Time to a loss: how long training takes until the held-out loss is as low as wanted.

What a user waits for, and a product: steps until there x seconds per step. The first two ways train
with the same settings, from the same weights, on the same windows, so they differ in the seconds of
a step alone; every later one changes one setting more. The loss is that of the whole held-out text;
measuring it is not counted. Each run is a process of its own, and the ways take turns. The seconds
are steps x the median step, so that what else a machine did meanwhile counts little.
"""

import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

from tinygpt.backend import to_float
from tinygpt.models.config import GPTConfig
from tinygpt.models.gpt import GPT
from tinygpt.optim.schedule import learning_rate
from tinygpt.progress import progress
from tinygpt.text import CharTokenizer, RandomBatches, load_corpus
from tinygpt.text.batches import window_batches
from tinygpt.training.arguments import PRESETS, TrainingArguments
from tinygpt.training.evaluation import mean_loss
from tinygpt.training.forked import forked
from tinygpt.training.trainer import Trainer

CORPUS, TARGET = "shakespeare", 1.92  # nats per character
EVERY = 100  # steps between two measurements, in the second half of the run

# what each way changes of nanoGPT's settings for a CPU (its README, "I only have a macbook")
FASTER: dict[str, Any] = {"learning_rate": 4e-3, "max_steps": 1200}
WAYS: dict[str, dict[str, Any]] = {
    "nanoGPT's settings, PyTorch": {},
    "the same, tinygpt": {},
    "and 4 x the rate, 1200 steps": FASTER,
    "and NAdamW": FASTER | {"optimizer": "nadamw"},
}
PYTORCH = "nanoGPT's settings, PyTorch"


def train(way: str, seed: int) -> dict[str, Any]:
    """Train until the loss is reached or the steps are done: steps, seconds, the last loss."""
    settings = PRESETS["nanogpt-cpu"] | WAYS[way] | {"seed": seed}
    corpus = load_corpus(CORPUS)
    tokenizer = CharTokenizer.train(corpus.train)
    ids, held_out = (np.array(tokenizer.encode(t)) for t in (corpus.train, corpus.validation))
    settings["vocab_size"] = tokenizer.vocab_size
    config, arguments = _take(GPTConfig, settings), _take(TrainingArguments, settings)
    batches = RandomBatches(ids, config.block_size, arguments.batch_size, seed=seed)
    held_out_batches = window_batches(held_out, config.block_size, 64)
    model = GPT(config, seed=seed)
    side = _pytorch if way == PYTORCH else _ours

    seconds, last, first = [], np.inf, None
    with side(model, arguments) as (step, loss):
        for n in range(1, arguments.max_steps + 1):
            x, y = next(batches)
            start = time.perf_counter()
            value = step(n, x, y)
            seconds.append(time.perf_counter() - start)
            first = value if first is None else first
            if n % EVERY == 0 and n >= arguments.max_steps // 2:
                last = loss(held_out_batches)
                if last <= TARGET:
                    break
    step_seconds = statistics.median(seconds)
    return {
        "steps": n, "reached": last <= TARGET, "loss": last, "first": first,
        "step_seconds": step_seconds, "seconds": n * step_seconds,
    }  # fmt: skip


def _take(kind: Any, settings: dict[str, Any]) -> Any:
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in settings.items() if name in names})


@contextmanager
def _ours(model: GPT, arguments: TrainingArguments) -> Iterator[tuple[Any, Any]]:
    trainer = Trainer(model, arguments)
    with forked(trainer):  # as `tinygpt train` does
        yield (
            lambda n, x, y: to_float(trainer.step(x, y)),
            lambda batches: mean_loss(model, batches),
        )


@contextmanager
def _pytorch(ours: GPT, a: TrainingArguments) -> Iterator[tuple[Any, Any]]:
    torch = importlib.import_module("torch")
    torch_gpt = importlib.import_module("tinygpt.bench.torch_gpt")
    model = torch_gpt.TorchGPT(ours.config).load(ours.state_dict())
    optimizer_step = torch_gpt.trainer(model, a.learning_rate, a.betas, a.weight_decay)

    def tensors(x: np.ndarray, y: np.ndarray) -> Any:
        return (torch.from_numpy(np.ascontiguousarray(ids)) for ids in (x, y))

    def step(n: int, x: np.ndarray, y: np.ndarray) -> float:
        lr = learning_rate(
            n, a.schedule, peak=a.learning_rate, floor=min(a.min_learning_rate, a.learning_rate),
            warmup=a.warmup_steps, total=a.max_steps,
        )  # fmt: skip
        return float(optimizer_step(*tensors(x, y), lr=lr).detach())

    def loss(batches: list[tuple[np.ndarray, np.ndarray]]) -> float:
        with torch.inference_mode():
            sums = [float(model.loss(*tensors(x, y))) * y.size for x, y in batches]
        return sum(sums) / sum(y.size for _, y in batches)

    yield step, loss


def run(seeds: int, pytorch: bool) -> dict[str, list[dict[str, Any]]]:
    """Every way with seeds 1, 2, ...; RuntimeError where the two first ways do not do the same,
    ValueError where the text is not there and cannot be fetched."""
    load_corpus(CORPUS)
    ways = [way for way in WAYS if pytorch or way != PYTORCH]
    results: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for seed, way in progress(
        [(s, w) for s in range(1, seeds + 1) for w in ways], "time to a loss"
    ):
        done = _run_alone(way, seed)
        results[way].append(done)
        print(
            f"seed {seed}, {way}: {done['steps']} steps x {1e3 * done['step_seconds']:.1f} ms = "
            f"{done['seconds']:.1f} s, loss {done['loss']:.4f}"
        )
    if pytorch:
        first, second = (results[way][0]["first"] for way in ways[:2])
        if abs(first - second) > 1e-4:
            raise RuntimeError(f"not the same work: PyTorch's first loss is {first}, ours {second}")
    return results


def _run_alone(way: str, seed: int) -> dict[str, Any]:
    """`train` in a process of its own. RuntimeError, with its last words, where it fails."""
    command = [sys.executable, "-m", "tinygpt.bench.reach", way, str(seed)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"{way!r} ended with code {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def report(results: dict[str, list[dict[str, Any]]]) -> str:
    """The table; ratios are to the way above and to the first."""
    lines = [
        f"seconds of training to a loss of {TARGET} on all held-out text of {CORPUS}",
        f"{'':<34}{'steps':>20}{'ms a step':>11}{'seconds':>24}{'median':>9}{'of first':>10}",
    ]
    first = None
    for way, runs in results.items():
        steps = " ".join(str(r["steps"]) if r["reached"] else "never" for r in runs)
        seconds = [r["seconds"] for r in runs]
        ms = statistics.median(1e3 * r["step_seconds"] for r in runs)
        median = statistics.median(seconds)
        first = first or median
        lines.append(
            f"{way:<34}{steps:>20}{ms:>11.1f}{' '.join(f'{s:.1f}' for s in seconds):>24}"
            f"{median:>9.1f}{median / first:>10.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(train(sys.argv[1], int(sys.argv[2]))))
