"""The engine: a Tensor, an op, and the chain rule.

An op is a function of arrays that returns its result and the way back:

    y = f(a, b, ...)            backward(dy) -> (df/da)^T dy, (df/db)^T dy, ...
    @op
    def mul(a, b, /):
        return a * b, lambda dy: (dy * b, dy * a)

The contract of an op:
1. Positional arguments may be Tensors, arrays, numbers or None (the op gets the array of a Tensor);
   shape, axis and other settings are keywords. `backward` returns one gradient per positional
   argument, in order, of its shape and dtype, or None where there is none or no Tensor is. It is
   an array, no Tensor (first order only), or a function f(out, add) that writes it into `out`, or
   adds it to what is there, and returns `out`; where `out` is None, into a new array. Where nothing
   is recorded, None may stand for `backward`.
2. `backward` runs once and never writes into `dy` or into an input; what it allocated itself it
   may overwrite. What it names is what the tape keeps: the tape links nodes and holds no data.
3. Several outputs are returned as a tuple; `dy` is then a list, None for an output that nobody
   used, and backward is not called where all are None.
"""

import contextlib
import functools
import itertools
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, ParamSpec

from tinygpt.autograd.operators import Named, Operators, as_array, checked, describe, unwrap
from tinygpt.backend import ARRAYS, Array, array_module


class _Thread(threading.local):
    grad_enabled = True  # may an op that is called here be recorded?
    wanted: Any = None  # of the op that is running: a node for each argument that wants a gradient


_thread, _clock = _Thread(), itertools.count()
Inputs = ParamSpec("Inputs")


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Inside, ops return Tensors without a history. Each thread has a mode of its own."""
    before, _thread.grad_enabled = _thread.grad_enabled, False
    try:
        yield
    finally:
        _thread.grad_enabled = before


def recording(argument: int | None = None) -> bool:
    """Asked in an op, before it computes what only backward needs: will backward be called? With
    the place of an argument: and does anybody want that one's gradient?"""
    wanted = _thread.wanted
    return wanted is None or bool(wanted if argument is None else wanted and wanted[argument])


class Leaf:
    """Where the gradients of a Tensor that no op made are summed, until zero_grad(). `slot` is a
    parameter's slice of the flat gradient, stale while grad is None: the first overwrites it.
    `written`: when the values were last changed in place, which a backward must not miss;
    `together`: when those of the whole vector were; `latest`: when those of any leaf were."""

    __slots__ = ("dtype", "grad", "shape", "slot", "together", "written")
    latest = 0

    def __init__(self, data: Array, slot: Array | None = None):
        self.shape, self.dtype, self.grad, self.slot = data.shape, data.dtype, None, slot
        self.written, self.together = 0, [0]

    def was_written(self, with_all: bool = False) -> None:
        Leaf.latest = time = next(_clock)
        self.written, self.together[0] = time, time if with_all else self.together[0]

    def add(self, g: Array) -> None:
        if self.grad is not None:
            if g is not self.grad:  # else it was added there already
                self.grad += g
        elif self.slot is None:
            self.grad = g.copy()  # in `a + b` both get the same dy, and each needs its own
        else:
            self.slot[...], self.grad = g, self.slot  # g may be the slot already: no copy then


class Node:
    """One call of an op: how to go back through it, and to whom. `retain`: keep the gradient."""

    __slots__ = ("backward", "dtype", "grad", "name", "ours", "parents", "retain", "shape", "time")

    def __init__(self, name: str, backward: Any, parents: Any, y: Array):
        self.name, self.backward, self.parents, self.time = name, backward, parents, next(_clock)
        self.grad: Any = None
        self.shape, self.dtype, self.retain = y.shape, y.dtype, False

    def add(self, g: Array) -> None:
        if self.grad is None:
            self.grad, self.ours = g, False
        elif self.ours:  # a sum that was made here: nobody else can see it
            self.grad += g
        else:
            self.grad, self.ours = self.grad + g, True

    def run(self) -> None:
        """Send dy through the op to its arguments, and let go of all that the op captured."""
        dy, backward, parents = self.grad, self.backward, self.parents
        self.grad, self.backward, self.parents = None, None, ()
        if dy is None or (type(dy) is list and all(part is None for part in dy)):
            return
        if self.retain:
            self.grad = dy.copy()
        try:
            if Leaf.latest > self.time:
                for i, parent in enumerate(parents):
                    if type(parent) is Leaf and max(parent.written, *parent.together) > self.time:
                        raise RuntimeError(f"argument {i} was changed in place after the forward")
            grads = backward(dy)
            grads = grads if type(grads) in (tuple, list) else (grads,)
            if len(grads) < len(parents):
                raise ValueError(f"expected {len(parents)} gradients, got {len(grads)}")
            for i, (parent, g) in enumerate(zip(parents, grads, strict=False)):
                if parent is not None and g is not None:
                    parent.add(checked(g, i, parent))
        except Exception as error:
            error.add_note(f"in backward of {self.name}{describe(parents)}, dy {describe(dy)}")
            raise


def latest_first(root: Node) -> list[Node]:
    """All nodes behind root. An op is called after its arguments exist: by time, latest first."""
    nodes, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if node.backward is None:
            raise RuntimeError(f"a second backward() through {node.name}: its graph is used up")
        for parent in node.parents:
            if type(parent) is Node and parent not in nodes:
                nodes.add(parent)
                stack.append(parent)
    return sorted(nodes, key=lambda node: node.time, reverse=True)


class Op(Named, Generic[Inputs]):
    """A differentiable function. `function` is looked up at every call, so it can be exchanged."""

    def __init__(self, function: Callable[Inputs, Any]):
        functools.update_wrapper(self, function)
        self.function, self.name = function, function.__name__
        self.ship()

    def __call__(self, *args: Inputs.args, **settings: Inputs.kwargs) -> "Tensor":
        arrays, parents = unwrap(args)
        wanted = parents if _thread.grad_enabled and any(parents) else ()
        before, _thread.wanted = _thread.wanted, wanted
        try:
            y, backward = self.result(self.function(*arrays, **settings))
            several = type(y) is tuple
            outputs = tuple(map(Tensor, y)) if several else (Tensor(y),)
            if "dtype" not in settings:
                self.keep_dtype(parents, outputs)
            if wanted:
                node = outputs[0].node = Node(self.name, backward, parents, outputs[0].data)
                if several:  # each output has a node, which hands its part of dy to that of the op
                    node.grad = [None] * len(y)
                    for i, out in enumerate(outputs):
                        hand_in = functools.partial(node.grad.__setitem__, i)
                        out.node = Node(self.name, hand_in, [node], out.data)
            return outputs if several else outputs[0]  # type: ignore  a tuple unpacks to Tensors
        except Exception as error:
            if isinstance(error, TypeError):
                self.refuse_misuse(arrays, settings)
            error.add_note(f"in {self.name}{describe(arrays)}")
            raise
        finally:
            _thread.wanted = before


op = Op


class Tensor(Operators):
    """An array, and where its gradient goes.   Tensor([1.0, 2.0], requires_grad=True)
    Numbers and lists of floats become float32; arrays and NumPy scalars keep their dtype, and an
    array is shared, not copied: who writes into x.data between forward and backward() changes what
    backward sees, and nobody notices (x -= ... in no_grad() is noticed)."""

    __slots__ = ("__weakref__", "data", "node")

    def __init__(self, data: Any, requires_grad: bool = False):
        self.data = data if type(data) in ARRAYS else as_array(data)
        self.node = Leaf(self.data) if requires_grad else None
        if requires_grad and (requires_grad is not True or self.data.dtype.kind != "f"):
            self.refuse_gradient(requires_grad)

    def backward(self, dy: Any = None) -> None:
        """Add the gradient of sum(self * dy) to the .grad of every leaf; one element needs no dy.
        RuntimeError where no leaf is behind this Tensor, or for a second time through a graph."""
        if self.node is None:
            raise RuntimeError("backward(): nothing behind this Tensor has requires_grad=True")
        xp = array_module(self.data)
        if dy is None and self.size == 1:
            dy = xp.ones_like(self.data)
        elif dy is None or xp.asarray(dy).shape != self.shape:
            raise ValueError(f"shape {self.shape} needs a dy of that shape, got {describe(dy)}")
        nodes = latest_first(self.node) if type(self.node) is Node else []
        self.node.add(xp.asarray(dy, dtype=self.dtype))
        for node in nodes:
            node.run()

    @property
    def grad(self) -> Any:
        """The gradient as an array, None before a backward() has reached it. An op's result keeps
        its own only if retain_grad() was called before."""
        if type(self.node) is Node and not self.node.retain:
            what = f"the gradient of {self.node.name}'s result is not kept"
            warnings.warn(f"{what}: call .retain_grad() before backward()", stacklevel=2)
        return None if self.node is None else self.node.grad

    @grad.setter
    def grad(self, g: Any) -> None:
        if type(self.node) is not Leaf:
            raise ValueError("only a Tensor with requires_grad=True that no op made has a .grad")
        self.node.grad = None
        if g is not None:
            self.node.add(checked(g, 0, self.node))

    def retain_grad(self) -> None:
        """Keep the gradient of this result of an op, to look at after backward()."""
        if type(self.node) is Node:
            self.node.retain = True

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if type(self.node) is Node:
            raise RuntimeError("this is the result of an op: use .detach(), or no_grad()")
        if wanted != self.requires_grad:
            self.node = Tensor(self.data, requires_grad=wanted).node

    is_recorded = staticmethod(lambda: _thread.grad_enabled)  # would an op that is called here be?

    def detach(self) -> "Tensor":
        """The same array without its history."""
        return Tensor(self.data)
