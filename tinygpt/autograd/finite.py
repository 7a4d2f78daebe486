"""Finding the first result that is no number: every op looked at while a step is played again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinygpt.autograd.operators import shipped
from tinygpt.backend import Array, array_module, to_float


class NotFinite(ArithmeticError):
    """An op made an infinity or a nan out of finite numbers, or was given one."""


@contextmanager
def every_result_checked() -> Iterator[None]:
    """Inside, an op whose result or gradient is not finite raises NotFinite and says which.

    It costs a look at every array, so it is for playing a step again, not for training.
    """
    before = {op: op.function for op in shipped.values()}
    try:
        for op, function in before.items():
            op.function = _watched(op.name, function)
        yield
    finally:
        for op, function in before.items():
            op.function = function


def _watched(name: str, function: Any) -> Any:
    def watched(*arrays: Any, **settings: Any) -> Any:
        for i, x in enumerate(arrays):
            _check(x, f"argument {i} of {name}, before it computed anything,")
        y, backward = function(*arrays, **settings)
        for i, out in enumerate(y if type(y) is tuple else (y,)):
            _check(out, f"the result of {name}" if type(y) is not tuple else f"{name}'s output {i}")

        def watched_backward(dy: Any) -> Any:
            grads = backward(dy)
            grads = grads if type(grads) in (tuple, list) else (grads,)
            grads = [g(None, False) if callable(g) else g for g in grads]
            for i, g in enumerate(grads):
                _check(g, f"the gradient of {name}'s argument {i}")
            return grads

        return y, watched_backward

    return watched


def _check(x: Any, what: str) -> None:
    if not hasattr(x, "dtype") or x.dtype.kind != "f":
        return
    wrong = describe_not_finite(x)
    if wrong:
        raise NotFinite(f"{what} {tuple(x.shape)} has {wrong}")


def describe_not_finite(x: Array) -> str:
    """ "3 nan and 1 inf", or "" where all is finite."""
    xp = array_module(x)
    nan, inf = (int(to_float(f(x).sum())) for f in (xp.isnan, xp.isinf))
    return " and ".join(f"{n:,} {name}" for n, name in ((nan, "nan"), (inf, "inf")) if n)
