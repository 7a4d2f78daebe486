"""Clipping: a gradient that is too long is shortened, and keeps its direction."""

import math

from tinygpt.backend import Array, array_module, is_host


def clip_grad_norm(model, max_norm: float) -> Array:
    """g <- g min(1, max_norm / |g|), where |g| is one norm over all parameters together.

    Returns |g| before clipping as a 0-d array (float(...) reads it). A norm that is not finite is
    returned as it is, and nothing is scaled. ValueError unless max_norm > 0. Pascanu, Mikolov &
    Bengio 2013, "On the difficulty of training recurrent neural networks", section 3.2.
    Differs from PyTorch, which adds 1e-6 to the norm.
    """
    if not max_norm > 0:
        raise ValueError(f"expected max_norm > 0, got {max_norm}")
    g = model.vector().gradient()
    xp = array_module(g)
    norm = xp.sqrt(xp.dot(g, g))
    if is_host(g):
        if math.isfinite(norm) and norm > max_norm:  # a factor of 1 is not multiplied in
            g *= max_norm / float(norm)
    else:  # unread: a GPU goes on working while Python does
        g *= xp.where(xp.isfinite(norm), xp.minimum(1.0, max_norm / norm), 1.0).astype(g.dtype)
    return xp.asarray(norm)
