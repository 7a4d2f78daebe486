"""Causal multi-head self-attention: every token mixes what it finds at the tokens before it.

    q, k, v = x W_q, x W_k, x W_v            what I look for, what I offer, what I pass on
    w = softmax(q k^T / sqrt(D))             who looks at whom; the future is hidden
    y = w v                                  the mixture

D: the width of a head. q . k is a sum of D products, so its spread grows like sqrt(D).
Vaswani et al. 2017, "Attention Is All You Need", section 3.2. First one head of one text, then
heads and batches, then the op that runs.
"""

import math
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.ops import matmul, where
from tinygpt.backend import (
    Array,
    array_module,
    batched_matmul,
    is_host,
    like,
    row_dot,
    row_max,
    row_sum,
)
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.dropout_mask import draw_mask
from tinygpt.nn.grouped import share_heads, split_groups
from tinygpt.nn.initial import Rng, generator
from tinygpt.nn.linear import Linear
from tinygpt.nn.module import Module
from tinygpt.nn.position import alibi_slopes, distances
from tinygpt.nn.rotary import rotary
from tinygpt.nn.softmax import softmax

TILE = 64  # queries at a time on a CPU: smaller tiles compute less in vain, larger ones run faster
HIDDEN = -1e30  # the score of a key that is not seen: beside any other its exp is 0; no inf - inf


def one_head(q, k, v):
    """One head of one text.   q, k, v (T, D) -> (T, D)"""
    T, D = q.shape
    scores = q @ k.T / math.sqrt(D)  # (T, T): how well each query fits each key
    w = softmax(where(visible(q.data, T, T), scores, HIDDEN))  # (T, T): each row sums to 1
    return w @ v  # (T, D): what the row found


def visible(x: Array, T: int, S: int, *, causal: bool = True, mask: Array | None = None) -> Array:
    """The one rule: which keys each query sees (True), as an array where x lies.
    -> (T, S), with a mask (B, H, T, S)

    The queries are the last T of S positions: when writing, a cache has the keys before them. A
    causal one sees the keys up to its own; a mask (B, H, T, S) hides some more of them.
    """
    xp = array_module(x)
    sees = xp.tri(T, S, S - T, dtype=bool) if causal else xp.ones((T, S), dtype=bool)
    return sees if mask is None else sees & mask


def attention_plain(q, k, v, **settings):
    """The formula on Tensors, no dropout.   q (B, H, T, D), k, v (B, H, S, D) -> (B, H, T, D)"""
    return attention_weights(q, k, **settings) @ v


def attention_weights(q, k, *, causal=True, mask=None, key_padding=None, slopes=None):
    """Who looks at whom: what `attention` multiplies with v.   (B, H, T, D), (B, H, S, D)
    -> (B, H, T, S), each row a probability distribution, or all 0 where a query sees nothing."""
    (T, D), S = q.shape[2:], k.shape[2]
    scores = matmul(q, k.transpose(0, 1, 3, 2)) / math.sqrt(D)
    if slopes is not None:
        away = abs(distances(scores.data, T, S))
        scores = scores - array_module(away).asarray(slopes, dtype=away.dtype)[:, None, None] * away
    mask = _whole_mask(mask, key_padding, beside=q.data, shape=scores.shape)
    sees = visible(q.data, T, S, causal=causal, mask=mask)
    w = softmax(where(sees, scores, HIDDEN))
    return where(sees, w, 0.0)  # for a query that sees nothing


@op
def attention(
    q, k, v, /, *, causal=True, mask=None, key_padding=None, slopes=None, p=0.0, key=None
):
    """y = softmax(q k^T / sqrt(D)) v.   q (B, H, T, D), k, v (B, H, S, D) -> (B, H, T, D)

    The queries are the last T of the S positions, and a causal one sees the keys up to its own: the
    weight of a later one is exactly 0, or never computed. A query that sees no key gives zeros.

    A mask does not switch causal off; causal=False (PyTorch's default) does.
    mask: booleans that broadcast to (B, H, T, S), True where a query may look (PyTorch's
    scaled_dot_product_attention; its MultiheadAttention means the opposite). key_padding (B, S):
    True where there is a key. slopes (H,): what a score loses per position of distance (ALiBi).
    p, key: the share of weights that dropout drops, and which ones (no key of attention's).
    A key is seen only where causal, mask and key_padding all allow it. The result lies in memory
    so that merge_heads is a view. ValueError for shapes that do not fit and for causal T > S,
    TypeError for a mask that is not of booleans.
    """
    if not (q.ndim == k.ndim == 4 and k.shape == v.shape):
        _refuse_shapes(q, k, v)
    xp = array_module(q)
    (B, H, T, D), S = q.shape, k.shape[2]
    if k.shape != (B, H, S, D) or (causal and T > S):
        _refuse_shapes(q, k, v)
    q = q * (1 / math.sqrt(D))  # from here on; it costs T D products, on the scores T S
    if mask is not None or key_padding is not None:
        mask = _whole_mask(mask, key_padding, beside=q, shape=(B, H, T, S))
    kept = draw_mask(q, (B, H, T, S), p=p, key=key) if p else None

    def empty(n):  # (B, H, n, D); in memory (B, n, H, D), which merge_heads and split_heads want
        return xp.empty((B, n, H, D), q.dtype).transpose(0, 2, 1, 3)

    def dropped(a, rows, keys):  # the weights, and in backward their gradient
        if kept is None:
            return a
        a = a * kept[:, :, rows, keys]
        a *= 1 / (1 - p)
        return a

    def scores_of(rows, keys):
        """How well these queries fit these keys, HIDDEN where a key is not seen; and with a mask,
        which are seen.   (B, H, n, keys)"""
        n = rows.stop - rows.start
        scores = batched_matmul(q[:, :, rows], k[:, :, keys].swapaxes(-1, -2))  # (B, H, n, keys)
        if slopes is not None:
            slope = xp.asarray(slopes, dtype=scores.dtype)[:, None, None]
            scores -= slope * abs(distances(scores, n, keys.stop))
        sees = None
        if mask is not None:
            sees = visible(q, n, keys.stop, causal=causal, mask=mask[:, :, rows, keys])
            scores = xp.where(sees, scores, HIDDEN)
        elif causal and n > 1:  # one query sees all its keys; of several, -1e30 takes the corner's
            scores[..., -n:] += xp.where(visible(q, n, n), 0.0, HIDDEN).astype(scores.dtype)
        return scores, sees

    # A causal query needs no key after its own. So the queries are taken a few at a time, and each
    # such tile ends at the key of its last query.   T = S = 6, tiles of 2 queries:
    #
    #            keys                      x  seen
    #          x - . . . .                 -  computed, then hidden: the corner over the diagonal
    #          x x . . . .                 .  never computed
    #          x x x - . .
    # queries  x x x x . .                 <- the second tile: rows = 2:4, keys = 0:4
    #          x x x x x -
    #          x x x x x x
    height = TILE if causal and is_host(q) else max(T, 1)
    tiles, y = [], empty(T)
    for start in range(0, T, height):
        rows = slice(start, min(start + height, T))
        keys = slice(0, S - T + rows.stop if causal else S)
        scores, sees = scores_of(rows, keys)
        scores -= row_max(scores)  # the same weights, and exp cannot overflow
        e = xp.exp(scores, out=scores)
        w = xp.divide(e, row_sum(e), out=e)
        if sees is not None:  # for a query that sees nothing
            w *= sees
        batched_matmul(dropped(w, rows, keys), v[:, :, keys], out=y[:, :, rows])
        tiles.append((rows, keys, w))

    # da is d(loss)/da. y_i = sum_j w_ij v_j, so dw_ij = dy_i . v_j and dv_j = sum_i w_ij dy_i.
    # Softmax: the slope of w_ij in a score s_il of its row is w_ij ([j = l] - w_il), where [j = l]
    # is 1 if so, else 0. Times dw_ij and summed over j:
    #     ds_il = w_il (dw_il - sum_j dw_ij w_ij)
    # and s_il = q_i . k_l / sqrt(D) gives dq_i = sum_l ds_il k_l / sqrt(D), and dk_l likewise.
    def backward(dy):
        dq, dk, dv = empty(T), empty(S), empty(S)
        if T == 0:  # nobody looks
            dk[...] = dv[...] = 0

        def add(total, keys, a, b):
            """Adds a^T b at these keys. The last tile comes first, has all keys, fills total."""
            if keys.stop == S:
                batched_matmul(a.swapaxes(-1, -2), b, out=total)
            else:
                total[:, :, keys] += batched_matmul(a.swapaxes(-1, -2), b)

        for rows, keys, w in reversed(tiles):
            dw = batched_matmul(dy[:, :, rows], v[:, :, keys].swapaxes(-1, -2))
            dw = dropped(dw, rows, keys)  # of the dropped weights above, of w from here on
            ds = xp.subtract(dw, row_dot(dw, w), out=dw)
            ds *= w
            batched_matmul(ds, k[:, :, keys], out=dq[:, :, rows])
            add(dk, keys, ds, q[:, :, rows])  # q has its 1 / sqrt(D) already
            add(dv, keys, dropped(w, rows, keys), dy[:, :, rows])
        dq *= 1 / math.sqrt(D)
        return dq, dk, dv

    return y, backward


def _refuse_shapes(q: Array, k: Array, v: Array) -> None:
    shapes = f"got {q.shape}, {k.shape}, {v.shape}"
    if not q.ndim == k.ndim == v.ndim == 4:
        raise ValueError(
            f"expected q (B, H, T, D) and k, v (B, H, S, D), {shapes}: one head of one text is "
            f"q[None, None]"
        )
    if k.shape != v.shape or (*q.shape[:2], q.shape[3]) != (*k.shape[:2], k.shape[3]):
        raise ValueError(f"expected q (B, H, T, D) and k, v (B, H, S, D), {shapes}")
    raise ValueError(
        f"{q.shape[2]} queries cannot be the last of {k.shape[2]} positions: causal=False is for "
        f"keys of another text"
    )


def _whole_mask(mask: Any, key_padding: Any, *, beside: Array, shape: tuple) -> Array | None:
    """Both as one array of booleans of this shape, or None where there is neither."""
    whole = None
    for name, part in (("mask", mask), ("key_padding", key_padding)):
        if part is None:
            continue
        part = part.data if isinstance(part, Tensor) else part
        part = like(np.asarray(part) if is_host(part) else part, beside)
        if part.dtype != bool:
            raise TypeError(
                f"expected a {name} of booleans, True where a query may look, got {part.dtype}: "
                f"pass {name} != 0 for ones and zeros, {name} == 0 for numbers added to scores"
            )
        if name == "key_padding":
            if part.shape != (shape[0], shape[3]):
                raise ValueError(
                    f"expected key_padding (B, S) = {(shape[0], shape[3])}, got {part.shape}"
                )
            part = part[:, None, None, :]
        try:
            part = array_module(beside).broadcast_to(part, shape)
        except ValueError:
            raise ValueError(
                f"a {name} of shape {part.shape} does not broadcast to (B, H, T, S) = {shape}"
            ) from None
        whole = part if whole is None else whole & part
    return whole


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
            # None: that part did not reach the loss
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

    position: "rotary" turns queries and keys here, "alibi" takes slope times distance off the
    scores; with any other, x has the positions in it already. With n_kv_head G below n_head several
    query heads share one of keys and values (grouped.py); c_attn is (C, (H + 2G) D). rope_...: see
    `rotary`. ValueError for heads that do not divide.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        n_kv_head: int | None = None,
        position: str = "none",
        rope_base: float = 10_000.0,
        rope_pairs: str = "halves",
        rope_scaling: tuple[float, ...] = (),
        dropout: float = 0.0,
        bias: bool = True,
        std: float = 0.02,
        residual_std: float = 0.02,
        rng: Rng = None,
    ):
        n_kv_head, rng = n_kv_head or n_head, generator(rng)
        if n_embd % n_head:
            raise ValueError(f"n_embd={n_embd} is not divisible by n_head={n_head}")
        if n_head % n_kv_head:
            raise ValueError(f"n_head={n_head} is not divisible by n_kv_head={n_kv_head}")
        self.n_head, self.n_kv_head, self.position = n_head, n_kv_head, position
        self.rope = {"base": rope_base, "pairs": rope_pairs, "scaling": rope_scaling}
        self.slopes = alibi_slopes(n_head) if position == "alibi" else None
        width = (n_head + 2 * n_kv_head) * (n_embd // n_head)
        self.c_attn = Linear(n_embd, width, bias=bias, std=std, rng=rng)
        self.c_proj = Linear(n_embd, n_embd, bias=bias, std=residual_std, rng=rng)
        self.attn_dropout = Dropout(dropout)

    def __call__(self, x: Tensor, cache: Any = None) -> Tensor:
        """(B, T, C) -> (B, T, C). cache: what is kept of the len(cache) positions before these (one
        layer of a KVCache), to which these are added."""
        q, k, v = self.heads(x, 0 if cache is None else len(cache))
        if cache is not None:
            k, v = cache.extend(k, v)
        k, v = self.shared(k), self.shared(v)
        y = attention(q, k, v, slopes=self.slopes, **self.attn_dropout.for_one_forward())
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
