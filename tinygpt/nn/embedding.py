"""Embedding: a row of a table for each id; and unembed, the way back to logits."""

import numpy as np

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.mode import recording
from tinygpt.backend import Array, add_rows, array_module, is_host, like, put_product
from tinygpt.nn.initial import Rng, normal
from tinygpt.nn.module import Module


def check_ids(ids: np.ndarray, n: int, what: str = "id", ignore: int | None = None) -> None:
    """ValueError with the first id outside 0 ... n - 1 and its place; TypeError for floats.

    Needed because NumPy takes a negative id from the end, and CuPy wraps a large one around:
    both silently.
    """
    if ids.dtype.kind not in "iu":
        raise TypeError(f"expected integers as {what}s, got {ids.dtype}")
    wrong = (ids < 0) | (ids >= n)
    if ignore is not None:
        wrong &= ids != ignore
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{what} {int(ids[at])} at {list(at)} is outside the vocabulary of {n} (0 to {n - 1})"
        )


@op
def embedding(table, ids, /):
    """y_i = table[ids_i].   table (V, C), ids integer (...) -> (..., C)

    embedding((65, 128), (12, 64)) -> (12, 64, 128). The gradient of a row of the table is the sum
    of dy over all places where its id stood. ValueError for an id outside the table (checked
    where the ids are on the CPU).
    """
    xp, shape = array_module(table), table.shape
    if is_host(ids):
        ids = np.asarray(ids)
        check_ids(ids, shape[0])
    ids = like(ids, table)

    def backward(dy):
        def dtable(out, add):  # out[ids_i] += dy_i: a few rows of a table that may be large
            if out is None:
                out = xp.zeros(shape, dy.dtype)
            elif not add:
                out[...] = 0
            add_rows(out, ids.reshape(-1), dy.reshape(-1, shape[1]))
            return out

        return dtable, None

    return table[ids], backward


@op
def unembed(x, table, /):
    """y = x table^T: how well x fits each row, the logits.   x (..., C), table (V, C) -> (..., V)

    unembed((12, 64, 128), (65, 128)) -> (12, 64, 65). With tied weights the table is that of the
    embedding (Press & Wolf 2017, "Using the Output Embedding to Improve Language Models").
    """
    rows = x.reshape(-1, x.shape[-1])  # (..., C) -> (N, C)
    to_table = recording(1)  # a frozen table wants no gradient

    # As linear without a bias, the table lying the other way: dx = dy table, dtable = dy^T x. Where
    # it is the embedding's table too, it is used twice, and the two gradients are added.
    def backward(dy):
        dy = dy.reshape(len(rows), -1)
        dtable = (lambda out, add: put_product(dy.T, rows, out, add)) if to_table else None
        return (dy @ table).reshape(x.shape), dtable

    return (rows @ table.T).reshape((*x.shape[:-1], len(table))), backward


class Embedding(Module):
    """weight (n_rows, n_embd), normal with this standard deviation."""

    def __init__(self, n_rows: int, n_embd: int, *, std: float = 0.02, rng: Rng = None):
        self.weight = normal(rng, (n_rows, n_embd), std)

    def __call__(self, ids: Array) -> Tensor:
        return embedding(self.weight, ids)
