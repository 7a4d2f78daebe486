"""Ranks of this machine, measured: a step, the wait for each other and the all-reduce.

`tinygpt bench parallel` starts `mpiexec -n 1` and `-n 2` of this file, which train configuration A
with 12 rows in all, each rank on one core, and sum up rows of growing length.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.bench import scaling
from tinygpt.bench.configs import SETUPS
from tinygpt.bench.rotation import peak_memory
from tinygpt.models.config import GPTConfig
from tinygpt.models.gpt import GPT
from tinygpt.text.char import CharTokenizer
from tinygpt.text.corpora import load_corpus
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.ranks import Ranks, over_ranks
from tinygpt.training.trainer import Trainer
from tinygpt.training.wire import wire_for
from tinygpt.training.world import mpiexec, world_of_ranks

SIZES = tuple(2**k for k in range(8, 25, 2))  # numbers of a row
LIMIT = 600  # seconds


def run(rounds: int) -> dict[int, dict[str, Any]]:
    """Number of ranks -> what they measured. RuntimeError where they fail."""
    return {n: _ranks(n, "times", str(rounds)) for n in (1, 2)}


def memory(n: int) -> str:
    """The most memory that a rank of n has had, with moments of its own and with shared ones."""
    lines = [f"{'memory of a rank':<22}{'moments MB':>12}{'at most MB':>12}"]
    for shard in (False, True):
        found = _ranks(n, "memory", str(int(shard)))
        name = f"{n} ranks{', sharded' if shard else ''}"
        moments, most = (found[key] / 1e6 for key in ("moments", "most"))
        lines.append(f"{name:<22}{moments:>12.1f}{most:>12.1f}")
    return "\n".join(lines)


def equality() -> str:
    """Loss and gradient norm after 20 steps with dropout, for 1, 2 and 4 ranks, in lines."""
    lines = [f"{'after 20 steps':<22}{'loss':>14}{'gradient norm':>16}{'moments':>12}"]
    for n, shard in ((1, False), (2, False), (4, False), (2, True), (4, True)):
        found = _ranks(n, "equality", str(int(shard)))
        name = f"{n} rank{'s' if n > 1 else ''}{', sharded' if shard else ''}"
        lines.append(f"{name:<22}{found['loss']:>14.8f}{found['norm']:>16.8f}"
                     f"{found['moments']:>12,}")  # fmt: skip
    return "\n".join(lines)


def _ranks(n: int, what: str, how: str) -> dict[str, Any]:
    """What the first of n ranks of this file has measured."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "measured.json"
        line = [mpiexec(), "-n", str(n), sys.executable, "-m", "mpi4py", "-m", __name__,
                str(out), what, how]  # fmt: skip
        one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        done = subprocess.run(line, timeout=LIMIT, capture_output=True, text=True,
                              encoding="utf-8", errors="replace",
                              env=os.environ | one_core)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{n} ranks failed:\n{done.stdout}{done.stderr}")
        return json.loads(out.read_text(encoding="utf-8"))


def report(results: dict[int, dict[str, Any]]) -> str:
    """The tables of what was measured, and how well the cost model fits it."""
    names = ("step", "waiting", "all-reduce", "update")
    lines = [f"{'ranks':<8}" + "".join(f"{name + ' ms':>16}" for name in names) + "   its share"]
    for n, found in results.items():
        ms = [1e3 * found[name] for name in names]
        lines.append(f"{n:<8}" + "".join(f"{t:>16.2f}" for t in ms) + f"{ms[2] / ms[0]:>12.1%}")
    sums = results[2]["sums"]
    network = scaling.fit([4 * s for s in SIZES], sums)
    lines += [
        "",
        f"all-reduce of 2 ranks here: {1e6 * network.latency:.1f} microseconds and "
        f"{network.bandwidth / 1e9:.2f} GB/s fit what was measured:",
        f"{'numbers':>12}{'measured ms':>14}{'model ms':>12}",
    ]
    for size, seconds in zip(SIZES, sums, strict=True):
        model = scaling.ring_seconds(2, 4 * size, network)
        lines.append(f"{size:>12,}{1e3 * seconds:>14.3f}{1e3 * model:>12.3f}")
    one, two = results[1], results[2]
    shared = (one["step"] - one["update"]) / 2  # the update of all weights is made in every rank
    predicted = shared + one["update"] + scaling.ring_seconds(2, 4 * two["numbers"], network)
    lines += [
        "",
        f"a step of 2 ranks, half of the rows each: {1e3 * two['step']:.2f} ms; the model says "
        f"{1e3 * predicted:.2f}; one rank alone takes {1e3 * one['step']:.2f}",
    ]
    return "\n".join(lines)


# --------------------------------------------------------------------------------- in the ranks


def measure(rounds: int) -> dict[str, Any]:
    """Medians of one rank's times, in seconds."""
    setup = SETUPS["A"]
    trainer = Trainer(
        GPT(setup.model, seed=0),
        TrainingArguments(batch_size=setup.batch_size, warmup_steps=0, workers=1),
    )
    T = setup.model.block_size
    ids = np.random.default_rng(0).integers(0, setup.model.vocab_size, (setup.batch_size, T + 1))
    steps, parts = [], {"waiting": [], "all-reduce": [], "update": []}
    with over_ranks(trainer):
        _timed(trainer.workers, "update", parts["update"])
        if isinstance(trainer.workers, Ranks):
            _timed(trainer.workers, "meet", parts["waiting"])
            _timed(trainer.workers._wire, "sum_up", parts["all-reduce"])
        for _ in range(10 * rounds):
            for part in parts.values():
                part.append(0.0)
            began = time.perf_counter()
            trainer.step(ids[:, :-1], ids[:, 1:])
            steps.append(time.perf_counter() - began)
    numbers = len(trainer.model.vector().data)
    found = {name: float(np.median(times or [0.0])) for name, times in parts.items()}
    return found | {"step": float(np.median(steps)), "numbers": numbers, "sums": _sums(rounds)}


def _timed(thing: Any, name: str, into: list[float]) -> None:
    """From now on the seconds of thing.name(...) are added to the last element of `into`."""
    original = getattr(thing, name)

    def timed(*args: Any) -> Any:
        began = time.perf_counter()
        result = original(*args)
        into[-1] += time.perf_counter() - began
        return result

    setattr(thing, name, timed)


def _sums(rounds: int) -> list[float]:
    """Seconds of an all-reduce for each of SIZES; none for one rank."""
    comm = world_of_ranks().comm
    medians = []
    for size in SIZES if comm is not None else ():
        row, times = np.ones(size, np.float32), []
        wire = wire_for(row, comm)
        for _ in range(rounds + 1):
            comm.Barrier()
            began = time.perf_counter()
            wire.sum_up(row)
            times.append(time.perf_counter() - began)
            row[...] = 1
        medians.append(float(np.median(times[1:])))
    return medians


def measure_memory(shard: bool) -> dict[str, Any]:
    """Bytes, after three steps of four short rows on a model of 10.6 million parameters: of the
    moments, and the most that this process has had."""
    model = GPT(SETUPS["B"].model, seed=0)
    a = TrainingArguments(batch_size=4, warmup_steps=0, workers=1, shard_optimizer=shard)
    trainer = Trainer(model, a)
    ids = np.random.default_rng(0).integers(0, 65, (4, 17))
    with over_ranks(trainer):
        for _ in range(3):
            trainer.step(ids[:, :-1], ids[:, 1:])
        moments = sum(m.nbytes for m in trainer.optimizer.moments.values())
        most = peak_memory()
    return {"moments": moments, "most": most}


def measure_equality(shard: bool) -> dict[str, Any]:
    """What a training on stories comes to, after 20 steps of 8 rows."""
    text = load_corpus("stories").train[:20_000]
    tokenizer = CharTokenizer.train(text)
    config = GPTConfig(tokenizer.vocab_size, block_size=32, n_layer=2, n_head=2, n_embd=32,
                       dropout=0.2)  # fmt: skip
    a = TrainingArguments(batch_size=8, warmup_steps=5, workers=1, shard_optimizer=shard)
    trainer = Trainer(GPT(config, seed=0), a, train=tokenizer.encode_corpus(text))
    assert trainer.batches is not None
    loss = 0.0
    with over_ranks(trainer):
        for _ in range(20):
            loss = float(trainer.step(*next(trainer.batches)))
        moments = sum(len(m) for m in trainer.optimizer.moments.values())
    return {"loss": loss, "norm": float(trainer.norm), "moments": moments}


if __name__ == "__main__":
    out, what, how = sys.argv[1:]
    found = {
        "times": lambda: measure(int(how)),
        "memory": lambda: measure_memory(how == "1"),
        "equality": lambda: measure_equality(how == "1"),
    }[what]()
    if world_of_ranks().is_first:
        Path(out).write_text(json.dumps(found), encoding="utf-8")
