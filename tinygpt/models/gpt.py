"""GPT: embed, N blocks, norm, and back to logits over the vocabulary.

    ids (B, T) -> wte + wpe (B, T, C) -> h[0] ... h[N - 1] -> ln_f -> logits (B, T, V)

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3. The names
of the parts are GPT-2's own.
"""

import math
import re
import warnings
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygpt.autograd.engine import Tensor, no_grad
from tinygpt.backend import (
    ARRAYS,
    Array,
    array_module,
    default_device,
    is_host,
    like,
    random_stream,
    to_cpu,
)
from tinygpt.generation.beam import beam_search
from tinygpt.generation.cache import KVCache
from tinygpt.generation.sampler import check_settings, next_ids, without
from tinygpt.models import pretrained
from tinygpt.models.config import GPTConfig
from tinygpt.models.describe import describe
from tinygpt.models.trace import trace
from tinygpt.nn.attention import CausalSelfAttention
from tinygpt.nn.block import Block
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.dropout import Dropout
from tinygpt.nn.embedding import Embedding, check_ids, unembed
from tinygpt.nn.layernorm import LayerNorm
from tinygpt.nn.lora import add_adapters, draw_adapters, merge_adapters
from tinygpt.nn.mlp import MLP
from tinygpt.nn.module import Module, Rng
from tinygpt.nn.position import LearnedPosition, SinusoidalPosition
from tinygpt.nn.rmsnorm import RMSNorm
from tinygpt.nn.swiglu import SwiGLU


class GPT(Module):
    """A GPT with freshly drawn weights, in eval mode.   GPT(GPTConfig(vocab_size=65), seed=0)

    Initialised as GPT-2: weights normal with standard deviation 0.02, those that end a residual
    branch 0.02 / sqrt(2 N), biases 0. The same config and seed give the same weights; seed None:
    they are zeros, about to be loaded. It is made on the device; None: the one that TINYGPT_DEVICE
    names, else the CPU.
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
        if c.lora_rank:
            adapters: Rng = "zeros" if seed is None else random_stream(seed, "adapters")
            add_adapters(self, c.lora_rank, c.lora_alpha, rng=adapters)
        self.generation: dict[str, Any] = {}  # what its folder says on writing: eos_token_id, ...
        self.pack(seed=seed)
        self.to(device or default_device())

    def new_norm(self) -> LayerNorm | RMSNorm:
        """A norm as its config says. A subclass that has its own writes this anew."""
        c = self.config
        if c.norm == "rms_norm":
            return RMSNorm(c.n_embd, eps=c.norm_eps)
        return LayerNorm(c.n_embd, bias=c.bias, eps=c.norm_eps)

    def new_block(self, rng: Rng) -> Block:
        """A block as its config says. A subclass with parts of its own writes this anew."""
        c = self.config
        settings = {"bias": c.bias, "residual_std": 0.02 / math.sqrt(2 * c.n_layer), "rng": rng}
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

    def __call__(self, ids: Any, cache: KVCache | None = None) -> Tensor:
        """The logits of what comes next, at every position.   ids (T,) or (B, T) -> (B, T, V)

        ids: integers, an array, a list or a Tensor. cache: what the model knows of the positions
        before these; these are added to it. ValueError for an id outside the vocabulary and, with
        learned positions, beyond block_size.
        """
        if cache is not None and not isinstance(cache, KVCache):
            raise TypeError(
                "model(ids) gives the logits; the loss for targets is model.loss(ids, targets)"
            )
        return self.logits(self.hidden(ids, cache))

    def hidden(self, ids: Any, cache: KVCache | None = None) -> Tensor:
        """What the last norm gives to the head.   ids (B, T) -> (B, T, C)"""
        x = self.embed(ids, 0 if cache is None else len(cache))
        if cache is not None and len(cache.layers) != len(self.h):
            n, wanted = len(cache.layers), len(self.h)
            raise ValueError(f"a cache for {n} layers, the model has {wanted}: KVCache({wanted})")
        for i, block in enumerate(self.h):
            x = block(x, None if cache is None else cache.layers[i])
        return self.ln_f(x)

    def embed(self, ids: Any, start: int = 0) -> Tensor:
        """What enters the first block, for ids at positions start, start + 1, ...
        ids (B, T) -> (B, T, C)"""
        ids = self._on_device(self._checked(ids, "id"))
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
        """The head: how well x fits each token.   (..., C) -> (..., V)"""
        head = self.wte if self.lm_head is None else self.lm_head
        return unembed(x, head.weight) if isinstance(head, Embedding) else head(x)

    def loss(self, ids: Any, targets: Any) -> Tensor:
        """The mean cross-entropy in nats per token, a scalar.

        targets[b, t] is what comes after ids[b, t], already shifted; -100 counts nowhere.
        ValueError where shapes differ, ids or targets are out of range, or no target is left.
        """
        if ids is targets:
            warnings.warn("the targets are the ids themselves; nothing is shifted here: "
                          "model.loss(ids[:, :-1], ids[:, 1:])", stacklevel=2)  # fmt: skip
        ids, targets = self._checked(ids, "id"), self._checked(targets, "target", ignore=-100)
        if ids.shape != targets.shape:
            raise ValueError(f"ids {ids.shape} and targets {targets.shape} must have one shape")
        if is_host(targets) and not (targets != -100).any():
            raise ValueError("every target is -100: there is nothing to learn from")
        return cross_entropy(self(ids), self._on_device(targets))

    def _checked(self, ids: Any, what: str, ignore: int | None = None) -> Array:
        """(B, T) integers, checked where they are still on the CPU: a GPU would wrap them."""
        ids = ids.data if isinstance(ids, Tensor) else ids
        if type(ids) not in ARRAYS and array_module(ids) is np:  # a list, a PyTorch tensor
            ids = self._array_of(ids, what)
        if ids.ndim == 1:
            ids = ids[None]
        if ids.ndim != 2 or 0 in ids.shape:
            raise ValueError(f"expected {what}s of shape (T,) or (B, T), not empty: {ids.shape}")
        if is_host(ids):
            check_ids(ids, self.config.vocab_size, what, ignore)
        return ids

    @staticmethod
    def _array_of(ids: Any, what: str) -> np.ndarray:
        try:
            return np.asarray(ids)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"expected {what}s as a list or array of integers, (T,) or (B, T) with rows of one "
                f"length, got {type(ids).__name__}: texts of different lengths go one by one"
            ) from error

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
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        stop_ids: Collection[int] | None = None,
        banned_ids: Collection[int] = (),
        seed: int | None = None,
        use_cache: bool = True,
    ) -> Iterator[np.ndarray]:
        """Yield the next token of every row, one step after the other.   ids (B, T) -> (B,) each

        temperature 0 takes the likeliest token; what the filters do: generation/sampler.py. A row
        that drew one of the stop_ids (None: those that end a text of this model; (): none) goes on
        repeating it, and the end is where all rows have; one of the banned_ids is never drawn. The
        same seed draws the same tokens. Always in eval mode.

        A token is what model(ids[:, -block_size:]) says, with the KV cache or without. As long as
        the text fits into block_size the cache saves reading it again for every token; after that
        each token moves all the others one position on, so every one costs a whole reading.
        """
        settings: dict[str, Any] = {
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "repetition_penalty": repetition_penalty,
        }
        check_settings(**settings)
        settings["banned_ids"] = banned_ids
        start, stop_ids = self._before_writing(ids, max_new_tokens, stop_ids)
        rng = np.random.default_rng() if seed is None else random_stream(seed, "sampling")
        cache = KVCache(self.config.n_layer) if use_cache else None
        return self._stream(start, max_new_tokens, rng, stop_ids, cache, settings)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The ids that end a text of this model: eos_token_id of the folder that it is from."""
        return pretrained.end_ids(self.generation, self.config.vocab_size)

    def _before_writing(
        self, ids: Any, n: int, stop_ids: Collection[int] | None
    ) -> tuple[Any, set[int]]:
        if n < 0:
            raise ValueError(f"expected max_new_tokens >= 0, got {n}")
        stop_ids = self.stop_ids if stop_ids is None else stop_ids
        for i in stop_ids:
            if not 0 <= i < self.config.vocab_size:
                raise ValueError(
                    f"stop id {i} is outside the vocabulary of {self.config.vocab_size}"
                )
        return to_cpu(self._checked(ids, "id")).astype(np.int64), {int(i) for i in stop_ids}

    def _stream(
        self,
        ids: np.ndarray,
        n: int,
        rng: np.random.Generator,
        stop_ids: set[int],
        cache: KVCache | None,
        settings: dict[str, Any],
    ) -> Iterator[np.ndarray]:
        stopped = np.zeros(len(ids), bool)
        for _ in range(n):
            new = next_ids(self._next_logits(ids, cache), rng, ids=ids, **settings)
            new = np.where(stopped, ids[:, -1], new)
            stopped |= np.isin(new, list(stop_ids))
            ids = np.concatenate([ids, new[:, None]], axis=1)
            yield new  # outside of no_grad: whoever waits here is not switched off
            if stopped.all():
                return

    def _next_logits(self, ids: np.ndarray, cache: KVCache | None) -> np.ndarray:
        """The logits after the last id of each row, read with what the cache has of them.
        (B, T) -> (B, V)"""
        seen = ids[:, -self.config.block_size :]
        if cache is not None and seen.shape == ids.shape:
            seen = ids[:, len(cache) :]
        else:
            cache = None
        training = self.training
        if training:
            self.eval()
        try:
            with no_grad(), np.errstate(all="ignore"):  # the sampler refuses what is no number
                if type(self).__call__ is not GPT.__call__:  # a subclass says otherwise
                    logits = self(seen, cache)[:, -1]
                else:
                    logits = self.logits(self.hidden(seen, cache)[:, -1])
        finally:
            if training:
                self.train()
        return to_cpu(logits.data)

    def generate(
        self, ids: Any, max_new_tokens: int, *more: Any, num_beams: int = 1, **settings: Any
    ) -> np.ndarray:
        """The ids and what comes next, prompt included.   (B, T) -> (B, at most T + max_new_tokens)

        settings as those of stream. num_beams above 1: the likeliest text that a beam search finds
        (generation/beam.py), with stop_ids and use_cache alone; a shorter row repeats its stop id.
        """
        if more:
            raise TypeError(
                f"the settings have names: generate(ids, {max_new_tokens}, temperature=0.8, "
                f"top_k=40), got {more}"
            )
        if num_beams == 1:
            new = list(self.stream(ids, max_new_tokens, **settings))
            columns = [column[:, None] for column in new]
            return np.concatenate([to_cpu(self._checked(ids, "id")), *columns], axis=1)
        return self._beams(ids, max_new_tokens, num_beams, **settings)

    def _beams(
        self,
        ids: Any,
        n: int,
        num_beams: int,
        *,
        stop_ids: Collection[int] | None = None,
        banned_ids: Collection[int] = (),
        use_cache: bool = True,
        **settings: Any,
    ) -> np.ndarray:
        if num_beams < 1:
            raise ValueError(f"expected num_beams >= 1 (1: no beam search), got {num_beams}")
        if settings:
            raise ValueError(
                f"beam search draws nothing, so it takes stop_ids and use_cache alone; got "
                f"{', '.join(settings)}"
            )
        start, stop_ids = self._before_writing(ids, n, stop_ids)
        rows = []
        for row in start:
            cache = KVCache(self.config.n_layer) if use_cache else None

            def step(beams: np.ndarray, from_rows: np.ndarray, cache=cache) -> np.ndarray:
                if cache is not None:
                    cache.reorder(from_rows)
                return without(self._next_logits(beams, cache), banned_ids)

            rows.append(beam_search(step, row, n, num_beams=num_beams, stop_ids=stop_ids))
        longest = max(map(len, rows))
        return np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows])

    def describe(self) -> str:
        """A table of the layers: shapes, parameters, multiply-adds for a text of block_size."""
        return describe(self)

    def trace(self, ids: Any) -> dict[str, np.ndarray]:
        """Every intermediate of one forward, by name: see models/trace.py."""
        return trace(self, ids)

    # ----------------------------------------------------------------------------- on disk

    def save_pretrained(self, folder: str | Path) -> None:
        """config.json and model.safetensors, in Hugging Face's layout of GPT-2 or of Llama."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        pretrained.save(self, folder, asdict(self.config))

    def own_parts(self) -> dict[str, str]:
        """Name -> class of the Modules in it that are not what GPT makes for such a config; "" is
        the model itself. They are written in config.json, and another class refuses to load it."""
        c = self.config
        shape = {"vocab_size": 1, "block_size": 1, "n_layer": 1, "n_embd": 2 * c.n_head}
        small = GPT(replace(c, **shape, n_inner=1, lora_rank=min(c.lora_rank, 1)), device="cpu")
        usual = {}
        for name, module in small.named_modules():
            layers = range(c.n_layer) if name.startswith("h.0") else [0]
            usual |= {re.sub(r"^h\.0", f"h.{i}", name): type(module) for i in layers}
        mine: dict[str, type] = {name: type(module) for name, module in self.named_modules()}
        names = sorted(usual.keys() | mine.keys())
        return {
            n: mine.get(n, type(None)).__name__ for n in names if usual.get(n) is not mine.get(n)
        }

    @classmethod
    def from_pretrained(
        cls, where: str | Path, *, seed: int = 0, device: str | None = None, **changes: Any
    ) -> Self:
        """The model in a folder (a run, or anything in Hugging Face's layout of GPT-2 or Llama), or
        the published one of that name. It is in eval mode.

        changes: fields of GPTConfig that are to be other than in the folder: dropout; a shorter
        block_size, which cuts learned positions; lora_rank and lora_alpha, for adapters that are
        drawn by the seed. ValueError names what is missing, cut short or does not fit.
        """
        unknown = changes.keys() - {field.name for field in dataclass_fields(GPTConfig)}
        if unknown:
            raise TypeError(
                f"{', '.join(sorted(unknown))}: no such field of GPTConfig, and no other setting "
                f"is taken here (all numbers become float32)"
            )
        folder = pretrained.find(where)
        fields, layout = pretrained.read_config(folder)
        try:
            config = GPTConfig(**(fields | changes))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{folder / pretrained.CONFIG_FILE}: {error}") from error
        if changes.get("block_size", 0) > fields["block_size"] and config.position == "learned":
            raise ValueError(f"{folder} has learned {fields['block_size']} positions, not more")
        stored = pretrained.map_weights(folder)
        pretrained.check_size(folder, config, stored)
        model = cls(config, seed=None, device="cpu")
        model.vector().seed = seed
        new_adapters = bool(config.lora_rank) and not fields.get("lora_rank")
        if new_adapters:
            draw_adapters(model, random_stream(seed, "adapters"))
        shorter = "block_size" in changes
        model.generation = pretrained.read_generation(folder)
        pretrained.load(model, folder, stored, layout, new_adapters=new_adapters, shorter=shorter)
        return model.to(device or default_device())

    def load_pretrained(self, folder: str | Path) -> None:
        """Copy the weights in a folder into this model, which has to be of the same shape."""
        folder = Path(folder)
        _, layout = pretrained.read_config(folder)
        self.generation = pretrained.read_generation(folder)
        pretrained.load(self, folder, pretrained.map_weights(folder), layout)

    def merge_adapters(self) -> Self:
        """Adapters become part of the matrices: the same model, all of it trained from now on."""
        merge_adapters(self)
        self.config = replace(self.config, lora_rank=0)
        return self.pack()
