"""trace: every intermediate of one forward, by name, to look at.

    embedding (B, T, C)              what enters the first block; embedding.logits: see below
    h.0.ln_1  (B, T, C)              and h.0.ln_2: what the branches read
    h.0.attn.q, .k, .v (B, H, T, D)  after a turn by rotary positions
    h.0.attn.scores (B, H, T, T)     q k^T / sqrt(D), before anything is hidden or taken off
    h.0.attn.weights (B, H, T, T)    who looks at whom; each row sums to 1
    h.0.attn, h.0.mlp (B, T, C)      what the two branches add
    h.0.middle, h.0 (B, T, C)        the residual stream between them and after the block
    h.0.logits (B, T, V)             what the model would say if it ended here: the logit lens
    ln_f (B, T, C), logits (B, T, V)

The lens is nostalgebraist 2020, "interpreting GPT: the logit lens".
"""

import math
import re
from typing import Any

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.mode import no_grad
from tinygpt.backend import to_cpu


def trace(model: Any, ids: Any) -> dict[str, np.ndarray]:
    """Name -> array, as the model computes them in eval mode.   ids (T,) or (B, T)

    The two lines that add to x are those of Block. ValueError for a model whose blocks, attention
    or logits are other ones.
    """
    own = [n for n in model.own_parts() if re.fullmatch(r"h\.\d+(\.attn\b.*)?", n)]
    if own:
        raise ValueError(f"trace follows the usual blocks and their attention; {own[0]} is "
                         f"a {model.own_parts()[own[0]]}")  # fmt: skip
    seen: dict[str, np.ndarray] = {}

    def note(name: str, x: Tensor) -> Tensor:
        seen[name] = to_cpu(x.data)
        return x

    training = model.training
    model.eval()
    try:
        with no_grad(), np.errstate(all="ignore"):
            x = note("embedding", model.embed(ids))
            note("embedding.logits", model.logits(model.ln_f(x)))
            for i, block in enumerate(model.h):
                name, attn = f"h.{i}", block.attn
                q, k, v = attn.heads(note(f"{name}.ln_1", block.ln_1(x)))
                for letter, y in zip("qkv", (q, k, v), strict=True):
                    note(f"{name}.attn.{letter}", y)
                scores = q @ attn.shared(k).transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1])
                note(f"{name}.attn.scores", scores)
                note(f"{name}.attn.weights", attn.weights(q, k))
                x = note(f"{name}.middle", x + note(f"{name}.attn", attn(block.ln_1(x))))
                x = note(
                    name, x + note(f"{name}.mlp", block.mlp(note(f"{name}.ln_2", block.ln_2(x))))
                )
                note(f"{name}.logits", model.logits(model.ln_f(x)))
            note("logits", model.logits(note("ln_f", model.ln_f(x))))
            said = to_cpu(model(ids).data)
    finally:
        model.train(training)
    if not np.allclose(seen["logits"], said, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise ValueError(f"{type(model).__name__} computes other logits than the way that trace "
                         f"follows: embed, blocks, norm, head")  # fmt: skip
    return seen
