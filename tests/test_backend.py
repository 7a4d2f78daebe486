"""backend.py: which array, which device, and what the two do differently."""

import sys
import types

import numpy as np
import pytest

from tinygpt import DeviceError, backend, gpu_available


class FakeCupy(types.ModuleType):
    """A cupy that fails at the step one asks it to fail at."""

    def __init__(self, fails):
        super().__init__("cupy")
        self.fails, self.ndarray = fails, type("ndarray", (), {})
        self.cuda = types.SimpleNamespace(
            runtime=types.SimpleNamespace(getDeviceCount=self.count), Device=self.device
        )

    def count(self):
        if self.fails == "driver":
            raise RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
        if self.fails == "no device":
            raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return 1

    def device(self, index):
        class Device:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                return False

            def use(self):
                pass

        return Device()

    def ones(self, shape, dtype):
        if self.fails == "library":
            raise ImportError('Failure finding "libnvrtc.so.13"')
        array = np.ones(shape, dtype)
        return types.SimpleNamespace(__class__=None, get=lambda: array) if False else Ones(array)


class Ones:
    def __init__(self, array):
        self.array = array

    def __matmul__(self, other):
        return Ones(self.array @ other.array)

    def __add__(self, other):
        return Ones(self.array + other.array)

    def get(self):
        return self.array


@pytest.fixture
def cupy(monkeypatch):
    def install(fails):
        monkeypatch.setitem(sys.modules, "cupy", FakeCupy(fails))
        monkeypatch.setattr(backend, "_ready", set())
        monkeypatch.setattr(backend, "ARRAYS", dict(backend.ARRAYS))

    return install


@pytest.mark.parametrize(
    ("fails", "step", "original", "remedy"),
    [
        ("driver", "driver is missing", "cudaErrorInsufficientDriver", "NVIDIA's driver"),
        ("no device", "no device gpu:0", "cudaErrorNoDevice", "nvidia-smi"),
        ("library", "library is missing", "libnvrtc.so.13", 'pip install "cupy-cuda13x[ctk]"'),
    ],
)
def test_device_error_names_the_step(cupy, fails, step, original, remedy):
    cupy(fails)
    with pytest.raises(DeviceError) as caught:
        backend.gpu()
    assert step in caught.value.step
    assert original in str(caught.value)
    assert remedy in str(caught.value)
    assert not gpu_available()


def test_cupy_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="CuPy is not installed") as caught:
        backend.to_gpu(np.ones(2))
    assert "pip install" in str(caught.value)


def test_a_usable_gpu_and_one_that_is_not_there(cupy):
    cupy("nothing")
    assert gpu_available()
    with pytest.raises(DeviceError, match="no device gpu:3"):
        backend.gpu("gpu:3")


@pytest.mark.parametrize("name", ["cuda", "gpu:", "gpu:x", "GPU", "", "gpu:-1"])
def test_unknown_devices_are_refused(name):
    with pytest.raises(ValueError, match="expected device"):
        backend.device_index(name)


def test_device_names(monkeypatch):
    assert [backend.device_index(d) for d in ("cpu", "gpu", "gpu:1")] == [None, 0, 1]
    monkeypatch.delenv("TINYGPT_DEVICE", raising=False)
    assert backend.default_device() == "cpu"
    monkeypatch.setenv("TINYGPT_DEVICE", "gpu:1")
    assert backend.default_device() == "gpu:1"


def test_put_product():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    out = np.full((2, 4), np.nan)
    assert backend.put_product(a, b, out, False) is out and np.array_equal(out, a @ b)
    assert backend.put_product(a, b, out, True) is out and np.array_equal(out, 2 * (a @ b))
    assert np.array_equal(backend.put_product(a, b, None, False), a @ b)


def add_rows_plain(out, ids, rows):
    for i, row in zip(ids, rows, strict=True):
        out[i] += row


@pytest.mark.parametrize("add", [backend.add_rows, backend._add_rows_by_scan])
@pytest.mark.parametrize("ids", [[3], [0, 0, 0], [5, 1, 5, 5, 0, 1, 6], list(range(7)) * 9])
def test_add_rows(add, ids):
    """Both ways, the CPU's and the GPU's, against a loop."""
    rng = np.random.default_rng(0)
    rows, out = rng.standard_normal((len(ids), 3)), rng.standard_normal((7, 3))
    expected = out.copy()
    add_rows_plain(expected, ids, rows)
    add(out, np.array(ids), rows)
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("shape", [(3, 5), (2, 40, 64), (50, 300)])
def test_row_max(shape):
    a = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    a[0, ..., 1] = a.max() + 1
    a[1, ..., -1], a[1, ..., 0] = np.inf, -np.inf
    assert np.array_equal(backend.row_max(a), a.max(axis=-1, keepdims=True))
    a[0, ..., 2] = np.nan
    assert np.isnan(backend.row_max(a)[0]).all()


def test_pieces_are_all_of_it_in_order():
    for n in (0, 1, backend.PIECE, backend.PIECE + 1, 3 * backend.PIECE - 1):
        x = np.arange(n)
        parts = [x[piece] for piece in backend.pieces(x)]
        assert all(0 < len(part) <= backend.PIECE for part in parts)
        assert np.array_equal(np.concatenate([x[:0], *parts]), x)


def test_row_sums():
    a, b = np.random.default_rng(0).standard_normal((2, 4, 3, 5))
    np.testing.assert_allclose(backend.row_sum(a), a.sum(-1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(backend.row_dot(a, b), (a * b).sum(-1, keepdims=True), rtol=1e-13)
    assert backend.row_sum(a.astype(np.float32)).dtype == np.float32


def test_random_streams_are_named_and_repeat():
    first = backend.random_stream(3, "weights").random(4)
    assert (first == backend.random_stream(3, "weights").random(4)).all()
    assert not (first == backend.random_stream(3, "batches").random(4)).any()
    assert not (first == backend.random_stream(4, "weights").random(4)).any()
