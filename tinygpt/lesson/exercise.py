"""What an exercise is: the right answer, the inputs it is tried on, and the wrong answers that
people give, kept as code.

A check runs the student's function on every case and compares. What is wrong with it is found by
running the wrong answers on the same cases: if the outputs are the same, the mistake is the same,
and its message is certain to fit.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Outputs = dict[str, Any]  # name -> number or array: all that a call showed


@dataclass(frozen=True)
class Case:
    """Inputs to try an answer on. `about`: what is special about them, in words that give nothing
    away; "" for usual ones. A special case is there because a wrong answer passes without it."""

    inputs: tuple[Any, ...]
    about: str = ""


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that people give, what to suspect, and the question that leads on."""

    function: Any
    suspicion: str
    question: str
    variants: tuple[Any, ...] = ()  # other ways to write the same mistake


@dataclass(frozen=True)
class Property:
    """What must hold whatever the inputs: a student can see it without knowing the result.

    measure(outputs, *inputs) -> what `should` be everywhere, an array or a number."""

    name: str
    measure: Callable[..., Any]
    should: float


class FormError(TypeError):
    """An answer returned something that cannot be gone on with, in words."""


def kind_of(value: Any) -> str:
    """What it is, in words: "a float", "an array of shape (3,)", "nothing (no `return`?)"."""
    if value is None:
        return "nothing (no `return`?)"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "a function" if callable(value) else f"a {type(value).__name__}"


def two(value: Any, asked: str, who: str = "your function") -> Any:
    """The two things that were asked for, or a FormError in words."""
    return several(value, 2, asked, who)


def several(value: Any, n: int, asked: str, who: str = "your function") -> Any:
    """The n things that were asked for, or a FormError in words."""
    listed = isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim == 1)
    if not listed or len(value) != n:
        words = {2: "two", 3: "three"}.get(n, str(n))
        raise FormError(f"{who} returned {kind_of(value)}, asked for are {words} things: {asked}")
    return value


def whole_numbers(value: Any, what: str = "your result") -> Any:
    """An array or list of ids, or a FormError in words: as floats they cannot be looked up."""
    array = value if isinstance(value, np.ndarray) else None
    floats = (
        array.dtype.kind == "f"
        if array is not None
        else isinstance(value, list) and any(isinstance(v, float) for v in value)
    )
    if floats:
        raise FormError(
            f"floats stand in {what}, and ids are whole numbers: np.zeros, np.empty and "
            "np.append([], ...) make floats, unless they are told a dtype"
        )
    return value


def way_back(backward: Any) -> Any:
    """A backward that can be called, or a FormError in words."""
    if not callable(backward):
        raise FormError(
            f"the second thing that you return is {kind_of(backward)}, asked for is the function "
            "`backward` itself: without brackets"
        )
    return backward


def asked_twice(first: Any, second: Any) -> None:
    """FormError where backward says something else the second time."""
    for a, b in zip(first, second, strict=True):
        if (a is None) != (b is None) or (a is not None and not _equal(a, b)):
            raise FormError(
                "backward gives something else the second time: it changes what was made outside "
                "it, and should make its own anew, or work on a copy"
            )


def _equal(a: Any, b: Any) -> bool:
    """The same arrays; nan is nan, and what is no array of floats is compared as it is."""
    floats = all(isinstance(v, np.ndarray) and v.dtype.kind == "f" for v in (a, b))
    return bool(np.array_equal(a, b, equal_nan=floats))


def there_and_back(*gradients: str) -> Callable[..., Outputs]:
    """How an op is tried: the last input of a case is dy; gradients: the names of what backward
    returns, "None" for an argument that has no gradient."""
    asked = ", ".join(gradients)

    def observe(function: Any, *inputs: Any) -> Outputs:
        *arguments, dy = inputs
        same = copy.deepcopy(dy)  # for the second call: the first may write into dy
        y, backward = two(function(*arguments), "y, backward")
        once = _gradients(way_back(backward)(dy), gradients, asked)
        once = tuple(g.copy() if isinstance(g, np.ndarray) else g for g in once)
        again = _gradients(backward(same), gradients, asked)
        asked_twice(once, again)
        named = dict(zip(gradients, once, strict=True))
        return {"y": y} | {name: g for name, g in named.items() if name != "None"}

    return observe


def _gradients(value: Any, names: tuple[str, ...], asked: str) -> tuple[Any, ...]:
    if value is None:
        return (None,) * len(names)
    if len(names) == 1:  # (dx,) is as good as dx
        if isinstance(value, tuple) and len(value) != 1:
            raise FormError(
                f"backward returned {kind_of(value)}, asked for is one thing: {names[0]}"
            )
        return value if isinstance(value, tuple) else (value,)
    return tuple(several(value, len(names), asked, "backward"))


def call(function: Any, *inputs: Any) -> Outputs:
    """The usual way to try an answer: call it, look at what it returns."""
    return {"result": function(*inputs)}


NOT_WRITTEN = "nothing came back (None): not written yet, or a `return` is missing"
NO_GRADIENT = "backward(dy) gives None: not written yet, or its `return` is missing"


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson."""

    id: str  # "05.2"
    name: str  # of the student's function, unlike any other in the course: "my_softmax"
    form: str  # what it takes and returns, in a line
    answer: Any  # a right one, in the student's form
    cases: tuple[Case, ...]
    wrongs: tuple[Wrong, ...]
    hints: tuple[str, str]  # the plan; nearly, on another case
    blank: Any = None  # the unwritten answer, where it does not simply return None
    blank_says: str = NOT_WRITTEN
    properties: tuple[Property, ...] = ()
    observe: Callable[..., Outputs] = call  # observe(function, *inputs): how it is tried
    inputs: tuple[str, ...] = ()  # the names of a case's inputs, where they are not the answer's
    in_place: bool = False  # the task is to change what is given
    lends: tuple[tuple[str, str], ...] = ()  # ("send", "02.2"): what the lesson gives to the answer
    library: Any = None  # where the library does it, for `reveal`; None: `answer` is shown
    locked: tuple[Any, ...] = ()  # ops of the library that answer it: they refuse while it is tried
    rtol: float = 1e-6
    parameters: tuple[str, ...] = ()  # of the answer, filled in below

    def __post_init__(self) -> None:
        if not self.parameters:
            names = tuple(inspect.signature(self.answer).parameters)
            object.__setattr__(self, "parameters", names)

    @property
    def lesson(self) -> str:
        return self.id.split(".")[0]

    @property
    def given(self) -> tuple[str, ...]:
        """What the inputs of a case are called."""
        return self.inputs or self.parameters


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)
