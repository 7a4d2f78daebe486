"""Progress of long work: a bar in a terminal, and a line a minute where the output is a file."""

import sys
from typing import Any, TextIO

MINUTE = 60.0  # seconds


class _Lines:
    """A stream for a bar: what it would draw over itself is written as lines."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            self.stream.write(text + "\n")

    def flush(self) -> None:
        self.stream.flush()


def progress(*args: Any, **settings: Any) -> Any:
    """tqdm(...), as a bar on stderr where that is a terminal, else as a line a minute. The time
    left is reckoned from all that was done so far."""
    from tqdm import tqdm

    stream = sys.stderr
    ipython = sys.modules.get("IPython")
    notebook = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    bar = stream is not None and (stream.isatty() or notebook)
    if not bar:
        lines: Any = _Lines(stream) if stream is not None else None
        settings |= {"mininterval": MINUTE, "maxinterval": MINUTE, "ncols": 80, "ascii": True}
        settings |= {"delay": MINUTE, "file": lines, "miniters": 1}
        settings |= {"disable": settings.get("disable", False) or lines is None}
    return tqdm(*args, smoothing=0, **settings)
