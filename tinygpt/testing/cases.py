"""For every op: inputs and settings to check it with. Read by `tinygpt gradcheck` and the tests.

Sizes are unequal primes where they may be, so that no transposed or forgotten axis fits by chance,
and each list has the inputs that break a careless gradient: axes of size 1, repeated indices,
broadcasting on both sides, an integer argument.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinygpt.nn  # noqa: F401  enters the ops of the components
from tinygpt.autograd.gradcheck import GradientError, check_gradient
from tinygpt.autograd.operators import shipped
from tinygpt.nn.dropout_mask import Key


@dataclass(frozen=True)
class Case:
    """One call of an op. Float arrays are checked, everything else is constant."""

    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def _case(*inputs: Any, **settings: Any) -> Case:
    return Case(inputs, settings)


_rng = np.random.default_rng(20)


def _normal(*shape: int) -> np.ndarray:
    return _rng.standard_normal(shape)


def _away_from_zero(*shape: int) -> np.ndarray:
    """Both signs, no value nearer to 0 than 0.5."""
    return _rng.uniform(0.5, 2.0, shape) * _rng.choice([-1.0, 1.0], shape)


def _distinct(*shape: int) -> np.ndarray:
    """No two values nearer than 0.1: a maximum has a kink where two are equal."""
    return 0.1 * _rng.permutation(int(np.prod(shape))).reshape(shape)


PAIRS = [  # shapes that broadcast
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((5, 2, 3), (2, 1)),
    ((), (3,)),
    ((1,), (1, 1)),
]

PADDING = np.array([[True] * 5, [False, False, True, True, False]])  # two queries see no key
MASK = np.random.default_rng(7).random((3, 5, 5)) < 0.6  # (H, T, S)
MASK[1, 2] = False

CASES: dict[str, list[Case]] = {
    "add": [_case(_normal(*a), _normal(*b)) for a, b in PAIRS] + [_case(_normal(3), 2)],
    "sub": [_case(_normal(*a), _normal(*b)) for a, b in PAIRS] + [_case(2.5, _normal(3))],
    "mul": [_case(_normal(*a), _normal(*b)) for a, b in PAIRS] + [_case(_normal(3), 2)],
    "div": [_case(_normal(*a), _away_from_zero(*b)) for a, b in PAIRS],
    "neg": [_case(_normal(2, 3))],
    "power": [
        *[_case(_away_from_zero(2, 3), exponent=n) for n in (0, 1, 2, 3, 4, 5, -1, -2, 2.0)],
        *[_case(_rng.uniform(0.5, 2.0, (2, 3)), exponent=n) for n in (0.5, 1.7, -0.5)],
    ],
    "exp": [_case(_normal(2, 3)), _case(_normal())],
    "log": [_case(_rng.uniform(0.5, 3.0, (2, 3)))],
    "sqrt": [_case(_rng.uniform(0.5, 3.0, (2, 3)))],
    "tanh": [_case(2 * _normal(2, 3))],
    "sum": [
        _case(_normal(2, 3, 5)),
        _case(_normal(2, 3, 5), axis=1),
        _case(_normal(2, 3, 5), axis=(0, -1), keepdims=True),
        _case(_normal(2, 1, 5), axis=-2),
    ],
    "mean": [
        _case(_normal(2, 3, 5)),
        _case(_normal(2, 3, 5), axis=-1, keepdims=True),
        _case(_normal(2, 3, 5), axis=(0, 2)),
    ],
    "max": [
        _case(_distinct(2, 3, 5)),
        _case(_distinct(2, 3, 5), axis=-1),
        _case(_distinct(2, 3, 5), axis=(0, 1), keepdims=True),
        _case(_distinct(2, 1), axis=1),
    ],
    "var": [
        _case(_normal(2, 3, 5)),
        _case(_normal(2, 3, 5), axis=-1, keepdims=True),
        _case(_normal(2, 3, 5), axis=(0, 2)),
        _case(_normal(2, 1), axis=1),
        _case(_normal(2, 3, 5), axis=(0, 2), ddof=1),
    ],
    "std": [
        _case(_normal(2, 3, 5)),
        _case(_normal(2, 3, 5), axis=-1, keepdims=True),
        _case(_normal(2, 3, 5), axis=(0, 2), ddof=1),
    ],
    "norm": [
        _case(_normal(2, 3, 5)),
        _case(_normal(2, 3, 5), axis=1),
        _case(_normal(2, 3, 5), axis=(0, -1), keepdims=True),
    ],
    "min": [
        _case(_distinct(2, 3, 5)),
        _case(_distinct(2, 3, 5), axis=-1),
        _case(_distinct(2, 3, 5), axis=(0, 1), keepdims=True),
    ],
    "relu": [_case(_away_from_zero(2, 3))],
    "sigmoid": [_case(3 * _normal(2, 3))],
    "silu": [_case(3 * _normal(2, 3))],
    "sin": [_case(3 * _normal(2, 3))],
    "cos": [_case(3 * _normal(2, 3))],
    "abs": [_case(_away_from_zero(2, 3))],
    "clip": [
        _case(_away_from_zero(5, 7), min=-1.25, max=1.25),
        _case(_away_from_zero(2, 3), min=0),
        _case(_away_from_zero(2, 3), max=0.1),
    ],
    "minimum": [_case(_normal(*a), _normal(*b)) for a, b in PAIRS] + [_case(_normal(3), 0.0)],
    "cumsum": [_case(_normal(2, 3, 5)), _case(_normal(2, 3, 5), axis=1), _case(_normal(3), axis=0)],
    "log_softmax": [_case(_normal(2, 3, 5)), _case(_normal(2, 3, 5), axis=1), _case(_normal(7))],
    "take_along_axis": [
        _case(_normal(3, 5), np.array([[4, 0], [1, 1], [2, 2]])),
        _case(_normal(3, 5), np.array([[2, 0, 1, 1, 0]]), axis=0),
    ],
    "einsum": [
        _case("ij,jk->ik", _normal(2, 3), _normal(3, 5)),
        _case("btc,cd->btd", _normal(2, 3, 5), _normal(5, 7)),
        _case("bhid,bhjd->bhij", _normal(2, 1, 3, 5), _normal(2, 1, 7, 5)),
        _case("ij->j", _normal(2, 3)),
        _case("i,j,k->", _normal(2), _normal(3), _normal(5)),
        _case("ij,ij->i", _normal(2, 3), _normal(2, 3)),
    ],
    "tril": [_case(_normal(2, 3, 5)), _case(_normal(3, 5), k=1)],
    "triu": [_case(_normal(2, 3, 5)), _case(_normal(3, 5), k=-1)],
    "maximum": [_case(_normal(*a), _normal(*b)) for a, b in PAIRS] + [_case(_normal(3), 0.0)],
    "where": [
        _case(_normal(2, 3) > 0, _normal(2, 1), _normal(3)),
        _case(np.array([True, False, True]), _normal(3), 0.0),
        _case(np.array([[True], [False]]), _normal(3), _normal(2, 3)),
    ],
    "matmul": [
        _case(_normal(2, 3), _normal(3, 5)),
        _case(_normal(7, 2, 3), _normal(7, 3, 5)),
        _case(_normal(7, 2, 3), _normal(3, 5)),
        _case(_normal(2, 3), _normal(7, 3, 5)),
        _case(_normal(5, 1, 2, 3), _normal(7, 3, 2)),
        _case(_normal(3), _normal(3)),
        _case(_normal(2, 3), _normal(3)),
        _case(_normal(3), _normal(3, 5)),
        _case(_normal(7, 2, 3), _normal(3)),
        _case(_normal(3), _normal(7, 3, 5)),
        _case(_normal(1, 1), _normal(1, 1)),
    ],
    "reshape": [_case(_normal(2, 3, 5), shape=(5, -1)), _case(_normal(1), shape=())],
    "transpose": [
        _case(_normal(2, 3, 5)),
        _case(_normal(2, 3, 5), axes=(2, 0, 1)),
        _case(_normal(2, 3, 5), axes=(0, -1, 1)),
    ],
    "getitem": [
        _case(_normal(5, 3), index=2),
        _case(_normal(5, 3), index=(slice(None, None, -2), slice(1, 3))),
        _case(_normal(5, 3), index=np.array([4, 0, 4, 4])),
        _case(_normal(5, 3), index=(np.array([[0, 1], [1, 0]]), np.array([2, 2]))),
        _case(_normal(5, 3), index=(..., None, np.array([1, 1]))),
        _case(_normal(5, 3), index=np.array([True, False, True, False, True])),
    ],
    "concat": [
        _case(_normal(2, 3), _normal(2, 1), axis=-1),
        _case(_normal(1, 3), _normal(4, 3), _normal(2, 3)),
        _case(_normal(2, 3)),
    ],
    "stack": [
        _case(_normal(2, 3), _normal(2, 3), _normal(2, 3)),
        _case(_normal(2, 3), _normal(2, 3), axis=-1),
        _case(_normal(), _normal(), axis=0),
    ],
    "broadcast_to": [
        _case(_normal(3, 1), shape=(2, 3, 4)),
        _case(_normal(3), shape=(3,)),
        _case(_normal(), shape=(2, 2)),
    ],
    "split": [
        _case(_normal(2, 6), n=3, axis=-1),
        _case(_normal(4, 3), n=2),
        _case(_normal(3), n=1),
    ],
    "astype": [_case(_normal(2, 3), dtype="float64")],
    "linear": [
        _case(_normal(2, 3, 5), _normal(5, 7), _normal(7)),
        _case(_normal(3, 5), _normal(5, 1)),
        _case(_normal(5), _normal(5, 7), _normal(7)),
    ],
    "embedding": [
        _case(_normal(7, 3), np.array([[0, 6, 6], [2, 6, 0]])),
        _case(_normal(7, 3), np.array([5])),
        _case(_normal(7, 1), np.array(3)),
    ],
    "unembed": [_case(_normal(2, 3, 5), _normal(7, 5)), _case(_normal(5), _normal(1, 5))],
    "softmax": [
        _case(_normal(2, 3, 5)),
        _case(_normal(7)),
        _case(_normal(3, 1)),
        _case(_normal(2, 3, 5), axis=1),
    ],
    "layer_norm": [
        _case(_normal(2, 3, 5), _normal(5), _normal(5)),
        _case(_normal(3, 7), _normal(7)),
        _case(_normal(5) + 3.0, _normal(5), _normal(5), eps=0.1),
    ],
    "gelu": [
        _case(2 * _normal(5, 7)),
        _case(np.array([0.0, 6.0, -6.0])),
        _case(2 * _normal(5, 7), approximate="none"),
        _case(np.array([0.0, 6.0, -6.0]), approximate="none"),
    ],
    "dropout": [
        _case(_normal(5, 7), p=0.3, key=Key(12345)),
        _case(_normal(3, 2, 5), p=0.5, key=Key(7, row=4)),
        _case(_normal(3), p=0.0),
    ],
    "cross_entropy": [
        _case(_normal(3, 7, 11), _rng.integers(0, 11, (3, 7))),
        _case(_normal(5, 3), np.array([2, -100, 0, 2, -100])),
        _case(_normal(4), np.array(1)),
        _case(_normal(2, 3), np.array([0, 7]), ignore_index=7),
        _case(_normal(5, 3), np.array([2, -100, 0, 2, -100]), label_smoothing=0.2),
        _case(_normal(5, 3), np.array([2, -100, 0, 2, -100]), reduction="sum"),
        _case(_normal(2, 2, 3), np.array([[2, -100], [0, 2]]), reduction="none"),
        _case(_normal(5, 3), np.array([2, 1, 0, 2, -100]), reduction="none", label_smoothing=0.2),
    ],
    "attention": [
        _case(_normal(3, 2, 7, 5), _normal(3, 2, 7, 5), _normal(3, 2, 7, 5)),
        _case(_normal(1, 2, 3, 5), _normal(1, 2, 7, 5), _normal(1, 2, 7, 5)),
        _case(_normal(2, 1, 1, 3), _normal(2, 1, 5, 3), _normal(2, 1, 5, 3)),
        _case(_normal(1, 3, 4, 1), _normal(1, 3, 2, 1), _normal(1, 3, 2, 1), causal=False),
        _case(*(_normal(2, 3, 5, 2) for _ in range(3)), p=0.4, key=Key(99, row=1)),
        _case(*(_normal(2, 3, 5, 2) for _ in range(3)), key_padding=PADDING),
        _case(*(_normal(2, 3, 5, 2) for _ in range(3)), key_padding=PADDING, causal=False),
        _case(*(_normal(1, 3, 5, 2) for _ in range(3)), slopes=(0.7, 0.3, 0.0)),
        _case(*(_normal(1, 2, n, 3) for n in (3, 5, 5)), slopes=(0.7, 0.3), causal=False),
        _case(*(_normal(1, 1, n, 2) for n in (131, 139, 139))),  # more than one tile
        _case(*(_normal(1, 2, 131, 2) for _ in range(3)), slopes=(0.1, 0.0), p=0.4, key=Key(5)),
        _case(*(_normal(2, 3, 5, 2) for _ in range(3)), mask=MASK),
        _case(*(_normal(2, 3, 5, 2) for _ in range(3)), mask=MASK, causal=False),
        _case(
            *(_normal(2, 3, n, 2) for n in (4, 5, 5)),
            mask=MASK[:, 1:],
            key_padding=PADDING,
            slopes=(0.7, 0.3, 0.0),
            p=0.4,
            key=Key(3),
        ),
        _case(*(_normal(1, 1, 131, 2) for _ in range(3)), mask=_rng.random((1, 131)) < 0.5),
    ],
    "rotary": [
        _case(_normal(2, 3, 5, 6), pairs="neighbours"),
        _case(_normal(2, 3, 5, 6), positions=np.array([7, 0, 3, 3, 1])),
        _case(
            _normal(2, 1, 3, 4), positions=np.array([[[7, 0, 3]], [[1, 2, 3]]]), pairs="neighbours"
        ),
        _case(_normal(2, 3, 5, 6)),
        _case(_normal(3, 2), start=7, base=100.0),
        _case(_normal(5, 4), start=2, scaling=(4.0,)),
        _case(_normal(2, 5, 16), start=100, scaling=(8.0, 1.0, 4.0, 60)),
    ],
    "rms_norm": [
        _case(_normal(2, 3, 5), _normal(5)),
        _case(_normal(7) + 3.0, _normal(7), eps=0.1),
    ],
    "swiglu": [_case(2 * _normal(5, 7), _normal(5, 7)), _case(_normal(1), _normal(1))],
    "split_groups": [
        _case(_normal(2, 3, 30), n_head=4, n_kv_head=1),
        _case(_normal(1, 5, 14), n_head=3, n_kv_head=2),
    ],
    "share_heads": [_case(_normal(2, 3, 5, 7), times=2), _case(_normal(1, 1, 2, 1), times=1)],
    "split_heads": [_case(_normal(2, 3, 30), n_head=5), _case(_normal(1, 1, 3), n_head=1)],
    "merge_heads": [_case(_normal(2, 5, 3, 7)), _case(_normal(1, 1, 1, 1))],
}


def check_op(name: str, op: Any = None, device: str = "cpu") -> tuple[float, int]:
    """Check the cases of an op, or of somebody else's op of that name.

    Returns the worst relative error and the number of cases. A case with a setting that `op` does
    not know is left out. GradientError for a wrong gradient and, where `op` is given, for a value
    that differs from the library's; ValueError where no case fits.
    """
    library = shipped[name]
    op, worst, count = op or library, 0.0, 0
    for case in CASES[name]:
        try:
            inspect.signature(op.function).bind(*case.inputs, **case.settings)
        except TypeError:
            continue
        if op is not library:
            _compare_values(name, op, library, case)

        def call(*inputs: Any, settings: dict[str, Any] = case.settings) -> Any:
            return op(*inputs, **settings)

        call.__name__ = name
        worst = max(worst, check_gradient(call, *case.inputs, device=device).worst_error)
        count += 1
    if not count:
        raise ValueError(f"{op} takes none of the {len(CASES[name])} calls that {name} is tried on")
    return worst, count


def _compare_values(name: str, op: Any, library: Any, case: Case) -> None:
    """GradientError where the two ops give different values."""
    both = [f(*case.inputs, **case.settings) for f in (op, library)]
    mine, theirs = ([y] if not isinstance(y, tuple) else list(y) for y in both)
    if len(mine) != len(theirs):
        raise GradientError(
            f"{name}: expected {len(theirs)} outputs, got {len(mine)}, for {case}", op=name
        )
    for got, expected in zip(mine, theirs, strict=True):
        if got.shape != expected.shape:
            raise GradientError(
                f"{name}: expected a result of shape {expected.shape}, got {got.shape}", op=name
            )
        off = np.abs(got.numpy() - expected.numpy())
        if not (off <= 1e-9 * (1 + np.abs(expected.numpy()))).all():
            at = np.unravel_index(int(np.argmax(np.nan_to_num(off, nan=np.inf))), off.shape)
            index = tuple(int(i) for i in at)
            want, have = float(expected.numpy()[index]), float(got.numpy()[index])
            raise GradientError(
                f"{name}: the value at {list(index)} is wrong: expected {want:.9g}, got {have:.9g}",
                op=name,
                index=index,
                expected=want,
                got=have,
            )
