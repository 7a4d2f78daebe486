"""The engine: Tensor, op, backward; the small ops; parameters; the gradient checks."""

from tinygpt.autograd import ops
from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.gradcheck import GradientError, adjoint_check, check_gradient
from tinygpt.autograd.mode import no_grad, recording
from tinygpt.autograd.parameters import Parameter, ParameterVector

__all__ = [
    "GradientError",
    "Parameter",
    "ParameterVector",
    "Tensor",
    "adjoint_check",
    "check_gradient",
    "no_grad",
    "op",
    "ops",
    "recording",
]
