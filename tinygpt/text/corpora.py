"""Corpora: text by name, or at a path, in two parts.

`tinygpt corpora` lists the names. Nothing but shakespeare is downloaded: the others come from
Python itself or are written by a grammar.
"""

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.backend import random_stream
from tinygpt.text.bpe_tokenizer import PATTERNS
from tinygpt.text.clean import clean as cleaned
from tinygpt.text.clean import overlap
from tinygpt.text.examples import Parts
from tinygpt.text.grammar import Grammar
from tinygpt.text.python_library import cache_folder, python_docs, python_source
from tinygpt.text.reading import as_path, read_folder, read_text
from tinygpt.text.stories import CHINESE, ENGLISH, stories

TOKENIZER_KINDS = ("char", "byte", "bpe")
TASK_NAMES = ("package", "translation", "dialogue", "questions", "pairs", "labels", "all")
ALL_TASKS = "all"  # those that make their own examples, in one model


@dataclass
class DataArguments:
    """What is trained on."""

    corpus: str = "python-docs"  # a name that `tinygpt corpora` lists, or a text file or folder
    tokenizer: str = "bpe"  # "char": characters; "byte": 256 tokens; "bpe": byte pairs, learned
    pattern: str = "gpt2"  # how bpe cuts a text before it merges: a name of text.PATTERNS
    special_tokens: tuple[str, ...] = ()  # such as "<|endoftext|>": tokens that stand for no text
    clean: bool = False  # line ends, control characters, Unicode NFC, duplicate documents
    encoding: str = "utf-8"  # of the files: utf-8, gb18030, cp1252, utf-16, ...
    validation_fraction: float = 0.1  # share of the text held out to measure the loss on
    # what is learned are answers: package, translation, dialogue, questions, or all of these; from
    # a file (given as the corpus): pairs, labels, questions, dialogue
    task: str = ""
    head: bool = False  # a task with labels: a head chooses one, instead of writing its name

    def __post_init__(self) -> None:
        self.special_tokens = tuple(self.special_tokens)
        if self.tokenizer not in TOKENIZER_KINDS:
            kinds = ", ".join(map(repr, TOKENIZER_KINDS))
            raise ValueError(f"expected tokenizer to be one of {kinds}, got {self.tokenizer!r}")
        if self.pattern not in PATTERNS:
            known = ", ".join(PATTERNS)
            raise ValueError(f"expected pattern to be one of {known}, got {self.pattern!r}")
        if self.task and self.task not in TASK_NAMES:
            known = ", ".join(TASK_NAMES)
            raise ValueError(f"expected task to be one of {known}, got {self.task!r}")
        if self.head and not self.task:
            raise ValueError("a head chooses a label: --head is for a --task that has labels")
        if not 0 <= self.validation_fraction < 1:
            got = self.validation_fraction
            raise ValueError(f"expected 0 <= validation_fraction < 1, got {got!r}")
        if not _is_text_encoding(self.encoding):
            raise ValueError(
                f"there is no encoding {self.encoding!r} of text: expected one such as utf-8, "
                f"gb18030"
            )


def _is_text_encoding(name: str) -> bool:
    """hex, rot13, base64 and zip are codecs too, but none of text."""
    try:
        return "a".encode(name).decode(name) == "a"
    except (LookupError, UnicodeError, ValueError):
        return False


def sha256_of(text: str) -> str:
    """The SHA-256 of a text as UTF-8."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Corpus:
    """A text in two parts, split before anything is learned from it."""

    name: str
    train: str
    validation: str  # "" where nothing is held out
    sha256: str  # of the whole text as UTF-8, as it is trained on
    remarks: tuple[str, ...] = ()  # what a user should know, such as files that were left out
    grammar: Grammar | None = None  # what wrote it, where that is known: the best possible loss
    begin: str | None = None  # windows begin at this character; None: anywhere
    path: Path | None = None  # where it lies, if it is somebody's file or folder
    examples: Parts | None = None  # of a task; the texts above are then all of their rows
    tasks: tuple[str, ...] = ()  # which tasks these are of
    labels: tuple[str, ...] = ()  # the answers that there are, where they are few


# ------------------------------------------------------------------------------ those with a name


@dataclass(frozen=True)
class Source:
    """A corpus that goes by a name."""

    about: str
    licence: str
    documents: Callable[[], list[str]]
    between: str = "\n"  # documents
    shuffled: bool = True  # split by document after a shuffle; else the end is held out
    grammar: Grammar | None = None
    cached: str = ""  # the file in the cache, for a corpus that is made or fetched only once


def unicode_names() -> list[str]:
    """The names of characters, about 33 000; scripts whose names are numbers are left out."""
    derived = ("CJK ", "HANGUL SYLLABLE ", "TANGUT ", "KHITAN ", "NUSHU ")
    names = (unicodedata.name(chr(i), "") for i in range(0x110000))
    return [name for name in names if name and not name.startswith(derived)]


SHAKESPEARE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_FILE = "shakespeare.txt"


def shakespeare() -> list[str]:
    """40 000 lines of Shakespeare's plays, fetched once. ValueError where that is not possible."""
    import pooch
    import requests

    path = cache_folder() / SHAKESPEARE_FILE
    downloader: Any = pooch.HTTPDownloader(timeout=20)  # a server that says nothing is an error
    try:
        pooch.retrieve(
            SHAKESPEARE,
            known_hash=SHAKESPEARE_SHA256,
            fname=path.name,
            path=path.parent,
            downloader=downloader,
        )
    except (OSError, ValueError, requests.RequestException) as error:
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise ValueError(
            f"shakespeare could not be fetched ({reason}). Put the file by hand at {path}: "
            f"{SHAKESPEARE}, 1 115 394 bytes, SHA-256 {SHAKESPEARE_SHA256}"
        ) from error
    return [path.read_text(encoding="utf-8")]


CORPORA: dict[str, Source] = {
    "python-docs": Source(
        "prose from Python's documentation and docstrings",
        "PSF",
        lambda: python_docs(),
        between="\n\n",
        cached="python-docs-*",
    ),
    "python-source": Source("Python's standard library itself", "PSF", lambda: python_source()),
    "unicode-names": Source("the names of Unicode's characters", "Unicode", unicode_names),
    "stories": Source(
        "small stories by a grammar: the best possible loss is known",
        "none needed",
        lambda: stories(ENGLISH),
        between="",
        grammar=ENGLISH,
    ),
    "stories-zh": Source(
        "the same in Chinese",
        "none needed",
        lambda: stories(CHINESE),
        between="",
        grammar=CHINESE,
    ),
    "shakespeare": Source(
        "Shakespeare's plays, 1.1 MB, by download",
        "public domain",
        lambda: shakespeare(),
        shuffled=False,
        cached=SHAKESPEARE_FILE,
    ),
}


# --------------------------------------------------------------------------------------- loading


def load_corpus(
    corpus: str,
    *,
    validation_fraction: float = 0.1,
    clean: bool = False,
    encoding: str = "utf-8",
    special_tokens: Sequence[str] = (),
) -> Corpus:
    """The corpus of that name, or the text at that path.

    A file or folder is cut once: its end is held out. The files of a folder are joined by a line
    end, or by the first special token where there is one. ValueError for a path that is not there,
    an empty text, and a byte that is not text, with file and offset.
    """
    if not str(corpus).strip():
        raise ValueError(
            "the name of the text is empty (an unset variable?): give a corpus, a file or a folder"
        )
    source = CORPORA.get(corpus)
    path = None if source is not None else as_path(corpus)
    if source is not None:
        documents, remarks, name = source.documents(), [], corpus
    elif path is not None:
        documents, remarks = (
            read_folder(path, encoding) if path.is_dir() else ([read_text(path, encoding)], [])
        )
        name = re.sub(r"[^\w.-]+", "-", path.resolve().stem)
        source = Source("", "", list, special_tokens[0] if special_tokens else "\n", shuffled=False)
    else:
        shown = corpus if len(str(corpus)) < 80 else f"{corpus:.60} ..."
        near = difflib.get_close_matches(str(corpus), CORPORA, n=1)
        raise ValueError(
            f"there is no corpus and no file or folder named {shown!r}: expected one of "
            f"{', '.join(CORPORA)}, or the path of a text file or a folder of them"
            + (f". Did you mean {near[0]}?" if near else "")
        )
    if clean:
        documents, removed = cleaned(documents)
        remarks += removed
    elif any("\r" in document for document in documents):
        remarks.append(
            "some lines end in CR LF or CR, which stays in the text; --clean makes it LF"
        )
    text = source.between.join(documents)
    if source.shuffled:
        order = random_stream(0, "split").permutation(len(documents))
        shuffled = [documents[i] for i in order]
        ends = np.cumsum([len(document) for document in shuffled])  # in characters
        n_train = int(np.argmin(np.abs(ends - (1 - validation_fraction) * ends[-1]))) + 1
        train, held_out = (source.between.join(p) for p in (shuffled[:n_train], shuffled[n_train:]))
    else:
        cut = len(text) - round(validation_fraction * len(text))
        train, held_out = text[:cut], text[cut:]
    if not train.strip():
        raise ValueError(f"{corpus} holds no text to train on")
    found, tried = overlap(train, held_out)
    if source.grammar is None and 10 * found > tried:  # a grammar's sentences come again and again
        remarks.append(
            f"overlap: {found} of {tried} pieces of 50 characters of the held-out text stand in "
            f"the training text too, so the held-out loss is better than it should be (--clean "
            f"leaves out documents that are there twice)"
        )
    return Corpus(
        name,
        train,
        held_out,
        sha256_of(text),
        tuple(remarks),
        source.grammar,
        "\n" if source.grammar else None,
        path if path is None else path.resolve(),
    )
