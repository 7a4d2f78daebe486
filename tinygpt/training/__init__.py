"""Training: the arguments of a run, its loop, and its folder."""

from tinygpt.training.arguments import PRESETS, TrainingArguments
from tinygpt.training.saving import TrainingError
from tinygpt.training.trainer import Trainer

__all__ = ["PRESETS", "Trainer", "TrainingArguments", "TrainingError"]
