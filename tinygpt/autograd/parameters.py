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

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.leaf import Leaf
from tinygpt.backend import Array, array_module, to_cpu


class Parameter(Tensor):
    """A Tensor that is trained. Once packed, its data and its gradient are views of a vector.

    p.requires_grad = False freezes it: it leaves the vector, and optimizers that were made before
    say so at their next step."""

    __slots__ = ("vector",)
    part_of_a_model = True

    def __init__(self, data: Any):
        data = data.data if isinstance(data, Tensor) else data
        super().__init__(data, requires_grad=True)
        self.vector: ParameterVector | None = None

    def rebind(
        self, data: Array, slot: Array | None = None, vector: "ParameterVector | None" = None
    ) -> None:
        """The same Parameter over another array. Graphs made before no longer reach it."""
        self.node = Leaf(data, slot) if self.requires_grad else None
        self.data, self.vector = data, vector

    @property
    def grad(self) -> Any:
        """The gradient as an array, None before a backward() has reached it. It may be kept: after
        zero_grad() the next one is written elsewhere."""
        if self.vector is not None:
            self.vector.grad_was_seen = True
        return None if self.node is None else self.node.grad

    @grad.setter
    def grad(self, g: Any) -> None:
        self.zero_grad()
        Tensor.grad.__set__(self, g)  # type: ignore[attr-defined]

    def zero_grad(self) -> None:
        """Forget the gradient that was summed up."""
        if self.vector is not None:
            self.vector.leave_seen_gradients()
        super().zero_grad()

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted != self.requires_grad:  # either way it leaves the vector that it was in
            data = self.data.copy() if self.vector is not None else self.data
            self.data, self.vector, self.node = data, None, Leaf(data) if wanted else None

    def __deepcopy__(self, memo: dict) -> "Parameter":
        return _parameter(self.data.copy(), self.requires_grad)

    def __reduce__(self) -> Any:  # a pickled one is on its own, and no view of a vector
        return _parameter, (to_cpu(self.data).copy(), self.requires_grad)


def _parameter(data: Array, requires_grad: bool) -> Parameter:
    p = Parameter(data)
    p.requires_grad = requires_grad
    return p


class Frozen(Tensor):
    """A Tensor that belongs to a model and is not trained: an array of its own, outside the vector.
    Copies of the model share it."""

    __slots__ = ()
    part_of_a_model = True

    def __init__(self, data: Any):
        super().__init__(data)

    def rebind(self, data: Array) -> None:
        self.data = data

    def __deepcopy__(self, memo: dict) -> "Frozen":
        return Frozen(self.data)


class ParameterVector:
    """All parameters of a model in `data`, all gradients in `grad`: matrices first, vectors after.

    seed, steps, row and parts tell dropout which mask to draw: the seed of the model, the number
    of optimiser steps taken, where this batch begins in the batch of the whole step, and how many
    such parts were announced (begin_part).
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
        self.seed, self.steps, self.row, self.parts = 0, 0, 0, 0
        self.grad_was_seen = False  # somebody has looked at a .grad, and may keep it
        self.gradients_stay = False  # other processes write into `grad`: it is not exchanged
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
                    "a parameter has left this vector: the model was moved (model.to) or packed "
                    "anew, or a parameter was frozen or given to another optimizer. Make the "
                    "optimizer afterwards"
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
        return self.grad

    def received(self) -> list[tuple[int, int]]:
        """The parts (start, end) of the vector where a gradient arrived since zero_grad(), as few
        as can be; those of matrices and vectors apart."""
        if all(p.node.grad is not None for p in self.parameters):  # the usual case
            whole = [(0, self.n_matrix), (self.n_matrix, len(self.data))]
            return [(start, end) for start, end in whole if start < end]
        parts: list[tuple[int, int]] = []
        end = 0
        for p in self.parameters:
            start, end = end, end + p.size
            if p.node.grad is None:
                continue
            if parts and parts[-1][1] == start != self.n_matrix:
                start = parts.pop()[0]
            parts.append((start, end))
        return parts

    def was_written(self) -> None:
        """The values were changed in place: a backward of a forward before that would be wrong."""
        for p in self.parameters:
            p.node.was_written()

    def begin_part(self, row: int) -> None:
        """The next forward reads the rows from `row` on of this step's batch. Dropout then draws
        the masks of those rows; without this it draws new ones at every forward."""
        self.row, self.parts = row, self.parts + 1

    def drawing(self) -> tuple[int, int]:
        """What the dropout masks of a step hang on, besides the row."""
        return self.seed, self.steps

    def draw_as(self, seed: int, steps: int) -> None:
        """Draw the masks that the vector draws whose `drawing` this is."""
        self.seed, self.steps = seed, steps

    def gradient_is_there(self) -> None:
        """`grad` holds the gradient of everything, which another worker has written: without this
        `gradient()` would take it for stale and put zeros there."""
        for p in self.parameters:
            p.node.grad = p.node.slot

    def zero_grad(self) -> None:
        """Forget all gradients. Nothing is written: the next gradient overwrites its slice."""
        self.leave_seen_gradients()
        for p in self.parameters:
            p.node.grad = None

    def leave_seen_gradients(self) -> None:
        """Where somebody has looked at a .grad, and may have kept it, that array stays as it is:
        from here on gradients live in another one."""
        if self.grad_was_seen and not self.gradients_stay:
            self.grad, self.grad_was_seen = self.grad.copy(), False
            for p, _, slot in self._slices():
                p.node.slot = slot
                p.node.grad = None if p.node.grad is None else slot

    def __deepcopy__(self, memo: dict) -> "ParameterVector":
        new = ParameterVector([copy.deepcopy(p, memo) for p in self.parameters])
        new.seed, new.steps, new.row, new.parts = self.seed, self.steps, self.row, self.parts
        return new

    def __reduce__(self) -> Any:
        return _vector, (self.parameters, self.seed, self.steps)


def _vector(parameters: Sequence[Parameter], seed: int, steps: int) -> ParameterVector:
    """A vector that was pickled: packed anew over its parameters."""
    vector = ParameterVector(parameters)
    vector.seed, vector.steps = seed, steps
    return vector


def gradients_of(parameters: Sequence[Parameter]) -> list[Array]:
    """The gradients of these parameters as long rows: the whole vector where all of it is among
    them, else each by itself; those without a gradient are left out."""
    mine, rows, seen = set(parameters), [], set()
    for p in parameters:
        vector = p.vector
        if vector is not None and mine.issuperset(vector.parameters):
            if vector not in seen:
                seen.add(vector)
                rows.append(vector.gradient())
        elif p.node is not None and p.node.grad is not None:
            rows.append(p.node.grad.reshape(-1))
    return rows
