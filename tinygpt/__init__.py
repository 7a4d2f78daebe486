"""tinygpt: a GPT in NumPy and CuPy, with its own small autograd engine, made to be read.

    import tinygpt as tg

    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    x.grad                                # array([2., 4.], dtype=float32)

Importing this package loads nothing; each name below is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names once more, for editors and type checkers
    from tinygpt import nn, optim, text
    from tinygpt.autograd import ops
    from tinygpt.autograd.engine import Tensor, no_grad, op
    from tinygpt.autograd.gradcheck import GradientError, check_gradient
    from tinygpt.backend import DeviceError, gpu_available
    from tinygpt.generation.writing import generate_text
    from tinygpt.models.gpt import GPT, GPTConfig
    from tinygpt.optim.adam import Adam, AdamW
    from tinygpt.optim.clip import clip_grad_norm
    from tinygpt.optim.nadam import NAdam, NAdamW
    from tinygpt.optim.sgd import SGD
    from tinygpt.training.arguments import TrainingArguments
    from tinygpt.training.trainer import Trainer

__version__ = "0.1.0"

_WHERE = {
    "Tensor": "tinygpt.autograd.engine",
    "op": "tinygpt.autograd.engine",
    "no_grad": "tinygpt.autograd.engine",
    "check_gradient": "tinygpt.autograd.gradcheck",
    "GradientError": "tinygpt.autograd.gradcheck",
    "DeviceError": "tinygpt.backend",
    "gpu_available": "tinygpt.backend",
    "GPT": "tinygpt.models.gpt",
    "GPTConfig": "tinygpt.models.gpt",
    "SGD": "tinygpt.optim.sgd",
    "Adam": "tinygpt.optim.adam",
    "AdamW": "tinygpt.optim.adam",
    "NAdam": "tinygpt.optim.nadam",
    "NAdamW": "tinygpt.optim.nadam",
    "clip_grad_norm": "tinygpt.optim.clip",
    "Trainer": "tinygpt.training.trainer",
    "TrainingArguments": "tinygpt.training.arguments",
    "generate_text": "tinygpt.generation.writing",
    "ops": "tinygpt.autograd",
}
_ROOMS = ("nn", "text", "optim")

__all__ = [  # noqa: RUF022  in the order in which one meets them
    "Tensor",
    "op",
    "no_grad",
    "check_gradient",
    "GradientError",
    "DeviceError",
    "gpu_available",
    "GPT",
    "GPTConfig",
    "SGD",
    "Adam",
    "AdamW",
    "NAdam",
    "NAdamW",
    "clip_grad_norm",
    "Trainer",
    "TrainingArguments",
    "generate_text",
    "ops",
    "nn",
    "text",
    "optim",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"tinygpt.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'tinygpt' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value  # the next look-up finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
