"""Plain against fast: what the fast form of an op gains over its formula, forward and backward.

A fast form that gains less than 1.3 x where it matters is not worth its lines.
"""

import statistics
import time
from typing import Any

import numpy as np

from tinygpt import nn
from tinygpt.autograd.engine import Tensor
from tinygpt.backend import keep_freed_memory

B, H, T, D, C, V = 4, 6, 256, 64, 384, 1024


def cases() -> list[tuple[str, Any, Any, list[np.ndarray]]]:
    """(name, fast, plain, inputs) at the sizes of configuration B, T = 256."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    x, targets = normal(B * T, C), rng.integers(0, V, B * T)
    return [
        ("attention", nn.attention, nn.attention_plain, [normal(B, H, T, D) for _ in "qkv"]),
        ("layer_norm", nn.layer_norm, nn.layer_norm_plain, [x, normal(C), normal(C)]),
        ("rms_norm", nn.rms_norm, nn.rms_norm_plain, [x, normal(C)]),
        ("gelu", nn.gelu, nn.gelu_plain, [normal(B * T, 4 * C)]),
        ("swiglu", nn.swiglu, nn.swiglu_plain, [normal(B * T, 4 * C), normal(B * T, 4 * C)]),
        (
            "cross_entropy",
            lambda z: nn.cross_entropy(z, targets),
            lambda z: nn.cross_entropy_plain(z, targets),
            [normal(B * T, V)],
        ),
    ]


def run(rounds: int) -> list[tuple[str, list[float], list[float]]]:
    """(name, seconds of the fast form, of the plain one), which alternate."""
    keep_freed_memory()
    results = []
    for name, fast, plain, inputs in cases():
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds + 1):
            for form, taken in zip((fast, plain), seconds, strict=True):
                tensors = [Tensor(x, requires_grad=True) for x in inputs]
                start = time.perf_counter()
                y = form(*tensors)
                y.backward(np.ones(y.shape, np.float32))
                taken.append(time.perf_counter() - start)
        results.append((name, seconds[0][1:], seconds[1][1:]))  # the first one warms up
    return results


def report(results: list[tuple[str, list[float], list[float]]]) -> str:
    """The table."""
    lines = [f"{'ms, medians':<16}{'fast':>9}{'plain':>9}{'plain / fast':>14}{'minimums':>10}"]
    for name, fast, plain in results:
        a, b = statistics.median(fast), statistics.median(plain)
        least = min(plain) / min(fast)
        lines.append(f"{name:<16}{1e3 * a:>9.2f}{1e3 * b:>9.2f}{b / a:>14.2f}{least:>10.2f}")
    return "\n".join(lines)
