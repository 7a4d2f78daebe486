"""GPTConfig: the shape of a GPT, and which components it is made of."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from tinygpt.nn.position import POSITIONS
from tinygpt.nn.rotary import PAIRS

MOST, MOST_LAYERS = 1 << 40, 10_000  # beyond which a number is a typing error
NORMS, MLPS = ("layer_norm", "rms_norm"), ("gelu", "gelu_exact", "swiglu")


def take_fields(
    config: dict[str, Any], names: dict[str, str], only: dict[str, tuple[Any, ...]]
) -> dict[str, Any]:
    """From somebody's config.json: our name -> the value of theirs, for names of ours -> theirs.

    ValueError for one that is missing, and for a field of `only` with a value that is not among
    those that this model can do."""
    missing = [theirs for theirs in names.values() if config.get(theirs) is None]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for name, known in only.items():
        if config.get(name, known[0]) not in known:
            raise ValueError(f"{name} = {config[name]!r} is not supported, only {known[0]!r}")
    return {ours: config[theirs] for ours, theirs in names.items()}


@dataclass
class GPTConfig:
    """The shape of a GPT."""

    vocab_size: int = 1024  # tokens in the vocabulary (V)
    _: KW_ONLY  # PyTorch code has these in other orders: each is named
    block_size: int = 64  # the longest text that the model sees at once, in tokens (T)
    n_layer: int = 4  # blocks, one after the other (N)
    n_head: int = 4  # attention heads in each block (H); must divide n_embd
    n_embd: int = 128  # width of the residual stream (C)
    dropout: float = 0.0  # share of activations dropped in training, 0 to below 1
    bias: bool = True  # biases in linear layers and layer norms
    tie_weights: bool = True  # the head is the table of the embedding
    position: str = "learned"  # learned, sinusoidal, rotary, alibi or none: see nn/position.py
    rope_base: float = 10_000.0  # rotary: how much slower each pair of channels turns
    rope_pairs: str = "halves"  # rotary: channels that turn together; neighbours: as in GPT-J
    rope_scaling: tuple[float, ...] = ()  # rotary, stretched to longer texts: nn/rotary.py
    norm: str = "layer_norm"  # layer_norm, or rms_norm, which has no mean and no bias
    norm_eps: float = 1e-5  # added to the variance under the root
    init_std: float = 0.02  # of the matrices in the blocks, at first; about 1 / sqrt(n_embd) fits
    mlp: str = "gelu"  # gelu (tanh form), gelu_exact, or swiglu, an MLP with a gate
    n_inner: int = 0  # width of the MLP; 0: 4 n_embd, and with swiglu 8/3 n_embd
    n_classes: int = 0  # of a head that classifies a text instead of writing on; 0: it writes
    n_kv_head: int = 0  # keys and values for each n_head / n_kv_head queries; 0: for each query
    lora_rank: int = 0  # rank of the adapters, when all else is frozen; 0: none, all is trained
    lora_alpha: float = 16.0  # an adapter counts alpha / rank

    def __post_init__(self) -> None:
        """ValueError for a shape that cannot be."""
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            self._whole(name, 1)
        for name in ("n_inner", "n_classes", "n_kv_head", "lora_rank"):
            self._whole(name, 0)
        for name in ("dropout", "norm_eps", "init_std", "rope_base", "lora_alpha"):
            if isinstance(getattr(self, name), np.floating | np.integer):
                setattr(self, name, getattr(self, name).item())
        for name in ("bias", "tie_weights"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"expected {name} to be True or False, got {value!r}")
        for name in ("norm_eps", "init_std", "rope_base", "lora_alpha"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ValueError(f"expected a number {name} > 0, got {value!r}")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd={self.n_embd} is not divisible by n_head={self.n_head}: "
                f"each head takes n_embd / n_head channels"
            )
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise ValueError(f"expected 0 <= dropout < 1, got {self.dropout!r}")
        words = {"position": POSITIONS, "norm": NORMS, "mlp": MLPS, "rope_pairs": PAIRS}
        for name, known in words.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"expected {name} to be one of {known}, got {value!r}")
        if self.position == "rotary" and self.n_embd // self.n_head % 2:
            raise ValueError(
                f"rotary positions turn pairs of channels: n_embd / n_head must be even, "
                f"got {self.n_embd} / {self.n_head}"
            )
        self.rope_scaling = tuple(self.rope_scaling)
        if len(self.rope_scaling) not in (0, 1, 4):
            raise ValueError(f"expected 0, 1 or 4 numbers rope_scaling, got {self.rope_scaling}")
        if self.n_kv_head and self.n_head % self.n_kv_head:
            raise ValueError(f"n_head={self.n_head} is not divisible by n_kv_head={self.n_kv_head}")

    def _whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        most = MOST_LAYERS if name == "n_layer" else MOST
        if not whole or value < least:
            raise ValueError(f"expected a whole number {name} >= {least}, got {value!r}")
        if value > most:
            raise ValueError(f"expected {name} <= {most:,}, got {str(value)[:30]}")
        setattr(self, name, int(value))

    def n_weights(self) -> int:
        """How many numbers its matrices have, without making them (vectors and positions apart)."""
        width = self.n_embd * (self.n_head + self.kv_heads) // self.n_head
        mlp = (3 if self.mlp == "swiglu" else 2) * self.mlp_width
        tables = 1 if self.tie_weights else 2
        return self.n_embd * (tables * self.vocab_size + self.n_layer * (2 * width + mlp))

    @property
    def mlp_width(self) -> int:
        """n_inner, or what stands for 0: with a gate, as many parameters as without."""
        return self.n_inner or (
            8 * -(-self.n_embd // 3) if self.mlp == "swiglu" else 4 * self.n_embd
        )

    @property
    def kv_heads(self) -> int:
        """n_kv_head, or what stands for 0."""
        return self.n_kv_head or self.n_head
