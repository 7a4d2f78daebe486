"""The device double: arrays that behave as CuPy's do, on a machine without a GPU.

NumPy computes inside; outside stand CuPy's refusals, with the error that CuPy would raise: a host
array beside a device array, a function or a keyword that CuPy lacks, a 0-d array as an index. What
crosses between the two memories, and what would make the CPU wait for the GPU, is counted.

    with double() as counts:                  "gpu" is the double in this block
        model.to("gpu")
        ...
    counts.to_device, counts.to_host, counts.syncs

It is stricter than CuPy where CuPy lets a mistake pass (np.exp(device_array) would silently work
there), and it copies one of CuPy's traps: an index out of range wraps around. It knows nothing of
speed, of asynchrony and of the order in which a GPU adds.

cupy_api.json lists the functions, keywords and methods of the real package. To make it anew, in an
environment with CuPy (no GPU is needed):  python -m tinygpt.testing.strict_device
"""

import contextlib
import inspect
import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt import backend

API_FILE = Path(__file__).with_name("cupy_api.json")
UFUNC_KEYWORDS = {"out", "where", "dtype", "casting"}
NO_CONVERSION = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy "
    "array explicitly."
)


@dataclass
class Counts:
    """What happened since the block began."""

    to_device: int = 0  # arrays sent to the device
    to_host: int = 0  # arrays fetched with .get()
    calls: int = 0  # operations on the device: a kernel each, at least
    syncs: int = 0  # times that Python waited for a value: float(), if x:, print, x[mask]


_counts = Counts()


def _api() -> dict[str, Any]:
    return json.loads(API_FILE.read_text(encoding="utf-8"))


_API = _api()


def _inside(x: Any) -> Any:
    """The NumPy array in a device array; numbers and settings as they are; host arrays refused."""
    if isinstance(x, DeviceArray):
        return x._array
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, np.generic):
        raise TypeError(f"a NumPy scalar {x!r} would change the dtype: use a Python number")
    if isinstance(x, tuple | list):
        return type(x)(map(_inside, x))
    if isinstance(x, dict):
        return {k: _inside(v) for k, v in x.items()}
    return x


def _outside(x: Any) -> Any:
    """Results as device arrays: 0-d ones too, where NumPy would give a scalar."""
    if isinstance(x, tuple | list):
        return type(x)(map(_outside, x))
    return DeviceArray(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x


def _call(name: str, function: Any, args: tuple, settings: dict, known: set[str] | None) -> Any:
    unknown = set(settings) - known if known is not None else set()
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    _counts.calls += 1
    result = function(*map(_inside, args), **_inside(settings))
    out = settings.get("out")
    return out if isinstance(out, DeviceArray) else _outside(result)


class DeviceArray:
    """An array in the memory of the pretended device."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore

    def __init__(self, array: np.ndarray):
        if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
            raise ValueError(f"Unsupported dtype {array.dtype}")
        self._array = array

    # ------------------------------------------------------------- the doors to the host

    def get(self, *, out: np.ndarray | None = None) -> np.ndarray:
        _counts.to_host += 1
        if out is None:
            return self._array.copy()
        out[...] = self._array
        return out

    def _wait(self) -> np.ndarray:
        _counts.syncs += 1
        return self._array

    def __float__(self) -> float:
        return float(self._wait())

    def __int__(self) -> int:
        return int(self._wait())

    def __bool__(self) -> bool:
        return bool(self._wait())

    def __repr__(self) -> str:
        return repr(self._wait())

    def __format__(self, spec: str) -> str:
        return format(self._wait(), spec)

    def item(self) -> Any:
        return self._wait().item()

    def tolist(self) -> Any:
        return self._wait().tolist()

    # ------------------------------------------------------------------------- refusals

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(NO_CONVERSION)

    def __array_ufunc__(self, ufunc: Any, method: str, *_: Any, **__: Any) -> Any:
        raise TypeError(f"np.{ufunc.__name__} of a device array: use array_module(x)")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise TypeError(f"np.{function.__name__} of a device array: use array_module(x)")

    # --------------------------------------------------------------------------- indexing

    def _index(self, index: Any) -> Any:
        """An index as NumPy takes it; integers out of range wrap around, as CuPy's do."""
        parts = index if isinstance(index, tuple) else (index,)
        inside = list(map(_inside, parts))
        for part in inside:
            if isinstance(part, np.ndarray) and part.dtype == bool:
                _counts.syncs += 1  # how many there are must be known
        if len(inside) == 1 and isinstance(inside[0], np.ndarray) and inside[0].dtype.kind in "iu":
            inside[0] = inside[0] % max(len(self._array), 1)
        return tuple(inside) if isinstance(index, tuple) else inside[0]

    def __getitem__(self, index: Any) -> "DeviceArray":
        return _outside(self._array[self._index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._array[self._index(index)] = _inside(value)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in _API["ndarray"]:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        value = getattr(self._array, name)
        if not callable(value):
            return _outside(value) if isinstance(value, np.ndarray) else value
        known = _API["functions"].get(name)

        def method(*args: Any, **settings: Any) -> Any:
            return _call(name, value, args, settings, set(known) if known else None)

        return method


def _operator(name: str, in_place: bool) -> Any:
    def method(self: DeviceArray, other: Any = None, *_: Any) -> Any:
        if getattr(other, "__array_priority__", 0) > self.__array_priority__:
            return NotImplemented  # a Tensor goes first
        _counts.calls += 1
        result = getattr(self._array, name)(*(() if other is None else (_inside(other),)))
        if result is NotImplemented:
            return NotImplemented
        if in_place:
            return self
        return _outside(result)

    return method


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__", False))
    setattr(DeviceArray, f"__r{_name}__", _operator(f"__r{_name}__", False))
    if _name != "matmul":  # which CuPy lacks in place
        setattr(DeviceArray, f"__i{_name}__", _operator(f"__i{_name}__", True))
for _name in "lt le gt ge eq ne neg pos abs invert".split():
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__", False))


class _Ufunc:
    """xp.exp, xp.add: a call, and `at`; `reduce` and the others are not there."""

    def __init__(self, name: str):
        self.name, self.ufunc = name, getattr(np, name)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        return _call(self.name, self.ufunc, args, settings, UFUNC_KEYWORDS)

    def at(self, a: DeviceArray, index: Any, value: Any) -> None:
        self.ufunc.at(_inside(a), a._index(index), _inside(value))

    def reduce(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")


class _Module(types.ModuleType):
    """What array_module returns for a DeviceArray."""

    def __getattr__(self, name: str) -> Any:
        if name in _API["ufuncs"]:
            return _Ufunc(name)
        if name in _API["functions"]:
            function, known = getattr(np, name), set(_API["functions"][name])
            return lambda *args, **settings: _call(name, function, args, settings, known)
        if name in _API["constants"]:
            return getattr(np, name)
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")

    def asarray(self, x: Any, dtype: Any = None) -> DeviceArray:
        if isinstance(x, DeviceArray):
            same = dtype is None or x.dtype == np.dtype(dtype)
            return x if same else DeviceArray(x._array.astype(dtype))
        _counts.to_device += 1
        return DeviceArray(np.array(x, dtype))

    array = asarray


xp = _Module("cupy_double")
backend.register(DeviceArray, xp)


@contextlib.contextmanager
def double() -> Iterator[Counts]:
    """In this block "gpu" is the double. Gives counts that start at zero."""
    global _counts
    before, gpu = _counts, backend.gpu
    _counts = Counts()
    backend.gpu = lambda device="gpu": xp  # type: ignore
    try:
        yield _counts
    finally:
        _counts, backend.gpu = before, gpu


def read_cupy() -> dict[str, Any]:
    """The names and keywords of the CuPy that is installed here."""
    import importlib

    cupy: Any = importlib.import_module("cupy")
    functions, ufuncs, constants = {}, [], []
    for name in sorted(n for n in dir(np) if not n.startswith("_") and hasattr(cupy, n)):
        value = getattr(cupy, name)
        if isinstance(value, cupy.ufunc):
            ufuncs.append(name)
        elif isinstance(value, type) or not callable(value):
            if isinstance(getattr(np, name), type | float | type(None)):
                constants.append(name)
        else:
            try:
                functions[name] = list(inspect.signature(value).parameters)
            except (ValueError, TypeError):  # matmul: a generalised ufunc
                ufuncs.append(name)
    methods = sorted(n for n in dir(cupy.ndarray) if not n.startswith("_"))
    return {
        "cupy": cupy.__version__,
        "functions": functions,
        "ufuncs": ufuncs,
        "constants": constants,
        "ndarray": methods,
    }


if __name__ == "__main__":
    API_FILE.write_text(json.dumps(read_cupy()) + "\n", encoding="utf-8")
