"""The parameter vector: one array for all parameters, one for all gradients."""

import copy

import numpy as np
import pytest

from tinygpt import AdamW, Tensor, nn, op
from tinygpt.autograd.parameters import Parameter, ParameterVector
from tinygpt.nn import Linear, Module


class Two(Module):
    """A vector first, then matrices, one of them used twice."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.shift = Parameter(rng.standard_normal(3).astype(np.float32))
        self.layers = [Linear(3, 3, rng=rng), Linear(3, 3, bias=False, rng=rng)]
        self.tied = self.layers[0].weight

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x @ self.tied + self.shift


X = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)


def test_matrices_first_then_vectors_each_once():
    model = Two()
    names = [name for name, _ in model.named_parameters()]
    assert names == ["shift", "layers.0.weight", "layers.0.bias", "layers.1.weight"]
    vector = model.vector()
    assert vector.n_matrix == 18
    assert vector.data.size == vector.grad.size == 24 == model.num_parameters()
    assert [p.ndim for p in vector.parameters] == [2, 2, 1, 1]


def test_packing_keeps_the_values_and_makes_views():
    model = Two()
    before = {name: p.data.copy() for name, p in model.named_parameters()}
    vector = model.vector()
    for name, p in model.named_parameters():
        assert np.array_equal(p.data, before[name])
        assert np.shares_memory(p.data, vector.data)
    vector.data[...] = 7.0
    assert all((p.data == 7.0).all() for p in model.parameters())


def test_gradients_land_in_the_vector_and_add_up():
    model = Two()
    vector = model.vector()
    model(X).sum().backward()
    once = vector.gradient().copy()
    for p in model.parameters():
        assert np.shares_memory(p.grad, vector.grad)
    model(X).sum().backward()
    np.testing.assert_allclose(vector.gradient(), 2 * once, rtol=1e-6)


def test_packed_and_unpacked_gradients_are_equal():
    loose, packed = Two(), Two()
    packed.pack()
    for model in (loose, packed):
        model(X).sum().backward()
    for p, q in zip(loose.parameters(), packed.parameters(), strict=True):
        assert np.array_equal(p.grad, q.grad)


def test_packing_keeps_the_gradients_that_are_there():
    model = Two()
    model(X).sum().backward()
    before = {name: p.grad.copy() for name, p in model.named_parameters()}
    vector = model.vector()
    for name, p in model.named_parameters():
        assert np.array_equal(p.grad, before[name])
        assert np.shares_memory(p.grad, vector.grad)


def test_zero_grad_writes_nothing_and_a_stale_slice_is_overwritten():
    model = Two()
    vector = model.vector()
    model(X).sum().backward()
    first = vector.gradient().copy()
    vector.zero_grad()
    assert np.array_equal(vector.grad, first)  # still there, but stale
    assert all(p.grad is None for p in model.parameters())
    model(X).sum().backward()
    assert np.array_equal(vector.gradient(), first)  # not twice


def test_a_gradient_that_is_a_function_is_written_where_it_belongs():
    given = []

    @op
    def scaled(x, w, /):
        def backward(dy):
            def dw(out, add):
                given.append((out, add))
                if add:
                    out += 3.0 * x * dy
                    return out
                return np.multiply(3.0 * x, dy, out=out)

            return dy * w * 3.0, dw

        return x * w * 3.0, backward

    model = Two()
    vector, w, x = model.vector(), model.layers[1].weight, np.ones((3, 3), np.float32)
    scaled(x, w).sum().backward()
    scaled(x, w).sum().backward()
    scaled(x, scaled(x, w)).sum().backward()
    slot = w.node.slot
    assert np.shares_memory(slot, vector.grad)
    assert given[0][0] is slot and given[0][1] is False
    assert given[1][0] is slot and given[1][1] is True  # there is a gradient already
    assert given[2] == (None, False)  # of an op's result
    assert given[3][0] is slot and given[3][1] is True
    assert w.grad is slot and np.array_equal(slot, np.full((3, 3), 3.0 + 3.0 + 9.0))


def test_a_gradient_that_is_a_function_reaches_a_tensor_of_its_own():
    table = Tensor(np.zeros((3, 2), np.float32), requires_grad=True)
    for _ in range(2):
        nn.embedding(table, np.array([2, 0, 2])).sum().backward()
    assert table.grad.tolist() == [[2.0, 2.0], [0.0, 0.0], [4.0, 4.0]]


def test_a_table_gets_the_rows_of_all_its_uses():
    model = Two()
    model.pack()
    w, ids = model.layers[1].weight, np.array([1, 1, 0])
    w.node.slot[...] = np.nan  # stale: nobody may read it
    nn.embedding(w, ids).sum().backward()
    assert w.grad.tolist() == [[1.0] * 3, [2.0] * 3, [0.0] * 3]
    (w * 10.0).sum().backward()
    nn.embedding(w, ids).sum().backward()
    assert w.grad.tolist() == [[12.0] * 3, [14.0] * 3, [10.0] * 3]
    assert w.grad is w.node.slot


def test_a_parameter_without_gradient_counts_as_zero():
    model = Two()
    vector = model.vector()
    model(X).sum().backward()
    vector.zero_grad()
    (model.layers[1].weight * 1.0).sum().backward()
    gradient = vector.gradient()
    assert np.count_nonzero(gradient) == 9
    assert model.shift.grad is None  # none arrived, and its slice holds zeros


def test_a_tied_parameter_gets_the_sum_of_its_uses():
    model = Two().to("float64")
    w = model.tied
    model(X.astype(np.float64)).sum().backward()
    first = Tensor(w.data.copy(), requires_grad=True)
    second = Tensor(w.data.copy(), requires_grad=True)
    y = Tensor(X.astype(np.float64)) @ first + model.layers[0].bias.detach()
    ((y @ model.layers[1].weight.detach()) @ second).sum().backward()
    np.testing.assert_allclose(w.grad, first.grad + second.grad, rtol=1e-12)


def test_packing_anew_makes_an_older_optimizer_raise():
    model = Two()
    optimizer = AdamW(model)
    model.pack()
    with pytest.raises(RuntimeError, match="Make the optimizer"):
        optimizer.step()


def test_conversion_makes_an_older_optimizer_raise_and_keeps_the_objects():
    model = Two()
    optimizer, parameters = AdamW(model), model.parameters()
    assert model.to("float32") is model
    optimizer.step()  # nothing was converted
    model.to("float64")
    assert model.parameters() == parameters or all(
        p is q for p, q in zip(model.parameters(), parameters, strict=True)
    )
    assert model.vector().data.dtype == np.float64
    with pytest.raises(RuntimeError, match="Make the optimizer"):
        optimizer.step()


def test_a_replaced_array_is_noticed():
    model = Two()
    optimizer = AdamW(model)
    model.shift.data = np.zeros(3, np.float32)
    with pytest.raises(RuntimeError, match=r"p\.data\[\.\.\.\] = values"):
        optimizer.step()


def test_in_place_arithmetic_on_data_is_fine():
    model = Two()
    optimizer = AdamW(model)
    before = model.vector().data[-6:].copy()
    model.shift.data -= 1.0
    optimizer.step()
    assert np.count_nonzero(model.vector().data[-6:] != before) == 3


def test_one_dtype_and_at_least_one_parameter():
    with pytest.raises(TypeError, match="one dtype"):
        ParameterVector([Parameter(np.ones(2, np.float32)), Parameter(np.ones(2))])
    with pytest.raises(ValueError, match="without parameters"):
        ParameterVector([])


def test_a_replica_shares_values_and_has_gradients_of_its_own():
    model = Two()
    twin = model.replica()
    assert twin.tied is twin.layers[0].weight
    assert np.shares_memory(twin.vector().data, model.vector().data)
    assert not np.shares_memory(twin.vector().grad, model.vector().grad)
    twin(X).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None for p in twin.parameters())
    model.vector().data += 1.0
    assert np.array_equal(twin.shift.data, model.shift.data)


def test_a_deep_copy_is_independent():
    model = Two()
    model.vector().steps = 5
    twin = copy.deepcopy(model)
    assert twin.tied is twin.layers[0].weight
    assert not np.shares_memory(twin.vector().data, model.vector().data)
    assert twin.vector().steps == 5
    assert np.array_equal(twin.vector().data, model.vector().data)
    AdamW(twin).step()
