"""Whole models, and reading and writing their weights."""

from tinygpt.models.gpt import GPT, GPTConfig

__all__ = ["GPT", "GPTConfig"]
