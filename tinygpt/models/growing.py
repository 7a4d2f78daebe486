"""A trained model with more tokens, or with another head: to go on with it on another task."""

from dataclasses import replace

import numpy as np

from tinygpt.backend import random_stream
from tinygpt.models.gpt import GPT


def grown(
    model: GPT, vocab_size: int, *, n_classes: int = 0, seed: int = 0, device: str | None = None
) -> GPT:
    """The same model with a vocabulary that is larger by new tokens, and with a new head of
    n_classes in place of the one that writes (0: it writes).

    The row of a new token is the mean of the old rows and a little chance, so that it is at first
    no likelier than others. ValueError for a model with adapters, whose table is frozen: the new
    tokens could not be learned.
    """
    c = model.config
    if c.lora_rank:
        raise ValueError(
            "the special tokens of a task cannot be learned by adapters, which leave the table "
            "frozen: leave --lora-rank out"
        )
    c = replace(c, vocab_size=max(vocab_size, c.vocab_size), n_classes=n_classes)
    new = GPT(c, seed=seed, device="cpu")
    rng, state = random_stream(seed, "new tokens"), new.state_dict()
    for name, old in model.state_dict().items():
        if name not in state or name == "score.weight":
            continue
        more = len(state[name]) - len(old)  # new rows of a table of tokens
        drawn = old.mean(axis=0) + 0.02 * rng.standard_normal((more, *old.shape[1:]))
        state[name] = np.concatenate([old, drawn.astype(old.dtype)]) if more else old
    new.load_state_dict(state)
    new.generation = dict(model.generation)
    return new.to(device) if device else new
