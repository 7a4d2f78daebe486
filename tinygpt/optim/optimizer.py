"""Optimizer: what all of them share. Each one's own file holds its formula."""

from collections.abc import Callable, Iterable
from typing import Any

from tinygpt.backend import PIECE, Array, array_module, is_host, like, to_cpu

Run = Callable[[Callable[[Any], None], list[Any]], Iterable[object]]


class Optimizer:
    """Steps over the whole parameter vector of a model, a piece at a time.

    `lr` may be set before each step. Matrices decay, biases and norms do not. Make an optimizer
    after model.to(...): a model that was moved raises a RuntimeError. ValueError for settings out
    of range. A subclass names the moments, what it remembers of each element, and writes `update`.
    """

    def __init__(self, model: Any, lr: float, weight_decay: float, moments: tuple[str, ...]):
        if lr < 0 or weight_decay < 0:
            raise ValueError(f"expected lr and weight_decay >= 0, got {lr} and {weight_decay}")
        if model.packed is None or set(model.parameters()) != set(model.packed.parameters):
            model.pack()
        self.vector = model.vector()
        self.lr, self.weight_decay, self.steps = lr, weight_decay, 0
        xp = array_module(self.vector.data)
        self.moments = {name: xp.zeros_like(self.vector.data) for name in moments}

    def zero_grad(self) -> None:
        self.vector.zero_grad()

    def step(self, run: Run = map, size: int = PIECE, factor: float | Array | None = None) -> None:
        """One step along the gradient that is there now, multiplied by `factor` first (clipping: a
        pass over all of it is spared). run(work, parts): how the parts of the vector, so many
        elements on a CPU, are worked off, one after the other or by several workers; no two share
        an element.
        """
        w, g = self.vector.data, self.vector.gradient()
        self.steps += 1
        self.vector.steps += 1  # the next dropout masks
        n, split = len(w), self.vector.n_matrix
        size = size if is_host(w) else n

        def work(part: tuple[slice, float]) -> None:
            at, decay = part
            dw = g[at]
            if factor is not None:
                dw *= factor
            self.update(w[at], dw, decay, *(m[at] for m in self.moments.values()))

        parts = [
            (slice(a, min(a + size, end)), decay)
            for start, end, decay in ((0, split, self.weight_decay), (split, n, 0.0))
            for a in range(start, end, size)
        ]
        for _ in run(work, parts):
            pass

    def update(self, w: Array, g: Array, decay: float, *moments: Array) -> None:
        """The optimizer's formula on one part: writes into w and the moments, never into g."""
        raise NotImplementedError

    # --------------------------------------------------------------------- for resuming a run

    def state_dict(self) -> dict[str, Array]:
        """What a run needs to go on, besides the weights and `steps`: name -> array on the CPU."""
        return {name: to_cpu(m) for name, m in self.moments.items()}

    def load_state_dict(self, state: dict[str, Array], steps: int) -> None:
        """Go on after so many steps. ValueError where the arrays are not this optimizer's."""
        mine = {name: m.shape for name, m in self.moments.items()}
        given = {name: m.shape for name, m in state.items()}
        if mine != given:
            raise ValueError(f"{type(self).__name__} remembers {mine}, but the file has {given}")
        for name, m in self.moments.items():
            m[...] = like(state[name], m)
        self.steps = self.vector.steps = steps


def with_decay(w: Array, g: Array, decay: float) -> Array:
    """g + decay w: the gradient of the loss plus decay |w|^2 / 2. g itself where nothing decays."""
    return g + decay * w if decay else g


def check_betas(betas: tuple[float, float], eps: float) -> None:
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"expected two betas in [0, 1), got {betas}")
    if eps < 0:
        raise ValueError(f"expected eps >= 0, got {eps}")
