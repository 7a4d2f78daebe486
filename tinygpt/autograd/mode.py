"""Is anything recorded? no_grad() for those who call ops, recording() for those who write one."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class _Thread(threading.local):
    """What each thread knows for itself: these values until it assigns its own."""

    grad_enabled = True  # False inside no_grad()
    # while an op runs: for each argument where its gradient goes, None where nobody wants it; empty
    # where nothing is recorded
    wanted: Any = None


thread = _Thread()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Inside, ops return Tensors without a history. Each thread has a mode of its own."""
    before, thread.grad_enabled = thread.grad_enabled, False
    try:
        yield
    finally:
        thread.grad_enabled = before


def recording(argument: int | None = None) -> bool:
    """Asked in an op, before it computes what only backward needs: will backward be called? With
    the place of an argument: and does anybody want that one's gradient?"""
    wanted = thread.wanted
    if wanted is None:  # the function was called by itself, outside of an op: nothing is known
        return True
    if argument is None or not wanted:
        return bool(wanted)
    return wanted[argument] is not None
