"""Module: something with parameters. What a layer is here, and a model too.

    from tinygpt import Module, Parameter

    class Layer(Module):
        def __init__(self, n, m, rng):
            self.weight = Parameter(rng.standard_normal((n, m)) / np.sqrt(n))
            self.bias = Parameter(np.zeros(m))

        def __call__(self, x):              # or: def forward(self, x)
            return x @ self.weight + self.bias

    class TwoLayers(Module):
        def __init__(self, rng):
            self.layers = [Layer(4, 16, rng), Layer(16, 1, rng)]

        def __call__(self, x):
            return self.layers[1](self.layers[0](x).tanh())

Parameters and Modules that are attributes are found by name, also in lists, tuples and dicts:
"layers.0.weight", "layers.0.bias", ... A Module that was just made or loaded is in eval mode.
"""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.leaf import Leaf
from tinygpt.autograd.parameters import Frozen, Parameter
from tinygpt.backend import Array, array_module, like, to_cpu, to_device
from tinygpt.nn.guarded import Guarded, plain_array
from tinygpt.nn.packing import Packing


def named_parameters_plain(module, prefix=""):
    """How the parameters of a Module are found: among its attributes, and in the parts of it."""
    for name, value in vars(module).items():
        listed = isinstance(value, list | tuple)
        for i, part in enumerate(value if listed else [value]):
            path = f"{prefix}{name}.{i}" if listed else f"{prefix}{name}"
            if isinstance(part, Parameter):
                yield path, part
            elif isinstance(part, Module):
                yield from named_parameters_plain(part, f"{path}.")


class Module(Guarded, Packing):
    """Base class of everything that has parameters. A subclass writes __call__, or forward. What it
    refuses, and how it prints, is in guarded.py; all parameters as one vector in packing.py."""

    training = False
    # ------------------------------------------------------------------ what is in it, by name

    def _children(self) -> Iterator[tuple[str, Any]]:
        """(name, value) of the attributes; lists, tuples and dicts spread out: "h.0", "h.1", ...
        TypeError for what would be overlooked: a Tensor that wants a gradient, a set of Modules."""
        for name, value in vars(self).items():
            if name != "packed":
                yield from self._spread(name, value)

    def _spread(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, list | tuple):
            for i, item in enumerate(value):
                yield from self._spread(f"{name}.{i}", item)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self._spread(f"{name}.{key}", item)
        elif isinstance(value, set | frozenset):
            if any(isinstance(item, Module | Tensor) for item in value):
                raise TypeError(f"{name} is a set, which has no order: use a list or a dict")
        elif type(value) is Tensor and type(value.node) is Leaf:
            raise TypeError(
                f"{type(self).__name__}.{name} is a Tensor that wants a gradient, which nothing "
                f"would train or save: make it tinygpt.Parameter(array)"
            )
        else:
            yield name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, Parameter), each Parameter once: tied weights bear their first name. One whose
        requires_grad is False is among them."""
        return ((name, p) for name, p in self.named_tensors() if isinstance(p, Parameter))

    def named_tensors(self) -> Iterator[tuple[str, Parameter | Frozen]]:
        """The same with the frozen ones: all that has to be saved."""
        seen: set[Any] = set()
        for name, p in self._named_tensors("", set()):
            if p not in seen:
                seen.add(p)
                yield name, p

    def _named_tensors(self, prefix: str, above: set) -> Iterator[tuple[str, Parameter | Frozen]]:
        if self in above:  # a Module that knows the one it is in
            return
        for name, value in self._children():
            if isinstance(value, Parameter | Frozen):
                yield prefix + name, value
            elif isinstance(value, Module):
                yield from value._named_tensors(f"{prefix}{name}.", above | {self})

    def parameters(self) -> list[Parameter]:
        """All Parameters, each once."""
        return [p for _, p in self.named_parameters()]

    def trained(self) -> list[Parameter]:
        """The Parameters whose requires_grad is True."""
        return [p for p in self.parameters() if p.requires_grad]

    def modules(self) -> Iterator["Module"]:
        """This Module and all Modules in it, each once."""
        return (m for _, m in self.named_modules())

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """(name, Module): this one, whose name is "", and all in it, each once."""
        seen: set[Module] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            name, m = stack.pop()
            if m in seen:
                continue
            seen.add(m)
            yield name, m
            inside = [(n, value) for n, value in m._children() if isinstance(value, Module)]
            stack += [(f"{name}.{n}".lstrip("."), value) for n, value in reversed(inside)]

    def num_parameters(self) -> int:
        """How many numbers are trained; tied weights count once."""
        return sum(p.size for p in self.trained())

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

    # --------------------------------------------------------------------- moving and copying

    def to(self, where: Any) -> Self:
        """Move to a device ("cpu", "gpu", "gpu:1") or convert to "float32" or "float64".

        The Parameter objects stay, their arrays are new: make the optimizer afterwards."""
        tensors = [p for _, p in self.named_tensors()]
        name = where if isinstance(where, str) else np.dtype(where).name
        if name in ("float32", "float64"):
            moved = [p.data.astype(name, copy=False) for p in tensors]
        else:
            moved = [to_device(p.data, name) for p in tensors]
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
        state = {name: plain_array(name, a) for name, a in state.items()}
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
            if p.node is not None:
                p.node.was_written()  # a backward() through the old values is refused
