"""tinygpt lessons: the notebooks, copied into a folder of yours and opened."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

import tinygpt
from tinygpt.cli.settings import parse
from tinygpt.files import replacing, write_text

COPIED = ".copied.json"  # in the student's folder: the SHA-256 of each file as it was copied


@dataclass
class LessonsCommand:
    """Copy the lessons into a folder and open them in JupyterLab. A notebook that you changed is
    never replaced without asking."""

    folder: Positional[Path] = Path("tinygpt-lessons")  # made where it is missing
    open: bool = True  # open JupyterLab there
    answered: bool = False  # for a teacher: the notebooks with all answers, in FOLDER/answered


def lessons(argv: list[str]) -> int:
    command = parse(LessonsCommand, argv, "lessons")
    if command.folder.exists() and not command.folder.is_dir():
        raise ValueError(f"{command.folder} is no folder: give one for the lessons")
    if command.answered:
        print(
            f"the answered notebooks are in {write_answered(command.folder / 'answered').resolve()}"
        )
        return 0
    if command.open and importlib.util.find_spec("jupyterlab") is None:
        raise ValueError(
            f"JupyterLab is not installed for {sys.executable}: install tinygpt with its lessons, "
            'pip install -e ".[lessons]", or copy the notebooks alone with --no-open'
        )
    copy(lessons_folder(), command.folder)
    if not command.open:
        print(f"the notebooks are in {command.folder.resolve()}")
        return 0
    print(f"opening JupyterLab in {command.folder.resolve()}; Ctrl-C here ends it", flush=True)
    arguments = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={command.folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # a container: JupyterLab would refuse
        arguments.append("--allow-root")
    return subprocess.run(arguments, check=False).returncode


def lessons_folder() -> Path:
    """Where the notebooks are: in the installed package, or beside it in a clone."""
    package = Path(tinygpt.__file__).resolve().parent
    for folder in (package / "_lessons", package.parent / "lessons"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ValueError(f"the lessons are missing beside {package}: install tinygpt again")


def write_answered(target: Path) -> Path:
    """Every notebook with its answers, made from the lessons' sources."""
    if importlib.util.find_spec("jupytext") is None:
        raise ValueError(
            f"jupytext is not installed for {sys.executable}: install tinygpt with its lessons, "
            'pip install -e ".[lessons]"'
        )
    spec = importlib.util.spec_from_file_location("build", lessons_folder() / "build.py")
    if spec is None or spec.loader is None:
        raise ValueError(f"the lessons' sources are missing in {lessons_folder()}")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    target.mkdir(parents=True, exist_ok=True)
    for source in build.sources():
        with replacing(target / f"{source.stem}.ipynb") as temporary:
            build.write(temporary, build.notebook(source, answered=True))
    return target


def copy(source: Path, target: Path) -> None:
    """Copy every notebook. One that was changed since is kept, unless its owner says otherwise."""
    target.mkdir(parents=True, exist_ok=True)
    record = target / COPIED
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    for path in sorted(source.glob("*.ipynb")):
        mine, fresh = target / path.name, path.read_bytes()
        if mine.exists():
            present = mine.read_bytes()
            if present == fresh:
                known[path.name] = _sha256(fresh)
                continue
            if _sha256(present) != known.get(path.name) and not _may_replace(mine):
                print(f"{mine}: yours is kept")
                continue
        with replacing(mine) as temporary:
            temporary.write_bytes(fresh)
        known[path.name] = _sha256(fresh)
        print(f"{mine}")
    write_text(record, json.dumps(known, indent=1) + "\n")


def _may_replace(path: Path) -> bool:
    """Ask; without anybody to ask, no."""
    if not sys.stdin.isatty():
        return False
    answer = input(f"{path} was changed. Replace it by the new one, and lose yours? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
