"""Runs of a task: how they are set up, and what they are asked afterwards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinygpt.cli.saying import say_what_is_trained
from tinygpt.models.growing import grown
from tinygpt.tasks import make_task
from tinygpt.tasks.pictures import draw_confusion
from tinygpt.tasks.running import answers_of
from tinygpt.tasks.task import Task
from tinygpt.text.chat import Example, special_tokens
from tinygpt.text.corpora import ALL_TASKS, Corpus, DataArguments
from tinygpt.text.examples import ExampleBatches
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.trainer import Trainer

SHOWN = 6  # examples
CONFUSION = "confusion.png"


def chat_tokens(corpus: Corpus) -> tuple[str, ...]:
    """The special tokens that the rows of its examples need; none for a text."""
    return special_tokens(corpus.tasks) if corpus.examples is not None else ()


def longest_chats(corpus: Corpus) -> dict[str, int]:
    """Task -> the exchanges in its longest chat to learn from; nothing for a text."""
    longest: dict[str, int] = {}
    for e in corpus.examples.train if corpus.examples is not None else ():
        longest[e.task] = max(longest.get(e.task, 0), len(e.turns) // 2)
    return longest


def with_chats(
    model: Any, tokenizer: Tokenizer, tokens: Sequence[str], n_classes: int, device: str
) -> tuple[Any, Tokenizer]:
    """A trained model and its tokenizer with the special tokens of a task, and its head."""
    tokenizer = tokenizer.with_special(tokens)
    c = model.config
    if tokenizer.vocab_size > c.vocab_size or n_classes != c.n_classes:
        model = grown(model, tokenizer.vocab_size, n_classes=n_classes, device=device)
    return model, tokenizer


def say_examples(trainer: Trainer, corpus: Corpus) -> None:
    """What is going to be learned."""
    assert corpus.examples is not None and isinstance(trainer.batches, ExampleBatches)
    train, validation, test = map(len, corpus.examples)
    n = sum(int((y >= 0).sum()) for _, y in trainer.batches.rows)
    what = "labels" if trainer.model.config.n_classes else "tokens of answers"
    say_what_is_trained(
        trainer,
        f"{corpus.name}: {train:,} examples to learn from, {validation:,} to choose the best model "
        f"by, {test:,} to report on; {n:,} {what} are learned; vocabulary "
        f"{trainer.tokenizer.vocab_size}",
    )


# ------------------------------------------------------------------------- asked after training


def show_answers(trainer: Trainer, corpus: Corpus) -> None:
    """What a run has learned, on a few examples that it was not trained on, and what to do next."""
    assert corpus.examples is not None
    folder = trainer.folder
    some = (corpus.examples.validation or corpus.examples.train)[:SHOWN]
    answers = answers_of(trainer.model, trainer.tokenizer, some, corpus.labels)
    print()
    for e, answer in zip(some, answers, strict=True):
        print(_one_line(e, answer))
    which = f"the best model, of step {trainer.saved}," if trainer.best else "the model"
    more = "generate" if trainer.model.config.n_classes else "chat"
    print(f"\n{which} is in {folder}; how good it is: tinygpt eval {folder}; to try it: tinygpt "
          f"{more} {folder}")  # fmt: skip


def _one_line(e: Example, answer: str) -> str:
    prompt = " ".join(e.turns[-2].split())
    prompt = prompt if len(prompt) <= 60 else f"... {prompt[-56:]}"
    judged = "right" if answer == e.answer else f"expected {' '.join(e.answer.split())!r}"
    return f"{prompt}\n    -> {' '.join(answer.split())}    ({judged})"


def evaluate_task(
    folder: Path,
    model: Any,
    tokenizer: Tokenizer,
    labels: Sequence[str],
    data: DataArguments,
    corpus: Corpus | None,
    file: str | None,
    part: str | None,
) -> None:
    """The score of a run on a part of its task (corpus), or on a file of the same form, and its
    baseline."""
    if corpus is not None and corpus.examples is not None:
        name, parts = part or "test", corpus.examples
        file = None if corpus.path is None else str(corpus.path)
        examples = [e for p in parts for e in p] if part == "all" else getattr(parts, name)
        what = f"{corpus.name}, {'all of it' if name == 'all' else f'its {name} part'}"
        names, train = corpus.tasks, parts.train
    elif data.task == ALL_TASKS:
        raise ValueError(
            f"{folder} has learned several tasks, and {file} does not say of which it is: leave "
            f"it out"
        )
    else:
        task = make_task(data.task, file or "", data.encoding, held_out=0)
        examples, train = task.examples().train, []
        what, names = file, (data.task,)
    if not examples:
        raise ValueError(f"{folder}: no examples were held out: --part train, or give a file")
    for e in examples:
        if labels and e.answer not in labels:
            known = ", ".join(labels)
            raise ValueError(
                f"{e.where}: the label {e.answer!r} is none that this model has learned: it knows "
                f"{known}. Mend the line, or train with such lines"
            )
    answers = answers_of(model, tokenizer, examples, labels)
    print(f"{folder} on {what}: {len(examples):,} examples")
    for name in names:
        task = make_task(name, file or "", data.encoding, data.validation_fraction)
        mine = [i for i, e in enumerate(examples) if e.task == name]
        _report(task, [examples[i] for i in mine], [answers[i] for i in mine],
                [e for e in train if e.task == name], len(names) > 1)  # fmt: skip
    wrong = [(e, a) for e, a in zip(examples, answers, strict=True) if a != e.answer]
    if wrong:
        print(f"\n{len(wrong):,} are not the right one, letter by letter; the first of them:")
        for e, answer in wrong[:SHOWN]:
            print(_one_line(e, answer))
    if labels:
        path = folder / CONFUSION
        print(f"\n{draw_confusion(answers, [e.answer for e in examples], labels, path)}\n{path}")


def _report(
    task: Task, examples: list[Example], answers: list[str], train: list[Example], named: bool
) -> None:
    if named:
        print(f"\n{task.name}, {len(examples):,} examples")
    for metric, value in task.score(answers, examples).items():
        print(f"{metric:<15}{value:7.2f} %")
    if train:
        how, simple = task.baseline(train, examples)
        for metric, value in task.score(simple, examples).items():
            print(f"{metric:<15}{value:7.2f} %   without a model: {how}")
