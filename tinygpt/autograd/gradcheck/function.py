"""The function that is checked: called again and again over float64 copies, which are moved."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.gradcheck.diagnosis import cause_of_mismatch
from tinygpt.autograd.gradcheck.report import GradientError
from tinygpt.autograd.guards import Mismatch
from tinygpt.autograd.leaf import Leaf
from tinygpt.autograd.mode import no_grad
from tinygpt.backend import array_module, like, to_cpu, to_device


@dataclass
class Argument:
    """An array whose gradient is checked: `array` is ours and is moved to and fro."""

    name: str
    array: np.ndarray
    leaf: Any = None  # the Tensor or Parameter over it in the latest call


class Function:
    """fn and what it is called with: `values` are its inputs, constants among them; `arguments` are
    the float ones of these, then the parameters of a module."""

    def __init__(self, fn: Callable, inputs: tuple, parameters: list[Argument], device: str):
        self.fn, self.name, self.device = fn, name_of(fn), device
        self.values = [promote(x) for x in inputs]
        self.names = _argument_names(fn, len(inputs))
        floats = [(n, v) for n, v in zip(self.names, self.values, strict=True) if is_float_array(v)]
        self.arguments = [Argument(n, v) for n, v in floats] + parameters
        self.mask_keys = mask_keys_of(fn)
        if not self.arguments:
            raise ValueError(f"{self.name} has no float input, so there is no gradient to check")
        for a in self.arguments:
            if not a.array.size:
                raise ValueError(
                    f"{self.name}: {a.name} is empty, so there is no gradient to check"
                )

    def inputs(self) -> dict[str, np.ndarray]:
        """All that a call must leave as it is, by name: arguments and constant arrays."""
        named = {a.name: a.array for a in self.arguments}
        for name, v in zip(self.names, self.values, strict=True):
            array = v.data if isinstance(v, Tensor) else v
            if isinstance(array, np.ndarray):
                named[name] = array
        return named

    def call(self, layout: Callable[[Any], Any] = lambda a: a) -> list[Tensor]:
        """The outputs that are floats, recorded, over the present values of the arguments, as they
        lie in memory after `layout`."""
        fresh, tensors = iter(self.arguments), list(self.values)
        for keys in self.mask_keys:
            keys.forwards = 0  # its count of forwards says which mask comes next: the same again
        for i, v in enumerate(self.values):
            if is_float_array(v):
                argument = next(fresh)
                data = layout(to_device(argument.array, self.device))
                argument.leaf = tensors[i] = Tensor(data, requires_grad=True)
            elif isinstance(v, np.ndarray):
                tensors[i] = to_device(v, self.device)
            elif isinstance(v, Tensor):
                tensors[i] = Tensor(to_device(v.data, self.device))
        for argument in fresh:  # the parameters of a module
            argument.leaf.data = to_device(argument.array, self.device)
            argument.leaf.node = Leaf(argument.leaf.data)  # whose gradient is None
        y = self.fn(*tensors)
        ys = list(y) if isinstance(y, tuple | list) else [y]
        for part in ys:
            if not isinstance(part, Tensor):
                kind = type(part).__name__
                raise TypeError(f"{self.name} must return a Tensor or a tuple of them, got {kind}")
        floats = [part for part in ys if part.dtype.kind == "f"]
        if not floats:
            raise TypeError(f"{self.name} returns no floats, so there is no gradient to check")
        return floats

    def forward(self) -> list[np.ndarray]:
        """The outputs at the present values, as arrays."""
        with no_grad():
            return arrays_of(self.call())

    def backward(self, ys: list[Tensor], dys: list[np.ndarray]) -> list[np.ndarray]:
        """The gradient of sum(dy * y) for each argument, as backward() claims it."""
        given = [to_device(dy.copy(), self.device) for dy in dys]
        total = _inner_product(*ys, dys=given)
        if total.node is not None:  # else nothing in it depends on an argument
            try:
                total.backward()
            except Mismatch as error:
                raise GradientError(
                    f"{self.name}: {error}",
                    op=self.name,
                    argument=self._name_of_argument(error.argument),
                    cause=cause_of_mismatch(error.expected, error.got, error.dtype),
                ) from error
            except (ValueError, TypeError) as error:
                raise GradientError(f"{self.name}: {error}", op=self.name) from error
        for i, (dy, kept) in enumerate(zip(given, dys, strict=True)):
            if not np.array_equal(to_cpu(dy), kept):
                raise GradientError(
                    f"{self.name}: backward wrote into its dy (output {i}), which another op may "
                    "hold: compute into an array that backward allocated itself",
                    op=self.name,
                )
        return [
            np.zeros_like(a.array) if a.leaf.grad is None else np.array(to_cpu(a.leaf.grad))
            for a in self.arguments
        ]

    def _name_of_argument(self, i: int) -> str | None:
        """The name of the op's argument i, where fn hands its own on as they are."""
        same = [a for a in self.arguments if a.name.split(" (")[0] == f"argument {i}"]
        return same[0].name if same else None


@op
def _inner_product(*ys, dys):
    """sum over all outputs of dy * y, whose backward hands each output our own dy (`one` is 1)."""
    total = sum(np.sum(to_cpu(y) * to_cpu(dy)) for y, dy in zip(ys, dys, strict=True))
    return like(np.asarray(total), ys[0]), lambda one: tuple(dys)


@contextlib.contextmanager
def as_it_was(fn: Any) -> Iterator[list[Argument]]:
    """A module's parameters (each once) over float64 copies; at the end their own arrays are back,
    and its dropouts go on as if nothing had been."""
    named = list(fn.named_parameters()) if hasattr(fn, "named_parameters") else []
    kept = [(p, p.data, p.node) for _, p in named]
    counts = [(keys, keys.part, keys.forwards) for keys in mask_keys_of(fn)]
    try:
        arguments = []
        for name, p in named:
            copy = np.array(to_cpu(p.data), np.float64, order="C")
            p.data, p.node = copy, Leaf(copy)
            arguments.append(Argument(name, copy, p))
        yield arguments
    finally:
        for p, data, node in kept:
            p.data, p.node = data, node
        for keys, part, forwards in counts:
            keys.part, keys.forwards = part, forwards


def mask_keys_of(fn: Any) -> list[Any]:
    """What tells the Dropouts of a module which mask comes next."""
    return [m.mask_keys for m in fn.modules() if m.mask_keys] if hasattr(fn, "modules") else []


def transposed(a: Any) -> Any:
    """The same values, the first axis running fastest in memory."""
    return a.transpose().copy().transpose() if a.ndim > 1 else a


def strided(a: Any) -> Any:
    """The same values, every second element along the last axis of a longer array, which has one
    more at the end of each row."""
    if not a.ndim:
        return a
    wide = array_module(a).zeros((*a.shape[:-1], 2 * a.shape[-1] + 1), a.dtype)
    wide[..., :-1:2] = a
    return wide[..., :-1:2]


LAYOUTS = {"transposed in memory": transposed, "not next to each other in memory": strided}


def arrays_of(ys: list[Tensor]) -> list[np.ndarray]:
    """The values on the CPU, as arrays of their own."""
    return [np.array(to_cpu(y.data)) for y in ys]


def promote(x: Any) -> Any:
    """Floats as float64 copies of our own, contiguous; integers, booleans and None as they are."""
    if isinstance(x, Tensor):
        kept = promote(to_cpu(x.data))
        return kept if is_float_array(kept) else Tensor(kept)
    if isinstance(x, float | list | np.ndarray | np.floating):
        array = np.asarray(x)
        return np.array(array, np.float64, order="C") if array.dtype.kind == "f" else array.copy()
    return x


def is_float_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def is_integer(x: Any) -> bool:
    x = x.data if isinstance(x, Tensor) else x
    return isinstance(x, np.ndarray) and x.dtype.kind in "iu"


def name_of(fn: Any) -> str:
    name = getattr(fn, "__name__", type(fn).__name__)
    return "the function" if name == "<lambda>" else name


def _argument_names(fn: Any, n: int) -> list[str]:
    """The names in the signature, else "argument 0", "argument 1", ..."""
    names = [f"argument {i}" for i in range(n)]
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return names
    for i, p in enumerate(parameters[:n]):
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names[i] = f"argument {i} ({p.name})"
        else:
            break
    return names
