"""Causal multi-head self-attention: every token mixes what it finds at the tokens before it.

    q, k, v = x W_q, x W_k, x W_v            what I look for, what I offer, what I pass on
    w = softmax(q k^T / sqrt(D))             who looks at whom; the future is hidden
    y = w v                                  the mixture

Vaswani et al. 2017, "Attention Is All You Need", section 3.2.
"""

import math
from typing import Any

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.ops import matmul, where
from tinygpt.backend import array_module, batched_matmul, is_host, like, row_dot, row_max, row_sum
from tinygpt.nn.dropout import Dropout, draw_mask
from tinygpt.nn.grouped import share_heads, split_groups
from tinygpt.nn.linear import Linear
from tinygpt.nn.module import Module, Rng, generator
from tinygpt.nn.position import alibi_slopes, distances, rotary
from tinygpt.nn.softmax import softmax

TILE = 64  # queries that a CPU works on at a time; smaller tiles hide more, larger ones run faster


def attention_plain(q, k, v, **settings):
    """The formula on Tensors, no dropout.   q (B, H, T, D), k, v (B, H, S, D) -> (B, H, T, D)"""
    return attention_weights(q, k, **settings) @ v


def attention_weights(q, k, *, causal=True, key_padding=None, slopes=None):
    """Who looks at whom: what `attention` multiplies with v.   (B, H, T, D), (B, H, S, D)
    -> (B, H, T, S), each row a probability distribution; 0 where a query may not look."""
    T, S, D = q.shape[2], k.shape[2], q.shape[3]
    scores = matmul(q, k.transpose(0, 1, 3, 2)) / math.sqrt(D)
    back = distances(scores.data, T, S)
    if slopes is not None:
        slopes = array_module(back).asarray(slopes, dtype=back.dtype)
        scores = scores - slopes[:, None, None] * abs(back)
    visible = back >= 0 if causal else back == back
    if key_padding is not None:
        visible = visible & key_padding[:, None, None, :]
    w = softmax(where(visible, scores, -1e30))  # not -inf: a row that sees nothing stays numbers
    return where(visible, w, 0.0)


@op
def attention(q, k, v, /, *, causal=True, key_padding=None, slopes=None, p=0.0, key=None):
    """y = softmax(q k^T / sqrt(D)) v.   q (B, H, T, D), k, v (B, H, S, D) -> (B, H, T, D)

    The queries are the last T of the S positions, and a causal one sees the keys up to its own:
    later scores are -inf, so their weight is exactly 0, or never computed. key_padding (B, S): True
    where there is a key; a query that sees none gives zeros. slopes (H,): what a score loses per
    position of distance (ALiBi). p, key: dropout of the weights. The result lies in memory so that
    merge_heads is a view. ValueError where a causal T > S.
    """
    xp = array_module(q)
    (B, H, T, D), S = q.shape, k.shape[2]
    if causal and T > S:
        raise ValueError(f"{T} queries cannot be the last of {S} positions")
    q = q * (1 / math.sqrt(D))  # here it costs T D products, on the scores T S
    if key_padding is not None:
        key_padding = like(key_padding, q)
    mask = draw_mask(q, (B, H, T, S), p, key) if p else None

    def empty(n):  # (B, H, n, D); in memory (B, n, H, D), which merge_heads and split_heads want
        return xp.empty((B, n, H, D), q.dtype).transpose(0, 2, 1, 3)

    def dropped(a, rows):
        if mask is None:
            return a
        a = a * mask[:, :, rows, : a.shape[-1]]
        a *= 1 / (1 - p)
        return a

    # a tile: some queries, and the keys up to the last of them. What lies after is never computed
    height = TILE if causal and is_host(q) else T
    tiles, y = [], empty(T)
    for start in range(0, T, height):
        n = min(height, T - start)
        rows, keys = slice(start, start + n), slice(0, S - T + start + n if causal else S)
        w = batched_matmul(q[:, :, rows], k[:, :, keys].swapaxes(-1, -2))  # scores, then weights
        seen = w.shape[-1]
        if slopes is not None:
            slope = xp.asarray(slopes, dtype=w.dtype)[:, None, None]
            w -= slope * abs(distances(w, n, seen))
        if causal and n > 1:  # the future of the first queries: the corner over the diagonal
            w[..., -n:] += xp.triu(xp.full((n, n), -math.inf, dtype=w.dtype), 1)
        if key_padding is not None:
            w += xp.where(key_padding[:, None, None, keys], 0.0, -math.inf).astype(w.dtype)
        largest = row_max(w)
        w -= largest if key_padding is None else xp.maximum(largest, -1e30)  # -inf - -inf is nan
        xp.exp(w, out=w)
        total = row_sum(w)
        w /= total if key_padding is None else xp.maximum(total, 1e-30)
        batched_matmul(dropped(w, rows), v[:, :, keys], out=y[:, :, rows])
        tiles.append((rows, keys, w))

    def backward(dy):
        # s: the scores. w_il changes with s_ij by w_il ([l = j] - w_ij), summed over l that is
        # ds_ij = w_ij (dw_ij - sum_l dw_il w_il)
        dq, dk, dv = empty(T), empty(S), empty(S)
        last = True
        for rows, keys, w in reversed(tiles):  # the last sees all keys: it fills, the others add
            ds = dropped(batched_matmul(dy[:, :, rows], v[:, :, keys].swapaxes(-1, -2)), rows)  # dw
            ds -= row_dot(ds, w)  # (B, H, n, 1): for each query, the sum over its keys
            ds *= w
            batched_matmul(ds, k[:, :, keys], out=dq[:, :, rows])
            for dx, a, b in ((dk, ds, q), (dv, dropped(w, rows), dy)):  # q is scaled already
                if last:
                    batched_matmul(a.swapaxes(-1, -2), b[:, :, rows], out=dx)
                else:
                    dx[:, :, keys] += batched_matmul(a.swapaxes(-1, -2), b[:, :, rows])
            last = False
        dq *= 1 / math.sqrt(D)
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

    c_attn (C, 3C), c_proj (C, C): GPT-2's names. Dropout stands on the attention weights. position
    "rotary" or "alibi": where the tokens stand is told here; any other: it was told before. With
    n_kv_head G below n_head queries share keys and values (grouped.py); c_attn is (C, (H + 2G) D).
    rope_base, rope_scaling: see `rotary`. ValueError for heads that do not divide.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        n_kv_head: int | None = None,
        position: str = "none",
        rope_base: float = 10_000.0,
        rope_scaling: tuple[float, ...] = (),
        dropout: float = 0.0,
        bias: bool = True,
        residual_std: float = 0.02,
        rng: Rng = None,
    ):
        n_kv_head, rng = n_kv_head or n_head, generator(rng)
        if n_embd % n_head:
            raise ValueError(f"n_embd={n_embd} is not divisible by n_head={n_head}")
        if n_head % n_kv_head:
            raise ValueError(f"n_head={n_head} is not divisible by n_kv_head={n_kv_head}")
        self.n_head, self.n_kv_head, self.position = n_head, n_kv_head, position
        self.rope = {"base": rope_base, "scaling": rope_scaling}
        self.slopes = alibi_slopes(n_head) if position == "alibi" else None
        width = (n_head + 2 * n_kv_head) * (n_embd // n_head)
        self.c_attn = Linear(n_embd, width, bias=bias, std=0.02, rng=rng)
        self.c_proj = Linear(n_embd, n_embd, bias=bias, std=residual_std, rng=rng)
        self.attn_dropout = Dropout(dropout)

    def __call__(self, x: Tensor, cache: Any = None) -> Tensor:
        """(B, T, C) -> (B, T, C). cache: what is kept of the positions before these (one layer of
        a KVCache), to which these are added."""
        q, k, v = self.heads(x, 0 if cache is None else len(cache))
        if cache is not None:
            k, v = cache.extend(k, v)
        k, v = self.shared(k), self.shared(v)
        y = attention(q, k, v, slopes=self.slopes, **self.attn_dropout.settings())
        return self.c_proj(merge_heads(y))

    def heads(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of positions start, start + 1, ...
        (B, H, T, D), and two (B, G, T, D)"""
        qkv = self.c_attn(x)
        if self.n_kv_head == self.n_head:
            q, k, v = split_heads(qkv, n_head=self.n_head)
        else:
            q, k, v = split_groups(qkv, n_head=self.n_head, n_kv_head=self.n_kv_head)
        if self.position == "rotary":
            q, k = (rotary(part, start=start, **self.rope) for part in (q, k))
        return q, k, v

    def shared(self, x: Tensor) -> Tensor:
        """The keys or values for every query.   (B, G, S, D) -> (B, H, S, D)"""
        times = self.n_head // self.n_kv_head
        return x if times == 1 else share_heads(x, times=times)

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Who looks at whom, for what `heads` gave.   -> (B, H, T, S)"""
        return attention_weights(q, self.shared(k), slopes=self.slopes)
