"""Grouped heads: several queries share one key and one value, so that the KV cache is smaller.

queries   q0 q1 q2 q3 q4 q5      H = 6 heads
keys      k0 k0 k0 k1 k1 k1      G = 2 groups, each read by H / G queries
"""

from tinygpt.autograd.engine import op
from tinygpt.backend import array_module


@op
def split_groups(qkv, /, *, n_head, n_kv_head):
    """Queries of H heads, keys and values of G.   (B, T, (H + 2G) D) -> q (B, H, T, D),
    k and v (B, G, T, D), as views

    split_groups((12, 64, 384), n_head=8, n_kv_head=2) -> (12, 8, 64, 32), two (12, 2, 64, 32).
    """
    xp, dtype, H, G = array_module(qkv), qkv.dtype, n_head, n_kv_head
    B, T, width = qkv.shape
    apart = (B, T, H + 2 * G, width // (H + 2 * G))
    heads = qkv.reshape(apart).transpose(0, 2, 1, 3)  # (B, T, H + 2G, D) -> (B, H + 2G, T, D)
    parts = slice(0, H), slice(H, H + G), slice(H + G, H + 2 * G)

    def backward(dys):
        dqkv = xp.empty(apart, dtype)
        for part, dy in zip(parts, dys, strict=True):
            dqkv[:, :, part] = 0 if dy is None else dy.transpose(0, 2, 1, 3)
        return dqkv.reshape(B, T, width)

    return tuple(heads[:, part] for part in parts), backward


@op
def share_heads(x, /, *, times):
    """Each head `times` times, one after the other.   (B, G, S, D) -> (B, G times, S, D)

    The gradient of a head is the sum over those that it became. Ainslie et al. 2023, "GQA: Training
    Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", section 2.2.
    """
    xp = array_module(x)
    B, G, S, D = x.shape
    y = xp.broadcast_to(x[:, :, None], (B, G, times, S, D)).reshape(B, G * times, S, D)
    return y, lambda dy: dy.reshape(B, G, times, S, D).sum(axis=2)
