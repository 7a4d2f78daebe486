"""What is refused whatever the numbers are: writing into inputs, two answers, other layouts."""

import numpy as np

from tinygpt.autograd.gradcheck.difference import Point, largest
from tinygpt.autograd.gradcheck.function import LAYOUTS, Function, arrays_of
from tinygpt.autograd.gradcheck.report import GradientError
from tinygpt.autograd.gradcheck.tolerances import SAME, SAME_ZERO


def refuse_changes(function: Function, what: str, before: dict[str, np.ndarray]) -> None:
    """GradientError where forward or backward wrote into an input."""
    for name, array in function.inputs().items():
        if not np.array_equal(array, before[name], equal_nan=array.dtype.kind == "f"):
            raise GradientError(
                f"{function.name}: {what} wrote into its input {name}, which belongs to the caller",
                op=function.name,
                argument=name,
            )


def refuse_a_changed_result(
    function: Function, before: list[np.ndarray], after: list[np.ndarray]
) -> None:
    """GradientError where backward wrote into what forward had returned."""
    for a, b in zip(before, after, strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            raise GradientError(
                f"{function.name}: backward wrote into its result, which others have by now",
                op=function.name,
            )


def refuse_two_answers(point: Point) -> None:
    """GradientError where the same inputs give other outputs the next time."""
    function = point.function
    for a, b in zip(point.outputs, function.forward(), strict=True):
        if not np.allclose(a, b, rtol=SAME, atol=SAME_ZERO, equal_nan=True):
            raise GradientError(
                f"{function.name}: two calls with the same inputs gave different results: are "
                "there random numbers in it? Seed them inside the function; a model with "
                "dropout: model.eval()",
                op=function.name,
            )


def refuse_layouts(point: Point) -> None:
    """The same values, lying otherwise in memory, must give the same results and gradients."""
    function = point.function
    inputs = [a.array for a in function.arguments]
    for how, layout in LAYOUTS.items():
        try:
            ys = function.call(layout)
            results = arrays_of(ys)
            gradients = function.backward(ys, point.dys)
        except Exception as error:
            error.add_note(f"{function.name}, where its inputs are {how}")
            raise
        for what, these, those, at_hand in (
            ("results", results, point.outputs, inputs),
            ("gradients", gradients, point.claimed, point.dys),
        ):
            rounding = SAME * max(map(largest, [*those, *at_hand]))  # of a sum near 0
            for a, b in zip(these, those, strict=True):
                if not np.allclose(a, b, rtol=SAME, atol=rounding, equal_nan=True):
                    raise GradientError(
                        f"{function.name} gives other {what} where its inputs are {how}, though "
                        "the values are the same: is an array taken apart as it lies in memory? "
                        "x.reshape(-1) of such an array is a copy, not a view",
                        op=function.name,
                    )
