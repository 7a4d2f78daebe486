"""Clipping: a gradient that is too long is shortened, and keeps its direction.

    g <- g min(1, max_norm / |g|)        |g|: one norm over all parameters together

Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks", section
3.2.
"""

import math
from typing import Any

from tinygpt.autograd.parameters import gradients_of
from tinygpt.backend import Array, array_module, is_host
from tinygpt.optim.optimizer import parameters_of


def clip_grad_norm(model: Any, max_norm: float) -> Array:
    """Clip the gradient of a model, or of a list of Parameters. Returns |g| before clipping as a
    0-d array (float(...) reads it).

    A norm that is not finite is returned as it is, and nothing is scaled. ValueError unless
    max_norm > 0. Differs from PyTorch, which adds 1e-6 to the norm.
    """
    norm = grad_norm(model)
    factor = clip_factor(norm, max_norm)
    if factor is not None:
        for g in _gradients(model):
            g *= factor
    return norm


def grad_norm(model: Any) -> Array:
    """|g|, the square root of the sum of all squares, as a 0-d array."""
    rows = _gradients(model)
    if not rows:
        raise ValueError("there is no gradient yet: clip after loss.backward()")
    xp = array_module(rows[0])
    squares = [xp.dot(g, g) for g in rows]
    return xp.asarray(xp.sqrt(sum(squares[1:], squares[0])))


def _gradients(model: Any) -> list[Array]:
    """The gradients as long rows; of a model that lives in its vector it is that one, and the model
    need not be searched at every step."""
    vector = getattr(model, "packed", None)
    if vector is not None and all(p.vector is vector for p in vector.parameters):
        return [vector.gradient()]
    return gradients_of(parameters_of(model))


def clip_factor(norm: Array, max_norm: float) -> float | Array | None:
    """min(1, max_norm / norm). None where nothing has to be scaled; on a GPU always an array,
    unread: it goes on working while Python does."""
    if not max_norm > 0:
        raise ValueError(f"expected max_norm > 0, got {max_norm}")
    if is_host(norm):
        return max_norm / float(norm) if math.isfinite(norm) and norm > max_norm else None
    xp = array_module(norm)
    factor = xp.where(xp.isfinite(norm), xp.minimum(1.0, max_norm / norm), 1.0)
    return factor.astype(norm.dtype)
