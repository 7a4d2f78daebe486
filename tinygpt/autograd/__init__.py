"""The engine: Tensor, op, backward; the small ops; parameters; the gradient checks."""

from tinygpt.autograd import ops
from tinygpt.autograd.engine import Tensor, no_grad, op, recording
from tinygpt.autograd.gradcheck import GradientError, check_gradient
from tinygpt.autograd.parameters import Parameter, ParameterVector

__all__ = [
    "GradientError",
    "Parameter",
    "ParameterVector",
    "Tensor",
    "check_gradient",
    "no_grad",
    "op",
    "ops",
    "recording",
]
