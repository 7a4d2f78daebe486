"""The exercises of every lesson, by their number."""

from tinygpt.lesson.exercise import Exercise
from tinygpt.lesson.exercises import attention, loss, step, tape, writes

EXERCISES: dict[str, Exercise] = {
    e.id: e for lesson in (writes, tape, loss, attention, step) for e in lesson.EXERCISES
}


def exercise(id: str) -> Exercise:
    """The exercise of that number, "05.2" or "5.2". ValueError for one that there is not."""
    id = str(id).zfill(4)
    if id not in EXERCISES:
        raise ValueError(f"there is no exercise {id!r}: expected one of {', '.join(EXERCISES)}")
    return EXERCISES[id]
