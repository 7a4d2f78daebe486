"""What a check says: a table where the gradient is right, an error that says where it is not."""

from dataclasses import dataclass


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
        self.ratio = None if expected is None or got is None else ratio(got, expected)


def ratio(got: float, expected: float) -> float:
    """got / expected; inf or nan where nothing was expected."""
    return got / expected if expected else float("inf") if got else float("nan")


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
    taylor_slope: float | None = None  # about 2 or more: see taylor.py; None: it is not visible
    kinks: int = 0  # points that were left because there is a kink: not the given one was checked

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
        if self.kinks:
            lines.append("  checked at another point near by: there is a kink at the given one")
        return "\n".join(lines)

    __repr__ = __str__
