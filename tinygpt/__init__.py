"""tinygpt: a GPT in NumPy and CuPy, with its own small autograd engine, made to be read.

    import tinygpt as tg

    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    x.grad                                # array([2., 4.], dtype=float32)

Who comes from PyTorch writes:

    there                                     here
    torch.tensor(a), torch.zeros(2, 3)        Tensor(a), Tensor(np.zeros((2, 3), np.float32))
    x.view(6), x.permute(1, 0), x[:, None]    x.reshape(6), x.permute(1, 0), x[:, None]
    x.transpose(-2, -1)                       x.swapaxes(-2, -1)     (transpose takes all axes)
    x.sum(dim=1, keepdim=True)                x.sum(axis=1, keepdims=True)
    values, places = x.max(1)                 x.max(axis=1), x.argmax(axis=1)
    x.var(), x.std()                          x.var(ddof=1), x.std(ddof=1)
    torch.cat([x, y]), torch.stack([x, y])    ops.concat(x, y), ops.stack(x, y)
    x.masked_fill(mask, v)                    ops.where(mask, v, x)
    x.gather(1, i)                            x.take_along_axis(i, axis=1)
    F.softmax(x, dim=-1), F.gelu(x)           nn.softmax(x), nn.gelu(x)
    F.scaled_dot_product_attention(q, k, v)   nn.attention(q, k, v, causal=False)
    nn.Linear(3, 2).weight of shape (2, 3)    of shape (3, 2): y = x @ weight + bias
    a new Module is in train mode             in eval mode: model.train()
    optim.AdamW(model.parameters())           AdamW(model), or AdamW(model.parameters())
    clip_grad_norm_(model.parameters(), 1)    clip_grad_norm(model, 1.0)
    p.grad, a Tensor                          p.grad, an array
    loss.backward(retain_graph=True)          a graph is used once: compute the loss again
    create_graph=True                         gradients are of first order only
    model.to("cuda"), x.dtype float64         model.to("gpu"), model.to("float64")

What is called otherwise says so when it is typed. Importing this package loads nothing; each name
below is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names once more, for editors and type checkers
    from tinygpt import nn, optim, text
    from tinygpt.autograd import ops
    from tinygpt.autograd.engine import Tensor, op
    from tinygpt.autograd.gradcheck import GradientError, check_gradient
    from tinygpt.autograd.mode import no_grad
    from tinygpt.autograd.parameters import Parameter
    from tinygpt.backend import DeviceError, gpu_available
    from tinygpt.generation.writing import generate_text
    from tinygpt.models.gpt import GPT, GPTConfig
    from tinygpt.nn.module import Module
    from tinygpt.optim.adam import Adam, AdamW
    from tinygpt.optim.clip import clip_grad_norm
    from tinygpt.optim.nadam import NAdam, NAdamW
    from tinygpt.optim.sgd import SGD
    from tinygpt.training.arguments import TrainingArguments
    from tinygpt.training.trainer import Trainer

__version__ = "0.1.0"

_WHERE = {
    "Tensor": "tinygpt.autograd.engine",
    "Parameter": "tinygpt.autograd.parameters",
    "Module": "tinygpt.nn.module",
    "op": "tinygpt.autograd.engine",
    "no_grad": "tinygpt.autograd.mode",
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
    "Parameter",
    "Module",
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
        if name.startswith("__"):
            raise AttributeError(name)
        habits = importlib.import_module("tinygpt.autograd.habits")
        raise habits.missing("module 'tinygpt'", name, habits.PACKAGE, __all__)
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value  # the next look-up finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
