"""All parameters of a Module in one vector (autograd/parameters.py): Module inherits from this."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Self

from tinygpt.autograd.parameters import Parameter, ParameterVector


class Packing:
    """pack() lays the parameters into one vector, so that clipping, an optimizer's step and the
    sum over workers are a few passes over one array. An optimizer calls it when it is made."""

    modules: Callable[[], Iterator[Any]]  # these three are in module.py
    parameters: Callable[[], list[Parameter]]
    trained: Callable[[], list[Parameter]]

    packed: ParameterVector | None = None  # the vector, once pack() was called on this Module
    mask_keys: Any = None  # MaskKeys of a Dropout

    def pack(self, seed: int | None = None) -> Self:
        """Lay all parameters into one vector, and number the places where dropout stands.

        Packing anew makes older optimisers raise; the counters of dropout go on."""
        vector = ParameterVector(self.trained())
        if self.packed is not None:
            before = self.packed
            vector.seed, vector.steps, vector.parts = before.seed, before.steps, before.parts
        if seed is not None:
            vector.seed = seed
        for site, keys in enumerate(m.mask_keys for m in self.modules() if m.mask_keys):
            keys.site, keys.clock = site, vector
        self.packed = vector
        return self

    def vector(self) -> ParameterVector:
        """The vector of all parameters, packed now if it was not or if one has left it.

        A parameter that came later is found by pack(), which making an optimizer calls."""
        if self.packed is None or any(p.vector is not self.packed for p in self.packed.parameters):
            self.pack()
        assert self.packed is not None
        return self.packed

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters():
            p.zero_grad()

    def replica(self) -> Self:
        """The same values in the same memory, gradients of its own: one for each thread."""
        vector = self.vector()
        twins = [Parameter(p.data) for p in vector.parameters]
        memo: dict[int, Any] = {id(p): t for p, t in zip(vector.parameters, twins, strict=True)}
        shared = memo[id(vector)] = ParameterVector(twins, shared=vector.data)
        shared.seed, shared.steps = vector.seed, vector.steps
        return copy.deepcopy(self, memo)
