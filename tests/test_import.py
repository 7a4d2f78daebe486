"""Importing: silent, lazy, and every arrow between the rooms in the one direction."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tinygpt

PACKAGE = Path(tinygpt.__file__).parent

# room -> the rooms that it may import (what these may import, it may too)
ARROWS = {
    "files": [],
    "progress": [],
    "backend": [],
    "autograd": ["backend"],
    "nn": ["autograd"],
    "text": ["backend", "files", "progress"],
    "generation": ["autograd", "progress"],
    "optim": ["autograd"],
    "models": ["nn", "generation", "text"],
    "training": ["models", "text", "optim"],
    "tasks": ["training"],
    "testing": ["training"],
    "lesson": ["testing", "tasks"],
    "bench": ["lesson"],
    "cli": ["bench"],
    "__main__": ["cli"],
    "one_page": [],
}


def reachable(room):
    rooms = {room}
    for other in ARROWS[room]:
        rooms |= reachable(other)
    return rooms


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources():
    return [p for p in PACKAGE.rglob("*.py") if "_lessons" not in p.parts]


def test_arrows_point_one_way():
    seen = set()
    for path in sources():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue  # the lazy names
        seen.add(room)
        for name in imports(path):
            if name.startswith("tinygpt.") and name != "tinygpt.__version__":
                other = name.split(".")[1]
                assert other in reachable(room), f"{path} imports {name}"
    assert seen == set(ARROWS)


def test_cupy_is_imported_in_one_file():
    users = {p.name for p in sources() for name in imports(p) if name.split(".")[0] == "cupy"}
    assert users <= {"backend.py"}
    assert 'import_module("cupy")' in (PACKAGE / "backend.py").read_text(encoding="utf-8")


def test_op_files_do_not_compute_with_numpy_directly():
    """Inside an op or its backward np.something would refuse, or silently copy, a GPU's array."""
    for path in [*(PACKAGE / "nn").glob("*.py"), PACKAGE / "autograd" / "ops.py"]:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_op = isinstance(function, ast.FunctionDef) and any(
                isinstance(d, ast.Name) and d.id == "op" for d in function.decorator_list
            )
            if is_op:
                used = {
                    n.attr
                    for n in ast.walk(function)
                    if isinstance(n, ast.Attribute)
                    and isinstance(n.value, ast.Name)
                    and n.value.id == "np"
                }
                allowed = {
                    "number",
                    "integer",
                    "intp",
                    "asarray",
                    "ndarray",
                }  # of what is on the host
                assert used <= allowed, f"{path}: {function.name} uses np.{used}"


def fresh_python(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def test_import_prints_nothing_and_loads_numpy_alone():
    code = (
        "import sys, numpy, numpy.random; before = set(sys.modules);"
        "import tinygpt, tinygpt.autograd, tinygpt.nn;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names);"
        "sys.exit(str(new) if new - {'tinygpt'} else 0)"
    )
    assert fresh_python(code) == ("", "")


def test_importing_the_package_alone_loads_none_of_it():
    out, _ = fresh_python(
        "import sys, tinygpt; print(sorted(m for m in sys.modules if m.startswith('tinygpt')))"
    )
    assert out.strip() == "['tinygpt']"


@pytest.mark.parametrize("name", tinygpt.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tinygpt, name) is not None
    assert name in dir(tinygpt)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tinygpt.nonsense


def test_public_functions_have_docstrings():
    for name in tinygpt.__all__:
        assert getattr(tinygpt, name).__doc__, name
