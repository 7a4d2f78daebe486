"""tinygpt gradcheck: the gradient of every op, or of a student's, against finite differences."""

import difflib
import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional

from tinygpt.autograd.engine import Op
from tinygpt.autograd.gradcheck import GradientError
from tinygpt.backend import gpu
from tinygpt.cli.settings import parse, shown
from tinygpt.testing.cases import CASES, check_op


@dataclass
class GradcheckCommand:
    """Hold the gradient of every op against finite differences; exit code 1 if one is wrong."""

    names: Positional[Annotated[tuple[str, ...], shown("[NAME ...]", "ops; none: all")]] = ()
    # a Python file with ops of your own, named as the library's
    mine: Annotated[Path | None, shown("FILE.py")] = None
    device: str = "cpu"  # "cpu", "gpu", "gpu:1"


def gradcheck(argv: list[str]) -> int:
    command = parse(GradcheckCommand, argv, "gradcheck")
    if command.device != "cpu":
        gpu(command.device)
    mine = _own_ops(command.mine) if command.mine else {}
    names = command.names or [name for name in CASES if not mine or name in mine]
    known = [name for name in CASES if not mine or name in mine]
    unknown = [name for name in names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0].lower(), known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"no op {', '.join(unknown)}: expected some of {', '.join(known)}.{hint}")
    failures = []
    print(f"{'op':<16}{'cases':>6}{'worst error':>14}{'ms':>8}")
    for name in names:
        start = time.perf_counter()
        try:
            worst, count = check_op(name, mine.get(name), command.device)
            error, verdict = f"{worst:.1e}", "ok"
        except GradientError as problem:
            failures.append(problem)
            error, count, verdict = "", len(CASES[name]), "WRONG"
        ms = 1000 * (time.perf_counter() - start)
        print(f"{name:<16}{count:>6}{error:>14}{ms:>8.0f}  {verdict}", flush=True)
    for problem in failures:
        print(f"\n{problem}")
    return 1 if failures else 0


def _own_ops(path: Path) -> dict[str, Any]:
    """The ops in a student's file that bear the name of one of ours."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location("mine", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path} does not run: {type(error).__name__}: {error}") from error
    ops = [v for v in vars(module).values() if isinstance(v, Op) and v.__module__ == "mine"]
    named = {op.name: op for op in ops if op.name in CASES}
    for op in ops:
        if op.name not in CASES:
            print(f"{op.name}: the library has no op of that name, so there is nothing to compare")
    if not named:
        raise ValueError(
            f"{path} has no op named as one of the library's: decorate it with @tinygpt.op, and "
            f"name it like one of {', '.join(CASES)}"
        )
    return named
