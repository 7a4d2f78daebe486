"""The small ops: their values, their edges, and that each one has a gradient check."""

import builtins
import tracemalloc

import numpy as np
import pytest

from tinygpt import Tensor, check_gradient, ops
from tinygpt.autograd.operators import shipped
from tinygpt.autograd.ops import unbroadcast
from tinygpt.testing.cases import CASES, check_op


def leaf(values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_every_op_has_a_check_and_every_check_an_op():
    assert set(CASES) == set(shipped)
    assert all(CASES.values())


@pytest.mark.gradcheck
@pytest.mark.parametrize("name", list(CASES))
def test_gradient(name, device):
    worst, count = check_op(name, device=device.name)
    assert worst <= 1e-6
    assert count == len(CASES[name])


def on(device, x, dtype=np.float64):
    """An input of a case on the device: floats as Tensors that want a gradient."""
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype.kind == "f":
        return device.tensor(x.astype(dtype), requires_grad=True)
    return device.array(x)


@pytest.mark.parametrize("name", list(CASES))
def test_float32_stays_float32(name, device):
    """Values and gradients, and both near those of float64."""
    for case in CASES[name]:
        if "dtype" in case.settings:
            continue
        results = []
        for dtype in (np.float32, np.float64):
            inputs = [on(device, x, dtype) for x in case.inputs]
            y = shipped[name](*inputs, **case.settings)
            ys = y if isinstance(y, tuple) else (y,)
            builtins.sum(((part * part).sum() for part in ys[1:]), (ys[0] * ys[0]).sum()).backward()
            grads = [x.grad for x in inputs if isinstance(x, Tensor)]
            assert all(a.dtype == dtype for a in [*(p.data for p in ys), *grads])
            results.append([device.numpy(a) for a in [*ys, *grads]])
        for single, double in zip(*results, strict=True):
            np.testing.assert_allclose(single, double, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", list(CASES))
def test_inputs_are_left_alone_and_dy_too(name):
    for case in CASES[name]:
        inputs = [x.copy() if isinstance(x, np.ndarray) else x for x in case.inputs]
        kept = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
        y, backward = shipped[name].function(*inputs, **case.settings)
        rng = np.random.default_rng(0)
        if isinstance(y, tuple):
            dy = [rng.standard_normal(p.shape) for p in y]
            dy_kept = [d.copy() for d in dy]
        else:
            dy = rng.standard_normal(np.shape(y))
            dy_kept = np.copy(dy)
        backward(dy)
        for x, k in zip(inputs, kept, strict=True):
            assert np.array_equal(x, k)
        assert (
            all(np.array_equal(a, b) for a, b in zip(dy, dy_kept, strict=True))
            if isinstance(dy, list)
            else np.array_equal(dy, dy_kept)
        )


def test_unbroadcast():
    dy = np.arange(6.0).reshape(2, 3)
    assert unbroadcast(dy, (2, 3)) is dy
    assert unbroadcast(dy, (3,)).tolist() == [3.0, 5.0, 7.0]
    assert unbroadcast(dy, (2, 1)).tolist() == [[3.0], [12.0]]
    assert unbroadcast(dy, (1, 1)).tolist() == [[15.0]]
    assert unbroadcast(dy, ()) == 15.0


def test_equal_maxima_share_the_gradient():
    """E2"""
    x = leaf([2.0, 2.0, 1.0])
    x.max().backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]
    x = leaf([[3.0, 3.0], [1.0, 2.0]])
    x.max(axis=1).backward(np.array([10.0, 1.0]))
    assert x.grad.tolist() == [[5.0, 5.0], [0.0, 1.0]]


def test_powers_of_negative_numbers_and_zero():
    """E3: no logarithm, no warning."""
    x = leaf([-3.0, 2.0])
    with np.errstate(all="raise"):
        y = x**3
        y.sum().backward()
    assert y.numpy().tolist() == [-27.0, 8.0]
    assert x.grad.tolist() == [27.0, 12.0]
    for n, gradient in [(0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0), (2.0, 0.0)]:
        zero = leaf([0.0])
        with np.errstate(all="raise"):
            (zero**n).sum().backward()
        assert zero.grad.tolist() == [gradient]


def test_a_small_whole_exponent_multiplies():
    x = np.array([1.1, -0.3], np.float32)
    assert (Tensor(x) ** 3).numpy().tolist() == (x * x * x).tolist()


def test_matrix_times_vector():
    """E4"""
    A, v = leaf([[1, 2, 3], [4, 5, 6]]), leaf([1, -1, 2])
    y = A @ v
    assert y.numpy().tolist() == [5.0, 11.0]
    y.backward(np.array([10.0, 1.0]))
    assert A.grad.tolist() == [[10.0, -10.0, 20.0], [1.0, -1.0, 2.0]]
    assert v.grad.tolist() == [14.0, 25.0, 36.0]


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((5, 2, 3), (3, 4)),
     ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((5, 1, 2, 3), (7, 3, 4)), ((0, 3), (3, 2))],
)  # fmt: skip
def test_matmul_is_numpys(a, b):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(a), rng.standard_normal(b)
    got = ops.matmul(x, y).numpy()
    assert got.shape == np.matmul(x, y).shape
    np.testing.assert_allclose(got, np.matmul(x, y), rtol=1e-12)


def test_matmul_by_a_number_is_refused():
    with pytest.raises(ValueError, match=r"use \* for a number"):
        leaf([1.0]) @ 2.0


def test_repeated_indices_add_up():
    x = leaf([1.0, 2.0, 3.0])
    x[np.array([2, 0, 2, 2])].backward(np.array([1.0, 10.0, 100.0, 1000.0]))
    assert x.grad.tolist() == [10.0, 0.0, 1101.0]
    x.zero_grad()
    x[[1, 1]].sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0]


def test_concat_and_split_are_inverse():
    x = leaf(np.arange(12.0).reshape(2, 6))
    parts = ops.split(x, n=3, axis=1)
    assert [p.shape for p in parts] == [(2, 2)] * 3
    assert np.array_equal(ops.concat(*parts, axis=1).numpy(), x.numpy())


def test_an_unused_part_of_a_split_gets_zeros():
    x = leaf(np.arange(6.0))
    _, middle, _ = ops.split(x, n=3, axis=-1)
    middle.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]


def test_refusals():
    with pytest.raises(ValueError, match="size 5, not divisible into 2"):
        ops.split(np.ones(5), n=2)
    with pytest.raises(TypeError, match="one by one"):
        ops.concat([leaf([1.0]), leaf([2.0])])


@pytest.mark.gradcheck
def test_views_and_shared_memory_do_not_deceive_the_check():
    """G1, G2 with our own ops: transpose returns a view; one row repeated by stride 0."""
    check_gradient(ops.transpose, np.array([[1.0, 2.0], [3.0, 4.0]]))
    check_gradient(lambda x: x * x, np.broadcast_to(np.array([1.0, 2.0]), (3, 2)))


def test_concat_stack_and_split_have_one_default_axis():
    """NumPy's and PyTorch's: 0."""
    a, b = np.zeros((2, 3)), np.ones((2, 3))
    assert ops.concat(a, b).shape == (4, 3)
    assert ops.stack(a, b).shape == (2, 2, 3)
    assert [p.shape for p in ops.split(np.zeros((4, 6)), n=2)] == [(2, 6), (2, 6)]


def test_the_gradient_of_a_matrix_behind_a_stack_takes_the_memory_of_one():
    """x @ w of (B, T, C) and (C, V): the gradient of w is made once, not B times and summed."""
    B, T, C, V = 32, 2, 64, 256
    x, w = leaf(np.ones((B, T, C))), leaf(np.ones((C, V)))
    y = x @ w
    tracemalloc.start()
    y.sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * w.data.nbytes  # a stack of them would be 32 times as large


def test_an_empty_index():
    assert leaf([1.0, 2.0])[[]].shape == (0,)
    x = leaf([1.0, 2.0])
    x[[]].sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x.relu(), 0.0),
        (lambda x: x.abs(), 0.0),
        (lambda x: x.norm(), 0.0),
        (lambda x: (x - x).std(), 0.0),
        (lambda x: x.clip(min=0.0), 1.0),
    ],
)
def test_the_slope_at_zero(f, slope):
    """PyTorch's, and a number: nothing divides by 0."""
    x = leaf([0.0])
    with np.errstate(all="raise"):
        f(x).sum().backward()
    assert x.grad.tolist() == [slope]


def test_sigmoid_and_log_softmax_of_large_numbers():
    x = leaf([-1000.0, 0.0, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        assert x.sigmoid().numpy().tolist() == [0.0, 0.5, 1.0]
        assert ops.silu(x).numpy().tolist() == [0.0, 0.0, 1000.0]
        assert x.log_softmax().numpy().tolist() == [-2000.0, -1000.0, 0.0]


@pytest.mark.parametrize("subscripts", ["ij,jk", "ii->i", "...i->i"])
def test_einsum_says_what_it_cannot(subscripts):
    with pytest.raises(ValueError, match="expected letters as in"):
        ops.einsum(subscripts, np.ones((2, 2)), np.ones((2, 2)))


def test_products_of_nothing():
    assert (Tensor(np.ones((2, 0))) @ np.ones((0, 3))).numpy().tolist() == [[0.0] * 3] * 2
    assert (Tensor(np.ones((4, 2, 0))) @ np.ones((0, 3))).shape == (4, 2, 3)
    assert (Tensor(np.ones((0, 3))) @ np.ones(3)).shape == (0,)
