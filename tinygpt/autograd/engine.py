"""The engine: a Tensor, an op, and the chain rule.

An op is a function of arrays that returns its result and the way back:

    y = f(a, b, ...)            backward(dy) -> (df/da)^T dy, (df/db)^T dy, ...

dy is the gradient of the end result with respect to y. At the end of this file stand three ops. The
contract:
1. Positional arguments may be Tensors, arrays, numbers or None (the op gets the array of a Tensor);
   shape, axis and other settings are keywords. `backward` returns a gradient for each positional
   argument, in order: an array of its shape and dtype (no gradients of gradients), or None where
   there is none, as of a number; a single one may stand without a tuple. A large one may
   be a function f(out, add) that writes it into the array `out`, or adds it to what is there, and
   returns `out`; where `out` is None, into a new array. In no_grad(), `backward` may be None.
2. `backward` runs once and never writes into `dy` or into an input; what it allocated itself it
   may overwrite. The variables that it names stay in memory until it has run, and no others.
3. Several outputs are returned as a tuple; `dy` is then a list, None for an output that nobody
   used, and backward is not called where all are None.
"""

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, cast

from tinygpt.autograd import guards
from tinygpt.autograd.broadcasting import matrices, shape_of
from tinygpt.autograd.leaf import Leaf, clock
from tinygpt.autograd.mode import thread
from tinygpt.autograd.operators import Operators, arrays_and_nodes, as_array, register
from tinygpt.backend import ARRAYS, Array, batched_matmul

Inputs = ParamSpec("Inputs")


def call_plain(function, *tensors):
    """Calling an op, in its shortest form: compute, and write down how to go back, and to whom."""
    y, backward = function(*[x.data for x in tensors])
    result = Tensor(y)
    result.node = Node(function.__name__, backward, [x.node for x in tensors], y)
    return result


def backward_plain(result, dy):
    """The chain rule, in its shortest form: each node sends to its parents, the latest node first.
    A value that was used in several places gets the sum of what they send."""
    result.node.grad = dy
    for node in latest_first(result.node):
        for parent, g in zip(node.parents, node.backward(node.grad), strict=True):
            if parent is not None:
                parent.grad = g if parent.grad is None else parent.grad + g


class Node:
    """One call of an op: its way back, and the `parents` to whom it sends: for each argument the
    Node of the op that made it, or its Leaf (leaf.py), or None where no gradient is wanted."""

    __slots__ = ("backward", "dtype", "grad", "mine", "name", "parents", "retain", "shape", "time")
    is_leaf = False

    def __init__(self, name: str, backward: Any, parents: list, y: Array):
        self.name, self.backward, self.parents, self.time = name, backward, parents, next(clock)
        self.shape, self.dtype, self.retain = y.shape, y.dtype, False  # retain: keep dy, to look at
        self.grad: Any = None  # dy, as far as it has arrived
        self.mine = False  # was grad made here? Else others hold the same array

    def add(self, g: Array) -> None:
        if self.grad is None:
            self.grad = g
        elif self.mine:
            self.grad += g
        else:
            self.grad, self.mine = self.grad + g, True

    def run(self) -> None:
        """Send dy through the op to its arguments, and let go of all that the op captured."""
        dy, backward, parents = self.grad, self.backward, self.parents
        self.grad, self.backward, self.parents = None, None, []
        if dy is None or (type(dy) is list and all(part is None for part in dy)):
            return
        self.grad = dy.copy() if self.retain else None  # others may hold dy
        try:
            for i, g in enumerate(guards.one_for_each(backward(dy), parents)):  # a tuple, always
                if g is not None and (parent := parents[i]) is not None:
                    if callable(g):  # f(out, add) of the contract
                        g = g(*parent.place()) if parent.is_leaf else g(None, False)
                    parent.add(guards.fitting(g, i, parent))
        except Exception as error:
            guards.explain_backward(error, self.name, parents, dy)
            raise


def latest_first(root: Node) -> list[Node]:
    """All nodes behind root. An op is called after its arguments exist: by time, latest first."""
    nodes, stack = {root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if type(parent) is Node and parent not in nodes:
                nodes.add(parent)
                stack.append(parent)
    return sorted(nodes, key=lambda node: node.time, reverse=True)


class Op(Generic[Inputs]):
    """A differentiable function. `function` is looked up at every call, so it can be exchanged."""

    def __init__(self, function: Callable[Inputs, Any]):
        functools.update_wrapper(self, function)
        self.name, self.function = function.__name__, cast(Any, function)
        register(self)

    def __call__(self, *args: Inputs.args, **settings: Inputs.kwargs) -> "Tensor":
        arrays, parents = arrays_and_nodes(args)
        wanted = parents if thread.grad_enabled and any(parents) else []
        before, thread.wanted = thread.wanted, wanted  # for mode.recording(): is backward wanted?
        try:
            y, backward = guards.pair(self.name, self.function(*arrays, **settings), wanted)
            outputs = tuple(map(Tensor, y)) if type(y) is tuple else (Tensor(y),)
            guards.same_dtype(parents, outputs, settings)  # of float32 no float64 may be made
            if wanted:
                node = outputs[0].node = Node(self.name, backward, parents, outputs[0].data)
                if type(y) is tuple:  # each output has a Node that puts its dy into the op's list;
                    node.grad = [None] * len(y)  # they are younger than the op's, so it runs last
                    for i, out in enumerate(outputs):
                        put = functools.partial(node.grad.__setitem__, i)  # put(dy): grad[i] = dy
                        out.node = Node(self.name, put, [node], out.data)
            return outputs if type(y) is tuple else outputs[0]  # type: ignore  unpacks to Tensors
        except Exception as error:
            guards.explain(error, self, arrays, settings)
            raise
        finally:
            thread.wanted = before

    __repr__ = guards.written_out


op = Op


class Tensor(Operators):
    """An array, and where its gradient goes.   Tensor([1.0, 2.0], requires_grad=True)
    Numbers and lists of floats become float32. Arrays keep their dtype and are not copied: who
    writes into x.data between forward and backward() changes what backward sees, and nobody notices
    (x -= ... in no_grad() is noticed)."""

    __slots__ = ("__weakref__", "data", "node")

    def __init__(self, data: Any, requires_grad: bool = False):
        self.data = data if type(data) in ARRAYS else as_array(data)
        self.node: Any = Leaf(self.data) if requires_grad else None  # an op puts its Node here
        if requires_grad:
            guards.may_have_gradient(self.data, requires_grad)

    def backward(self, dy: Any = None) -> None:
        """Add the gradient of sum(self * dy) to the .grad of every leaf; one element needs no dy.
        RuntimeError where no leaf is behind this Tensor, for a second time through a graph, and
        where a leaf was changed in place; ValueError for a dy of another shape."""
        dy = guards.first_dy(self, dy)
        nodes = latest_first(self.node) if type(self.node) is Node else []
        guards.usable(nodes, Leaf.latest)
        self.node.add(dy)
        for node in nodes:
            node.run()


# ---------------------------------------------------------------------------------- three ops


def unbroadcast(dy: Array, shape: tuple[int, ...] | None) -> Any:
    """The way back of broadcasting: an element that was used in many places gets their dys' sum.

    (3,) was added to (2, 3):      dy (2, 3) -> (3,), the sum of the rows
    (2, 1) was added to (2, 3):    dy (2, 3) -> (2, 1)
    """
    if shape is None or dy.shape == shape:  # a number, which gets none; or not stretched
        return None if shape is None else dy
    front = dy.ndim - len(shape)  # so many axes were put in front
    stretched = [i for i, n in enumerate(shape, front) if n == 1 and dy.shape[i] != 1]
    return dy.sum(axis=(*range(front), *stretched)).reshape(shape)


@op
def add(a, b, /):
    """y = a + b, broadcast.   (2, 3) + (3,) -> (2, 3)"""
    shapes = shape_of(a), shape_of(b)  # so that the tape keeps neither a nor b
    return a + b, lambda dy: (unbroadcast(dy, shapes[0]), unbroadcast(dy, shapes[1]))


@op
def mul(a, b, /):
    """y = a b, element by element, broadcast.   (2, 3) * (3,) -> (2, 3)"""

    def backward(dy):  # da = dy b,  db = dy a
        da = None if shape_of(a) is None else unbroadcast(dy * b, a.shape)
        db = None if shape_of(b) is None else unbroadcast(dy * a, b.shape)
        return da, db

    return a * b, backward


@op
def matmul(a, b, /):
    """y = a b, products of stacks of matrices.   (5, 2, 3) @ (3, 4) -> (5, 2, 4)

    A 1-D operand is a row on the left and a column on the right: (3,) @ (3,) -> ().
    y_ij = sum_k a_ik b_kj, so a_ik moves y_ij by b_kj, for every j:  da_ik = sum_j dy_ij b_kj.
    """
    a2, b2, shape = matrices(a, b)
    y = batched_matmul(a2, b2)
    product = y.shape

    def backward(dy):  # da = dy b^T,  db = a^T dy
        dy = dy.reshape(product)
        da = unbroadcast(batched_matmul(dy, b2.swapaxes(-1, -2)), a2.shape)
        db = unbroadcast(batched_matmul(a2.swapaxes(-1, -2), dy), b2.shape)
        return da.reshape(a.shape), db.reshape(b.shape)

    return y.reshape(shape), backward
