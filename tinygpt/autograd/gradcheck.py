"""The gradient check: is `backward` the derivative of the forward?

    check_gradient(gelu, x)                     an op
    check_gradient(lambda a, b: a @ b, a, b)    any function of Tensors
    check_gradient(Linear(3, 4, rng=rng), x)    a module: its parameters are checked too

A random dy is drawn, so that what is differentiated is one number, L = sum(dy * f(x)). For each
element x_j the claimed dx_j is held against the central difference

    dL/dx_j  ~  sum(dy * (f(x + eps e_j) - f(x - eps e_j))) / (2 eps)        error of order eps^2

A random dy matters: with dy = 1 the true gradient of softmax is 0, and a backward that returns
zeros would pass. Everything is computed in float64 on copies.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Leaf, Tensor, no_grad, op
from tinygpt.backend import to_cpu

DIRECTIONS = 4  # random directions through an argument that is too large to walk element by element


class GradientError(AssertionError):
    """A gradient is wrong. The attributes say where: op, argument (its name), index (None for a
    random direction, or where no number was compared), expected, got, and ratio = got / expected.
    """

    def __init__(
        self,
        message: str,
        *,
        op: str,
        argument: str | None = None,
        index: tuple[int, ...] | None = None,
        expected: float | None = None,
        got: float | None = None,
    ):
        super().__init__(message)
        self.op, self.argument, self.index = op, argument, index
        self.expected, self.got = expected, got
        self.ratio = None if expected is None or got is None else _ratio(got, expected)


@dataclass(frozen=True)
class ArgumentReport:
    """How one argument fared."""

    name: str
    shape: tuple[int, ...]
    worst_error: float  # the largest relative error met
    where: tuple[int, ...] | None  # the index of that element; None: a random direction
    elements: int  # how many single elements were compared
    directions: int  # how many random directions


@dataclass(frozen=True)
class GradientReport:
    """What check_gradient looked at. print(report) shows a table."""

    op: str
    arguments: tuple[ArgumentReport, ...] = field(default_factory=tuple)

    @property
    def worst_error(self) -> float:
        return max(a.worst_error for a in self.arguments)

    def __str__(self) -> str:
        lines = [f"{self.op}: gradient ok, worst relative error {self.worst_error:.1e}"]
        for a in self.arguments:
            at = "a random direction" if a.where is None else f"{list(a.where)}"
            looked = f"{a.elements} elements" + f", {a.directions} directions" * bool(a.directions)
            shape = str(a.shape)
            lines.append(f"  {a.name:<12} {shape:<16} {a.worst_error:.1e} at {at}  ({looked})")
        return "\n".join(lines)


@dataclass
class _Argument:
    """An array whose gradient is checked: `array` is ours and is moved to and fro."""

    name: str
    array: np.ndarray
    leaf: Any  # the Tensor or Parameter over it in the latest call


def check_gradient(
    fn: Callable,
    *inputs: Any,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
    samples: int = 64,
    seed: int = 0,
) -> GradientReport:
    """Hold the gradient of fn against central differences in float64; raise GradientError if wrong.

    fn: a function of Tensors that returns a Tensor or a tuple of them, or a Module, whose
    parameters are then checked too. inputs: arrays, Tensors or numbers; floats are promoted to
    float64 copies and checked, integers, booleans and None are constants. Neither the caller's
    arrays nor NumPy's global random state are touched.

    An argument of at most `samples` elements is compared element by element; of a larger one
    `samples` elements (first and last along each axis among them) and some random directions.
    The error of an element is |expected - got| / max(|expected|, |got|, floor), where the floor is
    what rounding lets us see plus a thousandth of the argument's largest element; it must be at
    most `tolerance`.

    Also refused: a gradient of another shape or dtype, a backward or forward that writes into dy or
    into an input, a function that gives two answers for the same inputs.
    """
    name = _name_of(fn)
    rng = np.random.default_rng(seed)
    values = [_promote(x) for x in inputs]
    names = _argument_names(fn, len(inputs))
    arguments = [_Argument(names[i], v, None) for i, v in enumerate(values) if _is_float_array(v)]
    with _parameters_in_float64(fn) as parameters:
        arguments += parameters
        if not arguments:
            raise ValueError(f"{name} has no float input, so there is no gradient to check")

        def call() -> list[Any]:
            fresh = iter(arguments)
            tensors = list(values)
            for i, v in enumerate(values):
                if _is_float_array(v):
                    argument = next(fresh)
                    argument.leaf = tensors[i] = Tensor(v, requires_grad=True)
            y = fn(*tensors)
            ys = list(y) if isinstance(y, tuple | list) else [y]
            for part in ys:
                if not isinstance(part, Tensor):
                    kind = type(part).__name__
                    raise TypeError(f"{name} must return a Tensor or a tuple of them, got {kind}")
            return ys

        def forward() -> list[np.ndarray]:
            with no_grad():
                return [np.array(to_cpu(y.data)) for y in call() if y.dtype.kind == "f"]

        before = [a.array.copy() for a in arguments]
        ys = [y for y in call() if y.dtype.kind == "f"]
        outputs = [np.array(to_cpu(y.data)) for y in ys]
        _refuse_changes(name, "forward", arguments, before)
        dys = [rng.standard_normal(y.shape) for y in outputs]
        claimed = _claimed_gradients(name, ys, dys, arguments)
        _refuse_changes(name, "backward", arguments, before)
        _refuse_two_answers(name, outputs, forward())

        reports = []
        for argument, gradient in zip(arguments, claimed, strict=True):
            points = list(_points(argument.array.shape, samples, rng))
            numbers = [_compare(argument, gradient, p, forward, dys, eps) for p in points]
            reports.append(_judge(name, argument, points, numbers, tolerance))
    return GradientReport(name, tuple(reports))


# ------------------------------------------------------------------------------- the two numbers


def _claimed_gradients(
    name: str, ys: list[Tensor], dys: list[np.ndarray], arguments: list[_Argument]
) -> list[np.ndarray]:
    """The gradient of sum(dy * y) for each argument, by backward()."""
    given = [dy.copy() for dy in dys]
    total = _inner_product(*ys, dys=given)
    if total.node is not None:
        try:
            total.backward()
        except (ValueError, TypeError) as error:
            raise GradientError(f"{name}: {error}", op=name) from error
    for i, (dy, kept) in enumerate(zip(given, dys, strict=True)):
        if not np.array_equal(dy, kept):
            raise GradientError(
                f"{name}: backward wrote into its dy (output {i}). Another op may hold the same "
                "array: compute into one that backward allocated itself",
                op=name,
            )
    grads = [a.leaf.grad for a in arguments]
    return [
        np.zeros_like(a.array) if g is None else np.array(to_cpu(g))
        for a, g in zip(arguments, grads, strict=True)
    ]


@op
def _inner_product(*ys, dys):
    """sum over all outputs of dy * y, whose backward hands each output our own dy."""
    total = sum(np.sum(y * dy) for y, dy in zip(ys, dys, strict=True))
    return np.asarray(total), lambda one: tuple(dys)


def _compare(
    argument: _Argument,
    gradient: np.ndarray,
    point: Any,
    forward: Callable,
    dys: list[np.ndarray],
    eps: float,
) -> tuple[float, float, float]:
    """(expected, got, rounding) for one element, or along one direction, of an argument.

    Only outputs that moved add to the rounding: each is known to a few units in its last place.
    """
    x = argument.array
    kept = x.copy()
    step = eps * point if isinstance(point, np.ndarray) else eps
    at = ... if isinstance(point, np.ndarray) else point
    x[at] = kept[at] + step
    ahead, plus = x.copy(), forward()
    x[at] = kept[at] - step
    width, minus = ahead - x, forward()
    x[...] = kept
    if isinstance(point, np.ndarray):
        width, got = 2 * eps, float(np.sum(gradient * point))
    else:  # as it was rounded
        width, got = float(width[at]), float(gradient[at])
    expected = sum(float(np.sum(dy * (p - m))) for dy, p, m in zip(dys, plus, minus, strict=True))
    squares = [np.sum((dy * p)[p != m] ** 2) for dy, p, m in zip(dys, plus, minus, strict=True)]
    rounding = 4 * np.finfo(np.float64).eps * float(np.sqrt(sum(squares)))
    return expected / width, got, rounding / width


def _judge(
    name: str, argument: _Argument, points: list, numbers: list, tolerance: float
) -> ArgumentReport:
    """The report of one argument, or a GradientError that names its worst element."""
    directions = sum(isinstance(p, np.ndarray) for p in points)
    elements = len(points) - directions
    floor = 1e-3 * max((abs(expected) for expected, _, _ in numbers[:elements]), default=0.0)
    errors = [_error(n, floor, tolerance) for n in numbers]
    worst = int(np.argmax(errors))
    index = tuple(int(i) for i in points[worst]) if worst < elements else None
    if errors[worst] > tolerance:
        expected, got, _ = numbers[worst]
        where = "along a random direction" if index is None else f"at {list(index)}"
        off = sum(e > tolerance for e in errors)
        raise GradientError(
            f"{name}: the gradient of {argument.name} is wrong {where}\n"
            f"  expected {expected:.9g} (central difference), got {got:.9g} (backward), "
            f"ratio {_ratio(got, expected):.6g}\n"
            f"  {off} of {len(numbers)} numbers compared are off by more than {tolerance:g}",
            op=name,
            argument=argument.name,
            index=index,
            expected=expected,
            got=got,
        )
    shape = argument.array.shape
    return ArgumentReport(argument.name, shape, errors[worst], index, elements, directions)


def _error(numbers: tuple[float, float, float], floor: float, tolerance: float) -> float:
    """The relative error of (expected, got, rounding), inf where a number is not finite."""
    expected, got, rounding = numbers
    size = max(abs(expected), abs(got), floor + rounding / tolerance)
    error = abs(expected - got) / size if size else 0.0
    return error if np.isfinite(error) else float("inf")


def _ratio(got: float, expected: float) -> float:
    return got / expected if expected else float("inf") if got else float("nan")


# ------------------------------------------------------------------------ where, and from what


def _points(shape: tuple[int, ...], samples: int, rng: np.random.Generator) -> Iterator[Any]:
    """The indices to compare, then for a large argument some random directions."""
    size = int(np.prod(shape))
    if size <= samples:
        yield from np.ndindex(shape)
        return
    ends = set()
    for axis, n in enumerate(shape):
        for end in (0, n - 1):
            index = [int(rng.integers(m)) for m in shape]
            index[axis] = end
            ends.add(tuple(index))
    yield from sorted(ends)
    for flat in rng.choice(size, max(samples - len(ends), 0), replace=False):
        yield tuple(int(i) for i in np.unravel_index(flat, shape))
    for _ in range(DIRECTIONS):
        yield rng.standard_normal(shape)


def _promote(x: Any) -> Any:
    """Floats as float64 copies of our own, contiguous; integers, booleans and None as they are."""
    if isinstance(x, Tensor):
        kept = _promote(to_cpu(x.data))
        return kept if _is_float_array(kept) else Tensor(kept)
    if isinstance(x, float | list | np.ndarray | np.floating):
        array = np.asarray(x)
        return np.array(array, np.float64, order="C") if array.dtype.kind == "f" else array.copy()
    return x


def _is_float_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


@contextlib.contextmanager
def _parameters_in_float64(fn: Any) -> Iterator[list[_Argument]]:
    """A module's parameters over float64 copies; at the end their own arrays are back."""
    named = list(fn.named_parameters()) if hasattr(fn, "named_parameters") else []
    kept = [(p, p.data, p.node) for _, p in named]
    try:
        arguments = []
        for name, p in named:
            copy = np.array(to_cpu(p.data), np.float64, order="C")
            p.data, p.node = copy, Leaf(copy)
            arguments.append(_Argument(name, copy, p))
        yield arguments
    finally:
        for p, data, node in kept:
            p.data, p.node = data, node


def _refuse_changes(
    name: str, what: str, arguments: list[_Argument], before: list[np.ndarray]
) -> None:
    for argument, kept in zip(arguments, before, strict=True):
        if not np.array_equal(argument.array, kept, equal_nan=True):
            raise GradientError(
                f"{name}: {what} wrote into its input {argument.name}, which belongs to the caller",
                op=name,
                argument=argument.name,
            )


def _refuse_two_answers(name: str, first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        if not np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True):
            raise GradientError(
                f"{name}: two calls with the same inputs gave different results: are there random "
                "numbers in it? Seed them inside the function",
                op=name,
            )


def _name_of(fn: Any) -> str:
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
