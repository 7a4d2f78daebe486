"""Every op against its loop, on every case that the gradient check uses."""

import ast
from pathlib import Path

import numpy as np
import pytest

from tests.reference import loops
from tinygpt.autograd.operators import shipped
from tinygpt.testing.cases import CASES


@pytest.mark.parametrize("name", list(CASES))
def test_op_is_its_loop(name, device):
    for case in CASES[name]:
        inputs = [device.array(x) if isinstance(x, np.ndarray) else x for x in case.inputs]
        got = shipped[name](*inputs, **case.settings)
        expected = getattr(loops, name)(*case.inputs, **case.settings)
        several = isinstance(got, tuple)
        pairs = zip(got, expected, strict=True) if several else [(got, expected)]
        for a, b in pairs:
            assert a.shape == b.shape
            np.testing.assert_allclose(device.numpy(a), b, rtol=1e-12, atol=1e-13)


def test_the_loops_share_no_code_with_the_library():
    source = Path(loops.__file__).read_text(encoding="utf-8")
    modules = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    assert modules == {"builtins", "math", "itertools", "numpy"}
