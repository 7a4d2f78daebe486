"""What an exercise is: the right answer, the inputs it is tried on, and the wrong answers that
people give, kept as code.

A check runs the student's function on every case and compares. What is wrong with it is found by
running the wrong answers on the same cases: if the outputs are the same, the mistake is the same,
and its message is certain to fit.
"""

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


def call(function: Any, *inputs: Any) -> Outputs:
    """The usual way to try an answer: call it, look at what it returns."""
    return {"result": function(*inputs)}


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
    blank_says: str = "nothing came back (None): not written yet, or a `return` is missing"
    properties: tuple[Property, ...] = ()
    observe: Callable[..., Outputs] = call  # observe(function, *inputs): how it is tried
    library: Any = None  # where the library does it, for `reveal`; None: `answer` is shown
    locked: tuple[Any, ...] = ()  # ops of the library that answer it: they refuse while it is tried
    rtol: float = 1e-6

    @property
    def lesson(self) -> str:
        return self.id.split(".")[0]


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)
