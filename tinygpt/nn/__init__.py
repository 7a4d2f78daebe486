"""The components of a GPT, one per file: op, its gradient, and the Module that owns the weights."""

from typing import Any

from tinygpt.autograd import habits
from tinygpt.autograd.more_ops import log_softmax, relu, sigmoid, silu
from tinygpt.nn.attention import (
    CausalSelfAttention,
    attention,
    attention_plain,
    attention_weights,
    merge_heads,
    one_head,
    split_heads,
)
from tinygpt.nn.block import Block
from tinygpt.nn.cross_entropy import cross_entropy, cross_entropy_plain
from tinygpt.nn.dropout import Dropout, dropout
from tinygpt.nn.embedding import Embedding, embedding, unembed
from tinygpt.nn.gelu import erf, gelu, gelu_plain, gelu_slope_plain
from tinygpt.nn.grouped import share_heads, split_groups
from tinygpt.nn.layernorm import LayerNorm, layer_norm, layer_norm_plain
from tinygpt.nn.linear import Linear, linear
from tinygpt.nn.mlp import MLP
from tinygpt.nn.module import Module
from tinygpt.nn.position import LearnedPosition, SinusoidalPosition, alibi_slopes
from tinygpt.nn.rmsnorm import RMSNorm, rms_norm, rms_norm_plain
from tinygpt.nn.rotary import rotary
from tinygpt.nn.softmax import softmax
from tinygpt.nn.swiglu import SwiGLU, swiglu, swiglu_plain

__all__ = [
    "MLP",
    "Block",
    "CausalSelfAttention",
    "Dropout",
    "Embedding",
    "LayerNorm",
    "LearnedPosition",
    "Linear",
    "Module",
    "RMSNorm",
    "SinusoidalPosition",
    "SwiGLU",
    "alibi_slopes",
    "attention",
    "attention_plain",
    "attention_weights",
    "cross_entropy",
    "cross_entropy_plain",
    "dropout",
    "embedding",
    "erf",
    "gelu",
    "gelu_plain",
    "gelu_slope_plain",
    "layer_norm",
    "layer_norm_plain",
    "linear",
    "log_softmax",
    "merge_heads",
    "one_head",
    "relu",
    "rms_norm",
    "rms_norm_plain",
    "rotary",
    "share_heads",
    "sigmoid",
    "silu",
    "softmax",
    "split_groups",
    "split_heads",
    "swiglu",
    "swiglu_plain",
    "unembed",
]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise habits.missing(f"module {__name__!r}", name, habits.LAYERS, __all__)
