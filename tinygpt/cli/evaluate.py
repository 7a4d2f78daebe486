"""tinygpt eval: how well a trained model predicts a text."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tyro.conf import Positional

from tinygpt.cli import settings as s
from tinygpt.models.gpt import GPT
from tinygpt.text.corpora import Corpus, DataArguments, load_corpus
from tinygpt.text.ids import corpus_ids
from tinygpt.text.load import load_tokenizer
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.evaluation import evaluate as evaluate_model
from tinygpt.training.run_folder import RUN_FILE, read_run


@dataclass
class EvalCommand:
    """Loss, perplexity, bits per byte and accuracy of a trained model on a text.

    tinygpt eval RUN: on the held-out part of the text that it was trained on

    tinygpt eval RUN my-text.txt: on another text
    """

    run: Positional[Path]  # the folder of a run, or any other with a model and a tokenizer
    corpus: Positional[str | None] = None  # a name or a path; default: what the run was trained on
    part: Literal["validation", "train", "all"] | None = (
        None  # default: validation of the run's own text, all of another
    )
    clean: bool = False  # another text: as train --clean
    encoding: str = "utf-8"  # another text: its encoding
    batch_size: int = 12  # windows at a time


def evaluate(argv: list[str]) -> None:
    command = s.parse(EvalCommand, argv, "eval")
    if command.batch_size < 1:
        raise ValueError(f"expected batch_size >= 1, got {command.batch_size}")
    folder: Path = command.run
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    record = _record(folder)
    if command.corpus is None and record is None:
        raise ValueError(f"{folder} does not say what it was trained on: name a corpus or a path")
    trained_on: dict[str, Any] = record["data"] if record else {}
    data = {f.name: trained_on.get(f.name, f.default) for f in fields(DataArguments)}
    if command.corpus not in (None, data["corpus"]):
        data |= {"clean": command.clean, "encoding": command.encoding}
    name = command.corpus or data["corpus"]
    corpus = _corpus(name, data)
    own = record is not None and corpus.sha256 == record["text"].get("sha256")
    part = command.part or ("validation" if own and corpus.validation else "all")
    text = corpus.train + corpus.validation if part == "all" else getattr(corpus, part)
    ids = corpus_ids(tokenizer, text)
    result = evaluate_model(model, ids, tokenizer, command.batch_size, progress=True)
    unknown = np.count_nonzero(ids == tokenizer.unknown_id)
    print(
        f"{folder} on {name}, {'the whole text' if part == 'all' else f'its {part} part'}: "
        f"{result.tokens:,} tokens, {result.bytes:,} bytes\n"
        f"loss           {result.loss:.4f} nats per token\n"
        f"perplexity     {result.perplexity:.3f}\n"
        f"bits per byte  {result.bits_per_byte:.4f}\n"
        f"accuracy       {100 * result.accuracy:.2f} % of the next tokens"
    )
    if unknown:
        print(f"{unknown:,} characters are unknown to the tokenizer and count as 3 bytes each")


def held_out_ids(folder: Path, tokenizer: Tokenizer) -> np.ndarray:
    """The held-out part of the text that a run was trained on, as ids. ValueError where the folder
    does not tell it."""
    record = _record(folder)
    if record is None:
        raise ValueError(f"{folder} does not say what it was trained on: it is no run")
    data = {f.name: record["data"].get(f.name, f.default) for f in fields(DataArguments)}
    corpus = _corpus(data["corpus"], data)
    return corpus_ids(tokenizer, corpus.validation or corpus.train)


def _corpus(name: str, data: dict[str, Any]) -> Corpus:
    return load_corpus(
        name,
        validation_fraction=data["validation_fraction"],
        clean=data["clean"],
        encoding=data["encoding"],
        special_tokens=tuple(data["special_tokens"]),
    )


def _record(folder: Path) -> dict[str, Any] | None:
    """The run.json of a run, also from one of its resume points."""
    for place in (folder, *folder.resolve().parents[:2]):
        if (place / RUN_FILE).is_file():
            return read_run(place)
    return None
