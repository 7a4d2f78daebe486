"""Reading text files and folders of them, and saying exactly what is wrong with one."""

import codecs
from pathlib import Path

# the marks that some programs write at the beginning of a file
_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file as it is, but for a byte-order mark at its beginning, which is no text.

    ValueError with the offset of the first byte that is not text in this encoding, and for a file
    that is no text at all.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    mark = next((name for bytes_, name in _MARKS if data.startswith(bytes_)), None)
    if b"\0" in data[:8192] and not encoding.lower().startswith(("utf-16", "utf-32", "utf_")):
        if mark in ("utf-16", "utf-32"):
            raise ValueError(f"{path} begins with the mark of {mark}: give --encoding {mark}")
        raise ValueError(f"{path} is no text: it has a zero byte among its first ones")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        byte = f": byte 0x{data[at]:02x} at offset {at}" if at < len(data) else ""
        raise ValueError(
            f"{path} is not {encoding.upper()} text{byte}. Give its own --encoding, such as utf-8, "
            f"gb18030, big5, cp1252 or utf-16"
        ) from error


def read_folder(folder: Path, encoding: str = "utf-8") -> tuple[list[str], list[str]]:
    """The texts of all files below it, by their names in order, and what was left out.

    Hidden files and folders are not looked at. A file with a zero byte near its beginning is no
    text: it is left out, and how many there were is said.
    """
    texts, binary = [], 0
    wide = encoding.lower().startswith(("utf-16", "utf-32"))  # these have zero bytes in text
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        with open(path, "rb") as file:
            if not wide and b"\0" in file.read(8192):
                binary += 1
                continue
        texts.append(read_text(path, encoding))
    return texts, [f"{binary} binary file(s) in {folder} left out"] if binary else []
