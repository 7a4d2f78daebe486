"""Writing files whole or not at all. Imports nothing of the package."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A new temporary file beside `path`, to be written in the block and then renamed to `path`.

    Whoever reads `path` finds the old content or the new one, never a part: the rename happens
    only after the block ended without an error and the data reached the disk.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "r+b") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """The text as UTF-8 with its line ends as they are, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _umask() -> int:
    """mkstemp makes files that only their owner may read; this is what others would have got."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
