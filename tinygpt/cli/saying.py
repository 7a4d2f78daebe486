"""What `tinygpt train` says before it begins."""

import math

import numpy as np

from tinygpt.models.gpt import GPTConfig
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.memory import expected_memory
from tinygpt.training.trainer import Trainer
from tinygpt.training.world import world_of_ranks


def say_what_is_trained(trainer: Trainer, text: str) -> None:
    """What is trained on, with what, and how much memory it will take."""
    model, training = trainer.model, trainer.arguments
    c, n, workers = model.config, model.num_parameters(), len(trainer.workers.models)
    frozen = model.num_frozen()
    memory = expected_memory(
        c,
        training,
        n_parameters=n,
        n_frozen=frozen,
        n_moments=len(trainer.optimizer.moments),
        workers=workers,
        ranks=world_of_ranks().size,
    )
    print(
        f"{text}\n"
        f"model: {n:,} parameters{f' beside {frozen:,} frozen ones' if frozen else ''}, "
        f"{c.n_layer} layers, {c.n_head} heads, {c.n_embd} wide, "
        f"block {c.block_size}; device {training.device}"
        f"{f', {workers} workers' if workers > 1 else ''}{_ranks(training.shard_optimizer)}\n"
        f"a model that guesses blindly has a loss of {blind(c):.2f} "
        f"{'per text' if c.n_classes else 'per token'}\n"
        f"memory: about {memory.total / 1e6:.0f} MB ({memory.parameters / 1e6:.0f} for parameters, "
        f"gradients and moments, {memory.activations / 1e6:.0f} for activations)\n"
        f"run: {trainer.folder}",
        flush=True,
    )


def _ranks(shard: bool) -> str:
    n = world_of_ranks().size
    if n == 1:
        return ""
    return f" in each of {n} ranks{', which share the moments' if shard else ''}"


def blind(config: GPTConfig) -> float:
    """The loss of a model that holds all tokens, or classes, for equally likely."""
    return math.log(config.n_classes or config.vocab_size)


def count_unknown(ids: dict[str, np.ndarray], tokenizer: Tokenizer) -> None:
    """Say how much of the text has no token. ValueError where it is more than a few characters:
    what is learned then is to say "unknown"."""
    for part, what in (("train", "text to train on"), ("validation", "held-out text")):
        n, unknown = len(ids[part]), np.count_nonzero(ids[part] == tokenizer.unknown_id)
        if not unknown:
            continue
        print(f"{unknown:,} of {n:,} characters of the {what} are unknown to the tokenizer")
        if unknown > UNKNOWN_SHARE * n:
            raise ValueError(
                f"{unknown / n:.0%} of the {what} are characters that the tokenizer does not know: "
                f"a model would learn to write nothing else. --tokenizer bpe or byte knows every "
                f"text; with --init, take a model that has one of these"
            )


UNKNOWN_SHARE = 0.03  # of a text, which a tokenizer may not know
