"""BERT: every token sees all others, those after it too, and hidden ones are guessed.

    ids (B, T)      [CLS] the cat [MASK] on the mat [SEP]
     |   embed      a row for each token, for each position and for each text (first, second); norm
    x (B, T, C)
     |   h[0] ... h[N - 1]; a block is
     |       x = ln_1(x + attn(x))        nothing is hidden but padding
     |       x = ln_2(x + mlp(x))         the norm stands after the sum, not before the branch
    x (B, T, C)
     |   one of the heads
    logits          masked: (B, T, V), which token was there      classes: (B, n), of [CLS]
                    span: (B, T, 2), where an answer begins, and where it ends

A GPT reads from left to right, so it can write, and a position knows only what came before. BERT
knows both sides of every position, so it reads better, and cannot write: there is no next one.
Devlin et al. 2019, "BERT", section 3. RoBERTa (Liu et al. 2019) has the same parts, positions that
are counted from 2 on, and no second text; what it changed is the training (text/masking.py).
"""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.ops import tanh
from tinygpt.autograd.parameters import Parameter
from tinygpt.backend import Array, default_device, like, random_stream, to_cpu
from tinygpt.models import bert_format
from tinygpt.models.ids import checked_ids
from tinygpt.nn.attention import CausalSelfAttention, attention, merge_heads, split_heads
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.embedding import Embedding, embedding, unembed
from tinygpt.nn.gelu import gelu
from tinygpt.nn.initial import Rng
from tinygpt.nn.layernorm import LayerNorm, layer_norm
from tinygpt.nn.linear import Linear, linear
from tinygpt.nn.mlp import MLP
from tinygpt.nn.module import Module

HEADS = ("masked", "classes", "span", "none")


@dataclass
class BertConfig:
    """The shape of a BERT."""

    vocab_size: int = 30522  # tokens in the vocabulary (V)
    _: KW_ONLY
    block_size: int = 512  # rows in the table of positions
    n_layer: int = 12  # blocks (N)
    n_head: int = 12  # attention heads in each; must divide n_embd
    n_embd: int = 768  # width (C)
    n_inner: int = 0  # width of the MLP; 0: 4 n_embd
    n_types: int = 2  # which text a token is of: the first or the second
    dropout: float = 0.1
    norm_eps: float = 1e-12
    mlp: str = "gelu_exact"  # or gelu, the tanh form
    pad_id: int = 0  # what fills a row up: nobody looks at it
    first_position: int = 0  # the row of the first token's position; RoBERTa: 2
    pooler: bool = True  # a layer on [CLS]
    head: str = "masked"  # masked, classes, span, none
    n_classes: int = 0  # of the head "classes"

    def __post_init__(self) -> None:
        """ValueError for a shape that cannot be."""
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd", "n_types"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"expected a whole number {name} >= 1, got {getattr(self, name)}")
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd={self.n_embd} is not divisible by n_head={self.n_head}")
        if self.head not in HEADS:
            raise ValueError(f"expected head to be one of {HEADS}, got {self.head!r}")
        if (self.head == "classes") != (self.n_classes > 1):
            raise ValueError(f"a head of classes needs two at least, got n_classes={self.n_classes}"
                             f" with head={self.head!r}")  # fmt: skip
        if self.head == "classes" and not self.pooler:
            raise ValueError("the head of classes stands on the pooler: pooler=True")

    @property
    def tie_weights(self) -> bool:
        """The masked head is the table of the embedding."""
        return True


def bert_plain(model, ids):
    """The drawing as code, without dropout, padding and a second text.   (B, T) -> (B, T, C)"""
    T, c = ids.shape[1], model.config
    x = embedding(model.wte.weight, ids) + model.wpe.weight[c.first_position :][:T]
    x = _norm(x + model.types.weight[0], model.ln)
    for block in model.h:
        q, k, v = split_heads(_linear(x, block.attn.c_attn), n_head=c.n_head)
        y = merge_heads(attention(q, k, v, causal=False))  # all look at all
        x = _norm(x + _linear(y, block.attn.c_proj), block.ln_1)
        y = gelu(_linear(x, block.mlp.c_fc), approximate="none")
        x = _norm(x + _linear(y, block.mlp.c_proj), block.ln_2)
    return x


def _linear(x, layer):
    return linear(x, layer.weight, layer.bias)


def _norm(x, layer):
    return layer_norm(x, layer.weight, layer.bias, eps=layer.eps)


class SelfAttention(CausalSelfAttention):
    """As a GPT's, but every position sees all others. key_padding (B, T): True where a token is."""

    def __call__(self, x: Tensor, key_padding: Any = None) -> Tensor:
        q, k, v = self.heads(x)
        dropped = self.attn_dropout.for_one_forward()
        return self.c_proj(
            merge_heads(attention(q, k, v, causal=False, key_padding=key_padding, **dropped))
        )


class PostNormBlock(Module):
    """x = ln_1(x + attn(x)),  x = ln_2(x + mlp(x)).   (B, T, C) -> (B, T, C)"""

    def __init__(self, c: BertConfig, rng: Rng):
        form = "none" if c.mlp == "gelu_exact" else "tanh"
        self.attn = SelfAttention(c.n_embd, c.n_head, dropout=c.dropout, rng=rng)
        self.ln_1 = LayerNorm(c.n_embd, eps=c.norm_eps)
        self.mlp = MLP(c.n_embd, n_inner=c.n_inner or None, approximate=form, rng=rng)
        self.ln_2 = LayerNorm(c.n_embd, eps=c.norm_eps)
        self.attn_residual_dropout = Dropout(c.dropout)
        self.mlp_residual_dropout = Dropout(c.dropout)

    def __call__(self, x: Tensor, key_padding: Any = None) -> Tensor:
        x = self.ln_1(x + self.attn_residual_dropout(self.attn(x, key_padding)))
        return self.ln_2(x + self.mlp_residual_dropout(self.mlp(x)))


class MaskedHead(Module):
    """Which token was there: a layer, a norm, and how well that fits each row of the table."""

    def __init__(self, c: BertConfig, rng: Rng):
        self.dense = Linear(c.n_embd, c.n_embd, std=0.02, rng=rng)
        self.ln = LayerNorm(c.n_embd, eps=c.norm_eps)
        self.bias = Parameter(np.zeros(c.vocab_size, np.float32))
        self.form = "none" if c.mlp == "gelu_exact" else "tanh"

    def __call__(self, x: Tensor, table: Parameter) -> Tensor:
        x = self.ln(gelu(self.dense(x), approximate=self.form))
        return unembed(x, table) + self.bias


class BERT(Module):
    """A BERT with freshly drawn weights (normal, 0.02), in eval mode.   BERT(BertConfig(), seed=0)

    model(ids) gives the logits of its head, model.hidden(ids) what the last block says of each
    token, model.pooled(x) one vector for the text. seed None: zeros, about to be loaded."""

    def __init__(self, config: BertConfig, *, seed: int | None = 0, device: str | None = None):
        c = self.config = config
        rng: Rng = "zeros" if seed is None else random_stream(seed, "weights")
        self.wte = Embedding(c.vocab_size, c.n_embd, rng=rng)
        self.wpe = Embedding(c.block_size, c.n_embd, rng=rng)
        self.types = Embedding(c.n_types, c.n_embd, rng=rng)
        self.ln = LayerNorm(c.n_embd, eps=c.norm_eps)
        self.drop = Dropout(c.dropout)
        self.h = [PostNormBlock(c, rng) for _ in range(c.n_layer)]
        self.pooler = Linear(c.n_embd, c.n_embd, std=0.02, rng=rng) if c.pooler else None
        self.masked = MaskedHead(c, rng) if c.head == "masked" else None
        n = {"classes": c.n_classes, "span": 2}.get(c.head)
        self.score = Linear(c.n_embd, n, std=0.02, rng=rng) if n else None
        self.pack(seed=seed)
        self.to(device or default_device())

    def __call__(self, ids: Any, *, types: Any = None, key_padding: Any = None) -> Tensor:
        """The logits of the head.   ids (B, T) -> (B, T, V), (B, n_classes) or (B, T, 2)"""
        x = self.hidden(ids, types=types, key_padding=key_padding)
        if self.masked is not None:
            return self.masked(x, self.wte.weight)
        if self.score is None:
            raise ValueError('this BERT has no head (head="none"): ask model.hidden(ids)')
        return self.score(self.pooled(x) if self.config.head == "classes" else x)

    def hidden(self, ids: Any, *, types: Any = None, key_padding: Any = None) -> Tensor:
        """What the last block says of each token.   ids (B, T) -> (B, T, C)

        types (B, T): 0 in the first text, 1 in the second. key_padding (B, T): True where a token
        is; None: where the id is not pad_id. ValueError as of a GPT."""
        ids = self.checked(ids)
        if key_padding is None:
            key_padding = to_cpu(ids) != self.config.pad_id
        key_padding = None if key_padding.all() else like(key_padding, self.wte.weight.data)
        x = self.embed(ids, types)
        for block in self.h:
            x = block(x, key_padding)
        return x

    def embed(self, ids: Array, types: Any = None) -> Tensor:
        """What enters the first block.   ids (B, T) -> (B, T, C)"""
        c, (_, T) = self.config, ids.shape
        longest = c.block_size - c.first_position
        if longest < T:
            raise ValueError(f"{T} ids, but this model sees at most {longest}: ids[:, :{longest}]")
        types = np.zeros(ids.shape, np.int64) if types is None else types
        types = checked_ids(types, c.n_types, "type")
        table = self.wte.weight.data
        x = self.wte(like(ids, table)) + self.wpe(like(self._positions(ids), table))
        return self.drop(self.ln(x + self.types(like(types, table))))

    def _positions(self, ids: Array) -> np.ndarray:
        """The row of the table of positions for each token. RoBERTa counts tokens, not padding."""
        ids, first = to_cpu(ids), self.config.first_position
        if not first:
            return np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        real = ids != self.config.pad_id
        return np.where(real, np.cumsum(real, axis=1) + first - 1, first - 1)

    def pooled(self, x: Tensor) -> Tensor:
        """One vector for a text: tanh(W h + b), h that of its first token, [CLS].
        (B, T, C) -> (B, C)"""
        if self.pooler is None:
            raise ValueError("this BERT has no pooler: take model.hidden(ids)[:, 0]")
        return tanh(self.pooler(x[:, 0]))

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """The mean cross-entropy of the head, a scalar; a target of -100 counts nowhere.

        masked: targets (B, T), the tokens that were hidden. classes: (B,), or (B, 1). span: (B, 2),
        where the answer begins and where it ends, both included."""
        targets = np.asarray(targets)
        logits = self(ids)
        if self.config.head == "classes":
            return cross_entropy(logits, like(targets.reshape(-1), logits.data))
        if self.config.head == "span":
            begin, end = (like(targets[:, i], logits.data) for i in range(2))
            return (cross_entropy(logits[:, :, 0], begin) + cross_entropy(logits[:, :, 1], end)) / 2
        return cross_entropy(logits, like(targets, logits.data))

    def checked(self, ids: Any) -> Array:
        """(B, T) integers of the vocabulary, or a ValueError in words (models/ids.py)."""
        return checked_ids(ids, self.config.vocab_size)

    # ----------------------------------------------------------------------------------- on disk

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, seed: int = 0, device: str | None = None, **changes: Any
    ) -> Self:
        """The BERT or RoBERTa in a folder of Hugging Face's, in eval mode. Without a head in the
        file it has none. changes: fields of BertConfig that are to be other: head and n_classes, a
        new head then; dropout. ValueError names what is missing, unknown or does not fit."""
        return bert_format.read(cls, BertConfig, folder, seed=seed, device=device, **changes)

    def save_pretrained(self, folder: str | Path) -> None:
        """config.json and model.safetensors, as Hugging Face's BERT or RoBERTa."""
        bert_format.write(self, Path(folder))

    def own_parts(self) -> dict[str, str]:
        """Of a GPT: the parts that a subclass has of its own. A BERT is read by its class."""
        return {}
