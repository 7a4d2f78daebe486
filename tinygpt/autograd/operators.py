"""What `+`, `@`, `x[i]` and `x.sum()` mean on a Tensor: each calls the op of that name.

    x @ w + b          ops.add(ops.matmul(x, w), b)

NumPy arrays on the left ask the Tensor too (`array * x`), because a class that is no array and has
a higher `__array_priority__` goes first. Everything else that would take a Tensor for an array
(`np.exp(x)`, `np.asarray(x)`, `if x:`) is refused: it would lose the gradient without a word.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygpt.backend import ARRAYS, Array, array_module, to_cpu, to_float

shipped: dict[str, Any] = {}  # name -> Op: @op enters the ops of this package, and no others


class Named:
    """What an Op is besides a function: its name, and its place in the list above."""

    name: str

    def ship(self) -> None:
        """Enter an op of this package by its name, which no other may have. A student's op is not
        entered: defining it again, in a cell that runs twice, simply makes another one."""
        ours = (self.__module__ or "").startswith("tinygpt.")  # None in a cell run by exec
        if ours and not self.name.startswith("_"):
            if shipped.setdefault(self.name, self).__module__ != self.__module__:
                raise ValueError(f"{shipped[self.name]} has that name already")
            shipped[self.name] = self

    def result(self, result: Any) -> tuple:
        """What the function of an op returned, if it is (y, backward)."""
        pair = type(result) is tuple and len(result) == 2
        if pair and (result[1] is None or callable(result[1])):
            return result
        raise TypeError(f"an op returns (y, backward), {self.name} returned {describe(result)}")

    def keep_dtype(self, parents: list, outputs: tuple) -> None:
        """Refuse float64 made of float32 by accident: it costs twice the memory and the time."""
        for out in outputs:
            dtype = out.data.dtype
            for parent in parents:
                if parent is None or parent.dtype is dtype:
                    continue
                if parent.dtype != dtype and dtype.kind == "f":
                    change = f"{parent.dtype} became {dtype}"
                    raise TypeError(f"{change}: is a float64 or integer array in it?")

    def __repr__(self) -> str:
        return f"<op {self.__module__}.{self.name}>"


def describe(a: Any) -> str:
    """ "float32 (2, 3)" for an array, "(float32 (2, 3), 0.5)" for several arguments."""
    if isinstance(a, list | tuple):
        return f"({', '.join(map(describe, a))})"
    return f"{a.dtype} {a.shape}" if hasattr(a, "shape") else repr(a)


class Mismatch(ValueError):
    """A backward returned a gradient whose shape or dtype is not that of its argument."""

    def __init__(self, argument: int, parent: Any, gradient: Any):
        pair = f"{describe(parent)}, its gradient: {describe(gradient)}"
        super().__init__(f"argument {argument}: {pair}")
        self.argument, self.expected = argument, parent.shape
        self.got, self.dtype = gradient.shape, gradient.dtype


def checked(g: Any, argument: int, parent: Any) -> Array:
    """The gradient of an argument, as an array for its node. One that came as a function is written
    where it belongs, a parameter's slice of the flat gradient, or added to what is there."""
    if callable(g):
        slot = getattr(parent, "slot", None)
        g = g(slot, slot is not None and parent.grad is not None)
    g = g if type(g) in ARRAYS else np.asarray(g)  # a full sum is a NumPy scalar
    if g.shape != parent.shape or g.dtype != parent.dtype:
        raise Mismatch(argument, parent, g)
    return g


def as_array(data: Any) -> np.ndarray:
    """What Tensor(data) holds where data is no array: float32 for numbers and lists of floats."""
    if array_module(data) is not np:
        return data  # of a module that was loaded meanwhile
    keep = isinstance(data, np.generic | np.ndarray | bool)  # a NumPy scalar, a memory map
    array = np.asarray(data, np.float32 if type(data) is int else None)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a Tensor holds numbers, got {type(data).__name__} of {array.dtype}")
    return array if keep or array.dtype != np.float64 else array.astype(np.float32)


def unwrap(args: tuple) -> tuple[list, list]:
    """What an op gets for its arguments, and the nodes where their gradients go.

    Beside a Tensor a NumPy scalar or 0-d array is as weak as a Python number: x / np.sqrt(64)
    stays float32."""
    arrays, parents, tensor, scalars = list(args), [None] * len(args), False, []
    for i, a in enumerate(args):
        if isinstance(a, Operators):
            arrays[i], parents[i], tensor = a.data, a.node, True
        elif type(a) is np.ndarray:
            if a.ndim == 0:
                scalars.append(i)
        elif isinstance(a, np.generic):
            scalars.append(i)
    if tensor:
        for i in scalars:
            arrays[i] = arrays[i].item()
    return arrays, parents


def _array(x: Any) -> Any:
    """The array in a Tensor; anything else as it is."""
    return x.data if isinstance(x, Operators) else x


class Operators:
    """The operators, methods and conversions of Tensor, which inherits from this."""

    __slots__ = ()
    __array_priority__ = 1000  # above numpy.ndarray (0) and cupy.ndarray (100)
    __hash__ = object.__hash__  # == compares elements, but a Tensor is still one object

    data: Array
    node: Any

    def zero_grad(self) -> None:
        """Forget the gradient that was summed up."""
        if hasattr(self.node, "slot"):  # a leaf
            self.node.grad = None

    # -------------------------------------------------------------------------- arithmetic

    def __add__(self, other: Any) -> Any:
        return shipped["add"](self, other)

    def __sub__(self, other: Any) -> Any:
        return shipped["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return shipped["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return shipped["mul"](self, other)

    def __truediv__(self, other: Any) -> Any:
        return shipped["div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return shipped["div"](other, self)

    def __neg__(self) -> Any:
        return shipped["neg"](self)

    def __pow__(self, exponent: float) -> Any:
        return shipped["power"](self, exponent=exponent)

    def __matmul__(self, other: Any) -> Any:
        return shipped["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return shipped["matmul"](other, self)

    def __getitem__(self, index: Any) -> Any:
        several = isinstance(index, tuple)
        return shipped["getitem"](
            self, index=tuple(map(_array, index)) if several else _array(index)
        )

    __radd__, __rmul__ = __add__, __mul__

    # ----------------------------------------------------------------------------- methods

    def exp(self) -> Any:
        return shipped["exp"](self)

    def log(self) -> Any:
        return shipped["log"](self)

    def sqrt(self) -> Any:
        return shipped["sqrt"](self)

    def tanh(self) -> Any:
        return shipped["tanh"](self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return shipped["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return shipped["mean"](self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Any:
        return shipped["var"](self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return shipped["max"](self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        """x.reshape(2, 3) or x.reshape((2, 3)); one of the sizes may be -1."""
        return shipped["reshape"](self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """x.transpose(0, 2, 1) or x.transpose((0, 2, 1)); without axes they are reversed."""
        one = len(axes) == 1 and isinstance(axes[0], tuple | list)
        return shipped["transpose"](self, axes=tuple(axes[0] if one else axes))

    def astype(self, dtype: Any) -> Any:
        return shipped["astype"](self, dtype=dtype)

    # ------------------------------------------------------------------------- comparisons

    def __eq__(self, other: Any) -> Any:
        return self.data == _array(other)

    def __ne__(self, other: Any) -> Any:
        return self.data != _array(other)

    def __lt__(self, other: Any) -> Any:
        return self.data < _array(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= _array(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > _array(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= _array(other)

    # ------------------------------------------------------------------------- conversions

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array: the same memory on a CPU, a copy from a GPU."""
        return to_cpu(self.data)

    def item(self) -> float:
        """The one element as a Python number. ValueError where there are more."""
        if self.data.size != 1:
            raise ValueError(f"one element expected, got shape {self.data.shape}: use .numpy()")
        return to_float(self.data.reshape(()))

    def __float__(self) -> float:
        return self.item()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __bool__(self) -> bool:
        raise TypeError("a Tensor is neither true nor false: use float(x) or x.numpy()")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("a Tensor is no array: use x.numpy(), or tinygpt.ops to keep the gradient")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise TypeError(f"np.{function.__name__} of a Tensor: use tinygpt.ops, or x.numpy()")

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("a Tensor of shape () has no length")
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    T = property(lambda self: self.transpose())

    def __repr__(self) -> str:
        made_by = getattr(self.node, "name", None)
        history = f", from {made_by}" if made_by else ", requires_grad=True" if self.node else ""
        body = np.array2string(self.numpy(), separator=", ", prefix="Tensor(")
        return f"Tensor({body}, {self.dtype}{history})"
