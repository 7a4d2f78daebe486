"""Optimizer: what all of them share. Each one's own file holds its formula."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tinygpt.autograd import habits
from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.parameters import Parameter, ParameterVector
from tinygpt.backend import PIECE, Array, array_module, is_host, like, to_cpu

Run = Callable[[Callable[[Any], None], list[Any]], Iterable[object]]


class Optimizer:
    """Steps over the parameters of a model, or a list of Parameters: over one vector of them all, a
    piece at a time.

    `lr` may be set before each step. Matrices decay, biases and norms do not; a parameter that got
    no gradient since zero_grad() stays as it is. Make an optimizer after model.to(...): a model
    that was moved raises a RuntimeError. ValueError for settings out of range. A subclass names the
    moments, what it remembers of each element, and writes `update`.
    """

    def __init__(self, model: Any, lr: float, weight_decay: float, moments: tuple[str, ...]):
        if lr < 0 or weight_decay < 0:
            raise ValueError(f"expected lr and weight_decay >= 0, got {lr} and {weight_decay}")
        self.vector = vector_of(model)
        self.left_out = [p for p in all_parameters_of(model) if not p.requires_grad]
        self.lr, self.weight_decay, self.steps = lr, weight_decay, 0
        w = self.vector.data
        self.held = slice(0, len(w))  # the elements that are stepped here: all, or a rank's share
        self.moments = {name: array_module(w).zeros(len(w), w.dtype) for name in moments}

    def hold_only(self, start: int, end: int) -> None:
        """Step, and remember, only the elements from start to end of the vector: another rank does
        the others (ZeRO: Rajbhandari et al. 2020, section 5.1)."""
        first = self.held.start
        self.moments = {n: m[start - first : end - first].copy() for n, m in self.moments.items()}
        self.held = slice(start, end)

    @property
    def holds_a_share(self) -> bool:
        """Does this optimizer step only a part of the vector?"""
        return self.held != slice(0, len(self.vector.data))

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.vector.zero_grad()

    def step(
        self, *, run: Run = map, size: int = PIECE, factor: float | Array | None = None
    ) -> None:
        """One step along the gradient that is there now, multiplied by `factor` first (clipping: a
        pass over all of it is spared). run(work, parts): how the parts of the vector, so many
        elements on a CPU, are worked off, one after the other or by several workers; no two share
        an element.
        """
        if any(p.requires_grad for p in self.left_out):
            raise RuntimeError("a parameter that was frozen when this optimizer was made wants a "
                               "gradient now: make the optimizer anew")  # fmt: skip
        w, g = self.vector.data, self.vector.gradient()
        self.steps += 1
        self.vector.steps += 1  # the next dropout masks
        self.vector.was_written()  # a backward() through the old values is refused
        size = size if is_host(w) else len(w)

        def work(part: tuple[slice, float]) -> None:
            at, decay = part
            dw = g[at]
            if factor is not None:
                dw *= factor
            here = slice(at.start - self.held.start, at.stop - self.held.start)
            self.update(w[at], dw, decay, *(m[here] for m in self.moments.values()))

        for _ in run(work, list(self._parts(size))):
            pass

    def _parts(self, size: int) -> Iterator[tuple[slice, float]]:
        """Where a gradient arrived, in pieces of the vector, and how much each piece decays.
        Matrices stand first in it, vectors (biases, norms) after."""
        for start, end in self.vector.received():
            decay = self.weight_decay if end <= self.vector.n_matrix else 0.0
            start, end = max(start, self.held.start), min(end, self.held.stop)
            for a in range(start, end, size):
                yield slice(a, min(a + size, end)), decay

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise habits.missing(type(self).__name__, name, habits.OPTIMIZER, dir(type(self)))

    def update(self, w: Array, g: Array, decay: float, *moments: Array) -> None:
        """The optimizer's formula on one part: writes into w and the moments, never into g."""
        raise NotImplementedError

    # --------------------------------------------------------------------- for resuming a run

    def state_dict(self) -> dict[str, Array]:
        """What a run needs to go on, besides the weights and `steps`: name -> array on the CPU, of
        the elements that are held here."""
        return {name: to_cpu(m) for name, m in self.moments.items()}

    def load_state_dict(self, state: dict[str, Array], steps: int) -> None:
        """Go on after so many steps. ValueError where the arrays are not this optimizer's."""
        mine = dict.fromkeys(self.moments, self.vector.data.shape)
        given = {name: m.shape for name, m in state.items()}
        if mine != given:
            raise ValueError(f"{type(self).__name__} remembers {mine}, but the file has {given}")
        for name, m in self.moments.items():
            m[...] = like(state[name][self.held], m)
        self.steps = self.vector.steps = steps


def with_decay(g: Array, *, w: Array, decay: float) -> Array:
    """g + decay w: the gradient of the loss plus decay |w|^2 / 2. g itself where nothing decays."""
    return g + decay * w if decay else g


def check_betas(betas: tuple[float, float], eps: float) -> None:
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"expected two betas in [0, 1), got {betas}")
    if eps < 0:
        raise ValueError(f"expected eps >= 0, got {eps}")


def parameters_of(model: Any) -> list[Parameter]:
    """The trained Parameters of a model, or those in a list: without the frozen ones."""
    return [p for p in all_parameters_of(model) if p.requires_grad]


def all_parameters_of(model: Any) -> list[Parameter]:
    """The Parameters of a model, or those in a list. TypeError, in words, for what is neither."""
    if hasattr(model, "named_parameters"):
        return [p for _, p in model.named_parameters()]
    found = list(model) if isinstance(model, Iterable) else [model]
    for p in found:
        if isinstance(p, Parameter):
            continue
        what = f"got {type(p).__name__}"
        if isinstance(p, dict):
            what = "got groups: make an optimizer for each, with settings of its own"
        elif isinstance(p, Tensor):
            what = "got a Tensor: make it tinygpt.Parameter(array)"
        raise TypeError(f"expected a model or a list of Parameters, {what}")
    return list(dict.fromkeys(found))


def vector_of(model: Any) -> ParameterVector:
    """The vector in which these parameters live, all of them and no others; packed where needed."""
    parameters = parameters_of(model)
    if not parameters:
        raise ValueError("there is no parameter to train: is requires_grad False everywhere?")
    vector = parameters[0].vector
    if vector is None or set(vector.parameters) != set(parameters):
        vector = model.pack().vector() if hasattr(model, "pack") else ParameterVector(parameters)
    vector.check()
    return vector
