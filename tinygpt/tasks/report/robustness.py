"""Robustness on `package`: what attacks do to a classifier, and what training against them gains.

The attack knows the model and the right label: it moves the embeddings of a text by a given share
of their length, in the direction that raises the loss fastest (training/adversarial.py). Noise of
the same length in a direction by chance stands beside it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.mode import no_grad
from tinygpt.backend import to_cpu
from tinygpt.tasks.corpus import settings_of, task_corpus
from tinygpt.tasks.report.budget import say, shortened
from tinygpt.tasks.report.tables import interval, table
from tinygpt.tasks.running import Run, rows_of, run
from tinygpt.text.corpora import DataArguments
from tinygpt.text.examples import example_batches, pad_id
from tinygpt.training.adversarial import noisy, ordinary_ids, random_move, worst_move

EPSILONS = (0.0, 0.01, 0.02, 0.05)
AT = 0.02  # where the table reads the attack, and how far training moves the embeddings
ASKED, STEPS = 200, 5  # texts of the test that are attacked, and steps of PGD
WAYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "FGM": {"adversarial": "fgm", "epsilon": AT},
    "PGD, 3 steps": {"adversarial": "pgd", "epsilon": AT},
    "token noise 15 %": {"token_noise": 0.15},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "dropout 0.1 in place of 0.3": {"dropout": 0.1},
}


def accuracy_under(done: Run, kind: str, epsilon: float, seed: int = 0) -> float:
    """The accuracy on the test, in per cent, where every text is moved by so much. kind: "fgm",
    "pgd" (5 steps), "chance", or "tokens" (epsilon is then the share that is replaced)."""
    model, examples = done.model, done.corpus.examples
    assert examples is not None
    rows = rows_of(model, done.tokenizer, examples.test[:ASKED], done.corpus.labels)
    rng, right = np.random.default_rng(seed), 0
    ordinary = ordinary_ids(model.config.vocab_size, done.tokenizer.special_tokens.values())
    model.eval()
    for x, y in example_batches(rows, 64, pad=pad_id(done.tokenizer)):
        if kind == "tokens" and epsilon:
            x = noisy(x, ordinary, share=epsilon, seed=seed, step=0)
        with no_grad():
            e = model.embed(x).data
        if kind == "chance":
            e = e + random_move(e, y, epsilon=epsilon, rng=rng)
        elif kind in ("fgm", "pgd") and epsilon:
            e = e + worst_move(model, e, y, epsilon=epsilon, steps=1 if kind == "fgm" else STEPS)
        with no_grad():
            logits = to_cpu(model.logits(model.through(Tensor(e))).data)
        at = y >= 0
        right += int((logits[at].argmax(axis=-1) == y[at]).sum())
    return 100 * right / len(rows)


def robustness(seeds: Sequence[int], share: float, picture: Path | None = None) -> str:
    """Clean and attacked accuracy for each way of training, and the picture of it."""
    corpus = task_corpus(DataArguments(corpus="", task="package", head=True))
    settings = shortened(settings_of("package", False), share)
    rows, curves = [], {}
    for name, way in WAYS.items():
        runs = []
        for seed in seeds:
            runs.append(run(corpus, settings | way, seed=seed, head=True))
            say(f"trained with {name}, untouched", seed, accuracy_under(runs[-1], "fgm", 0.0))
        kinds = [("fgm", 0.0), ("chance", AT), ("fgm", AT), ("pgd", AT), ("tokens", 0.15)]
        rows.append([name, *(interval([accuracy_under(r, kind, e) for r in runs])
                             for kind, e in kinds)])  # fmt: skip
        if name in ("nothing", "FGM", "PGD, 3 steps"):
            curves[name] = [[accuracy_under(r, "pgd", e) for r in runs] for e in EPSILONS]
    text = table(
        ["trained with", "clean, %", f"chance {AT}", f"FGM {AT}", f"PGD {AT}", "15 % of tokens"],
        rows,
    )
    if picture is not None:
        draw(curves, picture)
        text += f"\n\n![accuracy under attack]({picture.name})"
    return text


def draw(curves: dict[str, list[list[float]]], path: Path) -> None:
    """Accuracy against the length of the attack, one line for each way of training, each seed a
    dot."""
    from tinygpt.tasks.pictures import save_figure, small_figure

    figure, axes = small_figure("length of the attack, in lengths of the embeddings", "accuracy, %")
    for marker, (name, points) in zip("osD", curves.items(), strict=False):
        (line,) = axes.plot(EPSILONS, [np.mean(p) for p in points], marker=marker, label=name)
        for e, values in zip(EPSILONS, points, strict=True):
            axes.plot([e] * len(values), values, ".", color=line.get_color(), markersize=3)
    axes.legend(frameon=False)
    axes.axhline(10, color="grey", linestyle="--")
    axes.annotate("guessing", (0, 10), va="bottom", color="grey")
    save_figure(figure, path)
