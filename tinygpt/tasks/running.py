"""A run of a task: its tokenizer, its rows, its trainer, and what it answers."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.tasks.answering import chosen_labels, longest_answer, written_answers
from tinygpt.text.chat import Example, chat_template, special_tokens
from tinygpt.text.corpora import Corpus
from tinygpt.text.examples import (
    ExampleBatches,
    Row,
    answer_row,
    example_batches,
    label_row,
    pad_id,
)
from tinygpt.text.load import TOKENIZERS
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.forked import forked
from tinygpt.training.trainer import EVAL_WINDOWS, Trainer


def make_tokenizer(
    corpus: Corpus, kind: str, size: int | None, pattern: str, special: Sequence[str] = ()
) -> Tokenizer:
    """A tokenizer learned from the part to train on; where that is of examples, with the special
    tokens of their tasks, and their rows as a chat template. pattern: how BPE cuts words."""
    tasks = corpus.tasks if corpus.examples is not None else ()
    tokens = (*special, *(special_tokens(tasks) if tasks else ()))
    cut = {"pattern": pattern} if kind == "bpe" else {}
    tokenizer = TOKENIZERS[kind].train(corpus.train, size, tokens, **cut)  # type: ignore
    if tasks:
        tokenizer.chat_template = chat_template(tasks)
    return tokenizer


def tokenizer_of(corpus: Corpus, settings: dict[str, Any]) -> Tokenizer:
    """The same by the settings of a task."""
    kind = settings.get("tokenizer", "bpe")
    size = settings.get("vocab_size", 1024) if kind == "bpe" else None
    return make_tokenizer(corpus, kind, size, settings.get("pattern", "gpt2"))


def rows_of(
    model: Any, tokenizer: Tokenizer, examples: Sequence[Example], labels: Sequence[str]
) -> list[Row]:
    """The examples as rows: to be written, or, for a model that classifies, to be labelled."""
    block = model.config.block_size
    if model.config.n_classes:
        return [label_row(tokenizer, e, labels, block) for e in examples]
    return [answer_row(tokenizer, e, block) for e in examples]


def task_trainer(
    model: Any,
    training: TrainingArguments,
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path | None,
) -> Trainer:
    """A trainer on the answers of a task."""
    assert corpus.examples is not None
    pad = pad_id(tokenizer)
    train, validation, _ = (  # of the test too: what is too long is said now, not after training
        rows_of(model, tokenizer, part, corpus.labels) for part in corpus.examples
    )
    rows = training.micro_batch_size or training.batch_size
    return Trainer(
        model,
        training,
        train=ExampleBatches(train, training.batch_size, pad=pad, seed=training.seed),
        validation=example_batches(validation, rows, pad=pad, limit=EVAL_WINDOWS),
        tokenizer=tokenizer,
        folder=folder,
    )


def answers_of(
    model: Any,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    labels: Sequence[str],
    *,
    quiet: bool = False,
) -> list[str]:
    """What the model answers to each of these examples."""
    if model.config.n_classes:
        return chosen_labels(model, tokenizer, examples, labels)
    n = longest_answer(tokenizer, examples)
    return written_answers(model, tokenizer, examples, max_new_tokens=n, quiet=quiet)


@dataclass
class Run:
    """A model that was trained on a task, with what is needed to ask it."""

    model: GPT
    tokenizer: Tokenizer
    corpus: Corpus
    best: tuple[int, float] | None  # the step and the validation loss of the best model

    def answers(self, examples: Sequence[Example]) -> list[str]:
        """What it answers to each."""
        return answers_of(self.model, self.tokenizer, examples, self.corpus.labels, quiet=True)


def run(
    corpus: Corpus,
    settings: dict[str, Any],
    *,
    seed: int,
    head: bool = False,
    model: GPT | None = None,
    tokenizer: Tokenizer | None = None,
) -> Run:
    """Train on a task and keep the best model: as `tinygpt train --task`, without a folder that is
    left. model, tokenizer: to go on with, in place of new ones."""
    tokenizer = tokenizer or tokenizer_of(corpus, settings)
    if model is None:
        shape = {f.name: settings[f.name] for f in fields(GPTConfig) if f.name in settings}
        classes = len(corpus.labels) if head else 0
        shape |= {"vocab_size": tokenizer.vocab_size, "n_classes": classes}
        model = GPT(GPTConfig(**shape), seed=seed)
    known = {f.name for f in fields(TrainingArguments)}
    a = TrainingArguments(**{k: v for k, v in settings.items() if k in known}, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        trainer = task_trainer(model, a, corpus, tokenizer, Path(folder))
        with forked(trainer):
            trainer.train()
        trainer.load_best()
    return Run(trainer.model, tokenizer, corpus, trainer.best)
