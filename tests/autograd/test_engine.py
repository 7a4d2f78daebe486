"""Every rule of the engine, with the smallest program that breaks it."""

import gc
import threading
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest

import tinygpt as tg
from tinygpt import Tensor, no_grad, op, ops
from tinygpt.autograd import engine, recording
from tinygpt.autograd.operators import shipped


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_the_engine_fits_on_a_few_screens():
    assert len(Path(engine.__file__).read_text(encoding="utf-8").splitlines()) <= 220


# -------------------------------------------------------------------------------- the chain rule


def test_a_value_used_twice_gets_the_sum():
    x, y = leaf(3.0), leaf(4.0)
    (x * y + x).backward(np.ones(1))
    assert x.grad == [5.0]
    assert y.grad == [3.0]


def test_gradients_add_up_until_zero_grad():
    x = leaf(2.0)
    (x * x).backward()
    (x * x).backward()
    assert x.grad == [8.0]
    x.zero_grad()
    assert x.grad is None


def test_backward_takes_the_dy_that_it_is_given():
    x = leaf(1.0, 2.0)
    dy = np.array([10.0, 100.0])
    (x * x).backward(dy)
    assert x.grad.tolist() == [20.0, 400.0]
    assert dy.tolist() == [10.0, 100.0]


def test_backward_of_a_leaf_itself():
    x = leaf(1.0, 2.0)
    dy = np.array([3.0, 4.0])
    x.backward(dy)
    assert x.grad.tolist() == [3.0, 4.0]
    assert x.grad is not dy


@pytest.mark.parametrize("dy", [None, [1.0], np.ones((2, 1)), 1.0])
def test_a_dy_of_another_shape_is_refused(dy):
    with pytest.raises(ValueError, match=r"shape \(2,\) needs a dy of that shape"):
        (leaf(1.0, 2.0) * 2).backward(dy)


def test_backward_without_a_leaf_is_refused():
    with pytest.raises(RuntimeError, match="requires_grad"):
        (Tensor([1.0]) * 2).backward()


# --------------------------------------------------------------------------------- order, depth


def test_an_op_may_ask_whose_gradient_is_wanted():
    asked = []

    @op
    def asks(a, b, c, /):
        asked.append((recording(), *(recording(i) for i in range(3))))
        return a + b, lambda dy: (dy, dy, None)

    x, y = Tensor([1.0], requires_grad=True), Tensor([1.0])
    asks(x, y, None)
    asks(y, x, 2)
    asks(y, y, y)
    with no_grad():
        asks(x, x, x)
    assert asked == [
        (True, True, False, False),
        (True, False, True, False),
        (False,) * 4,
        (False,) * 4,
    ]
    assert recording() and recording(0)  # outside of an op nothing is known


def test_a_chain_of_50000_ops():
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = y + 1.0
    y.backward()
    assert x.grad == [1.0]


def test_a_long_chain_dropped_without_a_backward():
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = y + 1.0
    gone = weakref.ref(y)
    del y
    assert gone() is None


def test_a_ladder_of_diamonds_takes_linear_time():
    x = leaf(1.0)
    y = x
    for _ in range(200):  # 2^200 paths
        y = (y + y) * 0.5
    y.backward()
    assert x.grad == [1.0]


def test_creation_order_is_the_order_of_backward():
    """b is used before and after c is made: its gradient must be whole before it is passed on."""
    a = leaf(2.0)
    b = a * a
    c = b * 3.0
    d = c + b
    (d * b).backward()  # d = 4 a^2, d b = 4 a^4
    assert a.grad == [16 * 2.0**3]


# ----------------------------------------------------------------------------------- memory


def test_leaf_gradients_never_share_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    dy = np.ones(2)
    (a + b).backward(dy)
    for first, second in [(a.grad, b.grad), (a.grad, dy), (b.grad, dy)]:
        assert not np.shares_memory(first, second)


def test_a_sum_is_never_made_in_somebody_elses_array():
    """add hands the same dy to both arguments; adding into it would change the other's."""
    a, b = leaf(1.0), leaf(1.0)
    u, v = a * 1.0, b * 1.0
    w = u + v
    (w + u).backward()
    assert (a.grad, b.grad) == ([2.0], [1.0])


def test_memory_falls_during_backward():
    x = Tensor(np.ones((256, 256)), requires_grad=True)  # 0.5 MB
    alive = []

    @op
    def watched(a):
        y = a * 1.0
        captured = np.ones((256, 256))
        kept = weakref.ref(captured)
        alive.append(kept)

        def backward(dy):
            assert captured is kept()
            counts.append(sum(k() is not None for k in alive))
            return dy

        return y, backward

    counts = []
    y = x
    for _ in range(10):
        y = watched(y)
    y.sum().backward()
    assert counts == list(range(10, 0, -1))
    assert not any(k() is not None for k in alive)


def test_a_kept_loss_keeps_no_graph():
    """E5: losses in a list. The level is the same after 3 and after 10 steps."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((256, 256)))
    weights = [Tensor(rng.standard_normal((256, 256)) / 16, requires_grad=True) for _ in range(4)]
    losses, levels = [], []
    gc.disable()  # nothing waits for the cyclic collector
    tracemalloc.start()
    try:
        for _ in range(10):
            h = x
            for w in weights:
                h = ops.tanh(h @ w)
            loss = (h * h).mean()
            loss.backward()
            losses.append(loss)
            del h, loss
            levels.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert abs(levels[9] - levels[2]) < 100_000  # a kept graph would be 2 MB more a step


def test_a_graph_without_backward_is_freed_without_the_collector():
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        parts = ops.split(x * 2.0, n=2)
        y = parts[0] * parts[1]
        gone = weakref.ref(parts[0])
        del parts, y
        assert gone() is None
    finally:
        gc.enable()


def test_a_second_backward_raises_before_it_writes_anything():
    x, z = leaf(2.0), leaf(5.0)
    h = x * x
    (h * 1.0).backward()
    x.zero_grad()
    y = z * z + h
    with pytest.raises(RuntimeError, match="second backward"):
        y.backward()
    assert x.grad is None
    assert z.grad is None


# ------------------------------------------------------------------------------------ no_grad


def test_no_grad_nests_and_survives_errors():
    """E6"""
    x = leaf(1.0)
    with no_grad():
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    try:
        with no_grad():
            raise KeyError
    except KeyError:
        pass
    assert (x * 2).requires_grad


def test_no_grad_as_a_decorator_inside_itself():
    x = leaf(1.0)

    @no_grad()
    def double():
        return x * 2

    with no_grad():
        assert not double().requires_grad
        assert not (x * 2).requires_grad
    assert not double().requires_grad
    assert (x * 2).requires_grad


def test_no_grad_is_per_thread():
    x, seen = leaf(1.0), []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_recording_tells_an_op_whether_backward_will_be_called():
    seen = []

    @op
    def asks(a):
        seen.append(recording())
        return a * 1.0, lambda dy: dy

    x = leaf(1.0)
    asks(x)
    asks(Tensor([1.0]))
    with no_grad():
        asks(x)
    asks(x)
    assert seen == [True, False, False, True]
    assert recording()  # outside of any op: a function called by hand returns its backward


def test_recording_is_restored_after_an_op_inside_an_op():
    seen = []

    @op
    def outer(a):
        ops.exp(np.ones(2))  # records nothing
        seen.append(recording())
        return a * 1.0, lambda dy: dy

    outer(leaf(1.0))
    assert seen == [True]


# -------------------------------------------------------------------------------------- dtypes


def test_float32_and_float64_stay():
    for dtype in (np.float32, np.float64):
        x = leaf(1.0, 2.0, dtype=dtype)
        y = (x * 2 + 1.5) / 3
        assert y.dtype == dtype
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_a_dtype_that_changes_is_refused_with_a_reason():
    x = leaf(1.0, 2.0, dtype=np.float32)
    with pytest.raises(TypeError, match="float32 became float64") as caught:
        x * np.ones(2)
    assert "mul(float32 (2,), float64 (2,))" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="float32 became float64"):
        Tensor(np.ones(2), requires_grad=True) + x
    assert ops.astype(x, dtype="float64").dtype == np.float64  # asked for: allowed


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x / np.sqrt(64),
        lambda x: x * np.array(2.0),
        lambda x: x / np.array(3),
        lambda x: np.float64(2) * x,
        lambda x: np.array(2.0) - x,
        lambda x: x * 2.0,
        lambda x: x**2,
        lambda x: x + np.int64(1),
    ],
)
def test_numpy_scalars_are_weak(compute):
    """C2: a NumPy scalar beside a float32 Tensor leaves it float32."""
    y = compute(leaf(1.0, 2.0, dtype=np.float32))
    assert isinstance(y, Tensor)
    assert y.dtype == np.float32


def test_what_a_tensor_is_made_of():
    assert Tensor(2.0).dtype == np.float32
    assert Tensor([[1.0, 2.0]]).dtype == np.float32
    assert Tensor(np.float64(2)).dtype == np.float64
    assert Tensor(np.ones(2)).dtype == np.float64
    assert Tensor([1, 2]).dtype == np.int64
    array = np.ones(2)
    assert Tensor(array).data is array
    assert not Tensor([1.0]).requires_grad


@pytest.mark.parametrize("data", ["text", [None], {1: 2}, 1j])
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError, match="a Tensor holds numbers"):
        Tensor(data)


def test_a_tensor_of_a_tensor_is_refused():
    with pytest.raises(TypeError, match="numpy"):
        Tensor(Tensor([1.0]))


def test_integers_have_no_gradient():
    with pytest.raises(TypeError, match="only floats have gradients"):
        Tensor([1, 2], requires_grad=True)


# ------------------------------------------------------------------------------- the op contract


def test_errors_in_an_op_keep_their_type_and_get_a_note():
    with pytest.raises(ValueError, match="matmul") as caught:
        leaf(1.0, 2.0) @ leaf(1.0, 2.0, 3.0)
    assert "in matmul(float64 (2,), float64 (3,))" in caught.value.__notes__


def test_errors_in_a_backward_get_a_note():
    @op
    def breaks(a):
        return a * 1.0, lambda dy: dy[5]

    with pytest.raises(IndexError) as caught:
        breaks(leaf(1.0)).backward()
    assert "in backward of breaks(float64 (1,)), dy float64 (1,)" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda dy: dy, "expected 2 gradients, got 1"),
        (lambda dy: (dy, dy[:1]), r"argument 1: float64 \(2,\), its gradient: float64 \(1,\)"),
        (lambda dy: (dy.astype(np.float32), dy), r"argument 0: .* its gradient: float32"),
    ],
)
def test_gradients_that_do_not_fit_are_refused(backward, message):
    @op
    def wrong(a, b):
        return a + b, backward

    with pytest.raises(ValueError, match=message):
        wrong(leaf(1.0, 2.0), leaf(1.0, 2.0)).sum().backward()


def test_a_gradient_for_what_is_no_tensor_is_ignored():
    @op
    def scale(a, b, c=None):
        return a * b, lambda dy: (dy * b, "nonsense", "nonsense")

    x = leaf(1.0, 2.0)
    scale(x, 3.0, None).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_none_stops_a_gradient():
    @op
    def stop(a):
        return a * 1.0, lambda dy: None

    x = leaf(1.0)
    (stop(x) + x).backward()
    assert x.grad == [1.0]


def test_several_outputs():
    seen = []

    @op
    def two(a):
        def backward(dys):
            seen.append([None if d is None else d.tolist() for d in dys])
            return sum(d * k for d, k in zip(dys, (1.0, 10.0), strict=True) if d is not None)

        return (a * 1.0, a * 10.0), backward

    x = leaf(1.0)
    p, q = two(x)
    (q + q).backward()
    assert seen == [[None, [2.0]]]
    assert x.grad == [20.0]

    x.zero_grad()
    p, q = two(x)
    (p * q).backward()
    assert x.grad == [20.0]  # d(10 x^2)


def test_backward_is_not_called_where_no_output_was_used():
    @op
    def two(a):
        def backward(dys):
            raise AssertionError("nobody used an output")

        return (a * 1.0, a * 2.0), backward

    @op
    def stop(a):
        return a * 1.0, lambda dy: None

    x = leaf(1.0)
    p, _ = two(x)
    (stop(p) + x).backward()
    assert x.grad == [1.0]


def test_ops_are_listed_by_name_and_a_students_op_never_replaces_one():
    """N2: the same cell run twice; and a student's op named as one of ours."""
    before = dict(shipped)
    for factor in (1.0, 2.0):

        @op
        def gelu(x, factor=factor):
            return x * factor, lambda dy: dy * factor

    assert shipped == before
    tg.check_gradient(gelu, np.ones(3))
    assert gelu(Tensor([1.0])).numpy() == [2.0]


def test_an_op_made_by_exec():
    """As some graders run a cell: no module, no source file."""
    names = {"op": op}
    exec("@op\ndef f(x):\n    return x * x, lambda dy: 2 * x * dy", names)
    tg.check_gradient(names["f"], np.ones(3))


def test_two_shipped_ops_of_one_name_are_refused():
    def exp(x):
        return x, lambda dy: dy

    exp.__module__ = "tinygpt.somewhere.else"
    with pytest.raises(ValueError, match="has that name already"):
        op(exp)


def test_the_function_of_an_op_is_looked_up_at_every_call():
    original = ops.exp.function
    try:
        ops.exp.function = lambda x: (x * 0.0, lambda dy: dy)
        assert Tensor([5.0]).exp().numpy() == [0.0]
    finally:
        ops.exp.function = original
    assert Tensor([0.0]).exp().numpy() == [1.0]


def test_two_threads_do_not_disturb_each_other():
    results = {}

    def work(i):
        x = leaf(*np.linspace(1.0, 2.0, 50) * i)
        y = x
        for _ in range(300):
            y = y * 1.001
        y.sum().backward()
        results[i] = x.grad

    threads = [threading.Thread(target=work, args=(i,)) for i in (1, 2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i in (1, 2):
        np.testing.assert_allclose(results[i], 1.001**300, rtol=1e-12)


# ------------------------------------------------------------------------------- the plain forms


def test_the_plain_forms_give_the_same_gradients():
    """call_plain and backward_plain on a graph with diamonds, broadcasting and a product."""

    def f(mul, add, matmul, x, w, b):
        y = add(matmul(x, w), b)
        return mul(y, add(y, mul(y, y)))

    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((4, 3), (3, 2), (2,))]
    grads = []
    for plain in (False, True):
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        named = [getattr(ops, name) for name in ("mul", "add", "matmul")]
        if plain:
            calls = [lambda *xs, f=o.function: engine.call_plain(f, *xs) for o in named]
            result = f(*calls, *leaves)
            engine.backward_plain(result, np.ones(result.shape))
        else:
            result = f(*named, *leaves)
            result.backward(np.ones(result.shape))
        grads.append([leaf.grad for leaf in leaves])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_an_op_without_a_way_back_is_refused_where_it_is_recorded():
    @op
    def forward_only(x):
        return x * 2.0, None

    with no_grad():
        assert forward_only(leaf(3.0)).numpy() == [6.0]
    assert forward_only(Tensor([3.0])).numpy() == [6.0]
    with pytest.raises(TypeError, match=r"an op returns \(y, backward\)"):
        forward_only(leaf(3.0))
