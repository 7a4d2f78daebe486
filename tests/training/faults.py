"""Makes the n-th file operation fail, or stop the process: for tests of whatever writes files."""

import builtins
import io
import os
from contextlib import contextmanager

OPERATIONS = (
    "mkdir", "open", "close", "fsync", "replace", "chmod", "unlink", "rmdir", "scandir", "listdir",
)  # fmt: skip


class Faults:
    """Counts file operations; at number `at` it calls `action`."""

    def __init__(self, at=None, action=None):
        self.at, self.action, self.seen = at, action, []

    def __call__(self, name):
        self.seen.append(name)
        if len(self.seen) == self.at:
            self.action()


class Writing:
    """A file opened for writing, whose writes are operations too: one that fails writes half."""

    def __init__(self, file, faults):
        self._file, self._faults = file, faults

    def write(self, data):
        faults = self._faults
        if len(faults.seen) + 1 == faults.at:
            self._file.write(data[: len(data) // 2])
            self._file.flush()
        faults("write")
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.__exit__(*error)


@contextmanager
def injected(faults):
    """Every file operation of Python's goes through `faults` first."""
    originals = {name: getattr(os, name) for name in OPERATIONS}
    open_ = io.open

    def counted(name):
        def operation(*args, **more):
            faults(name)
            return originals[name](*args, **more)

        return operation

    def counted_open(file, mode="r", *args, **more):
        faults("open")
        opened = open_(file, mode, *args, **more)
        return opened if mode in ("r", "rb", "r+b") else Writing(opened, faults)

    try:
        for name in OPERATIONS:
            setattr(os, name, counted(name))
        builtins.open = io.open = counted_open
        yield
    finally:
        builtins.open = io.open = open_
        for name, original in originals.items():
            setattr(os, name, original)


def full_disk():
    raise OSError(28, "No space left on device")
