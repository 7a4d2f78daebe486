"""GPT: embed, N blocks, norm, and back to logits over the vocabulary.

    ids (B, T) -> wte + wpe (B, T, C) -> h[0] ... h[N - 1] -> ln_f -> logits (B, T, V)

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3. The names
of the parts are GPT-2's own.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygpt.autograd.engine import Tensor, no_grad
from tinygpt.backend import Array, default_device, is_host, like, random_stream, to_cpu
from tinygpt.generation.sampler import check_settings, next_ids
from tinygpt.models import pretrained
from tinygpt.nn.block import Block
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.embedding import Embedding, check_ids, unembed
from tinygpt.nn.layernorm import LayerNorm
from tinygpt.nn.module import Module
from tinygpt.nn.position import LearnedPosition

POSITIONS = ("learned", "none")


@dataclass
class GPTConfig:
    """The shape of a GPT. ValueError for a shape that cannot be."""

    vocab_size: int = 1024  # tokens in the vocabulary (V)
    block_size: int = 64  # the longest text that the model sees at once, in tokens (T)
    n_layer: int = 4  # blocks, one after the other (N)
    n_head: int = 4  # attention heads in each block (H); must divide n_embd
    n_embd: int = 128  # width of the residual stream (C)
    dropout: float = 0.0  # share of activations dropped in training, 0 to below 1
    bias: bool = True  # biases in linear layers and layer norms
    tie_weights: bool = True  # the head is the table of the embedding
    position: str = "learned"  # "learned": a vector is added for each position; "none": nothing is

    def __post_init__(self) -> None:
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not whole or value < 1:
                raise ValueError(f"expected a whole number {name} >= 1, got {value!r}")
            setattr(self, name, int(value))
        for name in ("bias", "tie_weights"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"expected {name} to be True or False, got {value!r}")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd={self.n_embd} is not divisible by n_head={self.n_head}: "
                f"each head takes n_embd / n_head channels"
            )
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise ValueError(f"expected 0 <= dropout < 1, got {self.dropout!r}")
        if self.position not in POSITIONS:
            raise ValueError(f"expected position to be one of {POSITIONS}, got {self.position!r}")


class GPT(Module):
    """A GPT with freshly drawn weights, in eval mode.   GPT(GPTConfig(vocab_size=65), seed=0)

    Initialised as GPT-2: weights normal with standard deviation 0.02, those that end a residual
    branch 0.02 / sqrt(2 N), biases 0. The same config and seed give the same weights. It is made on
    the device; None: the one that TINYGPT_DEVICE names, else the CPU.
    """

    def __init__(self, config: GPTConfig, *, seed: int = 0, device: str | None = None):
        c = self.config = config
        rng = random_stream(seed, "weights")
        self.wte = Embedding(c.vocab_size, c.n_embd, rng=rng)
        learned = c.position == "learned"
        self.wpe = LearnedPosition(c.block_size, c.n_embd, rng=rng) if learned else None
        self.drop = Dropout(c.dropout)
        self.h = [
            Block(
                c.n_embd,
                c.n_head,
                dropout=c.dropout,
                bias=c.bias,
                residual_std=0.02 / math.sqrt(2 * c.n_layer),
                rng=rng,
            )
            for _ in range(c.n_layer)
        ]
        self.ln_f = LayerNorm(c.n_embd, bias=c.bias)
        self.lm_head = None if c.tie_weights else Embedding(c.vocab_size, c.n_embd, rng=rng)
        self.pack(seed=seed)
        self.to(device or default_device())

    def __call__(self, ids: Any) -> Tensor:
        """The logits of what comes next, at every position.   ids (T,) or (B, T) -> (B, T, V)

        ids: integers, an array, a list or a Tensor. ValueError for an id outside the vocabulary
        and, with learned positions, for T above block_size.
        """
        ids = self._on_device(self._checked(ids, "id"))
        T, longest = ids.shape[1], self.config.block_size
        if self.wpe is not None and longest < T:
            raise ValueError(
                f"{T} ids, but this model sees at most block_size={longest}: "
                f"pass ids[:, -{longest}:]"
            )
        x = self.wte(ids)  # (B, T, C)
        if self.wpe is not None:
            x = x + self.wpe(T)
        x = self.drop(x)
        for block in self.h:
            x = block(x)
        x = self.ln_f(x)
        head = self.wte if self.lm_head is None else self.lm_head
        return unembed(x, head.weight)  # (B, T, C) -> (B, T, V)

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """The mean cross-entropy in nats per token, a scalar.

        targets[b, t] is what comes after ids[b, t], already shifted; -100 counts nowhere.
        ValueError where shapes differ, ids or targets are out of range, or no target is left.
        """
        ids, targets = self._checked(ids, "id"), self._checked(targets, "target", ignore=-100)
        if ids.shape != targets.shape:
            raise ValueError(f"ids {ids.shape} and targets {targets.shape} must have one shape")
        if is_host(targets) and not (targets != -100).any():
            raise ValueError("every target is -100: there is nothing to learn from")
        return cross_entropy(self(ids), self._on_device(targets))

    def _checked(self, ids: Any, what: str, ignore: int | None = None) -> Array:
        """(B, T) integers, checked where they are still on the CPU: a GPU would wrap them."""
        ids = ids.data if isinstance(ids, Tensor) else ids
        ids = np.asarray(ids) if isinstance(ids, list | tuple) else ids
        if ids.ndim == 1:
            ids = ids[None]
        if ids.ndim != 2 or 0 in ids.shape:
            raise ValueError(f"expected {what}s of shape (T,) or (B, T), not empty: {ids.shape}")
        if is_host(ids):
            check_ids(ids, self.config.vocab_size, what, ignore)
        return ids

    def _on_device(self, ids: Array) -> Array:
        return like(ids, self.wte.weight.data)

    # ----------------------------------------------------------------------------- writing

    def stream(
        self,
        ids: Any,
        max_new_tokens: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the next token of every row, one step after the other.   ids (B, T) -> (B,) each

        temperature 0 takes the likeliest token; top_k None or 0 keeps all; the same seed draws the
        same tokens. A token is what model(ids[:, -block_size:]) says, always in eval mode.
        """
        check_settings(temperature, top_k)
        if max_new_tokens < 0:
            raise ValueError(f"expected max_new_tokens >= 0, got {max_new_tokens}")
        rng = np.random.default_rng() if seed is None else random_stream(seed, "sampling")
        start = to_cpu(self._checked(ids, "id")).astype(np.int64)
        return self._stream(start, max_new_tokens, rng, temperature=temperature, top_k=top_k)

    def _stream(
        self, ids: np.ndarray, n: int, rng: np.random.Generator, **settings: Any
    ) -> Iterator[np.ndarray]:
        for _ in range(n):
            new = next_ids(self._last_logits(ids), rng, **settings)
            ids = np.concatenate([ids, new[:, None]], axis=1)
            yield new  # outside of no_grad: whoever waits here is not switched off

    def _last_logits(self, ids: np.ndarray) -> np.ndarray:
        """The logits after the last id of each row.   (B, T) -> (B, V)"""
        training = self.training
        if training:
            self.eval()
        try:
            with no_grad():
                logits = self(ids[:, -self.config.block_size :])
        finally:
            if training:
                self.train()
        return to_cpu(logits.data[:, -1])

    def generate(self, ids: Any, max_new_tokens: int, **settings: Any) -> np.ndarray:
        """The ids and what comes next, prompt included.   (B, T) -> (B, T + max_new_tokens)

        settings as those of stream: temperature=1.0, top_k=None, seed=None.
        """
        new = list(self.stream(ids, max_new_tokens, **settings))
        columns = [column[:, None] for column in new]
        return np.concatenate([to_cpu(self._checked(ids, "id")), *columns], axis=1)

    # ----------------------------------------------------------------------------- on disk

    def save_pretrained(self, folder: str | Path) -> None:
        """config.json and model.safetensors, with Hugging Face's GPT-2 names and layout."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        pretrained.write_config(folder, asdict(self.config))
        pretrained.write_weights(folder, self.state_dict())

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """The model in a folder: a run, or what save_pretrained wrote. It is in eval mode.

        ValueError names what is missing, cut short or does not fit.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder: give that of a run, with a config.json in it")
        config = GPTConfig(**pretrained.read_config(folder))
        state = pretrained.read_weights(folder)
        pretrained.check_size(folder, asdict(config), state)  # before so many weights are drawn
        model = cls(config)
        model.load_state_dict(state)
        return model
