"""The gradient checks. Their idea stands in 25 lines at the top of check.py.

check.py         check_gradient: what is looked at, in which order, and the verdict
difference.py    central differences, and the two numbers that are compared
kinks.py         where the function itself has no derivative
taylor.py        the gradient as a whole: does the remainder fall as h^2?
refusals.py      writing into inputs, two answers, other layouts in memory
adjoint.py       linear functions: is backward the transpose of forward?
diagnosis.py     what probably went wrong
tolerances.py    every number that decides, with its reason
function.py      the function under check, called over float64 copies
report.py        the table, the error
"""

from tinygpt.autograd.gradcheck.adjoint import adjoint_check
from tinygpt.autograd.gradcheck.check import check_gradient, check_gradient_plain
from tinygpt.autograd.gradcheck.report import GradientError, GradientReport

__all__ = [
    "GradientError",
    "GradientReport",
    "adjoint_check",
    "check_gradient",
    "check_gradient_plain",
]
