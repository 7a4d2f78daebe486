"""GPT: from the ids of a text to what comes next at each place of it.

    ids (B, T)
     |   embed    a row of the table wte for each token, a row of wpe for each position
    x (B, T, C)                                   the residual stream: every part adds to it
     |   h[0] ... h[N - 1]; a block (nn/block.py) is
     |       x = x + attn(ln_1(x))                the positions look at those before them
     |       x = x + mlp(ln_2(x))                 each position thinks by itself
     |   ln_f, then the head: the table wte again, or lm_head
    logits (B, T, V)                              how well each token would fit as the next one
     |   cross_entropy with the targets (B, T), which are the ids one place later
    loss ()

Writing with it is in generation/generate.py, its folder in pretrained.py. Radford et al. 2019,
"Language Models are Unsupervised Multitask Learners", section 2.3; the names of the parts are
GPT-2's own.
"""

import math
from dataclasses import replace
from typing import Any, Self

from tinygpt.autograd.engine import Tensor
from tinygpt.backend import Array, default_device, like, random_stream
from tinygpt.generation.cache import KVCache
from tinygpt.generation.generate import generate, stream
from tinygpt.models import pretrained
from tinygpt.models.config import GPTConfig
from tinygpt.models.describe import describe
from tinygpt.models.ids import checked_ids, checked_pair
from tinygpt.models.own_parts import own_parts
from tinygpt.models.trace import trace
from tinygpt.nn.attention import CausalSelfAttention, attention, merge_heads, split_heads
from tinygpt.nn.block import Block
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.embedding import Embedding, embedding, unembed
from tinygpt.nn.gelu import gelu
from tinygpt.nn.initial import Rng
from tinygpt.nn.layernorm import LayerNorm, layer_norm
from tinygpt.nn.linear import Linear, linear
from tinygpt.nn.lora import add_adapters, merge_adapters
from tinygpt.nn.mlp import MLP
from tinygpt.nn.module import Module
from tinygpt.nn.position import LearnedPosition, SinusoidalPosition
from tinygpt.nn.rmsnorm import RMSNorm
from tinygpt.nn.swiglu import SwiGLU


def gpt_plain(model, ids):
    """The drawing as code, for a GPT-2 without dropout.   ids (B, T) -> logits (B, T, V)"""
    x = embedding(model.wte.weight, ids) + model.wpe.weight[: ids.shape[1]]  # (B, T, C)
    for block in model.h:
        n = layer_norm(x, block.ln_1.weight, block.ln_1.bias)
        q, k, v = split_heads(_linear(n, block.attn.c_attn), n_head=model.config.n_head)
        y = merge_heads(attention(q, k, v))  # the positions look at those before them
        x = x + _linear(y, block.attn.c_proj)
        n = layer_norm(x, block.ln_2.weight, block.ln_2.bias)
        y = gelu(_linear(n, block.mlp.c_fc))  # (B, T, 4C): each position thinks by itself
        x = x + _linear(y, block.mlp.c_proj)
    x = layer_norm(x, model.ln_f.weight, model.ln_f.bias)
    return unembed(x, model.wte.weight)  # how well each token would fit next


def _linear(x, layer):
    return linear(x, layer.weight, layer.bias)


class GPT(Module):
    """A GPT with freshly drawn weights, in eval mode.   GPT(GPTConfig(vocab_size=65), seed=0)

    Initialised as GPT-2: weights normal with standard deviation 0.02 (in the blocks init_std),
    those that end a residual branch by sqrt(2 N) smaller, biases 0. The same config and seed give
    the same weights; seed None: they are zeros, about to be loaded. It is made on the device; None:
    the one that TINYGPT_DEVICE names, else the CPU.
    """

    def __init__(self, config: GPTConfig, *, seed: int | None = 0, device: str | None = None):
        c = self.config = config
        rng: Rng = "zeros" if seed is None else random_stream(seed, "weights")
        self.wte = Embedding(c.vocab_size, c.n_embd, rng=rng)
        self.wpe: LearnedPosition | SinusoidalPosition | None = None
        if c.position == "learned":
            self.wpe = LearnedPosition(c.block_size, c.n_embd, rng=rng)
        elif c.position == "sinusoidal":
            self.wpe = SinusoidalPosition()
        self.drop = Dropout(c.dropout)
        self.h = [self.new_block(rng) for _ in range(c.n_layer)]
        self.ln_f = self.new_norm()
        self.lm_head = None if c.tie_weights else Embedding(c.vocab_size, c.n_embd, rng=rng)
        self.score: Linear | None = None  # the head of a classifier
        if c.n_classes:
            self.score = Linear(c.n_embd, c.n_classes, bias=False, std=0.02, rng=rng)
        if c.lora_rank:
            adapters: Rng = "zeros" if seed is None else random_stream(seed, "adapters")
            add_adapters(self, c.lora_rank, c.lora_alpha, rng=adapters)
        self.generation: dict[str, Any] = {}  # what its folder says on writing: eos_token_id, ...
        self.pack(seed=seed)
        self.to(device or default_device())

    def __call__(self, ids: Any, cache: KVCache | None = None) -> Tensor:
        """The logits of what comes next, at every position.   ids (T,) or (B, T) -> (B, T, V)

        ids: integers, an array, a list or a Tensor. cache: what the model knows of the len(cache)
        positions before these; these are added to it. ValueError for an id outside the vocabulary
        and, with learned positions, beyond block_size.
        """
        if cache is not None and not isinstance(cache, KVCache):
            raise TypeError(
                "model(ids) gives the logits; the loss for targets is model.loss(ids, targets)"
            )
        return self.logits(self.hidden(ids, cache))

    def hidden(self, ids: Any, cache: KVCache | None = None) -> Tensor:
        """What the last norm gives to the head.   ids (B, T) -> (B, T, C)"""
        return self.through(self.embed(ids, 0 if cache is None else len(cache)), cache)

    def through(self, x: Tensor, cache: KVCache | None = None) -> Tensor:
        """The same from what enters the first block.   (B, T, C) -> (B, T, C)"""
        caches = [None] * len(self.h) if cache is None else cache.for_layers(len(self.h))
        for block, kept in zip(self.h, caches, strict=True):
            x = block(x, kept)
        return self.ln_f(x)

    def embed(self, ids: Any, start: int = 0) -> Tensor:
        """What enters the first block, for ids at positions start, start + 1, ...
        ids (B, T) -> (B, T, C)"""
        ids = self._on_device(self.checked(ids))
        end, longest = start + ids.shape[1], self.config.block_size
        if self.config.position == "learned" and longest < end:
            raise ValueError(
                f"{end} ids, but this model sees at most block_size={longest}: "
                f"pass ids[:, -{longest}:]"
            )
        x = self.wte(ids)
        if self.wpe is not None:
            x = self.wpe(x, start)
        return self.drop(x)

    def logits(self, x: Tensor) -> Tensor:
        """The head: how well x fits each token, (..., C) -> (..., V), or, in a classifier, each of
        its classes."""
        if self.score is not None:
            return self.score(x)
        head = self.wte if self.lm_head is None else self.lm_head
        return unembed(x, head.weight) if isinstance(head, Embedding) else head(x)

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """The mean cross-entropy in nats per token, a scalar.

        targets[b, t] is what comes after ids[b, t], already shifted; -100 counts nowhere. Of a
        classifier it is the class of the text up to there. ValueError where shapes differ, ids or
        targets are out of range, or no target is left.
        """
        ids, targets = self.checked_pair(ids, targets)
        return cross_entropy(self(ids), self._on_device(targets))

    def checked(self, ids: Any) -> Array:
        """(B, T) integers of the vocabulary, or a ValueError in words (models/ids.py)."""
        return checked_ids(ids, self.config.vocab_size)

    def checked_pair(self, ids: Any, targets: Any) -> tuple[Array, Array]:
        """The same for ids and their targets, which are of one shape."""
        c = self.config
        return checked_pair(ids, targets, c.vocab_size, c.n_classes or c.vocab_size)

    def _on_device(self, ids: Array) -> Array:
        return like(ids, self.wte.weight.data)

    def next_logits(self, ids: Any, cache: KVCache | None = None) -> Tensor:
        """The logits after the last id of each row: the head works on that position alone.
        (B, T) -> (B, V)"""
        if type(self).__call__ is not GPT.__call__:  # a subclass has its own way
            return self(ids, cache)[:, -1]
        return self.logits(self.hidden(ids, cache)[:, -1])

    # ------------------------------------------------------------ what it is made of, as configured

    def new_norm(self) -> LayerNorm | RMSNorm:
        """The norm of its config, "layer_norm" or "rms_norm". A subclass that has its own writes
        this anew."""
        c = self.config
        if c.norm == "rms_norm":
            return RMSNorm(c.n_embd, eps=c.norm_eps)
        return LayerNorm(c.n_embd, bias=c.bias, eps=c.norm_eps)

    def new_block(self, rng: Rng) -> Block:
        """A block as its config says. A subclass with parts of its own writes this anew."""
        c = self.config
        residual_std = c.init_std / math.sqrt(2 * c.n_layer)
        settings = {"bias": c.bias, "std": c.init_std, "residual_std": residual_std, "rng": rng}
        attn = CausalSelfAttention(
            c.n_embd,
            c.n_head,
            n_kv_head=c.kv_heads,
            position=c.position,
            rope_base=c.rope_base,
            rope_pairs=c.rope_pairs,
            rope_scaling=c.rope_scaling,
            dropout=c.dropout,
            **settings,
        )
        if c.mlp == "swiglu":
            mlp = SwiGLU(c.n_embd, n_inner=c.mlp_width, **settings)
        else:
            form = "none" if c.mlp == "gelu_exact" else "tanh"
            mlp = MLP(c.n_embd, n_inner=c.mlp_width, approximate=form, **settings)
        return Block(self.new_norm(), attn, self.new_norm(), mlp, dropout=c.dropout)

    # ------------------------------------------------- to write with, to look at, and on disk

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The ids that end a text of this model: eos_token_id of the folder that it is from."""
        return pretrained.end_ids(self.generation, self.config.vocab_size)

    stream, generate = stream, generate  # generation/generate.py

    describe, trace = describe, trace  # models/describe.py, models/trace.py

    save_pretrained = pretrained.save_pretrained
    load_pretrained = pretrained.load_pretrained
    from_pretrained = classmethod(pretrained.from_pretrained)

    def own_parts(self) -> dict[str, str]:
        """Name -> class of the parts that are a subclass's own (models/own_parts.py)."""
        return own_parts(self, GPT)

    def merge_adapters(self) -> Self:
        """Adapters become part of the matrices: the same model, all of it trained from now on."""
        merge_adapters(self)
        self.config = replace(self.config, lora_rank=0)
        return self.pack()
