"""Reading text files and folders of them, and saying exactly what is wrong with one."""

import codecs
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

# the marks that some programs write at the beginning of a file
_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
RUN_FILE = "run.json"  # a folder with it is a run: no text


def as_path(word: str | Path) -> Path | None:
    """The path, if something is there. None for what cannot be a path, such as a whole text."""
    try:
        path = Path(word)
        path.stat()
    except (OSError, ValueError):  # too long, or with a zero byte
        return None
    return path if str(word) else None  # Path("") would be the current folder


def mark_of(data: bytes) -> str | None:
    """The encoding that the byte-order mark at its beginning names."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def decode(data: bytes, encoding: str, where: object) -> str:
    """The text in these bytes, but for a byte-order mark, which is no text and decides.

    ValueError with the offset of the first byte that is not text in this encoding, for what is no
    text at all, and where the bytes are UTF-8 and would be read as other characters.
    """
    mark = mark_of(data)
    encoding, asked = mark or encoding, encoding
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
    if b"\0" in data[:8192] and not wide:
        raise ValueError(f"{where} is no text: it has a zero byte among its first ones")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        byte = f": byte 0x{data[at]:02x} at offset {at}" if at < len(data) else ""
        raise ValueError(
            f"{where} is not {encoding.upper()} text{byte}. Give its own --encoding, such as "
            f"utf-8, gb18030, big5, cp1252 or utf-16"
        ) from error
    other = codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig", "utf-7")
    foreign = mark is None and other and (wide or not data.isascii()) and b"\0" not in data
    if foreign and _is_utf8(data):
        raise ValueError(
            f"{where} is UTF-8 text, and as {asked.upper()} it would be read as other "
            f"characters: leave --encoding out, or keep files of two encodings apart"
        )
    return text


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeError:
        return False
    return True


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file as it is, as `decode` reads it. ValueError for what is no regular file: a
    device or a pipe may never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path} is no regular file: a device or a pipe is not read")
        return decode(path.read_bytes(), encoding, path)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error


def chunks(
    path: str | Path,
    encoding: str = "utf-8",
    size: int = 1 << 20,
    cut: re.Pattern | None = re.compile(r"(?<=\S)(?= )"),
) -> Iterator[str]:
    """The text of a file, however long, a part at a time, each cut where `cut` matches: a tokenizer
    whose cut that is learns the same from the parts as from the whole."""
    with open(path, encoding=encoding.replace("utf-8", "utf-8-sig"), newline="") as file:
        rest = ""
        while part := file.read(size):
            text, at = rest + part, 0
            if cut is not None:
                found = list(cut.finditer(text, max(len(text) - 1000, 1)))
                found = found or list(cut.finditer(text, 1))
                at = found[-1].start() if found else 0
            if at:
                yield text[:at]
            rest = text[at:]
        if rest:
            yield rest


def read_folder(folder: Path, encoding: str = "utf-8") -> tuple[list[str], list[str]]:
    """The texts of all files below it, by their names in order, and what was left out and why.

    Left out, and counted, are hidden files and folders, runs of `tinygpt train`, what git ignores,
    linked folders, and files with a zero byte near their beginning, which are no text.
    """
    counts: dict[str, int] = {}

    def leave_out(why: str) -> None:
        counts[why] = counts.get(why, 0) + 1

    ignored = _ignored_by_git(folder)
    texts = []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        for name in sorted(folders):
            path = here / name
            why = (
                "hidden folder(s)" if name.startswith(".")
                else "folder(s) that git ignores" if path in ignored
                else "linked folder(s), which are not followed" if path.is_symlink()
                else "run(s) of tinygpt" if (path / RUN_FILE).is_file()
                else ""
            )  # fmt: skip
            if why:
                folders.remove(name)
                leave_out(why)
        folders.sort()
        for name in sorted(files):
            path = here / name
            if name.startswith("."):
                leave_out("hidden file(s)")
            elif path in ignored:
                leave_out("file(s) that git ignores")
            elif not path.is_file():
                leave_out("file(s) that are no regular ones")
            elif _is_binary(path, encoding):
                leave_out("binary file(s)")
            else:
                texts.append((path, read_text(path, encoding)))
    texts.sort(key=lambda pair: pair[0].relative_to(folder).parts)
    left_out = ", ".join(f"{n} {why}" for why, n in counts.items())
    return [text for _, text in texts], [f"left out of {folder}: {left_out}"] if counts else []


def _is_binary(path: Path, encoding: str) -> bool:
    with open(path, "rb") as file:
        begin = file.read(8192)
    wide = (mark_of(begin) or encoding).lower().replace("_", "-").startswith(("utf-16", "utf-32"))
    return not wide and b"\0" in begin


def _ignored_by_git(folder: Path) -> set[Path]:
    """The files and folders below it that git ignores; none where there is no git."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "--others", "--ignored",
               "--exclude-standard", "--directory"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return set()
    return {folder / name.rstrip("/") for name in os.fsdecode(done.stdout).split("\0") if name}
