"""What pretraining buys: accuracy on `package` against how many labels there are.

A GPT that has read the standard library (the files of the training part alone, without a label) is
fine-tuned with 10, 50, 250 and all pieces of each package; beside it the same GPT from scratch.
Both see the same examples, for the same steps.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.models.growing import grown
from tinygpt.tasks.corpus import settings_of, task_corpus
from tinygpt.tasks.metrics import exact_match
from tinygpt.tasks.package import PACKAGES, Package, files
from tinygpt.tasks.report.budget import say, shortened
from tinygpt.tasks.report.tables import apart, interval, table
from tinygpt.tasks.running import run, tokenizer_of
from tinygpt.text.corpora import Corpus, DataArguments
from tinygpt.text.examples import Parts
from tinygpt.text.python_library import modules_of
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.forked import forked
from tinygpt.training.trainer import Trainer

LABELS = (10, 50, 250, 400)  # of each package; 400: all
STEPS = {"pretrain": 1000, "finetune": 150}
OTHERS = ("asyncio", "encodings", "ctypes", "json", "collections", "concurrent", "wsgiref")


def source_to_read() -> str:
    """The source that may be read: the training files of the ten packages, and others whole."""
    texts = [source for _, source in files("train")]
    for package in OTHERS:
        if package not in PACKAGES:
            texts += [source for name, source in modules_of(package) if "aliases" not in name]
    text = "\n".join(texts)
    for part in Package().examples()[1:]:  # a licence may stand in other packages too
        for e in part:
            text = text.replace(e.turns[0], "")
    return text


def pretrained(tokenizer: Tokenizer, shape: dict[str, Any], steps: int, seed: int) -> GPT:
    """A GPT that has read it."""
    ids = tokenizer.encode_corpus(source_to_read())
    model = GPT(GPTConfig(**shape, vocab_size=tokenizer.vocab_size), seed=seed)
    a = TrainingArguments(max_steps=steps, batch_size=16, learning_rate=2e-3, seed=seed)
    trainer = Trainer(model, a, train=ids)
    with forked(trainer):
        trainer.train()
    return trainer.model


def pretraining(seeds: Sequence[int], share: float, picture: Path | None = None) -> str:
    """The table of accuracies, and the picture of it."""
    whole = task_corpus(DataArguments(corpus="", task="package", head=True))
    assert whole.examples is not None
    test, settings = whole.examples.test, settings_of("package", False)
    tokenizer = tokenizer_of(whole, settings)
    names = ("block_size", "n_layer", "n_head", "n_embd")
    shape = {name: settings[name] for name in names}
    base = pretrained(tokenizer, shape, round(STEPS["pretrain"] * share), seed=0)
    tune = shortened(settings | {"max_steps": STEPS["finetune"], "eval_steps": 25}, share)
    scores: dict[tuple[int, str], list[float]] = {}
    for n in LABELS:
        for seed in seeds:
            corpus = fewer(whole, n, seed)
            for way, rate in (("pretrained", 5e-4), ("from scratch", 1e-3)):
                body = base if way == "pretrained" else GPT(base.config, seed=seed)
                model = grown(body, tokenizer.vocab_size, n_classes=len(PACKAGES), seed=seed)
                done = run(corpus, tune | {"learning_rate": rate}, seed=seed, head=True,
                           model=model, tokenizer=tokenizer)  # fmt: skip
                right = exact_match(done.answers(test), [e.answer for e in test])
                scores.setdefault((n, way), []).append(right)
                say(f"{n} labels of each, {way}", seed, right)
    rows = []
    for n in LABELS:
        a, b = scores[n, "pretrained"], scores[n, "from scratch"]
        told = f"{np.mean(a) - np.mean(b):+.1f}" + ("" if apart(a, b) else " (not certain)")
        rows.append([str(n) if n < max(LABELS) else "all", interval(a), interval(b), told])
    header = ["labels of each", "pretrained, %", "from scratch, %", "gain"]
    text = table(header, rows)
    if picture is not None:
        draw(scores, picture)
        text += f"\n\n![what pretraining buys]({picture.name})"
    return text


def fewer(corpus: Corpus, n: int, seed: int) -> Corpus:
    """The corpus with n examples of each label to train on, other ones for each seed."""
    assert corpus.examples is not None
    rng, chosen = np.random.default_rng(seed), []
    for label in corpus.labels:
        of_it = [e for e in corpus.examples.train if e.answer == label]
        chosen += [of_it[i] for i in rng.permutation(len(of_it))[:n]]
    parts = Parts(chosen, corpus.examples.validation, corpus.examples.test)
    return Corpus(corpus.name, corpus.train, corpus.validation, corpus.sha256, examples=parts,
                  tasks=corpus.tasks, labels=corpus.labels)  # fmt: skip


def draw(scores: dict[tuple[int, str], list[float]], path: Path) -> None:
    """Accuracy against the number of labels, each seed a dot."""
    from tinygpt.tasks.pictures import save_figure, small_figure

    figure, axes = small_figure("labels of each package", "accuracy on the test, %")
    axes.set_xscale("log")
    axes.set_xticks(LABELS, [str(n) for n in LABELS])
    for marker, way in zip("os", ("pretrained", "from scratch"), strict=True):
        means = [np.mean(scores[n, way]) for n in LABELS]
        (line,) = axes.plot(LABELS, means, marker=marker)
        for n in LABELS:
            axes.plot([n] * len(scores[n, way]), scores[n, way], ".", color=line.get_color())
        above = 8 if way == "pretrained" else -16  # where the two are farthest apart
        axes.annotate(way, (LABELS[0], means[0]), (6, above), textcoords="offset points",
                      color=line.get_color())  # fmt: skip
    axes.axhline(10, color="grey", linestyle="--")
    axes.annotate("guessing", (LABELS[0], 10), va="bottom", color="grey")
    save_figure(figure, path)
