"""show: the library's own source, the plain form of an op before its fast one."""

import importlib
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

import tinygpt
from tinygpt.autograd.engine import Op
from tinygpt.lesson.output import in_notebook


def show(thing: Any) -> None:
    """The source of an op, a function or a class, with its file and line.

    Where an op has a plain twin, which is its formula line by line, that comes first.
    """
    twin = plain_twin(thing)
    for part in (twin, thing) if twin else (thing,):
        where, code = source(part)
        print(where)
        if code:
            _print_code(code)


def plain_twin(thing: Any) -> Any:
    """The function name_plain beside the op or class of that name, or None."""
    name = getattr(thing, "__name__", "")
    return getattr(
        sys.modules.get(getattr(thing, "__module__", None) or ""), f"{name.lower()}_plain", None
    )


def source(thing: Any) -> tuple[str, str]:
    """(file and line, code); a sentence and "" where there is no source."""
    function = thing.function if isinstance(thing, Op) else thing
    name = getattr(thing, "__name__", repr(thing))
    try:
        lines, line = inspect.getsourcelines(function)
        path = Path(inspect.getsourcefile(function) or "")
    except (OSError, TypeError):
        return f"no source: {name} was not read from a file", ""
    root = Path(tinygpt.__file__).parent.parent
    inside = path.is_relative_to(root / "tinygpt")
    where = path.relative_to(root).as_posix() if inside else path.name
    if path.name.startswith("<") or not path.exists():
        where = "a cell of this notebook"
    above = inspect.getcomments(function) if isinstance(thing, Op) else None  # why its gradient
    return f"{where}, line {line}: {name}", (above or "") + textwrap.dedent("".join(lines))


def _print_code(code: str) -> None:
    if not in_notebook():
        print(f"\n{code}\n")
        return
    display = importlib.import_module("IPython.display")
    display.display(display.Code(code, language="python"))
