"""tinygpt eval: how well a trained model predicts a text."""

import contextlib
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from tyro.conf import Positional

from tinygpt.cli import settings as s
from tinygpt.cli.task_runs import evaluate_task
from tinygpt.cli.train import own_text
from tinygpt.models.gpt import GPT
from tinygpt.text.batches import window_batches
from tinygpt.text.corpora import CORPORA, Corpus, DataArguments, load_corpus
from tinygpt.text.ids import corpus_ids
from tinygpt.text.load import load_tokenizer
from tinygpt.text.reading import as_path
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.evaluation import evaluate as evaluate_model
from tinygpt.training.evaluation import mean_loss
from tinygpt.training.run_folder import find_model, known_model, record_of
from tinygpt.training.trainer import EVAL_WINDOWS


@dataclass
class EvalCommand:
    """Loss, perplexity, bits per byte and accuracy of a trained model on a text.

    tinygpt eval: the newest run, on the held-out part of the text that it was trained on

    tinygpt eval RUN my-text.txt: on another text

    Of a run of a task: its score on the part that was kept for this, and what can be had without a
    model; or on a file of the same form.
    """

    run_and_corpus: Positional[
        Annotated[
            tuple[str, ...],
            s.shown("[RUN] [CORPUS]", "a run (default: the newest), and a text (default: its own)"),
        ]
    ] = ()
    # default: validation of the run's own text, all of another; of a run of a task, test
    part: Annotated[
        Literal["validation", "train", "test", "all"] | None,
        s.shown("{validation,train,test,all}"),
    ] = None
    clean: bool = False  # another text: as train --clean
    encoding: str = "utf-8"  # another text: its encoding
    batch_size: int = 12  # windows at a time


def evaluate(argv: list[str]) -> None:
    command = s.parse(EvalCommand, s.words_last(argv, EvalCommand), "eval")
    if command.batch_size < 1:
        raise ValueError(f"expected batch_size >= 1, got {command.batch_size}")
    run, words = _run_and_corpus(list(command.run_and_corpus))
    folder = find_model(run)
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    record = record_of(folder)
    if record is not None and record["data"].get("task"):
        data, file = _data(record), words[0] if words else None
        again = f"tinygpt eval {folder} FILE, with a file of the same form"
        own = own_text(folder, record, data, again) if file is None else None
        labels = tuple(record["text"].get("labels") or ())
        return evaluate_task(folder, model, tokenizer, labels, data, own, file, command.part)
    if not words and record is None:
        raise ValueError(
            f"{run} does not say what it was trained on, so name a text too: tinygpt eval {run} "
            f"stories"
        )
    corpus, own = _text(command, folder, record, words)
    if command.part == "test":
        raise ValueError("a text has no part to test on: --part validation is what was held out")
    name = words[0] if words or record is None else record["data"]["corpus"]
    part = command.part or ("validation" if own and corpus.validation else "all")
    text = corpus.train + corpus.validation if part == "all" else getattr(corpus, part)
    ids = corpus_ids(tokenizer, text)
    begin = tokenizer.encode(corpus.begin)[0] if own and corpus.begin else None
    result = evaluate_model(model, ids, tokenizer, command.batch_size, progress=True, begin=begin)
    if not math.isfinite(result.loss):
        raise ValueError(f"the loss is {result.loss}: the model of {folder} gives no numbers")
    unknown = np.count_nonzero(ids == tokenizer.unknown_id)
    windows = "" if begin is None else ", in windows that begin as in training"
    print(
        f"{folder} on {name}, "
        f"{'the whole text' if part == 'all' else f'its {part} part'}{windows}: "
        f"{result.tokens:,} tokens, {result.bytes:,} bytes\n"
        f"loss           {result.loss:.4f} nats per token\n"
        f"perplexity     {result.perplexity:.3f}\n"
        f"bits per byte  {result.bits_per_byte:.4f}\n"
        f"accuracy       {100 * result.accuracy:.2f} % of the next tokens"
    )
    if own and part == "validation":
        block = min(model.config.block_size, len(ids) - 1)
        batches = window_batches(ids, block, command.batch_size, limit=EVAL_WINDOWS, begin=begin)
        print(
            f"as in training {mean_loss(model, batches):.4f} nats per token, on "
            f"{sum(len(x) for x, _ in batches)} windows of it"
        )
    if unknown:
        print(f"{unknown:,} characters are unknown to the tokenizer and count as 3 bytes each")


def _text(
    command: EvalCommand, folder: Path, record: dict[str, Any] | None, words: list[str]
) -> tuple[Corpus, bool]:
    """The text to measure on, and whether it is the run's own, in the same two parts."""
    data = None if record is None else _data(record)
    if not words:
        assert record is not None and data is not None
        again = f"tinygpt eval {folder} {data.corpus} (all of it, as another text)"
        return own_text(folder, record, data, again), True
    if record is not None and data is not None:
        with contextlib.suppress(ValueError):
            return own_text(folder, record, replace(data, corpus=words[0]), ""), True
    return load_corpus(words[0], clean=command.clean, encoding=command.encoding), False


def _run_and_corpus(words: list[str]) -> tuple[str | None, list[str]]:
    """The run that was named, None for the newest, and the text."""
    if len(words) > 2:
        raise ValueError(f"expected a run and a text at most, got {words}")
    is_text = words and (words[0] in CORPORA or as_path(words[0]) is not None)
    if len(words) == 1 and known_model(words[0]) is None and is_text:
        return None, words  # for the newest run
    return (words[0] if words else None), words[1:]


def held_out_ids(folder: Path, tokenizer: Tokenizer) -> np.ndarray:
    """The held-out part of the text that a run was trained on, as ids. ValueError where the folder
    does not tell it, or the text is another one now."""
    record = record_of(folder)
    if record is None:
        raise ValueError(f"{folder} does not say what it was trained on: it is no run")
    corpus = own_text(folder, record, _data(record), "train a run on it as it is now")
    return corpus_ids(tokenizer, corpus.validation or corpus.train)


def _data(record: dict[str, Any]) -> DataArguments:
    known = {f.name for f in fields(DataArguments)}
    return DataArguments(**{k: v for k, v in record["data"].items() if k in known})
