"""The exercises of every lesson, by their number."""

from typing import Any

from tinygpt.lesson.exercise import Exercise
from tinygpt.lesson.exercises import (
    article,
    attack,
    attention,
    both_sides,
    devices,
    first_model,
    heads,
    loss,
    machines,
    norm,
    position,
    remember,
    slope,
    step,
    tape,
    tasks,
    tensors,
    tokens,
    whole,
    writes,
    writing,
)

LESSONS = (
    writes,
    slope,
    tape,
    tensors,
    tokens,
    loss,
    first_model,
    attention,
    heads,
    position,
    norm,
    whole,
    step,
    remember,
    writing,
    devices,
    tasks,
    both_sides,
    attack,
    article,
    machines,
)
EXERCISES: dict[str, Exercise] = {e.id: e for lesson in LESSONS for e in lesson.EXERCISES}


class LessonError(ValueError):
    """A call that cannot be, in words; a notebook shows these alone, without the way there."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def exercise(id: Any) -> Exercise:
    """The exercise of that number: "05.2", "5.2" or 5.2. LessonError for one that there is not."""
    number = str(id).zfill(4)
    if ".P" in number:
        raise LessonError(
            f"{number} is a guess: its cell shows what is so, once you have typed yours"
        )
    if number not in EXERCISES:
        raise LessonError(
            f"there is no exercise {number!r}: expected one of {', '.join(EXERCISES)}, as in "
            'check("05.2", my_function)'
        )
    return EXERCISES[number]
