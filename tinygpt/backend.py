"""NumPy or CuPy: every difference between the two stands here, and nowhere else is cupy imported.

The array decides. An op asks `xp = array_module(x)` and writes `xp.exp(x)`; methods and operators
(`x.sum()`, `a @ b`) need nothing. Names of devices ("cpu", "gpu", "gpu:1") only choose where
models and batches are created. A GPU that is asked for and cannot be used is an error that says
why: nothing falls back.
"""

import ctypes
import importlib
import importlib.metadata
import os
import platform
import sys
import zlib
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray, cupy.ndarray or the arrays of a device double

ARRAYS: dict[type, Any] = {np.ndarray: np}  # type of array -> the module that computes with it


def register(array_type: type, module: Any) -> None:
    """From now on arrays of this type are computed by this module."""
    ARRAYS[array_type] = module


def array_module(x: Array) -> Any:
    """numpy for a NumPy array, cupy for a CuPy array."""
    module = ARRAYS.get(type(x))
    if module is None:
        module, cupy = np, sys.modules.get("cupy")
        if cupy is not None and isinstance(x, cupy.ndarray):  # somebody else has loaded it
            register(type(x), cupy)
            module = cupy
    return module


def is_host(x: Array) -> bool:
    """Does x lie in the memory of the CPU?"""
    return array_module(x) is np


# ------------------------------------------------------------------------------------ devices


class DeviceError(RuntimeError):
    """A GPU was asked for and cannot be used. `step` names what failed."""

    def __init__(self, step: str, original: object, remedy: str):
        self.step = step
        super().__init__(f"No usable GPU: {step}.\n  reported: {original}\n  to mend it: {remedy}")


def default_device() -> str:
    """The device that TINYGPT_DEVICE names, else "cpu"."""
    return os.environ.get("TINYGPT_DEVICE", "").strip() or "cpu"


def device_index(device: str) -> int | None:
    """ "cpu" -> None, "gpu" -> 0, "gpu:1" -> 1. ValueError for anything else."""
    kind, _, index = device.partition(":")
    if device == "cpu":
        return None
    if kind == "gpu" and (index.isdecimal() or device == "gpu"):
        return int(index or 0)
    hint = '; here it is "gpu"' if kind in ("cuda", "mps", "tpu") else ""
    raise ValueError(f'expected device "cpu", "gpu" or "gpu:1", got {device!r}{hint}')


_ready: set[int] = set()  # GPUs that have answered


def gpu(device: str = "gpu") -> ModuleType:
    """The cupy module, made current on this device. DeviceError, with the step that failed."""
    cupy = _checked(device)
    cupy.cuda.Device(device_index(device)).use()
    return cupy


def _checked(device: str) -> Any:
    """The cupy module, if this device can be used."""
    index = device_index(device)
    if index is None:
        raise ValueError(f"{device!r} is no GPU")
    try:
        cupy = importlib.import_module("cupy")
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise DeviceError("a library is missing", error, _pip()) from error
        raise DeviceError("CuPy is not installed", error, _pip()) from error
    except ImportError as error:
        raise DeviceError("a library is missing", error, _pip()) from error
    if index not in _ready:
        _check(cupy, index)
        register(cupy.ndarray, cupy)
        _ready.add(index)
    return cupy


def _check(cupy: Any, index: int) -> None:
    """A driver answers, the device exists, and one tiny product ran on it."""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        if "NoDevice" in str(error) or "no CUDA-capable device" in str(error):
            count = 0
            original: object = error
        else:
            remedy = f"install NVIDIA's driver (nvidia-smi must list the GPU); CuPy: {_pip()}"
            raise DeviceError("the driver is missing or too old", error, remedy) from error
    else:
        original = f"{count} device(s) found"
    if index >= count:
        remedy = 'check that nvidia-smi lists it; on a machine without a GPU use device="cpu"'
        raise DeviceError(f"there is no device gpu:{index}", original, remedy)
    try:
        with cupy.cuda.Device(index):
            one = cupy.ones((1, 1), dtype="float32")
            (one @ one + one).get()
    except Exception as error:  # three unrelated types for a missing cuBLAS, nvrtc or header
        raise DeviceError("a library is missing", error, _pip()) from error


def _pip() -> str:
    """The line that installs CuPy together with the CUDA libraries that it needs."""
    for name in ("cupy-cuda12x", "cupy-cuda13x"):  # keep to the one that is there
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return f'pip install "{name}[ctk]"'
    return 'pip install "cupy-cuda13x[ctk]"   (for a driver of CUDA 12: "cupy-cuda12x[ctk]")'


def gpu_available(device: str = "gpu") -> bool:
    """Can this GPU be used: CuPy imports, a device answers, and one tiny product ran on it?"""
    try:
        _checked(device)
    except DeviceError:
        return False
    return True


def to_gpu(x: Array, device: str = "gpu") -> Array:
    """x in the memory of that GPU, copied if it is not there."""
    return gpu(device).asarray(x)


def to_cpu(x: Array) -> np.ndarray:
    """x as a NumPy array, copied if it is not one."""
    return x if is_host(x) else x.get()


def to_device(x: Array, device: str) -> Array:
    """x on the device of that name."""
    return to_cpu(x) if device_index(device) is None else to_gpu(x, device)


def like(x: Array, other: Array) -> Array:
    """x on the side, host or device, where `other` lies."""
    if is_host(other):
        return to_cpu(x)
    return array_module(other).asarray(x) if is_host(x) else x


def to_float(x: Array) -> float:
    """The one door by which a value comes back to Python: on a GPU it waits for the result."""
    return float(x)


def gpu_count() -> int:
    """How many GPUs this machine has that CuPy can see."""
    try:
        return int(importlib.import_module("cupy").cuda.runtime.getDeviceCount())
    except Exception:  # no CuPy, no driver, no device: `gpu` says which
        return 0


def page_locked(n: int, dtype: Any) -> np.ndarray:
    """n numbers in memory that a GPU reads and writes without help of the CPU; in ordinary memory
    where there is no driver (the device double)."""
    try:
        return importlib.import_module("cupyx").empty_pinned(n, dtype)
    except (ImportError, RuntimeError):
        return np.empty(n, dtype)


def nccl() -> ModuleType | None:
    """CuPy's door to NCCL, NVIDIA's library for sums over GPUs; None where it is missing."""
    try:
        if importlib.import_module("cupy.cuda.nccl").available:
            return importlib.import_module("cupyx.distributed")
    except ImportError:
        pass
    return None


def synchronize() -> None:
    """Wait until the GPU, if one is in use, has done what it was given."""
    if _ready:
        gpu_module = importlib.import_module("cupy")
        gpu_module.cuda.get_current_stream().synchronize()


# ---------------------------------------------------------------- what the two do differently

SMALL = 2048  # elements, up to which the shortest way through Python is the fastest


PIECE = 32 * 1024  # elements: the second-level cache of a core holds five to fifteen such arrays


def pieces(x: Array) -> list[slice]:
    """Slices of a long row, for several passes over one after the other: on a CPU all but the first
    pass find it in the cache. On a GPU, where every pass is a kernel, it is one slice.   x (n,)"""
    n = len(x)
    size = PIECE if is_host(x) else max(1, n)
    return [slice(i, i + size) for i in range(0, n, size)]


def batched_matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """a @ b over stacks of matrices.   (..., n, m), (..., m, k) -> (..., n, k)

    On a CPU BLAS reads transposed views as they lie; CuPy copies them first. A stack by a single
    matrix is faster as one 2-D product: `linear` does that.
    """
    return array_module(a).matmul(a, b, out=out)


def put_product(a: Array, b: Array, out: Array | None, add: bool) -> Array:
    """a @ b, written into `out` or added to it; a new array where that is None.

    What a weight's gradient is: written where it belongs it needs no copying.
    """
    if add:
        out += a @ b
        return out
    return array_module(a).matmul(a, b, out=out)


def row_sum(a: Array) -> Array:
    """sum_j a_ij over the last axis.   (..., n) -> (..., 1)

    By BLAS on a CPU, as a product with ones: six times faster than a.sum(-1) on short rows, where
    there are many.
    """
    if is_host(a) and a.size > SMALL:
        n = a.shape[-1]
        return (a.reshape(-1, n) @ np.ones(n, a.dtype)).reshape((*a.shape[:-1], 1))
    return a.sum(axis=-1, keepdims=True)


def row_max(a: Array) -> Array:
    """max_j a_ij over the last axis.   (..., n) -> (..., 1)

    By its place on a CPU: two to three times faster than a.max(-1) on rows of up to 256.
    """
    if is_host(a) and a.size > SMALL:
        return np.take_along_axis(a, a.argmax(axis=-1)[..., None], axis=-1)
    return a.max(axis=-1, keepdims=True)


def row_dot(a: Array, b: Array) -> Array:
    """sum_j a_ij b_ij over the last axis.   (..., n), (..., n) -> (..., 1)"""
    if is_host(a):
        return np.vecdot(a, b)[..., None]
    return (a * b).sum(axis=-1, keepdims=True)


def add_rows(out: Array, ids: Array, rows: Array) -> None:
    """out[ids[i]] += rows[i], repeated ids included.   out (V, C), ids (N,), rows (N, C)

    The rows of one id are added in the order in which they come, so the bits repeat from run to
    run. (`np.add.at` is several times slower on many rows, and on a GPU it adds in any order.)
    """
    if is_host(out) and rows.size <= SMALL:
        np.add.at(out, ids, rows)
    elif is_host(out):
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        starts = np.flatnonzero(np.diff(ids, prepend=-1))  # where the next id begins
        out[ids[starts]] += np.add.reduceat(rows[order], starts, axis=0)
    else:
        _add_rows_by_scan(out, ids, rows)


def _add_rows_by_scan(out: Array, ids: Array, rows: Array) -> None:
    """The same where there is no reduceat: sums over 1, 2, 4, ... neighbours of the same id.

    log2(N) passes over whole arrays, no atomics, nothing read back.
    """
    xp = array_module(out)
    order = xp.argsort(ids, kind="stable")
    ids, sums = ids[order], rows[order]
    step = 1
    while step < len(ids):  # sums[i]: the rows i ... i + step - 1, as far as their id is ids[i]
        same = (ids[:-step] == ids[step:])[:, None].astype(sums.dtype)
        sums[:-step] += sums[step:] * same
        step *= 2
    every = xp.arange(len(out))
    first = xp.minimum(xp.searchsorted(ids, every), len(ids) - 1)
    out += sums[first] * (ids[first] == every)[:, None].astype(sums.dtype)


# ------------------------------------------------------------------------------ random numbers


def random_stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each use ("weights", "batches", ...): none disturbs another.

    All drawing happens on the host, so a GPU gets the same numbers.
    """
    key = zlib.crc32(name.encode("ascii"))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))


# ------------------------------------------------------------------------------------- memory


def keep_freed_memory() -> None:
    """Let the C library keep big blocks that were freed, where it is glibc.

    By default it hands them back to the system at once, and each new array of a training step
    faults in page by page: 1.2 times slower on a small model. A run calls this when it starts.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8  # the names of malloc.h
    mallopt(arena_max, 1)
    mallopt(mmap_threshold, 1 << 30)
    mallopt(trim_threshold, (1 << 31) - 1)
