"""MLP: four times wider, a GELU, and back. It looks at each position alone."""

from tinygpt.autograd.engine import Tensor
from tinygpt.nn.gelu import gelu
from tinygpt.nn.initial import Rng, generator
from tinygpt.nn.linear import Linear
from tinygpt.nn.module import Module


class MLP(Module):
    """y = gelu(x W_fc + b_fc) W_proj + b_proj.   (..., C) -> (..., C)

    c_fc (C, 4C), c_proj (4C, C): GPT-2's names; two thirds of a block's parameters. n_inner: a
    width other than 4C; approximate: the form of the GELU.
    """

    def __init__(
        self,
        n_embd: int,
        *,
        n_inner: int | None = None,
        approximate: str = "tanh",
        bias: bool = True,
        std: float = 0.02,
        residual_std: float = 0.02,
        rng: Rng = None,
    ):
        n_inner, rng = n_inner or 4 * n_embd, generator(rng)
        self.c_fc = Linear(n_embd, n_inner, bias=bias, std=std, rng=rng)
        self.c_proj = Linear(n_inner, n_embd, bias=bias, std=residual_std, rng=rng)
        self.approximate = approximate

    def __call__(self, x: Tensor) -> Tensor:
        return self.c_proj(gelu(self.c_fc(x), approximate=self.approximate))
