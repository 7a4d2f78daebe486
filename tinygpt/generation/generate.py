"""Writing ids with a model: one token after the other, or the likeliest text by beams.

These are methods of GPT: model.stream(ids, 20), model.generate(ids, 20).
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from tinygpt.autograd.mode import no_grad
from tinygpt.backend import random_stream, to_cpu
from tinygpt.generation.beam import beam_search
from tinygpt.generation.cache import KVCache
from tinygpt.generation.sampler import check_settings, next_ids, without


def stream(
    model: Any,
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
    start, stop_ids = _before_writing(model, ids, max_new_tokens, stop_ids)
    rng = np.random.default_rng() if seed is None else random_stream(seed, "sampling")
    cache = KVCache(model.config.n_layer) if use_cache else None
    return _stream(model, start, max_new_tokens, rng, stop_ids, cache, settings)


def generate(
    model: Any, ids: Any, max_new_tokens: int, *more: Any, num_beams: int = 1, **settings: Any
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
        new = list(stream(model, ids, max_new_tokens, **settings))
        columns = [column[:, None] for column in new]
        return np.concatenate([to_cpu(model.checked(ids)), *columns], axis=1)
    return _beams(model, ids, max_new_tokens, num_beams, **settings)


def _before_writing(
    model: Any, ids: Any, n: int, stop_ids: Collection[int] | None
) -> tuple[Any, set[int]]:
    if n < 0:
        raise ValueError(f"expected max_new_tokens >= 0, got {n}")
    if model.config.n_classes:
        raise ValueError("this model chooses one of its classes, it writes nothing: model(ids)")
    stop_ids = model.stop_ids if stop_ids is None else stop_ids
    for i in stop_ids:
        if not 0 <= i < model.config.vocab_size:
            raise ValueError(f"stop id {i} is outside the vocabulary of {model.config.vocab_size}")
    return to_cpu(model.checked(ids)).astype(np.int64), {int(i) for i in stop_ids}


def _stream(
    model: Any,
    ids: np.ndarray,
    n: int,
    rng: np.random.Generator,
    stop_ids: set[int],
    cache: KVCache | None,
    settings: dict[str, Any],
) -> Iterator[np.ndarray]:
    stopped = np.zeros(len(ids), bool)
    for _ in range(n):
        new = next_ids(_next_logits(model, ids, cache), rng, ids=ids, **settings)
        new = np.where(stopped, ids[:, -1], new)
        stopped |= np.isin(new, list(stop_ids))
        ids = np.concatenate([ids, new[:, None]], axis=1)
        yield new  # outside of no_grad: whoever waits here is not switched off
        if stopped.all():
            return


def _next_logits(model: Any, ids: np.ndarray, cache: KVCache | None) -> np.ndarray:
    """The logits after the last id of each row, read with what the cache has of them.
    (B, T) -> (B, V)"""
    seen = ids[:, -model.config.block_size :]
    if cache is not None and seen.shape == ids.shape:
        seen = ids[:, len(cache) :]
    else:
        cache = None
    training = model.training
    if training:
        model.eval()
    try:
        with no_grad(), np.errstate(all="ignore"):  # the sampler refuses what is no number
            logits = model.next_logits(seen, cache)
    finally:
        if training:
            model.train()
    return to_cpu(logits.data)


def _beams(
    model: Any,
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
    start, stop_ids = _before_writing(model, ids, n, stop_ids)
    rows = []
    for row in start:
        cache = KVCache(model.config.n_layer) if use_cache else None

        def step(beams: np.ndarray, from_rows: np.ndarray, cache=cache) -> np.ndarray:
            if cache is not None:
                cache.reorder(from_rows)
            return without(_next_logits(model, beams, cache), banned_ids)

        rows.append(beam_search(step, row, n, num_beams=num_beams, stop_ids=stop_ids))
    longest = max(map(len, rows))
    return np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows])
