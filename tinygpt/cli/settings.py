"""From a preset, a settings file and the command line to the settings of a run.

The order is: the preset, then --config FILE, then the other options; the last one that speaks wins.
"""

import contextlib
import io
import json
import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import OmitArgPrefixes, arg

from tinygpt.models.gpt import GPTConfig
from tinygpt.text.corpora import DataArguments
from tinygpt.training.arguments import PRESETS, TrainingArguments


def shown(metavar: str, explained: str | None = None) -> Any:
    """How an option without a default is shown in --help: --seed INT, not --seed {None}|INT."""
    return arg(metavar=metavar, help=explained, help_behavior_hint="")


def parse(kind: Any, argv: list[str], name: str, default: Any = None) -> Any:
    """The command line as one of the commands' dataclasses. Unknown options exit with 2.
    ValueError, in its own words, where a dataclass refuses its settings."""
    more = {} if default is None else {"default": default}
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                kind, args=argv, prog=f"tinygpt {name}", config=(OmitArgPrefixes,), **more
            )
    except SystemExit as error:
        refused = error.__context__
        if isinstance(getattr(refused, "arg", None), str):  # tyro's, of a whole group of options
            raise ValueError(refused.message) from None  # type: ignore
        print(said.getvalue(), end="", file=sys.stderr)
        if error.code:
            for hint in _hints(argv, said.getvalue()):
                print(f"tinygpt: {hint}", file=sys.stderr)
        raise


OTHER_NAMES = {  # of other programs -> ours
    "--lr": "--learning-rate", "--epochs": "--max-steps", "--steps": "--max-steps",
    "--max-iters": "--max-steps", "--iters": "--max-steps", "--bs": "--batch-size",
    "--layers": "--n-layer", "--heads": "--n-head", "--width": "--n-embd", "--dim": "--n-embd",
    "--context-length": "--block-size", "--seq-len": "--block-size", "--grad-clip":
    "--max-grad-norm", "--out-dir": "--output-dir", "--dataset": "the corpus without an option",
    "--length": "--max-new-tokens", "--temp": "--temperature", "--prompt": "the prompt in quotes, "
    "without an option", "--gpu": "--device gpu", "--cuda": "--device gpu", "--min-lr":
    "--min-learning-rate", "--warmup": "--warmup-steps", "--eval-interval": "--eval-steps",
}  # fmt: skip


def words_last(argv: list[str], kind: Any) -> list[str]:
    """The options first, then "--" and the words, which may have stood between them. What begins
    with a dash and is no option, a prompt such as "-hello" or "-- he said", is a word."""
    if "--" in argv:
        return argv
    options, words = apart(argv, kind)
    return [*options, "--", *words] if words else argv


def apart(argv: list[str], *kinds: Any) -> tuple[list[str], list[str]]:
    """The options with their values, and the words. kinds: the dataclasses whose fields they are,
    for which of them are switches."""
    switches = {f.name for kind in kinds for f in fields(kind) if f.type is bool} | {"help", "h"}
    options, words, i = [], [], 0
    while i < len(argv):
        a = argv[i]
        name = a.split("=")[0]
        if not a.startswith("-") or " " in name or (not name.startswith("--") and name != "-h"):
            words.append(a)
        else:
            options.append(a)
            field = name.lstrip("-").replace("-", "_").removeprefix("no_")
            following = argv[i + 1 : i + 2]
            if field in switches and following in (["True"], ["False"]):
                raise ValueError(f"a switch takes no value: write {name} or --no-{name[2:]}")
            if field not in switches and "=" not in a and following:
                options.append(argv[i + 1])
                i += 1
        i += 1
    return options, words


def _hints(argv: list[str], said: str) -> list[str]:
    """What to write in place of what could not be parsed."""
    names = [a.split("=")[0].replace("_", "-") for a in argv if a.startswith("-")]
    hints = [f"{name} is called {OTHER_NAMES[name]} here" for name in names if name in OTHER_NAMES]
    if "True" in argv or "False" in argv or any(a.endswith(("=True", "=False")) for a in argv):
        hints.append("a switch takes no value: write --bias or --no-bias")
    unknown = re.search(r"Unrecognized options: ([^-│\n]\S*)", said)
    if unknown:
        hints.append(
            f"{unknown[1].strip(',')}: a name or a text with blanks in it is put in quotes"
        )
    return hints


def option(argv: list[str], name: str) -> str | None:
    """The value of --name in the command line, needed before the rest can be parsed."""
    for i, a in enumerate(argv):
        if a == f"--{name}" and i + 1 < len(argv):
            return argv[i + 1]
        if a.startswith(f"--{name}="):
            return a.split("=", 1)[1]
    return None


def given_names(argv: list[str]) -> set[str]:
    """The options that stand in the command line, as names of fields."""
    given = {a.split("=")[0].lstrip("-").replace("-", "_") for a in argv if a.startswith("--")}
    return given | {name.removeprefix("no_") for name in given}


def preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}: expected {', '.join(PRESETS)}")
    return dict(PRESETS[name])


def config_file(path: Path) -> dict[str, Any]:
    """The settings in a TOML file or a run.json, flat or in tables model, training, data."""
    if not path.is_file():
        raise ValueError(f"there is no settings file {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    return checked(path, content)


def checked(path: Path, content: Any) -> dict[str, Any]:
    """The settings of such a file as one dictionary. ValueError for an unknown or misfit one."""
    tables = ("model", "training", "data")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(t, {}), dict) for t in tables
    ):
        raise ValueError(f"{path}: expected settings with their names, such as n_layer = 6")
    settings = {k: v for k, v in content.items() if k not in (*tables, "text", "versions")}
    for table in tables:
        settings |= content.get(table, {})
    known = {
        f.name: f for kind in (GPTConfig, TrainingArguments, DataArguments) for f in fields(kind)
    }
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ValueError(f"{path}: unknown settings {unknown}; expected some of {sorted(known)}")
    for name, value in settings.items():
        field = known[name]
        one = 0.0 if "float" in str(field.type) else ""  # of an empty tuple
        settings[name] = _of_its_kind(path, name, value, field.default, one)
    return settings


def _of_its_kind(path: Path, name: str, value: Any, default: Any, one: Any = "") -> Any:
    """The value of a settings file as the kind that its default is. ValueError for another kind.
    one: such a thing as an empty tuple holds."""
    kind = str if default is None else type(default)
    if kind is float and type(value) is int:
        return float(value)
    if kind is tuple and isinstance(value, list):
        kinds = default if default else (one,) * len(value)  # an empty default: any number
        if len(value) == len(kinds):
            return tuple(_of_its_kind(path, name, v, d) for v, d in zip(value, kinds, strict=True))
    if type(value) is not kind and not (value is None and default is None):
        raise ValueError(f"{path}: expected {name} to be {kind.__name__}, got {value!r}")
    return value


def unchecked(kind: Any, settings: dict[str, Any]) -> Any:
    """The dataclass with these settings, before it is judged: flags may still mend it."""
    instance = kind.__new__(kind)
    for f in fields(kind):
        setattr(instance, f.name, settings.get(f.name, f.default))
    return instance


def take(settings: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Those of the settings that are fields of this dataclass."""
    return {f.name: settings[f.name] for f in fields(kind) if f.name in settings}
