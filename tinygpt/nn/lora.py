"""LoRA: teach a large model by a small correction to each of its matrices, all else frozen.

    y = x W + b + (alpha / r) x A B        W (in, out) is frozen; A (in, r) and B (r, out) learn

A step then needs no gradients and no moments of W: with r = 8 those of A and B are a hundredth. B
begins at 0, so at first nothing has changed. Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large
Language Models", section 4.1.
"""

import math

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.parameters import Frozen, Parameter
from tinygpt.nn.initial import Rng, generator, normal
from tinygpt.nn.linear import Linear, linear
from tinygpt.nn.module import Module


class LoRALinear(Module):
    """A Linear, frozen, with an adapter: lora_A (in, r), normal; lora_B (r, out), at first 0."""

    def __init__(self, layer: Linear, rank: int, alpha: float, *, rng: Rng = None):
        n_in, n_out = layer.weight.shape
        if not 1 <= rank <= min(n_in, n_out):
            raise ValueError(f"expected a rank of 1 to {min(n_in, n_out)}, got {rank}")
        self.weight, self.scale = Frozen(layer.weight.data), alpha / rank
        self.bias = None if layer.bias is None else Frozen(layer.bias.data)
        self.lora_A = normal(rng, (n_in, rank), 1 / math.sqrt(n_in))  # a product of size 1
        self.lora_B = Parameter(np.zeros((rank, n_out), np.float32))

    def __call__(self, x: Tensor) -> Tensor:
        y = linear(x, self.weight, self.bias)
        return y + self.scale * linear(linear(x, self.lora_A), self.lora_B)

    def merged(self) -> np.ndarray:
        """W + (alpha / r) A B: the matrix of a Linear that does the same."""
        return self.weight.data + self.scale * (self.lora_A.data @ self.lora_B.data)


def add_adapters(model: Module, rank: int, alpha: float, *, rng: Rng = None) -> None:
    """Every Linear in the model becomes a LoRALinear, and every other parameter is frozen."""
    rng = generator(rng)
    for module in list(model.modules()):
        if isinstance(module, LoRALinear):
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, Linear):
                setattr(module, name, LoRALinear(value, rank, alpha, rng=rng))
            elif isinstance(value, Parameter) and not isinstance(module, Linear):
                setattr(module, name, Frozen(value.data))


def draw_adapters(model: Module, rng: np.random.Generator) -> None:
    """New adapters for a model that has them: A normal, B 0."""
    for module in model.modules():
        if isinstance(module, LoRALinear):
            A = module.lora_A.data
            A[...] = rng.standard_normal(A.shape) / math.sqrt(len(A))
            module.lora_B.data[...] = 0


def merge_adapters(model: Module) -> None:
    """Every LoRALinear becomes a Linear that does the same, and everything is trained again."""
    for module in list(model.modules()):
        if isinstance(module, LoRALinear):
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, LoRALinear):
                layer = Linear(*value.weight.shape, bias=value.bias is not None, rng="zeros")
                layer.weight = Parameter(value.merged())
                if value.bias is not None:
                    layer.bias = Parameter(value.bias.data)
                setattr(module, name, layer)
            elif isinstance(value, Frozen):
                setattr(module, name, Parameter(value.data))
