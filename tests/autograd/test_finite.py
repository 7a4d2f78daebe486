"""The first result that is no number is found, forward and backward, and named."""

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Tensor, op, ops
from tinygpt.autograd.finite import NotFinite, describe_not_finite, every_result_checked
from tinygpt.autograd.operators import shipped
from tinygpt.nn import cross_entropy, linear

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_forward_names_the_op_that_made_it():
    x = Tensor(np.array([[1.0, -1.0, 0.0]]), requires_grad=True)
    said = r"the result of log \(1, 3\) has 1 nan and 1 inf"
    with pytest.raises(NotFinite, match=said), every_result_checked():
        (ops.log(x) * 2.0).sum()


def test_an_argument_that_was_no_number_before_is_told_apart():
    x = Tensor(np.array([[1.0, np.nan]]), requires_grad=True)
    said = r"argument 0 of linear, before it computed anything, \(1, 2\) has 1 nan"
    with pytest.raises(NotFinite, match=said), every_result_checked():
        linear(x, np.ones((2, 3)))


def test_backward_names_the_op_and_the_argument():
    x = Tensor(np.array([0.0, 4.0]), requires_grad=True)
    said = r"the gradient of sqrt's argument 0 \(2,\) has 1 inf"
    with pytest.raises(NotFinite, match=said), every_result_checked():
        ops.sqrt(x).sum().backward()


def test_several_outputs():
    @op
    def parts(x):
        return (x, x / 0.0), lambda dy: dy[0]

    shipped["parts"] = parts  # a student's op is not listed; as if it were ours
    try:
        with pytest.raises(NotFinite, match="parts's output 1"), every_result_checked():
            parts(Tensor(np.ones(2), requires_grad=True))
    finally:
        del shipped["parts"]


def test_healthy_numbers_pass_and_everything_is_put_back(device):
    before = {name: op.function for name, op in shipped.items()}
    model = GPT(GPTConfig(vocab_size=5, block_size=4, n_layer=1, n_head=1, n_embd=4, dropout=0.2))
    model.to(device.name).train()
    with every_result_checked():
        model.loss(np.array([[1, 2, 3]]), np.array([[2, 3, 4]])).backward()
    assert all(op.function is before[name] for name, op in shipped.items())
    with pytest.raises(NotFinite), every_result_checked():
        cross_entropy(device.tensor(np.full((1, 2), np.nan)), device.array(np.array([0])))
    assert all(op.function is before[name] for name, op in shipped.items())


def test_describe():
    assert describe_not_finite(np.array([1.0, np.inf, -np.inf, np.nan])) == "1 nan and 2 inf"
    assert describe_not_finite(np.zeros(3)) == ""
