"""The checker: wrong gradients that it must refuse, right ones that it must accept."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygpt as tg
from tests.autograd.wrong_gradients import WRONG, unary
from tinygpt import GradientError, Tensor, check_gradient, nn, op, ops
from tinygpt.autograd.gradcheck import adjoint_check, check, check_gradient_plain
from tinygpt.autograd.gradcheck.function import LAYOUTS
from tinygpt.autograd.parameters import Parameter
from tinygpt.nn import Linear, Module, layer_norm, softmax

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 5))
pytestmark = pytest.mark.gradcheck


@pytest.mark.parametrize("case", WRONG, ids=[w.name for w in WRONG])
def test_wrong_gradients_are_refused_and_the_cause_is_right_or_not_named(case):
    with pytest.raises(GradientError) as caught:
        check_gradient(case.fn, *case.inputs)
    error = caught.value
    assert error.argument is not None and error.argument.startswith(f"argument {case.argument}")
    if case.cause is None:
        assert error.cause is None
        assert "likely" not in str(error)
    else:
        assert case.cause in error.cause
        assert f"likely: {error.cause}" in str(error)
    if error.index is not None:
        for part in (f"at {list(error.index)}", "expected", "got", "ratio", error.argument):
            assert part in str(error)


def test_there_are_enough_of_them():
    assert len(WRONG) >= 16
    assert len({w.name for w in WRONG}) == len(WRONG)


@pytest.mark.parametrize(
    ("size", "named"), [((2, 3), "2 times"), ((4, 3), "4 times"), ((5, 7), "5 times")]
)
def test_a_factor_is_named_only_if_it_has_a_reason(size, named):
    """4 is named where an axis has 4 elements, and not where none has."""
    factor = float(named[0])
    for shape in (size, (11, 13)):
        with pytest.raises(GradientError) as caught:
            check_gradient(
                unary(np.sin, lambda x, y, dy: factor * np.cos(x) * dy), rng.random(shape)
            )
        if shape == size or factor == 2:
            assert named in caught.value.cause
        else:
            assert caught.value.cause is None


def test_the_numbers_in_the_error_are_right():
    with pytest.raises(GradientError) as caught:
        check_gradient(unary(lambda x: x * x, lambda x, y, dy: x * dy), np.array([3.0]), seed=4)
    dy = np.random.default_rng([4, 7919]).standard_normal(1)[0]
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
        check_gradient(unary(np.sin, backward), X)


def test_a_backward_that_writes_into_dy_is_refused():
    def backward(x, y, dy):
        dy *= np.cos(x)
        return dy

    with pytest.raises(GradientError, match="wrote into its dy"):
        check_gradient(unary(np.sin, backward), X)


def test_writing_into_an_input_is_refused():
    def backward(x, y, dy):
        np.cos(x, out=x)
        return x * dy

    with pytest.raises(GradientError, match="backward wrote into its input argument 0"):
        check_gradient(unary(np.sin, backward), X)

    def forward(x):
        x -= x.max()
        return np.exp(x)

    with pytest.raises(GradientError, match="forward wrote into its input argument 0"):
        check_gradient(unary(forward, lambda x, y, dy: y * dy), X)


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


# ----------------------------------------------------- right ops at random shapes: no false alarm

SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


def relu(x):
    return ops.maximum(x, 0.0)


RIGHT = {
    "product": lambda x: x * x,
    "linear": lambda x: x * 3.0 + 1.0,
    "matrix": lambda x: x @ x.T if x.ndim == 2 else x.sum(),
    "kinked": relu,
    "absolute": lambda x: ops.maximum(x, -x),
    "largest": lambda x: x.max(axis=-1),
    "several outputs": lambda x: (x.exp(), x.sum(), ops.concat(x, x)),
    "a view": lambda x: x.T,
    "a part": lambda x: x[0],
    "repeated": lambda x: x[np.zeros(3, int)],
    "softmax": softmax,
    "norm": lambda x: layer_norm(x, np.ones(x.shape[-1])),
    "a constant": lambda x: x * 0.0,
    "a staircase": lambda x: ops.where(x.data > 0, x * 0.0 + 1.0, x * 0.0),
    "steep": lambda x: (x * 20.0).tanh(),
    "shrinking": lambda x: (x * 1e-6).exp(),
    "growing": lambda x: x * 1e6,
    "a power": lambda x: (x * x + 0.5) ** -1.5,
}


@given(st.sampled_from(sorted(RIGHT)), SHAPES, st.integers(0, 2**32 - 1))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_right_gradients_at_random_shapes_are_accepted(name, shape, seed):
    x = np.random.default_rng(seed).standard_normal(shape)
    report = check_gradient(RIGHT[name], x, seed=seed % 1000)
    assert report.worst_error <= 1e-6


# ------------------------------------------------------------------------------------------ kinks


def test_at_a_kink_another_point_is_drawn():
    """relu at exactly 0: no gradient is right there, but the op is."""
    for f in (relu, lambda x: ops.maximum(x, -x), lambda x: (-x).max()):
        report = check_gradient(f, np.array([0.0, 0.0, 1.0, 2.0]))
        assert report.worst_error <= 1e-6 and report.kinks > 0
        assert "there is a kink at the given one" in str(report)
    assert "kink" not in str(check_gradient(np_exp, X))


def test_a_kink_does_not_hide_a_wrong_gradient():
    @op
    def wrong_relu(x):
        return np.maximum(x, 0.0), lambda dy: dy

    with pytest.raises(GradientError) as caught:
        check_gradient(wrong_relu, np.array([0.0, 1.0, -2.0]))
    assert caught.value.index == (0,) or caught.value.index == (2,)


def test_a_wrong_gradient_is_never_taken_for_a_kink():
    """The function is smooth: whatever backward claims, no other point is drawn."""
    calls = []

    def f(x):
        calls.append(x.numpy().copy())
        return student(x)

    student = unary(np.sin, lambda x, y, dy: np.cos(x) * dy * np.sign(x))
    with pytest.raises(GradientError):
        check_gradient(f, np.array([0.5, -0.5]))
    assert all(np.abs(c - [0.5, -0.5]).max() < 1e-4 for c in calls)


@pytest.mark.parametrize("distance", [3e-6, 5e-6, 8e-6, 1.2e-5, 1e-4])
def test_near_a_kink_the_taylor_series_is_not_held_against_the_gradient(distance):
    """The steps of eps do not reach the kink, those of the series do."""
    for seed in range(10):
        report = check_gradient(relu, np.array([distance, 1.0, -2.0]), seed=seed)
        assert report.worst_error <= 1e-6


def test_where_no_point_is_smooth_that_is_said():
    @op
    def zigzag(x):  # up and down every millionth
        return np.abs((x / 2e-6) % 1 - 0.5) * 2e-6, lambda dy: dy

    with pytest.raises(GradientError, match="there is a kink at the given point"):
        check_gradient(zigzag, X)


# ----------------------------------------------------------------------------------------- Taylor


def test_the_taylor_slope():
    assert check_gradient(np_exp, X).taylor_slope == pytest.approx(2.0, abs=0.1)
    assert check_gradient(lambda x: x * 3.0, X).taylor_slope is None
    cubic = check_gradient(lambda x: x**3, np.zeros(3))
    assert cubic.taylor_slope == pytest.approx(3.0, abs=0.1)


def np_exp(x):
    return x.exp()


def test_the_taylor_slope_alone_refuses_a_wrong_gradient(monkeypatch):
    """With the element-by-element comparison switched off."""
    monkeypatch.setattr(check, "relative_error", lambda n, floor, tolerance: 0.0)
    with pytest.raises(GradientError, match="Taylor series falls as h"):
        check_gradient(unary(np.sin, lambda x, y, dy: 1.5 * np.cos(x) * dy), X)


# ---------------------------------------------------------------------------------------- adjoint

LINEAR = {
    "sum": (lambda x: x.sum(axis=0), (X,)),
    "transpose": (ops.transpose, (X,)),
    "lookup": (lambda t, i: t[i], (X, np.array([0, 2, 2]))),
    "concat": (ops.concat, (X, X)),
    "split": (lambda x: ops.split(x, n=5, axis=-1), (X,)),
    "product with a constant": (lambda x: np.arange(6.0).reshape(2, 3) @ x, (X,)),
    "stretched": (lambda x: ops.broadcast_to(x, shape=(4, 3, 5)), (X,)),
}


@pytest.mark.parametrize("name", list(LINEAR))
def test_linear_ops_pass_the_adjoint_check(name):
    fn, inputs = LINEAR[name]
    adjoint_check(fn, *inputs)


def test_the_adjoint_check_refuses():
    @op
    def overwrites(x):
        def backward(dy):
            dx = np.zeros_like(x)
            dx[[0, 2, 2]] = dy
            return dx

        return x[[0, 2, 2]], backward

    with pytest.raises(GradientError, match="not the transpose of forward"):
        adjoint_check(overwrites, X)
    with pytest.raises(GradientError, match="not the transpose of forward"):
        adjoint_check(lambda x: x * 1e-9 + x.detach(), X)
    with pytest.raises(GradientError, match="is not linear"):
        adjoint_check(lambda x: x * x, X)
    with pytest.raises(ValueError, match="no float input"):
        adjoint_check(lambda i: i, np.array([1]))


# ------------------------------------------------------------------ checks of the checks themselves


def refused(case):
    try:
        check_gradient(case.fn, *case.inputs)
    except GradientError:
        return True
    return False


@pytest.mark.parametrize(
    "mutate",
    [
        lambda m: m.setattr(check, "relative_error", lambda n, floor, tolerance: 0.0),
        lambda m: m.setattr(
            check, "relative_error", lambda n, *_: abs(abs(n.expected) - abs(n.got))
        ),
        lambda m: m.setattr(check, "judge", lambda point, a, p, n: None),
        lambda m: m.setattr(math, "isfinite", lambda x: True),
        lambda m: m.setattr(check, "places_in", lambda shape, samples, rng: [(0,) * len(shape)]),
    ],
    ids=["comparison dropped", "sign ignored", "verdict dropped", "nan let through", "one element"],
)
def test_a_mutated_checker_would_be_noticed(monkeypatch, mutate):
    """Each mutation lets at least one of the wrong gradients through: the table has teeth."""
    monkeypatch.setattr(check, "taylor_slope", lambda point, rng: None)
    assert all(map(refused, WRONG))
    mutate(monkeypatch)
    assert not all(map(refused, WRONG))


def test_a_tolerance_a_thousand_times_as_large_would_be_noticed():
    let_through = [
        w.name
        for w in WRONG
        if not raises(GradientError, check_gradient, w.fn, *w.inputs, tolerance=1e-3)
    ]
    assert "off by one part in ten thousand" in let_through


def raises(kind, f, *args, **settings):
    try:
        f(*args, **settings)
    except kind:
        return True
    return False


def test_public_names():
    assert issubclass(tg.GradientError, AssertionError)


# ---------------------------------------------------- linear functions at points where they are 0

ZERO_SOMEWHERE = {
    "three times": lambda x: x * 3.0,
    "minus the point": None,  # x - x0, made below
    "mean": lambda x: x.mean(),
    "mean of rows": lambda x: x.mean(axis=-1),
    "sum": lambda x: x.sum(),
    "negative": lambda x: -x,
}
POINTS = {
    "zeros": lambda shape, rng: np.zeros(shape),
    "centred": lambda shape, rng: (lambda a: a - a.mean())(rng.standard_normal(shape)),
}


@pytest.mark.parametrize("shape", [(3,), (7, 3), (2, 3, 5), (1,), (4, 1)])
@pytest.mark.parametrize("name", list(ZERO_SOMEWHERE))
@pytest.mark.parametrize("point", list(POINTS))
def test_a_linear_function_is_accepted_where_its_value_is_0(name, shape, point):
    """There the rounding of h <g, v> is all that is left, and falls as h: it is no remainder."""
    for seed in range(5):
        x = POINTS[point](shape, np.random.default_rng(seed))
        kept = x.copy()
        f = ZERO_SOMEWHERE[name] or (lambda t, kept=kept: t - kept)
        check_gradient(f, x, seed=seed)


@pytest.mark.parametrize("shape", [(3,), (7, 3), (40, 5)])
def test_a_gradient_off_by_a_two_thousandth_is_refused_there_too(shape):
    @op
    def nearly(x, /):
        return x * 3.0, lambda dy: dy * (3.0 * (1 + 1 / 2000))

    with pytest.raises(GradientError):
        check_gradient(nearly, np.zeros(shape))


def test_the_taylor_slope_alone_sees_it():
    """What 64 elements of many do not show: one wrong element of 10 000, at a point of value 0."""

    @op
    def one_wrong(x, /):
        def backward(dy):
            dx = dy * 3.0
            dx[5003] *= 1.5
            return dx

        return x * 3.0, backward

    with pytest.raises(GradientError):
        check_gradient(one_wrong, np.zeros(10_000), samples=4)


# -------------------------------------------------------------------- how an array lies in memory


def test_an_op_that_is_right_for_contiguous_arrays_alone_is_refused():
    @op
    def exp_in_pieces(x, /):
        y = np.empty_like(x)
        y.reshape(-1)[:] = np.exp(x).reshape(-1)  # of a transposed y this is a copy
        return y, lambda dy: dy * np.exp(x)

    with pytest.raises(GradientError, match="transposed in memory"):
        check_gradient(exp_in_pieces, np.random.default_rng(0).standard_normal((3, 4)))


def test_a_backward_that_is_right_for_contiguous_arrays_alone_is_refused():
    @op
    def exp_back_in_pieces(x, /):
        y = np.exp(x)

        def backward(dy):
            dx = np.zeros_like(x)
            dx.reshape(-1)[:] = (dy * y).reshape(-1)
            return dx

        return y, backward

    with pytest.raises(GradientError, match="other gradients"):
        check_gradient(exp_back_in_pieces, np.random.default_rng(0).standard_normal((3, 4)))


def test_an_op_that_raises_for_such_an_array_says_which():
    @op
    def viewed(x, /):
        if not x.flags.c_contiguous:
            raise ValueError("no view")
        return x * 1.0, lambda dy: dy

    with pytest.raises(ValueError, match="no view") as caught:
        check_gradient(viewed, np.ones((2, 3)))
    assert "transposed in memory" in str(caught.value.__notes__)


def test_a_report_shows_its_table_in_a_notebook():
    assert repr(check_gradient(lambda x: x * x, np.ones(2))).startswith("the function: gradient ok")


def test_dropout_in_train_mode_is_checked_with_one_mask():
    class Net(tg.Module):
        def __init__(self):
            self.linear, self.drop = tg.nn.Linear(3, 4, rng=0), tg.nn.Dropout(0.5)

        def __call__(self, x):
            return self.drop(self.linear(x))

    check_gradient(Net().train(), np.ones((2, 3)))
    net = Net().train()
    with pytest.raises(GradientError, match=r"model\.eval\(\)"):
        check_gradient(lambda x: net.to("float64")(x), np.ones((2, 3)))


def test_the_plain_check_accepts_and_refuses_as_the_whole_one():
    x = np.random.default_rng(2).standard_normal((2, 3))
    for f in (nn.softmax, nn.gelu, lambda t: (t * t).sum(), lambda t: t @ t.T, lambda t: t[0]):
        check_gradient_plain(f, x)

    @op
    def forgot_dy(x, /):
        return x * x, lambda dy: 2 * x

    @op
    def half(x, /):
        return x * x, lambda dy: x * dy

    @op
    def one_element(x, /):
        return x * 3.0, lambda dy: np.where(np.arange(3) == 1, 2.999, 3.0) * dy

    for wrong in (forgot_dy, half, one_element):
        with pytest.raises(AssertionError, match="the slope is"):
            check_gradient_plain(wrong, x)
        with pytest.raises(GradientError):
            check_gradient(wrong, x)


# --------------------------------------------------- what a reader of these checks found in them


def test_dy_is_not_the_students_own_random_numbers():
    """Seed 0 is what people take. With dy = x, a gradient of 2 dy^2 for 2 x dy is not noticed."""
    squared = unary(lambda x: x * x, lambda x, y, dy: 2 * dy * dy)
    for shape in ((3, 4), (5,), (2, 3)):
        for seed in (0, 1, 7919):
            with pytest.raises(GradientError):
                check_gradient(
                    squared, np.random.default_rng(seed).standard_normal(shape), seed=seed
                )
        with pytest.raises(AssertionError):
            check_gradient_plain(squared, np.random.default_rng(0).standard_normal(shape))


def test_a_huge_constant_in_the_result_excuses_nothing():
    below = np.tri(4, dtype=bool)
    masked = unary(lambda x: np.where(below, x, -1e9), lambda x, y, dy: 0.9 * dy * below)
    with pytest.raises(GradientError):
        check_gradient(masked, np.random.default_rng(1).standard_normal((4, 4)))


def test_a_backward_that_writes_into_its_result_is_refused():
    def spoils(x, y, dy):
        dx = dy * (1 - y * y)
        y[...] = 0
        return dx

    with pytest.raises(GradientError, match="wrote into its result"):
        check_gradient(unary(np.tanh, spoils), X)


def test_an_op_that_writes_into_its_indices_is_refused():
    @op
    def shifts(x, ids):
        ids += 1
        return x * 1.0, lambda dy: (dy, None)

    with pytest.raises(GradientError, match=r"wrote into its input argument 1 \(ids\)"):
        check_gradient(shifts, X, np.array([1, 2]))


@pytest.mark.parametrize("at", [8e-7, 7.2e-7, 9.9e-7, 3.3e-7, 1e-7, 0.0, -8e-7])
def test_a_kink_beside_the_point_is_a_kink(at):
    for seed in range(5):
        assert check_gradient(relu, np.array([at, 1.0]), seed=seed).worst_error <= 1e-6


@pytest.mark.parametrize("n", [64, 700, 10_000])
def test_a_whole_array_of_kinks(n):
    for seed in range(6):
        assert check_gradient(relu, np.zeros(n), seed=seed).kinks > 0


def test_a_right_relu_of_many_elements_passes():
    for seed in range(20):
        check_gradient(relu, np.random.default_rng(seed).standard_normal(10_000), seed=seed)


def test_large_inputs_are_moved_by_more():
    check_gradient(relu, np.array([1e11, -3e9, 2.0]))
    check_gradient(lambda x: x * x, np.array([1e8, 3.0]))


def test_the_step_may_be_another():
    check_gradient(lambda x: x**3, np.array([0.0, 1.0]), eps=1e-4)


def test_outputs_that_fit_float32_by_chance_are_no_cause():
    wrong = unary(lambda x: np.maximum(x, 0.0), lambda x, y, dy: dy)
    with pytest.raises(GradientError) as caught:
        check_gradient(wrong, -np.abs(X) - 0.1)
    assert "float32" not in str(caught.value)


def test_a_function_of_whole_numbers_alone_is_said():
    with pytest.raises(TypeError, match="returns no floats"):
        check_gradient(lambda x: Tensor(np.ones(2, int)), X)


def test_a_scalar_is_not_wrong_at_an_index():
    with pytest.raises(GradientError) as caught:
        check_gradient(unary(np.sin, lambda x, y, dy: dy), np.array(0.7))
    assert "[]" not in str(caught.value)


def test_the_masks_of_dropout_go_on_as_if_nothing_had_been_checked():
    layer = nn.Dropout(0.5).train()
    for _ in range(7):
        layer(Tensor(X))
    check_gradient(layer, X)
    assert layer.mask_keys.forwards == 7


def test_other_layouts_cannot_be_taken_apart_as_they_lie():
    for layout in LAYOUTS.values():
        for a in (X, np.ones((2, 3, 4))):
            other = layout(a)
            assert np.array_equal(other, a)
            assert not np.shares_memory(other.reshape(-1), other)
