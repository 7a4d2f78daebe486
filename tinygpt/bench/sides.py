"""Ours and others, side by side: start each in a process of its own, compare, time, report."""

import importlib.metadata
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import threadpoolctl

from tinygpt.bench.configs import SETUPS, step_flops
from tinygpt.bench.rotation import Times, ratios, rotate
from tinygpt.models.gpt import GPT

TORCH_SGEMM = "torch-sgemm"
OTHERS = {"torch": "torch", "torch.compile": "torch", "transformers": "transformers"}


def run(what: str, config: str, others: list[str], rounds: int) -> list[Times]:
    """Time `what` (training or writing) on a configuration: ours, the others, and the limit.

    ValueError where a package is not installed; RuntimeError where two sides do not compute the
    same.
    """
    check_installed(others)
    limits = ["sgemm"] if what == "training" else ["bandwidth"]
    if what == "training" and others:
        limits.append(TORCH_SGEMM)
    with tempfile.TemporaryDirectory() as folder:
        GPT(SETUPS[config].model).save_pretrained(folder)
        command = [sys.executable, "-m", f"tinygpt.bench.{what}"]
        sides: dict[str, Sequence[str]] = {
            name: [*command, name, config, folder] for name in ("tinygpt", *others, *limits)
        }
        times = rotate(sides, rounds)
    for other in times[1 : 1 + len(others)]:
        check_equal(times[0], other)
    return times


def check_installed(others: Sequence[str]) -> None:
    """ValueError, with what to do, where a package is not there."""
    for other in others:
        if importlib.util.find_spec(OTHERS[other]) is None:
            raise ValueError(f"{OTHERS[other]} is not installed here: pip install {OTHERS[other]}")


def check_equal(ours: Times, other: Times) -> None:
    """RuntimeError where the first losses, or the first tokens, are not the same."""
    if "loss" in ours.said and abs(ours.said["loss"] - other.said["loss"]) > 1e-4:
        raise RuntimeError(
            f"{other.name} does not do the same work: its first loss is {other.said['loss']}, "
            f"ours {ours.said['loss']}"
        )
    if ours.said.get("first") != other.said.get("first"):
        raise RuntimeError(
            f"{other.name} does not write the same: {other.said['first']}, "
            f"ours {ours.said['first']}"
        )


def report(what: str, config: str, times: list[Times]) -> str:
    """The table: medians, minimums, ratios, memory, page faults, share of the limit."""
    ours, others = times[0], [t for t in times[1:] if t.name in OTHERS]
    limit, *torch_limit = times[1 + len(others) :]
    setup = SETUPS[config]
    lines = [
        f"{config}: {setup.what}, {'a step' if what == 'training' else 'a text'}; "
        f"{len(ours.seconds)} rounds",
        f"{'':<14}{'median ms':>11}{'minimum':>10}{'it / ours: medians':>20}{'minimums':>10}"
        f"{'peak MB':>9}{'page faults':>13}",
    ]
    for t in (ours, *others):
        a, b = ratios(t, ours)
        lines.append(
            f"{t.name:<14}{1e3 * t.median:>11.2f}{1e3 * t.minimum:>10.2f}{a:>20.2f}{b:>10.2f}"
            f"{t.said['peak_bytes'] / 1e6:>9.0f}{t.said['page_faults']:>13.1f}"
        )
    if what == "training":
        peak, done = limit.said["flops"] / limit.minimum, step_flops(setup) / ours.minimum
        unit = "GFLOP/s"
    else:
        peak, done = limit.said["bytes"] / limit.minimum, ours.said["bytes"] / ours.minimum
        unit = "GB/s"
    name = "sgemm" if what == "training" else "reading memory"
    lines.append(
        f"{done / 1e9:.1f} {unit}, {done / peak:.0%} of the {peak / 1e9:.1f} of {name} in this run"
    )
    lines += [f"{t.name}: {t.said['way']} was its fastest way here" for t in others
              if "way" in t.said]  # fmt: skip
    for t in torch_limit:
        lines.append(f"{t.said['flops'] / t.minimum / 1e9:.1f} {unit} is PyTorch's own sgemm")
    return "\n".join(lines)


def machine() -> str:
    """Processor, threads, BLAS and versions: what a table is worth nothing without."""
    blas = ", ".join(
        f"{p['internal_api']} {p['version']} {p.get('architecture', '')} {p['num_threads']} threads"
        for p in threadpoolctl.threadpool_info()
        if p["user_api"] == "blas"
    )
    packages = [f"NumPy {np.__version__}"]
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name):
            packages.append(f"{name} {importlib.metadata.version(name)}")
    return (
        f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"{', '.join(packages)}; {blas}"
    )


def processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def as_json(times: list[Times]) -> list[dict[str, Any]]:
    return [{"name": t.name, "seconds": t.seconds, **t.said} for t in times]
