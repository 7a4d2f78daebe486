"""package: from which package of Python's standard library does a piece of source come?

    user        self._transport.resume_reading()\n    def _maybe_pause_transport(self): ...
    assistant   asyncio

Files are divided before they are cut into pieces, and a piece that stands in several files, such as
a licence, is left out: so nothing that is asked for was seen in training. A model has to know how a
package is written, not which line follows which.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from tinygpt.tasks.task import Task
from tinygpt.text.chat import Example
from tinygpt.text.examples import Parts
from tinygpt.text.python_library import modules_of

PACKAGES = (
    "asyncio", "email", "http", "importlib", "logging", "multiprocessing", "re", "unittest",
    "urllib", "xml",
)  # fmt: skip
LENGTH = 200  # characters of a piece, about: it ends with a line
MOST = {"train": 400, "validation": 25, "test": 60}  # pieces of each package
PARTS = ("train", "validation", "test")
TURN = ("train", "test", "validation", "train", "train")  # of the files, the largest one first


def pieces(source: str) -> Iterator[str]:
    """The source in pieces of whole lines, LENGTH characters at least; what is left is left out."""
    piece = ""
    for line in source.splitlines(keepends=True):
        piece += line
        if len(piece.strip()) >= LENGTH:
            yield piece.strip("\n")[: LENGTH + 100]
            piece = ""


def files(part: str) -> list[tuple[str, str]]:
    """(package, source) of the files of a part."""
    found = []
    for package in PACKAGES:
        by_size = sorted(modules_of(package), key=lambda m: (-len(m[1]), m[0]))
        turns = (TURN[i % len(TURN)] for i in range(len(by_size)))
        found += [(package, s) for (_, s), t in zip(by_size, turns, strict=True) if t == part]
    return found


class Package(Task):
    """Ten packages, equally many pieces of each."""

    name = "package"
    about = "from which package of the standard library is this source?"
    labels = PACKAGES
    settings = {
        "tokenizer": "bpe", "vocab_size": 1024, "block_size": 224, "n_layer": 2, "n_head": 4,
        "n_embd": 128, "dropout": 0.3, "batch_size": 32, "max_steps": 400, "learning_rate": 1e-3,
        "eval_steps": 50,
    }  # fmt: skip

    def examples(self) -> Parts:
        return Parts(*map(self._of, PARTS))

    def _of(self, part: str) -> list[Example]:
        everywhere = [(p, name, source) for p in PARTS for name, source in files(p)]
        often = Counter(piece for *_, source in everywhere for piece in set(pieces(source)))
        read = "\n".join(source for p, _, source in everywhere if p == "train")
        rng = np.random.default_rng(0)
        examples = []
        for package in PACKAGES:
            mine = [source for p, name, source in everywhere if (p, name) == (part, package)]
            of_it = [p for source in mine for p in dict.fromkeys(pieces(source)) if often[p] == 1]
            if part != "train":
                of_it = [p for p in of_it if p not in read]
            chosen = rng.permutation(len(of_it))[: MOST[part]]
            examples += [Example((of_it[i], package), self.name) for i in sorted(chosen)]
        return [examples[i] for i in rng.permutation(len(examples))]
