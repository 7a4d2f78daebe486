"""Writing files whole or not at all, and noticing that one is not what was written.

Imports nothing of the package.
"""

import hashlib
import json
import math
import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

_FLOATS = {np.dtype("float16"): "F16", np.dtype("float32"): "F32", np.dtype("float64"): "F64"}
BFLOAT16 = np.dtype([("bfloat16", "<u2")])  # NumPy has none: the bits, under a name of ours
_DTYPES = {name: dtype for dtype, name in _FLOATS.items()} | {
    "BF16": BFLOAT16, "BOOL": np.dtype("bool"), "U8": np.dtype("u1"), "I8": np.dtype("i1"),
    "U16": np.dtype("u2"), "I16": np.dtype("i2"), "U32": np.dtype("u4"), "I32": np.dtype("i4"),
    "U64": np.dtype("u8"), "I64": np.dtype("i8"),
}  # fmt: skip

MOST_TENSORS = 200_000  # in one file


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
        with suppress(OSError):  # CIFS, exFAT and some cloud folders know no modes
            os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """The text as UTF-8 with its line ends as they are, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def read_json(path: str | Path, what: str = "JSON") -> Any:
    """The content of a JSON file, with or without a byte-order mark. ValueError, in words, where it
    is no JSON, or one that is nested too deeply to be ours."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise ValueError(f"{path} is no {what}: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{path} is no {what}, or was cut short: {error}") from error


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """The arrays as a safetensors file, whole or not at all, with their SHA-256 in it.

    8 bytes with the length of the header, the header as JSON, and the numbers one array after the
    other. The library's own writer puts the metadata in a random order; here the same arrays make
    the same file, byte for byte. TypeError for anything but floats.
    """
    entries: dict[str, Any] = {"__metadata__": {"format": "pt", "sha256": _sha256(arrays)}}
    end = 0
    for name, array in sorted(arrays.items()):
        if array.dtype not in _FLOATS:
            raise TypeError(f"expected floats in {name}, got {array.dtype}")
        start, end = end, end + array.nbytes
        entries[name] = {
            "dtype": _FLOATS[array.dtype],
            "shape": array.shape,
            "data_offsets": [start, end],
        }
    header = json.dumps(entries, separators=(",", ":")).encode("utf-8")
    header += b" " * (-len(header) % 8)  # so that the numbers begin at a multiple of 8
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _, array in sorted(arrays.items()):
            file.write(_bytes_of(array))


def map_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file as views of the file: nothing is read before it is used, and
    what is read takes no memory of the process's own.

    The library reads an array into memory, and cannot give bfloat16 to NumPy: here such an array
    has the dtype BFLOAT16, which `copy_array` understands. ValueError for a file that is shorter or
    longer than its own header says (both lengths are named), that is none, or that does not have
    the SHA-256 that write_arrays put into it.
    """
    path = Path(path)
    entries, start = _header(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        numbers = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size > start else b""
    arrays, expected = {}, None
    try:
        for name, entry in entries.items():
            if name == "__metadata__":
                expected = entry.get("sha256")
                continue
            if entry["dtype"] not in _DTYPES:
                known = ", ".join(_DTYPES)
                raise ValueError(f"{name} is of type {entry['dtype']}; only {known} can be read")
            dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
            first, last = entry["data_offsets"]
            if last - first != dtype.itemsize * math.prod(shape) or not 0 <= first <= last:
                raise ValueError(f"{name} of shape {shape} has {last - first} bytes")
            flat = np.frombuffer(numbers, np.uint8, last - first, start + first)
            arrays[name] = flat.view(dtype).reshape(shape)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        said = str(error) if type(error) is ValueError else repr(error)
        raise ValueError(f"{path} cannot be read, or was altered: {said}") from error
    if expected is not None and _sha256(arrays) != expected:
        raise ValueError(
            f"{path} was altered: its arrays have the SHA-256 {_sha256(arrays)} and should have "
            f"{expected}"
        )
    return arrays


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The same, copied into memory. ValueError as map_arrays."""
    return {name: np.array(array) for name, array in map_arrays(path).items()}


def copy_array(to: np.ndarray, source: np.ndarray) -> None:
    """to[...] = source, also from bfloat16: that is the upper half of a float32.

    No array of that size is made on the way, and of a mapped file no page is kept. to: float32
    where the source is bfloat16."""
    if source.dtype == BFLOAT16:
        bits = to.view(np.uint32)
        bits[...] = source.view(np.uint16)
        bits <<= 16
    else:
        to[...] = source
    _let_go(source)


def _let_go(array: np.ndarray) -> None:
    """The pages of a mapped file behind this array no longer count as memory of this process. They
    come back from the file if somebody reads it again. Nothing happens for any other array."""
    mapping: Any = array
    while isinstance(mapping, np.ndarray):
        mapping = mapping.base
    mapping = mapping.obj if isinstance(mapping, memoryview) else mapping
    if not (isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") and array.size):
        return
    begin = np.frombuffer(mapping, np.uint8).ctypes.data
    low, high = np.lib.array_utils.byte_bounds(array)
    first = (low - begin) // mmap.PAGESIZE * mmap.PAGESIZE
    mapping.madvise(mmap.MADV_DONTNEED, first, high - begin - first)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and where the numbers begin, after its length was checked:
    8 bytes with the length of the header, the header (JSON), and the numbers at its offsets."""
    has = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if has < 8 or length > has - 8:
            should = f"at least {length + 8:,}" if has >= 8 else "more than 8"
            raise ValueError(f"{path} has {has:,} bytes and should have {should}: it was cut short")
        header = file.read(length)
    try:
        entries: dict[str, Any] = json.loads(header)
        ends = [t["data_offsets"][1] for name, t in entries.items() if name != "__metadata__"]
        should = 8 + length + max(ends, default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no safetensors file, or was altered: {error!r}") from error
    if len(entries) > MOST_TENSORS:
        raise ValueError(f"{path} lists {len(entries):,} tensors, and no model here has so many")
    if has != should:
        raise ValueError(f"{path} has {has:,} bytes and should have {should:,}")
    return entries, 8 + length


def _sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """Of names, types, shapes and numbers, by name."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(_bytes_of(array))
        _let_go(array)
    return digest.hexdigest()


def _bytes_of(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where a system can (Windows does it by itself)."""
    if os.name == "nt":
        return
    with suppress(OSError):  # nor do some of them sync folders; the files themselves are synced
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    """mkstemp makes files that only their owner may read; this is what others would have got."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
