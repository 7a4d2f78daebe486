"""swap: the real model, with an op of the student's in the place of the library's."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Op
from tinygpt.backend import to_cpu


class swap:
    """Inside the `with`, every call of the op `ours` runs `mine`, a function of arrays that returns
    (y, backward), or an op.

        with swap(softmax, my_softmax):
            train(model)

    A setting that `mine` does not have is left out if it has the library's default; TypeError, with
    its name, if the model needs another value. Undone at the end, whatever happens; then it says
    how often yours ran and how far its first result was from the library's. RuntimeError where it
    was never called.
    """

    def __init__(self, ours: Op, mine: Any):
        self.exchange, self.entered = _exchanged(ours, mine), False

    def __enter__(self) -> None:
        self.entered = True
        self.exchange.__enter__()

    def __exit__(self, *error: Any) -> Any:
        return self.exchange.__exit__(*error)

    def __del__(self) -> None:
        if not self.entered:
            print("swap(...) alone exchanges nothing: write `with swap(...):` before the lines")


@contextlib.contextmanager
def _exchanged(ours: Op, mine: Any) -> Iterator[None]:
    if not isinstance(ours, Op):
        raise TypeError(f"swap exchanges an op of the library, got {type(ours).__name__}")
    function = mine.function if isinstance(mine, Op) else mine
    original, count, difference = ours.function, 0, 0.0
    parameters = inspect.signature(function).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    defaults = {n: p.default for n, p in inspect.signature(original).parameters.items()}

    def stand_in(*arrays: Any, **settings: Any) -> Any:
        nonlocal count, difference
        known = {}
        for name, value in settings.items():
            if takes_all or name in parameters:
                known[name] = value
            elif not _is_default(value, defaults.get(name)):
                raise TypeError(
                    f"the model calls {ours.name} with {name}={value!r}, and your "
                    f"{function.__name__} has no such setting: add {name} to its parameters"
                )
        first = count == 0
        count += 1
        expected = original(*arrays, **settings)[0] if first else None
        result = function(*arrays, **known)
        if first and isinstance(result, tuple) and result:
            difference = _difference(result[0], expected)
        return result

    ours.function = stand_in
    try:
        yield
    finally:
        ours.function = original
    library = (function.__module__ or "").startswith("tinygpt.")
    if count == 0:
        raise RuntimeError(f"{ours.name} was never called: your {function.__name__} did nothing")
    times = f"ran {count} times" if count > 1 else "ran once"
    if library:
        print(f"{ours.name}: the library's answer {times}")
        return
    print(
        f"{ours.name}: {_name(function)} {times}; largest difference from the library's output on "
        f"the first call {difference:.0e}"
    )


def _name(function: Any) -> str:
    name = getattr(function, "__name__", "yours")
    return "yours" if name == "<lambda>" else name


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(np.all(value == default)))


def _difference(got: Any, expected: Any) -> float:
    parts = zip(got, expected, strict=True) if isinstance(expected, tuple) else ((got, expected),)
    return max(
        float(np.max(np.abs(np.asarray(to_cpu(a)) - np.asarray(to_cpu(b))), initial=0.0))
        for a, b in parts
    )
