"""Block: attention lets the positions talk, the MLP lets each think; both add to the stream."""

from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.nn.attention import CausalSelfAttention
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.layernorm import LayerNorm
from tinygpt.nn.mlp import MLP
from tinygpt.nn.module import Module


class Block(Module):
    """x = x + attn(ln_1(x)),  x = x + mlp(ln_2(x)).   (B, T, C) -> (B, T, C)

    The norm stands before each branch (Radford et al. 2019, "Language Models are Unsupervised
    Multitask Learners", section 2.3), so the residual stream itself is never normalised.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        position: str = "none",
        dropout: float = 0.0,
        bias: bool = True,
        residual_std: float = 0.02,
        rng: np.random.Generator,
    ):
        settings = {"bias": bias, "residual_std": residual_std, "rng": rng}
        self.ln_1 = LayerNorm(n_embd, bias=bias)
        self.attn = CausalSelfAttention(
            n_embd, n_head, position=position, dropout=dropout, **settings
        )
        self.attn_residual_dropout = Dropout(dropout)
        self.ln_2 = LayerNorm(n_embd, bias=bias)
        self.mlp = MLP(n_embd, **settings)
        self.mlp_residual_dropout = Dropout(dropout)

    def __call__(self, x: Tensor, cache: Any = None) -> Tensor:
        x = x + self.attn_residual_dropout(self.attn(self.ln_1(x), cache))
        return x + self.mlp_residual_dropout(self.mlp(self.ln_2(x)))
