"""Ctrl-C while training: the step is finished, and a resume point written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts() -> Iterator[list[bool]]:
    """A list that Ctrl-C puts something in, so that the step is finished; a second Ctrl-C stops
    at once. SIGTERM (from a scheduler, or `kill`) and SIGHUP (a closed terminal) are the same.
    Only the main thread receives signals."""
    seen: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(signum: int, frame: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(True)

    kinds = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP")
             if hasattr(signal, name)]  # fmt: skip
    before = [signal.signal(kind, note) for kind in kinds]
    try:
        yield seen
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
