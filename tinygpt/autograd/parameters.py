"""Parameter, and the one vector that all parameters of a model live in.

    data   [ wte ........ | h.0.attn.c_attn ... | ... | h.0.ln_1.bias | ... ]
    grad   [ the same layout                                                ]
             matrices, which decay                    vectors, which do not

So clipping is one norm of one array, an optimiser step a few passes over it, averaging gradients
between workers one sum, and "matrices decay, vectors do not" a slice.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from tinygpt.autograd.engine import Leaf, Tensor
from tinygpt.backend import Array, array_module


class Parameter(Tensor):
    """A Tensor that is trained. Once packed, its data and its gradient are views of a vector."""

    __slots__ = ("vector",)

    def __init__(self, data: Any):
        super().__init__(data, requires_grad=True)
        self.vector: ParameterVector | None = None

    def rebind(
        self, data: Array, slot: Array | None = None, vector: "ParameterVector | None" = None
    ) -> None:
        """The same Parameter over another array. Graphs made before no longer reach it."""
        self.data, self.node, self.vector = data, Leaf(data, slot), vector

    def __deepcopy__(self, memo: dict) -> "Parameter":
        return Parameter(self.data.copy())


class Frozen(Tensor):
    """A Tensor that belongs to a model and is not trained: an array of its own, outside the vector.
    Copies of the model share it."""

    __slots__ = ()

    def __init__(self, data: Any):
        super().__init__(data)

    def rebind(self, data: Array) -> None:
        self.data = data

    def __deepcopy__(self, memo: dict) -> "Frozen":
        return Frozen(self.data)


class ParameterVector:
    """All parameters of a model in `data`, all gradients in `grad`: matrices first, vectors after.

    seed, steps and row tell dropout which mask to draw: the seed of the model, the number of
    optimiser steps taken, and where this batch begins in the batch of the whole step.
    """

    def __init__(self, parameters: Sequence[Parameter], *, shared: Array | None = None):
        """Copies the parameters' values and gradients; with `shared`, a vector of this layout, its
        values are used and there are no gradients yet."""
        self.parameters = sorted(parameters, key=lambda p: p.ndim < 2)  # stable
        if not self.parameters:
            raise ValueError("a model without parameters cannot be packed")
        dtypes = {str(p.dtype) for p in self.parameters}
        if len(dtypes) > 1:
            raise TypeError(f"the parameters of one model need one dtype, got {sorted(dtypes)}")
        xp, dtype = array_module(self.parameters[0].data), self.parameters[0].dtype
        size = sum(p.size for p in self.parameters)
        self.n_matrix = sum(p.size for p in self.parameters if p.ndim >= 2)  # these decay
        self.seed, self.steps, self.row = 0, 0, 0
        before = [(p.data, p.grad) for p in self.parameters]
        self.live_in(xp.empty(size, dtype) if shared is None else shared, xp.zeros(size, dtype))
        if shared is None:
            for p, (data, gradient) in zip(self.parameters, before, strict=True):
                p.data[...] = data
                if gradient is not None:
                    p.node.add(gradient)

    def live_in(self, data: Array, grad: Array) -> None:
        """From now on the values are those in `data`, and gradients go to `grad`."""
        self.data, self.grad, self.views = data, grad, []
        for p, values, slot in self._slices():
            p.rebind(values, slot, self)
            self.views.append(values)

    def _slices(self) -> Iterator[tuple[Parameter, Array, Array]]:
        end = 0
        for p in self.parameters:
            start, end = end, end + p.size
            yield p, self.data[start:end].reshape(p.shape), self.grad[start:end].reshape(p.shape)

    def check(self) -> None:
        """RuntimeError where the parameters no longer live here."""
        for p, view in zip(self.parameters, self.views, strict=True):
            if p.vector is not self:
                raise RuntimeError(
                    "the model was moved or packed anew: make the optimizer after model.to(...)"
                )
            if p.data is not view:
                raise RuntimeError(
                    "a parameter's array was replaced: write p.data[...] = values, which keeps "
                    "its place in the model's vector"
                )

    def gradient(self) -> Array:
        """The gradient of everything, zero where none arrived since zero_grad()."""
        self.check()
        for p in self.parameters:
            if p.node.grad is None:
                p.node.slot[...] = 0
                p.node.grad = p.node.slot
        return self.grad

    def drawing(self) -> tuple[int, int]:
        """What the dropout masks of a step hang on, besides the row."""
        return self.seed, self.steps

    def draw_as(self, seed: int, steps: int) -> None:
        """Draw the masks that the vector draws whose `drawing` this is."""
        self.seed, self.steps = seed, steps

    def gradient_is_there(self) -> None:
        """`grad` holds the gradient of everything, which another process has written: without this
        `gradient()` would take it for stale and put zeros there."""
        for p in self.parameters:
            p.node.grad = p.node.slot

    def zero_grad(self) -> None:
        """Forget all gradients. Nothing is written: the next gradient overwrites its slice."""
        for p in self.parameters:
            p.node.grad = None

    def __deepcopy__(self, memo: dict) -> "ParameterVector":

        new = ParameterVector([copy.deepcopy(p, memo) for p in self.parameters])
        new.seed, new.steps, new.row = self.seed, self.steps, self.row
        return new
