"""Text that CPython carries: the prose of its documentation, and the library's source.

Modules are found by the import system and their sources read, so nothing is imported; tests are
left out.
"""

import ast
import importlib.machinery
import os
import pkgutil
import re
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from tinygpt.files import write_text
from tinygpt.progress import progress

FORMAT = 1  # counts the changes of what is collected: an older cache is then not used


def cache_folder() -> Path:
    """Where this user's programs keep what can be made again; a temporary folder where there is no
    home."""
    import pooch

    try:
        return Path(pooch.os_cache("tinygpt"))
    except RuntimeError:  # a user without a home, as in many containers
        user = getattr(os, "getuid", int)()
        return Path(tempfile.gettempdir()) / f"tinygpt-cache-{user}"


def python_docs(cache: Path | None = None) -> list[str]:
    """The prose of Python's documentation as paragraphs: about 1.2 MB in CPython 3.11.

    From pydoc's topics (the language reference) and the docstrings of the standard library, found
    by the import system and read with ast, so nothing is imported; tests are left out. Reading
    takes some seconds, so the paragraphs are kept in the user's cache.
    """
    cache = cache or cache_folder()
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

    texts = [text for _, text in sorted(topics.items())]
    sources = [source for _, source in _sources()]
    for source in progress(sources, desc="reading Python's documentation", unit="module"):
        texts += _docstrings(source)
    seen = dict.fromkeys(p for text in texts for p in prose(text))  # in order, each once
    return list(seen)


def python_source() -> list[str]:
    """The source of each module of the standard library; exact duplicates are dropped."""
    return list(dict.fromkeys(source for _, source in _sources()))


def modules_of(package: str) -> list[tuple[str, str]]:
    """(name, source) of a package of the standard library and all modules in it. ValueError where
    this Python has not got it."""
    found = _sources([package])
    if not found:
        raise ValueError(f"this Python has no source of its package {package}")
    return found


def _sources(names: Iterable[str] = sys.stdlib_module_names) -> list[tuple[str, str]]:
    """(name, source) of these modules of the standard library, and of all in them that have one, by
    their names."""
    standard_library = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    standard_library += [p for p in sys.path if re.fullmatch(r"python\d+\.zip", Path(p).name)]
    sources = []
    for name, spec in sorted(_modules(names, standard_library)):
        get_source = getattr(spec.loader, "get_source", None)
        source = get_source(name) if get_source else None
        if source:
            sources.append((name, source))
    return sources


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


def _docstrings(source: str) -> Iterator[str]:
    """The docstrings of a module and of all classes and functions in it."""
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
