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
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

import numpy as np

from tinygpt.autograd.diagnosis import Circumstances, Number, cause_of_mismatch, likely_cause
from tinygpt.autograd.engine import Leaf, Tensor, op
from tinygpt.autograd.guards import Mismatch
from tinygpt.autograd.mode import no_grad
from tinygpt.backend import array_module, like, to_cpu, to_device

DIRECTIONS = 4  # random directions through an argument that is too large to walk element by element
REDRAWS = 8  # other points to try where the function has a kink


def check_gradient_plain(f, x, eps=1e-6):
    """The check in its shortest form: f of one Tensor, at x. Nothing where the gradient is right.

    For each element of x: a step of eps up and one down; the change of L = sum(dy f(x)), divided by
    2 eps, is the slope. AssertionError where backward says another one.
    """
    x = np.array(x, np.float64)
    tensor = Tensor(x.copy(), requires_grad=True)
    y = f(tensor)
    dy = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(dy)

    def L(x):
        with no_grad():
            return float((dy * f(Tensor(x.copy())).numpy()).sum())

    for i in np.ndindex(x.shape):
        value = x[i]
        x[i] = value + eps
        up = L(x)
        x[i] = value - eps
        down = L(x)
        x[i] = value
        slope = (up - down) / (2 * eps)
        error = abs(tensor.grad[i] - slope)
        assert error < 1e-6 * (1 + abs(slope)), f"at {i}: {tensor.grad[i]}, the slope is {slope}"


def _transposed(a: Any) -> Any:
    """The same values, the first axis running fastest in memory."""
    return a.transpose().copy().transpose() if a.ndim > 1 else a


def _strided(a: Any) -> Any:
    """The same values, every second element along the last axis of a longer array."""
    if not a.ndim:
        return a
    wide = array_module(a).zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


LAYOUTS = {"transposed in memory": _transposed, "not next to each other in memory": _strided}


class GradientError(AssertionError):
    """A gradient is wrong. The attributes say where: op, argument (its name), index (None for a
    random direction, or where no number was compared), expected, got, ratio = got / expected, and
    cause, a sentence, where one explains every element that was compared.
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
        cause: str | None = None,
    ):
        super().__init__(message + (f"\n  likely: {cause}" if cause else ""))
        self.op, self.argument, self.index, self.cause = op, argument, index, cause
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


@dataclass(frozen=True, repr=False)
class GradientReport:
    """What check_gradient looked at; it is shown as a table."""

    op: str
    arguments: tuple[ArgumentReport, ...]
    taylor_slope: float | None = None  # 2 or more: see _taylor_slope; None: f is linear here

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

    __repr__ = __str__


@dataclass
class _Argument:
    """An array whose gradient is checked: `array` is ours and is moved to and fro."""

    name: str
    array: np.ndarray
    leaf: Any  # the Tensor or Parameter over it in the latest call


class _Kink(Exception):
    """The function has no derivative at this point."""


def check_gradient(
    fn: Callable,
    *inputs: Any,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
    samples: int = 64,
    seed: int = 0,
    device: str = "cpu",
) -> GradientReport:
    """Hold the gradient of fn against central differences in float64; raise GradientError if wrong.

    fn: a function of Tensors that returns a Tensor or a tuple of them, or a Module, whose
    parameters are then checked too. inputs: arrays, Tensors or numbers; floats are promoted to
    float64 copies and checked, integers, booleans and None are constants. Neither the caller's
    arrays nor NumPy's global random state are touched. fn runs on the device.

    An argument of at most `samples` elements is compared element by element; of a larger one
    `samples` elements (first and last along each axis among them) and some random directions.
    The error of an element is |expected - got| / max(|expected|, |got|, floor), where the floor is
    what rounding and the next term of the series let us see, and at least a thousandth of the
    argument's largest element; it must be at most `tolerance`. Then the remainder of the Taylor
    series must fall as it should.

    Where the function itself has a kink (its quotients to both sides do not approach each other)
    another point near by is drawn; if none is smooth, that is said.

    Also refused: a gradient of another shape or dtype, a backward or forward that writes into dy or
    into an input, a function that gives two answers for the same inputs, or another one where they
    lie otherwise in memory (transposed, every second element of an array). Dropout in a Module that
    is in train mode drops the same elements at each call here.
    """
    name, rng = name_of(fn), np.random.default_rng(seed)
    values, names = [promote(x) for x in inputs], _argument_names(fn, len(inputs))
    with _parameters_in_float64(fn) as parameters:
        arguments = [
            _Argument(names[i], v, None) for i, v in enumerate(values) if is_float_array(v)
        ] + parameters
        if not arguments:
            raise ValueError(f"{name} has no float input, so there is no gradient to check")
        empty = [a.name for a in arguments if not a.array.size]
        if empty:
            raise ValueError(f"{name}: {empty[0]} is empty, so there is no gradient to check")
        check = _Check(fn, name, values, arguments, eps, tolerance, samples, device)
        for _ in range(REDRAWS):
            try:
                return check.run(rng)
            except _Kink:
                for a in arguments:
                    a.array += 1e-3 * (1 + np.abs(a.array)) * rng.standard_normal(a.array.shape)
    raise GradientError(
        f"{name}: there is a kink at the given point and at {REDRAWS - 1} others near by, so there "
        "is no gradient to compare with: give other inputs",
        op=name,
    )


class _Check:
    """One function with its arguments, and the steps of checking it."""

    def __init__(
        self,
        fn: Callable,
        name: str,
        values: list[Any],
        arguments: list[_Argument],
        eps: float,
        tolerance: float,
        samples: int,
        device: str,
    ):
        self.device = device
        self.fn, self.name, self.values, self.arguments = fn, name, values, arguments
        self.eps, self.tolerance, self.samples = eps, tolerance, samples
        modules = fn.modules() if hasattr(fn, "modules") else ()
        self.dropouts = [m for m in modules if hasattr(m, "forwards")]

    def run(self, rng: np.random.Generator) -> GradientReport:
        before = [a.array.copy() for a in self.arguments]
        ys = self.call()
        self.outputs = [np.array(to_cpu(y.data)) for y in ys]
        self.looks_like_float32 = all(map(_fits_float32, self.outputs)) and not any(
            _fits_float32(a.array) for a in self.arguments
        )
        self.refuse_changes("forward", before)
        self.dys = [rng.standard_normal(y.shape) for y in self.outputs]
        claimed = self.claimed_gradients(ys)
        self.refuse_changes("backward", before)
        self.refuse_two_answers(self.outputs, self.forward())
        self.refuse_layouts(claimed)
        reports = []
        for argument, gradient in zip(self.arguments, claimed, strict=True):
            points = list(_points(argument.array.shape, self.samples, rng))
            numbers = [self.compare(argument, gradient, p) for p in points]
            reports.append(self.judge(argument, points, numbers))
        slope = self.taylor_slope(claimed, rng)
        return GradientReport(self.name, tuple(reports), slope)

    # ------------------------------------------------------------------------------ calling fn

    def call(self, layout: Callable[[Any], Any] = lambda a: a) -> list[Tensor]:
        """The outputs that are floats, recorded, over the present values of the arguments, as they
        lie in memory after `layout`."""
        fresh, tensors = iter(self.arguments), list(self.values)
        for dropout in self.dropouts:
            dropout.forwards = 0  # the same masks again
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
            argument.leaf.node = Leaf(argument.leaf.data)
        y = self.fn(*tensors)
        ys = list(y) if isinstance(y, tuple | list) else [y]
        for part in ys:
            if not isinstance(part, Tensor):
                kind = type(part).__name__
                raise TypeError(f"{self.name} must return a Tensor or a tuple of them, got {kind}")
        return [part for part in ys if part.dtype.kind == "f"]

    def forward(self) -> list[np.ndarray]:
        with no_grad():
            return [np.array(to_cpu(y.data)) for y in self.call()]

    # ------------------------------------------------------------------------- the two numbers

    def claimed_gradients(self, ys: list[Tensor]) -> list[np.ndarray]:
        """The gradient of sum(dy * y) for each argument, by backward()."""
        given = [to_device(dy.copy(), self.device) for dy in self.dys]
        total = _inner_product(*ys, dys=given)
        if total.node is not None:
            try:
                total.backward()
            except Mismatch as error:
                cause = cause_of_mismatch(error.expected, error.got, error.dtype)
                message = f"{self.name}: {error}"
                argument = self.name_of_argument(error.argument)
                raise GradientError(
                    message, op=self.name, argument=argument, cause=cause
                ) from error
            except (ValueError, TypeError) as error:
                raise GradientError(f"{self.name}: {error}", op=self.name) from error
        for i, (dy, kept) in enumerate(zip(given, self.dys, strict=True)):
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

    def name_of_argument(self, i: int) -> str | None:
        """The name of the op's argument i, where fn hands its own on as they are."""
        same = [a for a in self.arguments if a.name.split(" (")[0] == f"argument {i}"]
        return same[0].name if same else None

    def compare(self, argument: _Argument, gradient: np.ndarray, point: Any) -> Number:
        """One element, or one direction, of an argument's gradient from both sides.

        The rounding: each output that moved is known to a few units in its last place, and
        something inside may have been as large as the largest input or output.
        """
        along = isinstance(point, np.ndarray)
        got = float(np.sum(gradient * point) if along else gradient[point])
        width, plus, minus = self.both_sides(argument, point, self.eps)
        parts = [dy * (p - m) / width for dy, p, m in zip(self.dys, plus, minus, strict=True)]
        expected = math.fsum(float(part.sum()) for part in parts)
        moved = [(dy * p)[p != m] for dy, p, m in zip(self.dys, plus, minus, strict=True) if p.size]
        rounding = math.sqrt(math.fsum(float(np.sum(part**2)) for part in moved))
        rounding += max((largest(dy) for dy in self.dys), default=0.0) * self.scale(argument)
        rounding *= 4 * np.finfo(np.float64).eps / width
        self.refuse_kinks(argument, point, plus, minus, width, abs(expected) + rounding)
        flat = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)
        touched = np.flatnonzero(flat)
        own = None
        if not along and len(parts) == 1 and parts[0].shape == argument.array.shape:
            own = float(parts[0][point])
        return Number(
            expected,
            got,
            rounding,
            tuple(float(part.sum()) for part in parts),
            own,
            float(flat[touched[-1]]) if len(touched) else 0.0,
        )

    def both_sides(
        self, argument: _Argument, point: Any, eps: float
    ) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
        """How far the two sides are apart, and the outputs there."""
        x, kept = argument.array, argument.array.copy()
        at, step = (..., eps * point) if isinstance(point, np.ndarray) else (point, eps)
        x[at] = kept[at] + step
        ahead, plus = x.copy(), self.forward()
        x[at] = kept[at] - step
        width = 2 * eps if at is ... else float(ahead[at] - x[at])  # as it was rounded
        minus = self.forward()
        x[...] = kept
        return width, plus, minus

    def refuse_kinks(
        self,
        argument: _Argument,
        point: Any,
        plus: list[np.ndarray],
        minus: list[np.ndarray],
        width: float,
        size: float,
    ) -> None:
        """_Kink where the quotients to both sides differ, and do so still from four times as far.

        Half their difference is what a kink does to the central difference: below the tolerance it
        does not matter. For a smooth function it is four times as large from four times as far.
        """
        near = self.one_sided_difference(argument, plus, minus, width)
        if near / 2 <= self.tolerance * size or self.looks_like_float32:
            return  # it does not matter; or it is the staircase of float32, which is said below
        wide, plus, minus = self.both_sides(argument, point, 4 * self.eps)
        far = self.one_sided_difference(argument, plus, minus, wide)
        if near > 0.35 * far:
            raise _Kink

    def one_sided_difference(
        self,
        argument: _Argument,
        plus: list[np.ndarray],
        minus: list[np.ndarray],
        width: float,
    ) -> float:
        """The largest difference between the quotients to both sides, over all outputs; what
        rounding can explain counts as 0."""
        rounding = 100 * np.finfo(np.float64).eps * self.scale(argument)
        difference = 0.0
        for dy, y, p, m in zip(self.dys, self.outputs, plus, minus, strict=True):
            bend = np.abs(p - 2 * y + m)
            visible = np.where(bend > rounding, bend, 0.0)
            difference = max(difference, largest(dy * visible) * 2 / width)
        return difference

    def scale(self, argument: _Argument) -> float:
        """The largest number at hand, in the outputs and this argument."""
        return max(largest(a) for a in [argument.array, *self.outputs])

    def judge(self, argument: _Argument, points: list, numbers: list[Number]) -> ArgumentReport:
        """The report of one argument, or a GradientError that names its worst element."""
        directions = sum(isinstance(p, np.ndarray) for p in points)
        elements = len(points) - directions
        floor = 1e-3 * max((abs(n.expected) for n in numbers[:elements]), default=0.0)
        floor += 10 * self.eps * max((largest(dy) for dy in self.dys), default=0.0)
        errors = [self.error(n, floor) for n in numbers]
        worst = int(np.argmax(errors))
        index = tuple(int(i) for i in points[worst]) if worst < elements else None
        if errors[worst] > self.tolerance:
            n = numbers[worst]
            where = "along a random direction" if index is None else f"at {list(index)}"
            off = sum(e > self.tolerance for e in errors)
            raise GradientError(
                f"{self.name}: the gradient of {argument.name} is wrong {where}\n"
                f"  expected {n.expected:.9g} (central difference), got {n.got:.9g} (backward), "
                f"ratio {_ratio(n.got, n.expected):.6g}\n"
                f"  {off} of {len(numbers)} numbers compared are off by more than "
                f"{self.tolerance:g}",
                op=self.name,
                argument=argument.name,
                index=index,
                expected=n.expected,
                got=n.got,
                cause=self.cause(argument, numbers[:elements], floor),
            )
        shape = argument.array.shape
        return ArgumentReport(argument.name, shape, errors[worst], index, elements, directions)

    def error(self, n: Number, floor: float) -> float:
        """The relative error, inf where a number is not finite."""
        size = max(abs(n.expected), abs(n.got), floor + n.rounding / self.tolerance)
        error = abs(n.expected - n.got) / size if size else 0.0
        return error if math.isfinite(error) else math.inf

    def cause(self, argument: _Argument, numbers: list[Number], floor: float) -> str | None:
        rounding = max((n.rounding for n in numbers), default=0.0)
        tolerance = 10 * self.tolerance  # the candidates are central differences themselves

        def close(got: float, candidate: float) -> bool:
            return abs(got - candidate) <= tolerance * max(abs(candidate), floor) + 10 * rounding

        arrays = [a.array for a in self.arguments]
        circumstances = Circumstances(
            shapes=tuple(a.shape for a in [*arrays, *self.outputs]),
            has_indices=any(_is_integer(v) for v in self.values),
            looks_like_float32=self.looks_like_float32,
        )
        whole = len(numbers) == argument.array.size
        return likely_cause(numbers, argument.array.shape if whole else None, circumstances, close)

    # ----------------------------------------------------------------------------- Taylor

    def taylor_slope(self, claimed: list[np.ndarray], rng: np.random.Generator) -> float | None:
        """How the remainder |L(x + h v) - L(x) - h <g, v>| falls with h: as h^2, so the slope of
        its logarithm is 2 (more where the second derivative vanishes). With a wrong g it is 1.

        All arguments move at once along one random direction. None where the remainder is rounding
        from the start: a linear function. GradientError where the slope stays below 1.5, unless
        the function itself bends like a kink on this line, which is judged without g.
        """
        vs = [rng.standard_normal(a.array.shape) for a in self.arguments]
        slope = math.fsum(float(np.sum(g * v)) for g, v in zip(claimed, vs, strict=True))
        kept = [a.array.copy() for a in self.arguments]
        size = math.fsum(
            float(np.sum(np.abs(dy * y))) for dy, y in zip(self.dys, self.outputs, strict=True)
        )

        def moved(h: float) -> float:
            """L(x + h v) - L(x)"""
            for a, x, v in zip(self.arguments, kept, vs, strict=True):
                a.array[...] = x + h * v
            ys = self.forward()
            for a, x in zip(self.arguments, kept, strict=True):
                a.array[...] = x
            return math.fsum(
                float(np.sum(dy * (y - y0)))
                for dy, y, y0 in zip(self.dys, ys, self.outputs, strict=True)
            )

        hs = (0.01 * 0.5 ** np.arange(10)).tolist()
        remainders = [abs(moved(h) - h * slope) for h in hs]
        moves = math.fsum(  # h <g, v> is rounded too, and the only number where f(x) is 0
            float(np.sum(np.abs(g * v))) for g, v in zip(claimed, vs, strict=True)
        )
        pairs = takewhile(
            lambda pair: pair[1] > 1e-12 * (size + pair[0] * moves),
            zip(hs, remainders, strict=True),
        )
        visible = [remainder for _, remainder in pairs]
        if len(visible) < 4:  # rounding
            return None
        slopes = [math.log2(a / b) for a, b in pairwise(visible)]
        best = max(slopes[-3:])
        if best < 1.5:
            wide, near = (abs(moved(h) + moved(-h)) for h in hs[len(visible) - 2 : len(visible)])
            if wide < 3 * near:  # smooth: four times as large from twice as far
                raise _Kink
            raise GradientError(
                f"{self.name}: the remainder of the Taylor series falls as h^{best:.2f} in place "
                "of h^2: the gradient as a whole is not the slope of the function",
                op=self.name,
            )
        return best

    # ------------------------------------------------------------------------------- refusals

    def refuse_changes(self, what: str, before: list[np.ndarray]) -> None:
        for argument, kept in zip(self.arguments, before, strict=True):
            if not np.array_equal(argument.array, kept, equal_nan=True):
                raise GradientError(
                    f"{self.name}: {what} wrote into its input {argument.name}, which belongs to "
                    "the caller",
                    op=self.name,
                    argument=argument.name,
                )

    def refuse_two_answers(self, first: list[np.ndarray], second: list[np.ndarray]) -> None:
        for a, b in zip(first, second, strict=True):
            if not np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True):
                raise GradientError(
                    f"{self.name}: two calls with the same inputs gave different results: are "
                    "there random numbers in it? Seed them inside the function; a model with "
                    "dropout: model.eval()",
                    op=self.name,
                )

    def refuse_layouts(self, claimed: list[np.ndarray]) -> None:
        """The same values, lying otherwise in memory, must give the same results and gradients."""
        for how, layout in LAYOUTS.items():
            try:
                ys = self.call(layout)
                results = [np.array(to_cpu(y.data)) for y in ys]
                gradients = self.claimed_gradients(ys)
            except Exception as error:
                error.add_note(f"{self.name}, where its inputs are {how}")
                raise
            inputs = [a.array for a in self.arguments]
            for what, these, those, at_hand in (
                ("results", results, self.outputs, inputs),
                ("gradients", gradients, claimed, self.dys),
            ):
                rounding = 1e-9 * max(map(largest, [*those, *at_hand]))  # of a sum near 0
                for a, b in zip(these, those, strict=True):
                    if not np.allclose(a, b, rtol=1e-6, atol=rounding, equal_nan=True):
                        raise GradientError(
                            f"{self.name} gives other {what} where its inputs are {how}, though "
                            "the values are the same: is an array taken apart as it lies in "
                            "memory? x.reshape(-1) of such an array is a copy, not a view",
                            op=self.name,
                        )


@op
def _inner_product(*ys, dys):
    """sum over all outputs of dy * y, whose backward hands each output our own dy."""
    total = sum(np.sum(to_cpu(y) * to_cpu(dy)) for y, dy in zip(ys, dys, strict=True))
    return like(np.asarray(total), ys[0]), lambda one: tuple(dys)


# ------------------------------------------------------------------------ where, and from what


def largest(a: np.ndarray) -> float:
    return float(np.abs(a).max(initial=0.0))


def _ratio(got: float, expected: float) -> float:
    return got / expected if expected else float("inf") if got else float("nan")


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


def _is_integer(x: Any) -> bool:
    x = x.data if isinstance(x, Tensor) else x
    return isinstance(x, np.ndarray) and x.dtype.kind in "iu"


def _fits_float32(a: np.ndarray) -> bool:
    return bool(np.array_equal(a, a.astype(np.float32)))


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
