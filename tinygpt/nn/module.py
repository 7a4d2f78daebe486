"""Module: something with parameters. What a layer is here, and a model too.

    class Scale(Module):
        def __init__(self, n):
            self.weight = Parameter(np.ones(n, np.float32))

        def __call__(self, x):
            return x * self.weight

Parameters and Modules that are attributes, alone or in a list, are found by their names:
"h.0.attn.c_attn.weight". A Module that was just made or loaded is in eval mode.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from tinygpt.autograd.parameters import Frozen, Parameter, ParameterVector
from tinygpt.backend import Array, array_module, like, to_cpu, to_device


class Module:
    """Base class of everything that has parameters."""

    training = False
    packed: ParameterVector | None = None  # once pack() was called on this Module
    site: int | None = None  # Dropout: which place in the model this is
    clock: ParameterVector | None = None  # Dropout: where it reads the seed and the step

    __call__: Callable[..., Any]

    # ------------------------------------------------------------------ what is in it, by name

    def _children(self) -> Iterator[tuple[str, Any]]:
        """(name, value) of the attributes, lists spread out: "h.0", "h.1", ..."""
        for name, value in vars(self).items():
            if isinstance(value, list):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value))
            else:
                yield name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, Parameter), each Parameter once: tied weights bear their first name."""
        return ((name, p) for name, p in self.named_tensors() if isinstance(p, Parameter))

    def named_tensors(self) -> Iterator[tuple[str, Parameter | Frozen]]:
        """The same with the frozen ones: all that has to be saved."""
        seen = set()
        for name, p in self._named_tensors(""):
            if p not in seen:
                seen.add(p)
                yield name, p

    def _named_tensors(self, prefix: str) -> Iterator[tuple[str, Parameter | Frozen]]:
        for name, value in self._children():
            if isinstance(value, Parameter | Frozen):
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value._named_tensors(f"{prefix}{name}.")

    def parameters(self) -> list[Parameter]:
        return [p for _, p in self.named_parameters()]

    def modules(self) -> Iterator["Module"]:
        """This Module and all Modules in it."""
        yield self
        for _, value in self._children():
            if isinstance(value, Module):
                yield from value.modules()

    def num_parameters(self) -> int:
        """How many numbers are trained; tied weights count once."""
        return sum(p.size for p in self.parameters())

    def num_frozen(self) -> int:
        """How many numbers belong to the model and are not trained."""
        return sum(p.size for _, p in self.named_tensors()) - self.num_parameters()

    # ------------------------------------------------------------------------------- modes

    def train(self, mode: bool = True) -> Self:
        """Dropout drops. Returns the Module."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Self:
        """Dropout passes everything on. (Ops are recorded all the same: no_grad() stops that.)"""
        return self.train(False)

    # -------------------------------------------------------------------------- one vector

    def pack(self, seed: int | None = None) -> Self:
        """Lay all parameters into one vector, and number the places where dropout stands.

        Packing anew makes older optimisers raise; the counters of dropout go on."""
        vector = ParameterVector(self.parameters())
        if self.packed is not None:
            vector.seed, vector.steps = self.packed.seed, self.packed.steps
        if seed is not None:
            vector.seed = seed
        for site, m in enumerate(m for m in self.modules() if m.site is not None):
            m.site, m.clock = site, vector
        self.packed = vector
        return self

    def vector(self) -> ParameterVector:
        """The vector of all parameters, packed now if it was not or if one has left it.

        A parameter that came later is found by pack(), which making an optimizer calls."""
        vector = self.packed
        if vector is None or any(p.vector is not vector for p in vector.parameters):
            return self.pack().vector()
        return vector

    def zero_grad(self) -> None:
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

    # --------------------------------------------------------------------- moving and copying

    def to(self, where: str) -> Self:
        """Move to a device ("cpu", "gpu", "gpu:1") or convert to "float32" or "float64".

        The Parameter objects stay, their arrays are new: make the optimizer afterwards."""
        tensors = [p for _, p in self.named_tensors()]
        if where in ("float32", "float64"):
            moved = [p.data.astype(where, copy=False) for p in tensors]
        else:
            moved = [to_device(p.data, where) for p in tensors]
        if all(new is p.data for p, new in zip(tensors, moved, strict=True)):
            return self
        for p, new in zip(tensors, moved, strict=True):
            p.rebind(new)
        return self.pack() if self.packed is not None else self

    def state_dict(self) -> dict[str, np.ndarray]:
        """Name -> array, copies on the CPU."""
        return {name: np.array(to_cpu(p.data)) for name, p in self.named_tensors()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Copy values in. One ValueError lists every missing, unknown and misshapen name, and
        then nothing was copied."""
        mine = dict(self.named_tensors())
        wrong = [f"missing: {name} {p.shape}" for name, p in mine.items() if name not in state]
        wrong += [f"unknown: {name} {np.shape(a)}" for name, a in state.items() if name not in mine]
        wrong += [
            f"shape: {name} should be {p.shape}, is {np.shape(state[name])}"
            for name, p in mine.items()
            if name in state and np.shape(state[name]) != p.shape
        ]
        if wrong:
            raise ValueError("the weights do not fit this model\n  " + "\n  ".join(wrong))
        for name, p in mine.items():
            p.data[...] = like(array_module(state[name]).asarray(state[name]), p.data)


def normal(rng: np.random.Generator | None, shape: tuple[int, ...], std: float) -> Parameter:
    """A float32 Parameter drawn from a normal distribution of mean 0; of zeros, which cost no
    memory before they are written, where rng is None: its values are about to be loaded."""
    if rng is None:
        return Parameter(np.zeros(shape, np.float32))
    return Parameter((std * rng.standard_normal(shape)).astype(np.float32))
