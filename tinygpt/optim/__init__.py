"""Optimisers, gradient clipping and learning-rate schedules, over a model's parameter vector."""

from tinygpt.optim.adam import AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.schedule import warmup_cosine

__all__ = ["AdamW", "clip_grad_norm", "warmup_cosine"]
