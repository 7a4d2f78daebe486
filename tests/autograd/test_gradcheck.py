"""The checker: wrong gradients that it must refuse, right ones that it must accept."""

import numpy as np
import pytest

import tinygpt as tg
from tinygpt import GradientError, Tensor, check_gradient, op
from tinygpt.autograd.parameters import Parameter
from tinygpt.nn import Linear, Module, softmax

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 5))
pytestmark = pytest.mark.gradcheck


def wrong(forward, backward):
    """An op of one argument with this backward(x, y, dy)."""

    @op
    def student(x):
        y = forward(x)
        return y, lambda dy: backward(x, y, dy)

    return student


def np_softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# what students really write; (forward, wrong backward, a right backward)
WRONG = {
    "twice": (np.sin, lambda x, y, dy: 2 * np.cos(x) * dy, 2.0),
    "sign": (np.cos, lambda x, y, dy: np.sin(x) * dy, -1.0),
    "dy forgotten": (np.sin, lambda x, y, dy: np.cos(x), None),
    "zeros": (np_softmax, lambda x, y, dy: np.zeros_like(x), 0.0),
    "only the diagonal term": (np_softmax, lambda x, y, dy: y * (1 - y) * dy, None),
    "row sum forgotten": (np_softmax, lambda x, y, dy: y * dy, None),
    "mean without 1/n": (
        lambda x: x.mean(-1),
        lambda x, y, dy: np.broadcast_to(dy[:, None], x.shape),
        5.0,
    ),
    "derivative at y": (np.exp, lambda x, y, dy: np.exp(y) * dy, None),
    "inner derivative": (lambda x: np.tanh(3 * x), lambda x, y, dy: (1 - y * y) * dy, 1 / 3),
    "off by 1e-4": (np.sin, lambda x, y, dy: (1 + 1e-4) * np.cos(x) * dy, 1.0001),
    "one element": (
        np.sin,
        lambda x, y, dy: np.cos(x) * dy * np.where(np.arange(5) == 4, 1.01, 1.0),
        1.01,
    ),
    "nan": (np.sin, lambda x, y, dy: np.full_like(x, np.nan), None),
    "constant added": (np.sin, lambda x, y, dy: np.cos(x) * dy + 1e-3, None),
}  # fmt: skip


@pytest.mark.parametrize("name", list(WRONG))
def test_wrong_gradients_are_refused(name):
    forward, backward, ratio = WRONG[name]
    with pytest.raises(GradientError) as caught:
        check_gradient(wrong(forward, backward), X)
    error = caught.value
    assert (error.op, error.argument) == ("student", "argument 0 (x)")
    assert len(error.index) == 2
    for part in ("student", "argument 0 (x)", f"at {list(error.index)}", "expected", "got"):
        assert part in str(error)
    if ratio is not None:
        assert error.ratio == pytest.approx(ratio, rel=1e-5)


def test_the_numbers_in_the_error_are_right():
    with pytest.raises(GradientError) as caught:
        check_gradient(wrong(lambda x: x * x, lambda x, y, dy: x * dy), np.array([3.0]), seed=4)
    dy = np.random.default_rng(4).standard_normal(1)[0]
    assert caught.value.expected == pytest.approx(6 * dy, rel=1e-8)
    assert caught.value.got == pytest.approx(3 * dy, rel=1e-8)
    assert caught.value.index == (0,)


def test_the_argument_that_is_wrong_is_named():
    @op
    def product(a, b):
        return a @ b, lambda dy: (dy @ b.T, b.T @ dy)

    a = rng.standard_normal((4, 4))
    with pytest.raises(GradientError) as caught:
        check_gradient(product, a, rng.standard_normal((4, 4)))
    assert caught.value.argument == "argument 1 (b)"


def test_a_wrong_element_far_inside_a_large_argument_is_found_by_a_direction():
    @op
    def nearly(x):
        def backward(dy):
            dx = 2 * x * dy
            dx[20, 20] += 1.0
            return dx

        return x * x, backward

    with pytest.raises(GradientError) as caught:
        check_gradient(nearly, rng.standard_normal((41, 43)), samples=10)
    assert caught.value.index is None
    assert "random direction" in str(caught.value)


def test_the_ends_of_every_axis_are_compared():
    for at in [(0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)]:

        @op
        def nearly(x, at=at):
            def backward(dy):
                dx = 2 * x * dy
                dx[at] *= 1.5
                return dx

            return x * x, backward

        with pytest.raises(GradientError):
            check_gradient(nearly, rng.standard_normal((41, 43)), samples=4)


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda x, y, dy: (np.cos(x) * dy)[:, :1], "its gradient: float64 \\(3, 1\\)"),
        (lambda x, y, dy: (np.cos(x) * dy).astype(np.float32), "its gradient: float32"),
        (lambda x, y, dy: dy @ x, "matmul"),
    ],
)
def test_shape_and_dtype_are_checked(backward, message):
    with pytest.raises(GradientError, match=message):
        check_gradient(wrong(np.sin, backward), X)


def test_a_backward_that_writes_into_dy_is_refused():
    def backward(x, y, dy):
        dy *= np.cos(x)
        return dy

    with pytest.raises(GradientError, match="wrote into its dy"):
        check_gradient(wrong(np.sin, backward), X)


def test_writing_into_an_input_is_refused():
    def backward(x, y, dy):
        np.cos(x, out=x)
        return x * dy

    with pytest.raises(GradientError, match="backward wrote into its input argument 0"):
        check_gradient(wrong(np.sin, backward), X)

    def forward(x):
        x -= x.max()
        return np.exp(x)

    with pytest.raises(GradientError, match="forward wrote into its input argument 0"):
        check_gradient(wrong(forward, lambda x, y, dy: y * dy), X)


def test_random_functions_are_refused():
    noise = np.random.default_rng(0)
    with pytest.raises(GradientError, match="two calls"):
        check_gradient(lambda x: x * noise.standard_normal(3), np.ones(3))


def test_a_gradient_lost_half_way():
    """G3"""
    with pytest.raises(GradientError) as caught:
        check_gradient(lambda x: x.detach() * x, np.array([1.0, 2.0, 3.0]))
    assert caught.value.ratio == pytest.approx(0.5, rel=1e-6)
    with pytest.raises(GradientError) as caught:
        check_gradient(lambda x: x.detach() * 2.0, np.array([1.0, 2.0, 3.0]))
    assert caught.value.got == 0.0


# ------------------------------------------------------------------------------ no false alarms


def test_an_op_that_returns_a_view():
    """G1"""

    @op
    def t(x):
        return x.T, lambda dy: dy.T

    check_gradient(t, np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_inputs_that_share_memory():
    """G2: one row repeated by stride 0, and read-only."""
    row = np.broadcast_to(np.array([1.0, 2.0]), (3, 2))
    check_gradient(lambda x: x * x, row)
    same = np.ones(3)
    check_gradient(lambda a, b: a * b, same, same)


def test_the_callers_arrays_and_random_numbers_are_untouched():
    """G4"""
    x = np.ones(3, np.float32)
    t = Tensor(x, requires_grad=True)
    np.random.seed(1)  # noqa: NPY002  the user's own, old way
    check_gradient(lambda x: x * x, t)
    check_gradient(lambda x: x * x, x)
    assert np.random.rand() == 0.417022004702574  # noqa: NPY002
    assert x.tolist() == [1.0, 1.0, 1.0]
    assert t.grad is None
    assert t.dtype == np.float32


def test_report():
    report = check_gradient(lambda a, b: a @ b, np.ones((2, 3)), rng.standard_normal((3, 40)))
    a, b = report.arguments
    assert (a.name, a.shape, a.elements, a.directions) == ("argument 0 (a)", (2, 3), 6, 0)
    assert (b.shape, b.elements, b.directions) == ((3, 40), 64, 4)
    assert 0 <= report.worst_error == max(a.worst_error, b.worst_error) <= 1e-6
    assert len(b.where) in (0, 2) if b.where is not None else True
    text = str(report)
    assert "worst relative error" in text and "argument 1 (b)" in text and "64 elements" in text


def test_several_outputs_and_one_of_them_unused_in_the_gradient():
    check_gradient(lambda x: (x * x, x.exp()), X)
    check_gradient(lambda x: [x * x, Tensor(np.ones(2))], X)
    check_gradient(lambda x: (x * x, Tensor([1, 2])), X)


def test_integers_none_and_numbers_are_constants():
    ids = np.array([0, 2, 2])
    check_gradient(lambda t, i: t[i], X, ids)
    check_gradient(lambda t, i: t[i], X, Tensor(ids))
    check_gradient(lambda t, n: t * n, X, 3)
    check_gradient(lambda t, n: t * n, X, 3.0)
    check_gradient(lambda t, n: t if n is None else t * n, X, None)
    assert ids.tolist() == [0, 2, 2]


def test_a_constant_function_is_right():
    report = check_gradient(lambda x: Tensor(np.ones(2)), X)
    assert report.worst_error == 0.0


def test_a_zero_dimensional_input():
    check_gradient(lambda x: x * x, np.array(3.0))
    check_gradient(lambda x: x * x, 3.0)


def test_softmax_passes_and_would_not_be_told_from_zeros_by_dy_of_ones():
    check_gradient(softmax, X)
    _, backward = softmax.function(X)
    assert np.abs(backward(np.ones_like(X))).max() < 1e-15


def test_what_cannot_be_checked_is_said():
    with pytest.raises(ValueError, match="no float input"):
        check_gradient(lambda i: i, np.array([1, 2]))
    with pytest.raises(TypeError, match="must return a Tensor"):
        check_gradient(lambda x: x.numpy(), X)


# --------------------------------------------------------------------------------------- modules


def test_a_module_with_its_parameters():
    layer = Linear(5, 4, rng=rng)
    layer.pack()
    data, node = layer.weight.data, layer.weight.node
    report = check_gradient(layer, X)
    assert [a.name for a in report.arguments] == ["argument 0 (x)", "weight", "bias"]
    assert layer.weight.data is data and layer.weight.node is node  # the module is as it was
    assert layer.weight.dtype == np.float32 and layer.weight.grad is None


def test_a_module_whose_parameter_gets_no_gradient_is_refused():
    class Forgets(Module):
        def __init__(self):
            self.scale = Parameter(np.ones(5, np.float32))
            self.shift = Parameter(np.zeros(5, np.float32))

        def __call__(self, x):
            return x * self.scale + self.shift.detach()

    module = Forgets()
    with pytest.raises(GradientError) as caught:
        check_gradient(module, X)
    assert caught.value.argument == "shift"
    assert module.scale.dtype == np.float32  # put back after an error too


def test_public_names():
    assert issubclass(tg.GradientError, AssertionError)
