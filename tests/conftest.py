"""Devices: NumPy, the device double, and a real GPU where there is one, through one fixture."""

import os

import numpy as np
import pytest

from tinygpt import Tensor, gpu_available
from tinygpt.backend import to_cpu, to_device
from tinygpt.testing.strict_device import double


def pytest_configure(config):
    for number in range(22):
        config.addinivalue_line("markers", f"lesson{number:02}: its exercises, on the library")


class Device:
    """Where a test computes: `name` for tinygpt, and ways to get arrays there and back."""

    def __init__(self, name, counts=None):
        self.name, self.counts = name, counts

    def array(self, x):
        return to_device(np.asarray(x), self.name)

    def tensor(self, x, requires_grad=False):
        return Tensor(self.array(x), requires_grad=requires_grad)

    def numpy(self, x):
        return to_cpu(x.data if isinstance(x, Tensor) else x)


@pytest.fixture(params=["cpu", "double", "gpu"])
def device(request):
    if request.param == "double":
        with double() as counts:
            yield Device("gpu", counts)
    elif request.param == "gpu":
        if not gpu_available():
            pytest.skip("no usable GPU: see tinygpt info")
        yield Device("gpu")
    else:
        yield Device("cpu")


@pytest.fixture(autouse=True)
def no_device_from_outside(monkeypatch):
    """TINYGPT_DEVICE of the shell must not change what the tests compute on."""
    if "TINYGPT_DEVICE" in os.environ:
        monkeypatch.delenv("TINYGPT_DEVICE")
