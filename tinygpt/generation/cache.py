"""KV cache: the keys and values of what was read, so that the next token needs no second reading.

    step 1   q q q q q   k v k v k v k v k v      the prompt, all at once
    step 2             q                     k v  one new query looks at six keys

In a causal model what was computed for a position never depends on a later one, so it stays right
until the beginning of the text is cut off. Pope et al. 2022, "Efficiently Scaling Transformer
Inference", section 2.1.
"""

import math

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.backend import Array, array_module


class LayerCache:
    """Keys and values of one layer, each (B, H, S, D), in arrays with room for more."""

    def __init__(self) -> None:
        self.length, self.keys, self.values = 0, None, None

    def __len__(self) -> int:
        return self.length

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of T new positions; all of them so far.   (B, H, T, D) -> (B, H, S, D)

        ValueError where a gradient is wanted (it would end here) and for another number of rows.
        """
        if k.requires_grad or v.requires_grad:
            raise ValueError("a KV cache is for writing, not for training: use it in no_grad()")
        if self.keys is not None and len(self.keys) != len(k):
            raise ValueError(f"the cache has {len(self.keys)} rows, got {len(k)}")
        start, self.length = self.length, self.length + k.shape[2]
        self.keys = _written(self.keys, k.data, start)
        self.values = _written(self.values, v.data, start)
        return Tensor(self.keys[:, :, : self.length]), Tensor(self.values[:, :, : self.length])


def _written(kept: Array | None, new: Array, start: int) -> Array:
    """The array with `new` at positions start, start + 1, ...; where it has no room, one of twice
    the size, so that a position is copied less than twice on average."""
    B, H, T, D = new.shape
    if kept is None or start + T > kept.shape[2]:
        room = 2 ** math.ceil(math.log2(max(start + T, 32)))
        larger = array_module(new).empty((B, H, room, D), new.dtype)
        if kept is not None:
            larger[:, :, :start] = kept[:, :, :start]
        kept = larger
    kept[:, :, start : start + T] = new
    return kept


class KVCache:
    """One LayerCache for each block.   model(ids, cache), then model(next_ids, cache), ..."""

    def __init__(self, n_layer: int):
        self.layers = [LayerCache() for _ in range(n_layer)]

    def __len__(self) -> int:
        """How many positions it holds."""
        return len(self.layers[0])

    def for_layers(self, n: int) -> list[LayerCache]:
        """Its layers. ValueError where the model has another number of them."""
        if len(self.layers) != n:
            raise ValueError(
                f"a cache for {len(self.layers)} layers, the model has {n}: KVCache({n})"
            )
        return self.layers

    def reorder(self, rows: np.ndarray) -> None:
        """Row i becomes what row rows[i] was: rows that go on more than once are copied."""
        for layer in self.layers:
            if layer.keys is not None and layer.values is not None:
                rows_there = array_module(layer.keys).asarray(rows)
                layer.keys, layer.values = layer.keys[rows_there], layer.values[rows_there]
