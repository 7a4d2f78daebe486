"""Operators and conversions of Tensor, and what must be refused."""

import numpy as np
import pytest

from tinygpt import Tensor, ops


def leaf(*values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_an_array_on_the_left():
    """E1: the result is one Tensor, computed once, the dtype kept."""
    x = Tensor(np.array([[10.0, 20.0]], np.float32), requires_grad=True)
    z = np.array([[1.0, 2.0]], np.float32) + x
    assert isinstance(z, Tensor)
    assert z.dtype == np.float32
    assert z.numpy().tolist() == [[11.0, 22.0]]
    z.sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0]]


A = np.array([[2.0, 4.0], [8.0, 1.0]], np.float32)
X = np.array([[1.0, 2.0], [4.0, 0.5]], np.float32)


@pytest.mark.parametrize(
    "compute",
    [
        lambda a, x: a + x,
        lambda a, x: a - x,
        lambda a, x: a * x,
        lambda a, x: a / x,
        lambda a, x: a @ x,
        lambda a, x: x + a,
        lambda a, x: x - a,
        lambda a, x: x * a,
        lambda a, x: x / a,
        lambda a, x: x @ a,
        lambda a, x: 3 + x,
        lambda a, x: 3 - x,
        lambda a, x: 3 * x,
        lambda a, x: 3 / x,
        lambda a, x: np.float32(3) / x,
        lambda a, x: -x,
        lambda a, x: x**3,
        lambda a, x: x.T,
        lambda a, x: x.sum(axis=0),
        lambda a, x: x.mean(axis=(0, 1), keepdims=True),
        lambda a, x: x.max(axis=1),
        lambda a, x: x.reshape(4),
        lambda a, x: x.reshape(4, 1),
        lambda a, x: x.reshape((1, -1)),
        lambda a, x: x.transpose(1, 0),
        lambda a, x: x.transpose((1, 0)),
        lambda a, x: x[1],
        lambda a, x: x[:, ::-1],
    ],
)
def test_operators_and_methods_are_numpys(compute):
    got, expected = compute(A, Tensor(X)), compute(A, X)
    assert isinstance(got, Tensor)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got.numpy(), expected)


def test_functions_as_methods():
    for name in ("exp", "log", "sqrt", "tanh"):
        got = getattr(Tensor(X), name)()
        np.testing.assert_array_equal(got.numpy(), getattr(np, name)(X))
    assert Tensor(X).astype("float64").dtype == np.float64


def test_comparisons_are_plain_arrays():
    x = leaf(1.0, 2.0, 3.0)
    for got, expected in [
        (x > 2, [False, False, True]),
        (x >= 2.0, [False, True, True]),
        (x < Tensor([2.0, 2.0, 4.0]), [True, False, True]),
        (x <= np.array([0.0, 2.0, 3.0]), [False, True, True]),
        (x == 2, [False, True, False]),
        (x != 2, [True, False, True]),
        (np.array([1.0, 5.0, 3.0]) == x, [True, False, True]),
    ]:
        assert isinstance(got, np.ndarray)
        assert got.tolist() == expected


def test_a_tensor_is_one_object_in_sets_and_dicts():
    a, b = leaf(1.0), leaf(1.0)
    assert len({a, b, a}) == 2
    assert a in {a: 1}


def test_one_element_as_a_number():
    assert float(Tensor([[2.5]])) == 2.5
    assert Tensor(np.float64(2.5)).item() == 2.5
    assert f"{Tensor([3.14159]):.3f}" == "3.142"
    assert f"{Tensor([1.0, 2.0])}" == "Tensor([1., 2.], float32)"


@pytest.mark.parametrize("convert", [float, lambda x: x.item(), lambda x: f"{x:.3f}"])
def test_several_elements_as_a_number_are_refused(convert):
    with pytest.raises(ValueError, match=r"one element expected, got shape \(2,\).*\.numpy\(\)"):
        convert(Tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    "convert",
    [bool, np.exp, np.asarray, np.sum, np.array, lambda x: np.concatenate([x, x]), np.mean],
)
def test_what_would_lose_the_gradient_is_refused(convert):
    with pytest.raises(TypeError, match=r"\.numpy\(\)"):
        convert(leaf(1.0, 2.0))


def test_a_tensor_as_an_exponent_is_refused():
    with pytest.raises(TypeError, match="expected a number as exponent"):
        leaf(1.0) ** leaf(2.0)


def test_a_number_to_the_power_of_a_tensor():
    x = leaf(2.0, 0.5)
    y = 2.0**x
    np.testing.assert_allclose(y.numpy(), [4.0, 2.0**0.5])
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.log(2.0) * y.numpy())


def test_iterating_and_indexing():
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    first, second = x
    assert second.numpy().tolist() == [3.0, 4.0, 5.0]
    assert len(x) == 2
    (first * 2).sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]
    assert x[Tensor([1, 1])].shape == (2, 3)
    assert x[Tensor([1, 0]), 2].numpy().tolist() == [5.0, 2.0]
    with pytest.raises(TypeError, match="no length"):
        iter(Tensor(1.0))
    with pytest.raises(IndexError):
        x[2]


def test_printing():
    x = leaf(1.0, 2.0)
    assert repr(x) == "Tensor([1., 2.], float32, requires_grad=True)"
    assert repr(x * 2) == "Tensor([2., 4.], float32, from mul)"
    assert repr(Tensor([1, 2])) == "Tensor([1, 2], int64)"
    assert repr(ops.exp) == "<op tinygpt.autograd.ops.exp(x, /)>"


def test_shape_and_friends():
    x = Tensor(np.zeros((2, 3), np.float32))
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.float32)


def test_detach_shares_values_and_forgets_the_history():
    x = leaf(1.0, 2.0)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert x.detach().data is x.data
