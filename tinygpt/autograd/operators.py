"""What `+`, `@`, `x[i]` and `x.sum()` mean on a Tensor: each calls the op of that name.

    x @ w + b          ops.add(ops.matmul(x, w), b)

NumPy arrays on the left ask the Tensor too (`array * x`), because a class that is no array and has
a higher `__array_priority__` goes first. Everything else that would take a Tensor for an array
(`np.exp(x)`, `np.asarray(x)`, `if x:`) is refused: it would lose the gradient without a word.
"""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygpt.autograd import habits
from tinygpt.autograd.guards import fitting
from tinygpt.autograd.mode import no_grad, thread
from tinygpt.backend import Array, array_module, is_host, to_cpu, to_float

shipped: dict[str, Any] = {}  # name -> Op: @op enters the ops of this package, and no others


def register(op: Any) -> None:
    """Enter an op of this package by its name, which no other may have. A student's op is not
    entered: defining it again, in a cell that runs twice, simply makes another one."""
    ours = (op.__module__ or "").startswith("tinygpt.")  # None in a cell run by exec
    if ours and not op.name.startswith("_"):
        if shipped.setdefault(op.name, op).__module__ != op.__module__:
            raise ValueError(f"{shipped[op.name]} has that name already")
        shipped[op.name] = op


def as_array(data: Any) -> np.ndarray:
    """What Tensor(data) holds where data is no array: float32 for numbers and lists of floats."""
    if array_module(data) is not np:
        return data  # of a module that was loaded meanwhile
    keep = isinstance(data, np.generic | np.ndarray | bool)  # a NumPy scalar, a memory map
    array = np.asarray(data, np.float32 if type(data) is int else None)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a Tensor holds numbers, got {type(data).__name__} of {array.dtype}")
    return array if keep or array.dtype != np.float64 else array.astype(np.float32)


def arrays_and_nodes(args: tuple) -> tuple[list, list]:
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
    part_of_a_model = False  # Parameter, Frozen: `x -= y` writes into it, trained or not
    __array_priority__ = 1000  # above numpy.ndarray (0) and cupy.ndarray (100)
    __hash__ = object.__hash__  # == compares elements, but a Tensor is still one object

    data: Array
    node: Any

    # --------------------------------------------------------------------------- gradients

    @property
    def grad(self) -> Any:
        """The gradient as an array, None before a backward() has reached it. An op's result keeps
        its own only if retain_grad() was called before."""
        node = self.node
        if node is not None and not node.is_leaf and not node.retain:
            what = f"the gradient of {node.name}'s result is not kept"
            warnings.warn(f"{what}: call .retain_grad() before backward()", stacklevel=2)
        return None if node is None else node.grad

    @grad.setter
    def grad(self, g: Any) -> None:
        if self.node is None or not self.node.is_leaf:
            raise ValueError("only a Tensor with requires_grad=True that no op made has a .grad")
        self.node.grad = None
        if g is not None:
            self.node.add(fitting(g, 0, self.node))

    def retain_grad(self) -> None:
        """Keep the gradient of this result of an op, to look at after backward()."""
        if self.node is not None and not self.node.is_leaf:
            self.node.retain = True

    @property
    def requires_grad(self) -> bool:
        """Does a gradient come here, or go through here?"""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node is not None and not self.node.is_leaf:
            raise RuntimeError("this is the result of an op: use .detach(), or no_grad()")
        if wanted != self.requires_grad:
            self.node = type(self.detach())(self.data, requires_grad=wanted).node  # a Tensor's

    def detach(self) -> Any:
        """The same array without its history."""
        with no_grad():
            alone = shipped["reshape"](self, shape=self.data.shape)
        alone.data = self.data  # no view: the array itself
        return alone

    def zero_grad(self) -> None:
        """Forget the gradient that was summed up."""
        if self.node is not None and self.node.is_leaf:
            self.node.grad = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy, pickle and NumPy ask for
            raise AttributeError(name)
        raise habits.missing("a Tensor", name, habits.TENSOR, dir(type(self)))

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

    def __abs__(self) -> Any:
        return shipped["abs"](self)

    def __pow__(self, exponent: float) -> Any:
        return shipped["power"](self, exponent=exponent)

    def __rpow__(self, base: float) -> Any:
        """base ** x = e^(x ln base), for a number above 0."""
        return shipped["exp"](self * math.log(base))

    def __matmul__(self, other: Any) -> Any:
        return shipped["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return shipped["matmul"](other, self)

    def __getitem__(self, index: Any) -> Any:
        several = isinstance(index, tuple)
        return shipped["getitem"](
            self, index=tuple(map(_array, index)) if several else _array(index)
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "x[i] = value would lose the history: use ops.where(mask, value, x), or "
            "x.data[i] = value, which no gradient sees"
        )

    __radd__, __rmul__ = __add__, __mul__

    def _in_place(self, name: str, other: Any) -> Any:
        """`x -= y`: of a parameter, or what else wants a gradient, it writes into x, and is allowed
        in no_grad() alone. Any other Tensor is not changed; x is the name of a new one afterwards,
        as for numbers."""
        result = shipped[name](self, other)
        leaf = self.node is not None and self.node.is_leaf
        if not (leaf or self.part_of_a_model):
            return result
        if result.requires_grad or thread.grad_enabled:
            raise RuntimeError(
                "a change in place of a Tensor that wants a gradient, or of a parameter, cannot be "
                "recorded: put it into `with no_grad():`, or give the result another name"
            )
        if result.shape != self.shape:
            raise ValueError(f"{self.shape} cannot become {result.shape} in place")
        self.data[...] = result.data
        if self.node is not None:
            self.node.was_written()
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._in_place("add", other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place("sub", other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place("mul", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place("div", other)

    # ----------------------------------------------------------------------------- methods

    def exp(self) -> Any:
        """e^x, element by element."""
        return shipped["exp"](self)

    def log(self) -> Any:
        """ln x, element by element."""
        return shipped["log"](self)

    def sqrt(self) -> Any:
        """x^(1/2), element by element."""
        return shipped["sqrt"](self)

    def tanh(self) -> Any:
        """tanh x, element by element."""
        return shipped["tanh"](self)

    def sigmoid(self) -> Any:
        """1 / (1 + e^-x), element by element."""
        return shipped["sigmoid"](self)

    def relu(self) -> Any:
        """x where it is above 0, else 0."""
        return shipped["relu"](self)

    def sin(self) -> Any:
        """sin x, element by element."""
        return shipped["sin"](self)

    def cos(self) -> Any:
        """cos x, element by element."""
        return shipped["cos"](self)

    def abs(self) -> Any:
        """|x|, element by element."""
        return shipped["abs"](self)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """x, but at least min and at most max."""
        return shipped["clip"](self, min=min, max=max)

    def sum(self, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """The sum over axis (a number, a tuple, None: all).   (2, 3).sum(axis=1) -> (2,)"""
        return shipped["sum"](self, axis=axis, keepdims=keepdims, **more)

    def mean(self, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """The mean over axis.   (2, 3).mean(axis=1, keepdims=True) -> (2, 1)"""
        return shipped["mean"](self, axis=axis, keepdims=keepdims, **more)

    def var(self, axis: Any = None, *, keepdims: bool = False, ddof: int = 0, **more: Any) -> Any:
        """The variance over axis, divided by n - ddof (PyTorch's default is ddof=1)."""
        return shipped["var"](self, axis=axis, keepdims=keepdims, ddof=ddof, **more)

    def std(self, axis: Any = None, *, keepdims: bool = False, ddof: int = 0, **more: Any) -> Any:
        """The root of the variance (PyTorch's default is ddof=1)."""
        return shipped["std"](self, axis=axis, keepdims=keepdims, ddof=ddof, **more)

    def max(self, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """The largest over axis, without its place: that is argmax."""
        return shipped["max"](self, axis=axis, keepdims=keepdims, **more)

    def min(self, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """The smallest over axis."""
        return shipped["min"](self, axis=axis, keepdims=keepdims, **more)

    def norm(self, *, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        """The root of the sum of squares over axis (PyTorch's norm(1) would be another norm)."""
        return shipped["norm"](self, axis=axis, keepdims=keepdims, **more)

    def cumsum(self, axis: int = -1, **more: Any) -> Any:
        """The running sum along axis."""
        return shipped["cumsum"](self, axis=axis, **more)

    def log_softmax(self, axis: int = -1, **more: Any) -> Any:
        """The logarithm of softmax, without the detour that overflows."""
        return shipped["log_softmax"](self, axis=axis, **more)

    def argmax(self, axis: int | None = None) -> Any:
        """Where the largest stands: a plain array of integers, which has no gradient."""
        return array_module(self.data).argmax(self.data, axis=axis)

    def reshape(self, *shape: Any) -> Any:
        """x.reshape(2, 3) or x.reshape((2, 3)); one of the sizes may be -1."""
        return shipped["reshape"](self, shape=shape[0] if len(shape) == 1 else shape)

    def flatten(self, start: int = 0, end: int = -1) -> Any:
        """The axes from start to end as one.   (2, 3, 4).flatten(1) -> (2, 12)"""
        n = self.data.ndim or 1
        first, last = start % n, end % n
        shape = self.data.shape
        return self.reshape((*shape[:first], -1, *shape[last + 1 :]))

    def squeeze(self, axis: Any = None) -> Any:
        """Without the axes of size 1, or without this one.   (2, 1, 3).squeeze() -> (2, 3)"""
        return self.reshape(np.broadcast_to(False, self.data.shape).squeeze(axis).shape)

    def unsqueeze(self, axis: int) -> Any:
        """With an axis of size 1 more.   (2, 3).unsqueeze(1) -> (2, 1, 3)"""
        return self.reshape(np.expand_dims(np.broadcast_to(False, self.data.shape), axis).shape)

    def expand(self, *shape: Any) -> Any:
        """Stretched along axes of size 1; -1: as it is.   (3, 1).expand(3, 4) -> (3, 4)"""
        wanted = tuple(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
        own = (1,) * (len(wanted) - self.data.ndim) + self.data.shape
        full = tuple(n if w == -1 else w for n, w in zip(own, wanted, strict=True))
        return shipped["broadcast_to"](self, shape=full)

    def transpose(self, *axes: Any) -> Any:
        """x.transpose(0, 2, 1) or x.transpose((0, 2, 1)): all axes in this order; without axes
        they are reversed. Two axes exchanged, which is PyTorch's transpose: x.swapaxes(-2, -1).
        ValueError for x.transpose(-2, -1) of a matrix, which would leave it as it is."""
        one = len(axes) == 1 and isinstance(axes[0], tuple | list)
        if len(axes) == self.data.ndim == 2 and (axes[0] % 2, axes[1] % 2) == (0, 1):
            raise ValueError(
                f"transpose{axes} gives all axes in order, so a matrix stays as it is: "
                f"x.swapaxes{axes} or x.T exchanges them"
            )
        return shipped["transpose"](self, axes=tuple(axes[0] if one else axes))

    def permute(self, *axes: Any) -> Any:
        """The axes in this order, as transpose."""
        one = len(axes) == 1 and isinstance(axes[0], tuple | list)
        return shipped["transpose"](self, axes=tuple(axes[0] if one else axes))

    def swapaxes(self, a: int, b: int) -> Any:
        """Two axes exchanged.   (2, 3, 4).swapaxes(-2, -1) -> (2, 4, 3)"""
        order = list(range(self.data.ndim))
        order[a], order[b] = order[b], order[a]
        return shipped["transpose"](self, axes=tuple(order))

    def take_along_axis(self, indices: Any, axis: int = -1) -> Any:
        """x[..., indices, ...] along one axis, as np.take_along_axis (PyTorch's gather)."""
        return shipped["take_along_axis"](self, _array(indices), axis=axis)

    def astype(self, dtype: Any) -> Any:
        """The same values as another dtype. Integers have no gradient, and no history."""
        source = self if np.dtype(dtype).kind == "f" else self.detach()  # type: ignore
        return shipped["astype"](source, dtype=dtype)

    def clone(self) -> Any:
        """A copy, with the history."""
        return self * 1

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

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.numpy().tolist()

    def item(self) -> Any:
        """The one element as a Python number, whole where the Tensor holds integers. ValueError
        where there are more."""
        if self.data.size != 1:
            raise ValueError(f"one element expected, got shape {self.data.shape}: use .numpy()")
        if self.data.dtype.kind in "iub":
            return self.numpy().reshape(()).item()
        return to_float(self.data.reshape(()))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.data.dtype.kind not in "iu":
            raise TypeError(f"an index is a whole number, got a Tensor of {self.data.dtype}")
        return int(self.item())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.item(), digits)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __bool__(self) -> bool:
        raise TypeError("a Tensor is neither true nor false: use float(x) or x.numpy()")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("a Tensor is no array: use x.numpy(), or tinygpt.ops to keep the gradient")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        name = function.__name__
        ours = f"use tinygpt.ops.{name}" if name in shipped else "tinygpt.ops has no such op"
        raise TypeError(f"np.{name} of a Tensor: {ours}, or x.numpy() without a gradient")

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("a Tensor of shape () has no length")
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.data.shape

    @property
    def dtype(self) -> Any:
        """float32, float64, int64, ..."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """How many elements there are."""
        return self.data.size

    @property
    def device(self) -> str:
        """Where the array lies: "cpu" or "gpu"."""
        return "cpu" if is_host(self.data) else "gpu"

    @property
    def T(self) -> Any:
        """The axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Any:
        """The last two axes exchanged: every matrix of a stack transposed."""
        return self.swapaxes(-2, -1)

    def __repr__(self) -> str:
        made_by = getattr(self.node, "name", None)
        history = f", from {made_by}" if made_by else ", requires_grad=True" if self.node else ""
        body = np.array2string(self.numpy(), separator=", ", prefix="Tensor(")
        return f"Tensor({body}, {self.dtype}{history})"
