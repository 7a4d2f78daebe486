"""Causal multi-head self-attention: every token mixes what it finds at the tokens before it.

    q, k, v = x W_q, x W_k, x W_v            what I look for, what I offer, what I pass on
    w = softmax(q k^T / sqrt(D))             who looks at whom; the future is hidden
    y = w v                                  the mixture

Vaswani et al. 2017, "Attention Is All You Need", section 3.2.
"""

import math

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.backend import Array, array_module, batched_matmul, row_dot, row_sum
from tinygpt.nn.dropout import Dropout, draw_mask
from tinygpt.nn.linear import Linear
from tinygpt.nn.module import Module
from tinygpt.nn.softmax import softmax


def attention_plain(q, k, v, *, causal=True):
    """The formula on Tensors, no dropout.   q (B, H, T, D), k, v (B, H, S, D) -> (B, H, T, D)"""
    T, S, D = q.shape[2], k.shape[2], q.shape[3]
    scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(D)  # (B, H, T, S)
    if causal:  # query i stands at position S - T + i and sees the keys up to there
        scores = scores + hide_future(q.data, T, S)
    return softmax(scores) @ v


def hide_future(x: Array, T: int, S: int) -> Array:
    """(T, S): 0 where a query may look, -inf where a key lies after it. The queries are the last T
    of the S positions. Of x only the kind of array and the dtype matter."""
    xp = array_module(x)
    return xp.triu(xp.full((T, S), -math.inf, dtype=x.dtype), S - T + 1)


@op
def attention(q, k, v, /, *, causal=True, p=0.0, key=None):
    """y = softmax(q k^T / sqrt(D)) v.   q (B, H, T, D), k, v (B, H, S, D) -> (B, H, T, D)

    The queries are the last T of the S positions, and a causal one sees the keys up to its own
    (hidden scores are -inf, so their weight is exactly 0). p, key: dropout of the weights. The
    result lies in memory so that merge_heads is a view. ValueError where a causal T > S.
    """
    xp = array_module(q)
    (B, H, T, D), S = q.shape, k.shape[2]
    if causal and T > S:
        raise ValueError(f"{T} queries cannot be the last of {S} positions")
    q = q * (1 / math.sqrt(D))  # here it costs T D products, on the scores T S
    w = batched_matmul(q, k.swapaxes(-1, -2))  # the scores, then in place the weights (B, H, T, S)
    if causal and T > 1:
        w += hide_future(w, T, S)
    w -= w.max(axis=-1, keepdims=True)
    xp.exp(w, out=w)
    w /= row_sum(w)
    mask = draw_mask(w, p, key) if p else None

    def dropped(a):
        if mask is None:
            return a
        a = a * mask
        a *= 1 / (1 - p)
        return a

    def empty(n):  # (B, H, n, D), and (B, n, H, D) in memory
        return xp.empty((B, n, H, D), q.dtype).transpose(0, 2, 1, 3)

    y = batched_matmul(dropped(w), v, out=empty(T))

    def backward(dy):  # s: scores;  ds_ij = w_ij (dw_ij - sum_k dw_ik w_ik)
        dv = batched_matmul(dropped(w).swapaxes(-1, -2), dy, out=empty(S))
        ds = dropped(batched_matmul(dy, v.swapaxes(-1, -2)))  # dw
        ds -= row_dot(ds, w)
        ds *= w
        dq = batched_matmul(ds, k, out=empty(T))
        dq *= 1 / math.sqrt(D)
        dk = batched_matmul(ds.swapaxes(-1, -2), q, out=empty(S))  # q is scaled already
        return dq, dk, dv

    return y, backward


@op
def split_heads(qkv, /, *, n_head):
    """Queries, keys and values of each head, as views.   (B, T, 3C) -> three (B, H, T, D), D = C/H

    split_heads((12, 64, 384), n_head=4) -> three (12, 4, 64, 32).
    """
    xp, dtype = array_module(qkv), qkv.dtype
    B, T, C3 = qkv.shape
    apart = (B, T, 3, n_head, C3 // (3 * n_head))
    q, k, v = qkv.reshape(apart).transpose(2, 0, 3, 1, 4)  # (B, T, 3, H, D) -> (3, B, H, T, D)

    def backward(dys):
        dqkv = xp.empty(apart, dtype)
        for i, dy in enumerate(dys):
            dqkv[:, :, i] = 0 if dy is None else dy.transpose(0, 2, 1, 3)
        return dqkv.reshape(B, T, C3)

    return (q, k, v), backward


@op
def merge_heads(y, /):
    """The heads side by side.   (B, H, T, D) -> (B, T, C)

    merge_heads((12, 4, 64, 32)) -> (12, 64, 128).
    """
    B, H, T, D = y.shape

    def backward(dy):
        return dy.reshape(B, T, H, D).transpose(0, 2, 1, 3)

    return y.transpose(0, 2, 1, 3).reshape(B, T, H * D), backward


class CausalSelfAttention(Module):
    """Project to queries, keys and values, attend in every head, project back.

    c_attn (C, 3C), c_proj (C, C): GPT-2's names. Dropout stands on the attention weights.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        residual_std: float = 0.02,
        rng: np.random.Generator,
    ):
        if n_embd % n_head:
            raise ValueError(f"n_embd={n_embd} is not divisible by n_head={n_head}")
        self.n_head = n_head
        self.c_attn = Linear(n_embd, 3 * n_embd, bias=bias, rng=rng)
        self.c_proj = Linear(n_embd, n_embd, bias=bias, std=residual_std, rng=rng)
        self.attn_dropout = Dropout(dropout)

    def __call__(self, x: Tensor) -> Tensor:
        q, k, v = split_heads(self.c_attn(x), n_head=self.n_head)
        y = attention(q, k, v, **self.attn_dropout.settings())
        return self.c_proj(merge_heads(y))
