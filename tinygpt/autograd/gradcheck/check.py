"""The gradient check: is `backward` the derivative of the forward?

    check_gradient(gelu, x)                     an op
    check_gradient(lambda a, b: a @ b, a, b)    any function of Tensors
    check_gradient(Linear(3, 4, rng=rng), x)    a module: its parameters are checked too

A random dy is drawn, so that what is differentiated is one number, L = sum(dy * f(x)). For each
element x_j the claimed dx_j is held against the central difference

    dL/dx_j  ~  sum(dy * (f(x + eps e_j) - f(x - eps e_j))) / (2 eps)        error of order eps^2

A random dy matters: with dy = 1 the true gradient of softmax is 0, and a backward that returns
zeros would pass. Everything is computed in float64 on copies. First the check in its shortest form,
then what a class needs besides: modules, large arrays, kinks, the likely cause.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.gradcheck.diagnosis import Circumstances, Number, likely_cause
from tinygpt.autograd.gradcheck.difference import Point, both_sides, compare, is_direction
from tinygpt.autograd.gradcheck.function import (
    Argument,
    Function,
    arrays_of,
    as_it_was,
    is_integer,
)
from tinygpt.autograd.gradcheck.kinks import Kink, refuse_kinks
from tinygpt.autograd.gradcheck.refusals import (
    refuse_a_changed_result,
    refuse_changes,
    refuse_layouts,
    refuse_two_answers,
)
from tinygpt.autograd.gradcheck.report import ArgumentReport, GradientError, GradientReport, ratio
from tinygpt.autograd.gradcheck.taylor import taylor_slope
from tinygpt.autograd.gradcheck.tolerances import (
    CAUSE,
    DIRECTIONS,
    EPS,
    MOVE,
    REDRAWS,
    SAMPLES,
    SLOPELESS,
    SMALL,
    TOLERANCE,
)
from tinygpt.autograd.mode import no_grad


def check_gradient_plain(f, x, eps=1e-6):
    """The check in its shortest form: f of one Tensor, at x. Nothing where the gradient is right.

    For each element of x: a step of eps up and one down; the change of L = sum(dy f(x)), divided by
    2 eps, is the slope. AssertionError where backward says another one.
    """
    x = np.array(x, np.float64)
    tensor = Tensor(x.copy(), requires_grad=True)
    y = f(tensor)
    dy = np.random.default_rng(7919).standard_normal(y.shape)  # another seed than that of x
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


def check_gradient(
    fn: Callable,
    *inputs: Any,
    eps: float = EPS,
    tolerance: float = TOLERANCE,
    samples: int = SAMPLES,
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
    another point near by is drawn, and the report says so; if none is smooth, that is said.

    Also refused: a gradient of another shape or dtype, a backward or forward that writes into dy or
    into an input, a function that gives two answers for the same inputs, or another one where they
    lie otherwise in memory (transposed, every second element of an array). Dropout in a Module that
    is in train mode drops the same elements at each call here.
    """
    rng = np.random.default_rng([seed, 7919])  # no dy may be the x that was drawn with this seed
    with as_it_was(fn) as parameters:
        function = Function(fn, inputs, parameters, device)
        for kinks in range(REDRAWS):
            try:
                point = look_around(function, rng, eps=eps, tolerance=tolerance)
                reports = []
                for argument, gradient in zip(function.arguments, point.claimed, strict=True):
                    places = list(places_in(argument.array.shape, samples, rng))
                    reports.append(check_argument(point, argument, gradient, places))
                slope = taylor_slope(point, rng)
                return GradientReport(function.name, tuple(reports), slope, kinks)
            except Kink:
                for a in function.arguments:
                    away = rng.standard_normal(a.array.shape)
                    away += np.sign(away)  # at least 1
                    a.array += MOVE * (1 + np.abs(a.array)) * away
    raise GradientError(
        f"{function.name}: there is a kink at the given point and at {REDRAWS - 1} others near by, "
        "so there is no gradient to compare with: give other inputs",
        op=function.name,
    )


def look_around(
    function: Function, rng: np.random.Generator, *, eps: float, tolerance: float
) -> Point:
    """Forward and backward at the present values, after what is refused whatever the numbers."""
    before = {name: a.copy() for name, a in function.inputs().items()}
    ys = function.call()
    outputs = arrays_of(ys)
    refuse_changes(function, "forward", before)
    dys = [rng.standard_normal(y.shape) for y in outputs]
    claimed = function.backward(ys, dys)
    refuse_changes(function, "backward", before)
    refuse_a_changed_result(function, outputs, arrays_of(ys))
    point = Point(function, outputs, dys, claimed, eps, tolerance)
    refuse_two_answers(point)
    refuse_layouts(point)
    return point


def places_in(shape: tuple[int, ...], samples: int, rng: np.random.Generator) -> Iterator[Any]:
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


def check_argument(
    point: Point, argument: Argument, gradient: np.ndarray, places: list
) -> ArgumentReport:
    """The claimed gradient of one argument beside the differences, at these places."""
    numbers = []
    for place in places:
        sides = both_sides(point, argument, place, point.eps)
        number = compare(point, argument, gradient, place, sides)
        refuse_kinks(point, argument, place, sides, abs(number.expected) + number.rounding)
        numbers.append(number)
    return judge(point, argument, places, numbers)


def judge(point: Point, argument: Argument, places: list, numbers: list[Number]) -> ArgumentReport:
    """The report of one argument, or a GradientError that names its worst element."""
    name, tolerance = point.function.name, point.tolerance
    directions = sum(map(is_direction, places))
    elements = len(places) - directions
    floor = SMALL * max((abs(n.expected) for n in numbers[:elements]), default=0.0)
    floor += SLOPELESS * point.eps**2 / tolerance * point.largest_dy
    errors = [relative_error(n, floor, tolerance) for n in numbers]
    worst = int(np.argmax(errors))
    index = tuple(int(i) for i in places[worst]) if worst < elements else None
    if errors[worst] > tolerance:
        n = numbers[worst]
        where = "along a random direction" if index is None else f"at {list(index)}" * bool(index)
        off = sum(e > tolerance for e in errors)
        raise GradientError(
            f"{name}: the gradient of {argument.name} is wrong {where}".rstrip() + f"\n"
            f"  expected {n.expected:.9g} (central difference), got {n.got:.9g} (backward), "
            f"ratio {ratio(n.got, n.expected):.6g}\n"
            f"  {off} of {len(numbers)} numbers compared are off by more than {tolerance:g}",
            op=name,
            argument=argument.name,
            index=index,
            expected=n.expected,
            got=n.got,
            cause=cause_of(point, argument, numbers[:elements], floor),
        )
    return ArgumentReport(
        argument.name, argument.array.shape, errors[worst], index, elements, directions
    )


def relative_error(n: Number, floor: float, tolerance: float) -> float:
    """|expected - got| relative to the larger, or to what can be seen; inf where not finite."""
    size = max(abs(n.expected), abs(n.got), floor + n.rounding / tolerance)
    error = abs(n.expected - n.got) / size if size else 0.0
    return error if math.isfinite(error) else math.inf


def cause_of(point: Point, argument: Argument, numbers: list[Number], floor: float) -> str | None:
    """What explains every element that was compared, as a sentence; else None."""
    rounding = max((n.rounding for n in numbers), default=0.0)

    def close(got: float, candidate: float) -> bool:
        allowed = point.tolerance * max(abs(candidate), floor) + rounding
        return abs(got - candidate) <= CAUSE * allowed

    arrays = [a.array for a in point.function.arguments]
    circumstances = Circumstances(
        shapes=tuple(a.shape for a in [*arrays, *point.outputs]),
        has_indices=any(map(is_integer, point.function.values)),
        looks_like_float32=point.looks_like_float32,
    )
    whole = len(numbers) == argument.array.size
    return likely_cause(numbers, argument.array.shape if whole else None, circumstances, close)
