"""Resume points: everything that a run needs to go on as if it had never stopped.

runs/NAME/checkpoints/step-1000/
    config.json  model.safetensors  tokenizer.json      the model, as at the top of the run
    optimizer.safetensors                               the optimiser's moments
    state.json                                          the rest, and the SHA-256 of each file

A resume point is there as a whole or not at all: it is written into a folder whose name begins with
a dot, brought to the disk, and then gets its name by one rename. The newest two are kept.
"""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from tinygpt.files import read_json, sync_folder, write_arrays, write_text

CHECKPOINTS, STATE_FILE, MOMENTS_FILE = "checkpoints", "state.json", "optimizer.safetensors"
KEPT = 2


def write_checkpoint(
    run: Path, step: int, model: Any, tokenizer: Any, moments: dict[str, Any], state: dict[str, Any]
) -> Path:
    """Make run/checkpoints/step-N. Whatever goes wrong, what was there before is still there."""
    parent = run / CHECKPOINTS
    if parent.is_symlink():
        raise ValueError(f"{parent} is a link: resume points are written into the run itself")
    parent.mkdir(exist_ok=True)
    _remove_unfinished(parent)
    temporary, final = parent / f".step-{step}", parent / f"step-{step}"
    temporary.mkdir()
    model.save_pretrained(temporary)
    if tokenizer is not None:
        tokenizer.save(temporary)
    write_arrays(temporary / MOMENTS_FILE, moments)
    files = {p.name: [p.stat().st_size, _sha256(p)] for p in sorted(temporary.iterdir())}
    content = json.dumps({"step": step, "files": files, **state}, sort_keys=True)
    whole = {"sha256": hashlib.sha256(content.encode("utf-8")).hexdigest(), "state": content}
    write_text(temporary / STATE_FILE, json.dumps(whole) + "\n")
    sync_folder(temporary)
    if final.exists():  # made earlier from this step, or damaged since
        os.replace(final, parent / f".old-{step}")
    os.replace(temporary, final)
    sync_folder(parent)
    for old in checkpoints(run)[KEPT:]:
        os.replace(old, parent / f".old-{old.name}")  # whoever reads finds it whole or not
    _remove_unfinished(parent)
    return final


def checkpoints(run: Path) -> list[Path]:
    """The resume points of a run, the newest first."""
    if (run / CHECKPOINTS).is_symlink():
        return []
    found = [p for p in (run / CHECKPOINTS).glob("step-*") if p.name[5:].isdecimal()]
    return sorted(found, key=lambda p: int(p.name[5:]), reverse=True)


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """The state of a resume point, after every file in it was compared with its SHA-256.

    ValueError names the file that was cut or altered, what it has and what it should have, and the
    resume point before it.
    """
    path = folder / STATE_FILE
    try:
        try:
            whole = read_json(path, "state of a run")
            content = whole["state"]
            if hashlib.sha256(content.encode("utf-8")).hexdigest() != whole["sha256"]:
                raise ValueError("its content does not have the SHA-256 that stands in it")
            state = json.loads(content)
            kinds = {"files": dict, "step": int, "optimizer": str, "dropout_seed": int}
            for name, kind in kinds.items():
                if not isinstance(state[name], kind):
                    raise ValueError(f"its {name} is no {kind.__name__}")
            for entry in state["files"].values():
                if not (isinstance(entry, list) and len(entry) == 2):
                    raise ValueError("its files are not listed with size and SHA-256")
        except FileNotFoundError as error:
            raise ValueError(f"{path} is missing") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} is cut short or altered: {error}") from error
        for name, (size, sha256) in state["files"].items():
            _compare(folder / name, size, sha256)
    except ValueError as error:
        raise ValueError(f"{error}. {_other(folder)}") from error
    return state


def drop_checkpoints_after(run: Path, step: int) -> None:
    """A run that goes on from an earlier point will write its later ones anew."""
    for path in checkpoints_after(run, step):
        os.replace(path, path.with_name(f".old-{path.name}"))
    _remove_unfinished(run / CHECKPOINTS)


def checkpoints_after(run: Path, step: int) -> list[Path]:
    """The resume points of later steps."""
    return [path for path in checkpoints(run) if int(path.name[5:]) > step]


def find_checkpoint(where: Path) -> tuple[Path, Path]:
    """(run, resume point) of a run's folder, or of one of its resume points."""
    point = re.fullmatch(r"step-\d+", where.name) and where.parent.name == CHECKPOINTS
    if point or (where / STATE_FILE).is_file():
        return where.resolve().parents[1], where
    if where.name == CHECKPOINTS and not (where / CHECKPOINTS).is_dir():
        where = where.parent if checkpoints(where.parent) else where
    if not where.is_dir():
        raise ValueError(f"there is no run {where}: expected the folder of a run")
    found = checkpoints(where)
    if not found:
        raise ValueError(
            f"{where} has no resume point: one is written every --save-steps steps and by Ctrl-C"
        )
    return where, found[0]


def _compare(path: Path, size: int, sha256: str) -> None:
    if not path.is_file():
        raise ValueError(f"{path} is missing: it should have {size:,} bytes")
    has = path.stat().st_size
    if has != size:
        raise ValueError(f"{path} has {has:,} bytes and should have {size:,}")
    found = _sha256(path)
    if found != sha256:
        raise ValueError(f"{path} was altered: its SHA-256 is {found} and should be {sha256}")


def _other(folder: Path) -> str:
    """What to do instead of going on from a damaged resume point."""
    others = [p for p in checkpoints(folder.resolve().parents[1]) if p.name != folder.name]
    if not others:
        return "There is no other resume point in this run"
    return f"Another one is {others[0]}: tinygpt train --resume {others[0]}"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_unfinished(parent: Path) -> None:
    """What a run that was stopped while writing, or while removing, has left: folders with names of
    our own form, and nothing that is a link or lies elsewhere."""
    if parent.is_symlink():
        return
    for path in parent.glob(".*"):
        if re.fullmatch(r"\.(old-)?(step-)?\d+", path.name) and not path.is_symlink():
            shutil.rmtree(path)
