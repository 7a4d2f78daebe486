"""Corpora: text that is already on the machine, by name or by path.

python-docs     the prose in Python's own documentation, which every CPython carries
a path          a text file, or a folder of text files, used as it is
"""

import ast
import hashlib
import importlib.machinery
import pkgutil
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tinygpt.backend import random_stream
from tinygpt.files import write_text


@dataclass
class DataArguments:
    """What is trained on."""

    corpus: str = "python-docs"  # "python-docs", or the path of a text file or folder
    tokenizer: str = "bpe"  # "bpe": byte pairs learned from the text; "byte": 256 tokens
    validation_fraction: float = 0.1  # share of the text held out to measure the loss on

    def __post_init__(self) -> None:
        if self.tokenizer not in ("bpe", "byte"):
            raise ValueError(f'expected tokenizer "bpe" or "byte", got {self.tokenizer!r}')
        if not 0 <= self.validation_fraction < 1:
            got = self.validation_fraction
            raise ValueError(f"expected 0 <= validation_fraction < 1, got {got!r}")


@dataclass(frozen=True)
class Corpus:
    """A text in two parts, split before anything is learned from it."""

    name: str
    train: str
    validation: str  # "" where nothing is held out
    sha256: str  # of the whole text as UTF-8
    remarks: tuple[str, ...] = ()  # what a user should know, such as files that were left out


def load_corpus(corpus: str, *, validation_fraction: float = 0.1) -> Corpus:
    """The corpus of that name, or the text at that path.

    A file or folder is cut once: its end is held out. ValueError for a path that is not there, an
    empty text, and a byte that is not UTF-8, with file and offset.
    """
    path = Path(corpus)
    if corpus == "python-docs":
        paragraphs = python_docs()
        order = random_stream(0, "split").permutation(len(paragraphs))
        n_train = len(paragraphs) - round(validation_fraction * len(paragraphs))
        shuffled = [paragraphs[i] for i in order]
        train, validation = ("\n\n".join(p) for p in (shuffled[:n_train], shuffled[n_train:]))
        text, remarks = "\n\n".join(paragraphs), []
    else:
        if not path.exists():
            raise ValueError(
                f"there is no corpus and no file or folder named {corpus!r}: "
                f"expected python-docs, or the path of a text file or a folder of them"
            )
        text, remarks = _read_folder(path) if path.is_dir() else (_read_file(path), [])
        cut = len(text) - round(validation_fraction * len(text))
        train, validation = text[:cut], text[cut:]
    if not train:
        raise ValueError(f"{corpus} holds no text to train on")
    name = re.sub(r"[^\w.-]+", "-", path.resolve().stem if path.exists() else corpus)
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Corpus(name, train, validation, digest, tuple(remarks))


# ----------------------------------------------------------------------------- files and folders


def _read_file(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start}. "
            f"Save it as UTF-8 first"
        ) from error


def _read_folder(folder: Path) -> tuple[str, list[str]]:
    """All text files below it, by their names in order. Hidden files are not looked at; a file with
    a zero byte near its beginning is no text, and how many there were is said."""
    texts, binary = [], 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        with open(path, "rb") as file:
            if b"\0" in file.read(8192):
                binary += 1
                continue
        texts.append(_read_file(path))
    remarks = [f"{binary} binary file(s) in {folder} left out"] if binary else []
    return "\n".join(texts), remarks


# ------------------------------------------------------------------------------------ python-docs

FORMAT = 1  # counts the changes of what is collected: an older cache is then not used


def python_docs(cache: Path | None = None) -> list[str]:
    """The prose of Python's documentation as paragraphs: about 1.2 MB in CPython 3.11.

    From pydoc's topics (the language reference) and the docstrings of the standard library, found
    by the import system and read with ast, so nothing is imported; tests are left out. Reading
    takes some seconds, so the paragraphs are kept in the user's cache.
    """
    if cache is None:
        import pooch

        cache = Path(pooch.os_cache("tinygpt"))
    version = ".".join(map(str, sys.version_info[:3]))
    path = cache / f"python-docs-{FORMAT}-{version}.txt"
    if path.is_file():
        return path.read_text(encoding="utf-8").split("\n\n")
    paragraphs = make_python_docs()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_text(path, "\n\n".join(paragraphs))
    except OSError as error:
        print(f"the paragraphs could not be kept for the next time: {error}")
    return paragraphs


def make_python_docs() -> list[str]:
    """Collect the paragraphs anew, with a progress bar; exact duplicates are dropped."""
    from pydoc_data.topics import topics

    from tqdm import tqdm

    sources = [text for _, text in sorted(topics.items())]
    standard_library = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    standard_library += [p for p in sys.path if re.fullmatch(r"python\d+\.zip", Path(p).name)]
    modules = sorted(_modules(sys.stdlib_module_names, standard_library))
    for name, spec in tqdm(modules, desc="reading Python's documentation", unit="module"):
        sources += _docstrings(name, spec)
    seen = dict.fromkeys(p for text in sources for p in prose(text))  # in order, each once
    return list(seen)


def _modules(
    names: Iterable[str], where: list[str], prefix: str = ""
) -> Iterator[tuple[str, importlib.machinery.ModuleSpec]]:
    """(name, spec) of these modules and all below them, found but not imported."""
    for name in names:
        if name in ("test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo", "this"):
            continue
        spec = importlib.machinery.PathFinder.find_spec(prefix + name, where)
        if spec is None:
            continue
        yield prefix + name, spec
        inside = spec.submodule_search_locations
        if inside is not None:
            children = [m.name for m in pkgutil.iter_modules(list(inside))]
            yield from _modules(children, list(inside), f"{prefix}{name}.")


def _docstrings(name: str, spec: importlib.machinery.ModuleSpec) -> Iterator[str]:
    """The docstrings of a module and of all classes and functions in it."""
    get_source = getattr(spec.loader, "get_source", None)
    source = get_source(name) if get_source else None
    if source is None:
        return
    with warnings.catch_warnings():  # a backslash in somebody's docstring is not our concern
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def prose(text: str) -> Iterator[str]:
    """The paragraphs of a text that are sentences, each on one line.

    A paragraph counts where it begins with a capital, ends a sentence, has at least eight words,
    and at least nine tenths of it are letters, spaces, commas and full stops: lists, tables, code
    and underlines fail one of these.
    """
    for block in re.split(r"\n\s*\n", text):
        words = block.split()
        if len(words) < 8:
            continue
        line = " ".join(words)
        plain = sum(c.isalpha() or c in " ,." for c in line)
        sentence = line[0].isupper() and line[-1] in ".!?:"
        if sentence and plain >= 0.9 * len(line) and ">>>" not in line:
            yield line
