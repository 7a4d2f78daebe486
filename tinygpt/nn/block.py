"""Block: attention lets the positions talk, the MLP lets each think; both add to the stream."""

from typing import Any

from tinygpt.autograd.engine import Tensor
from tinygpt.nn.attention import CausalSelfAttention
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.layernorm import LayerNorm
from tinygpt.nn.mlp import MLP
from tinygpt.nn.module import Module
from tinygpt.nn.rmsnorm import RMSNorm
from tinygpt.nn.swiglu import SwiGLU


class Block(Module):
    """x = x + attn(ln_1(x)),  x = x + mlp(ln_2(x)).   (B, T, C) -> (B, T, C)

    The norm stands before each branch (Radford et al. 2019, "Language Models are Unsupervised
    Multitask Learners", section 2.3), so the residual stream itself is never normalised.
    """

    def __init__(
        self,
        ln_1: LayerNorm | RMSNorm,
        attn: CausalSelfAttention,
        ln_2: LayerNorm | RMSNorm,
        mlp: MLP | SwiGLU,
        *,
        dropout: float = 0.0,
    ):
        self.ln_1, self.attn, self.ln_2, self.mlp = ln_1, attn, ln_2, mlp
        self.attn_residual_dropout = Dropout(dropout)
        self.mlp_residual_dropout = Dropout(dropout)

    def __call__(self, x: Tensor, cache: Any = None) -> Tensor:
        x = x + self.attn_residual_dropout(self.attn(self.ln_1(x), cache))
        return x + self.mlp_residual_dropout(self.mlp(self.ln_2(x)))
