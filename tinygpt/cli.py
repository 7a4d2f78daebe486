"""The `tinygpt` command: train, generate, gradcheck, info.

Errors that a user can mend are one paragraph and exit code 2; --debug shows where they came from.
"""

import importlib.util
import json
import os
import platform
import sys
import time
import tomllib
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from tinygpt import __version__
from tinygpt.backend import DeviceError, default_device, device_index, gpu
from tinygpt.generation.writing import stream_text
from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.text.corpora import Corpus, DataArguments, load_corpus
from tinygpt.text.tokenizer import TOKENIZERS, load_tokenizer
from tinygpt.training.arguments import PRESETS, TrainingArguments
from tinygpt.training.checkpoint import new_run_folder, newest_run, write_run
from tinygpt.training.trainer import Trainer, TrainingError

USER_ERRORS = (ValueError, TypeError, DeviceError, TrainingError, OSError)


# --------------------------------------------------------------------------------------- train


@dataclass
class _Data(DataArguments):
    corpus: Positional[str] = "python-docs"  # "python-docs", or the path of a text file or folder


@dataclass
class TrainCommand:
    """Train a GPT on a text and write some.

    The order is: the preset, then --config FILE, then the other options.
    """

    data: _Data = field(default_factory=_Data)
    model: GPTConfig = field(default_factory=GPTConfig)
    training: TrainingArguments = field(default_factory=TrainingArguments)
    preset: str = "tiny"  # a set of settings that goes by a name: tiny
    config: Path | None = None  # a run.json or a TOML file with settings


def train(argv: list[str]) -> None:
    given = {a.split("=")[0].lstrip("-").replace("-", "_") for a in argv if a.startswith("--")}
    settings = _preset(_option(argv, "preset") or "tiny")
    path = _option(argv, "config")
    if path is not None:
        from_file = _config_file(Path(path))
        settings |= from_file
        given |= set(from_file)
    kinds = (_Data, GPTConfig, TrainingArguments)
    defaults = TrainCommand(*(_unchecked(kind, settings) for kind in kinds))
    command = _parse(TrainCommand, argv, "train", default=defaults)
    data, training = command.data, command.training
    device = training.device = training.device or default_device()
    if device_index(device) is not None:
        gpu(device)  # a GPU that cannot be used is said before anything else is done

    corpus = load_corpus(data.corpus, validation_fraction=data.validation_fraction)
    for remark in corpus.remarks:
        print(remark)
    tokenizer = _make_tokenizer(command, corpus, explicit="vocab_size" in given)
    config = GPTConfig(**(asdict(command.model) | {"vocab_size": tokenizer.vocab_size}))
    ids = {part: np.array(tokenizer.encode(getattr(corpus, part)), np.uint32) for part in PARTS}
    model = GPT(config, seed=training.seed, device=device)
    trainer_settings = {"train": ids["train"], "tokenizer": tokenizer}
    if corpus.validation:
        trainer_settings["validation"] = ids["validation"]
    trainer = Trainer(model, training, **trainer_settings)

    n = model.num_parameters()
    folder = trainer.folder = new_run_folder(training.output_dir, corpus.name, n)
    write_run(folder, config, training, DataArguments(**_take(asdict(data), DataArguments)), corpus)
    print(
        f"{corpus.name}: {len(corpus.train):,} characters are {len(ids['train']):,} tokens to "
        f"train on, {len(ids['validation']):,} held out; vocabulary {tokenizer.vocab_size}\n"
        f"model: {n:,} parameters, {config.n_layer} layers, {config.n_head} heads, "
        f"{config.n_embd} wide, block {config.block_size}; device {device}\n"
        f"run: {folder}",
        flush=True,
    )
    try:
        trainer.train()
    except KeyboardInterrupt:
        saved = "no model was saved yet"
        if trainer.saved is not None:
            saved = f"the model of step {trainer.saved} is in {folder}"
        print(f"\ninterrupted after step {trainer.optimizer.steps}; {saved}")
        raise
    print(f"\n{model_writes(model, tokenizer, training.seed)}\n")
    run_name = "" if folder.parent == Path("runs") else f"{folder} "
    print(f'the model is in {folder}; more: tinygpt generate {run_name}"Python is"')


PARTS = ("train", "validation")


def model_writes(model: GPT, tokenizer: Any, seed: int) -> str:
    """What a trained model writes of its own accord, 300 tokens."""
    pieces = stream_text(model, tokenizer, "\n", 300, temperature=0.8, top_k=40, seed=seed)
    return "".join(pieces).strip()


def _make_tokenizer(command: TrainCommand, corpus: Corpus, *, explicit: bool) -> Any:
    """Learn the tokenizer from the part that is trained on."""
    kind, size = command.data.tokenizer, command.model.vocab_size
    if kind == "byte":
        size = size if explicit else 256
    tokenizer = TOKENIZERS[kind].train(corpus.train, size)
    if tokenizer.vocab_size < size:
        print(f"the text has pairs for {tokenizer.vocab_size} tokens only, not for {size}")
    return tokenizer


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}: expected {', '.join(PRESETS)}")
    return dict(PRESETS[name])


def _option(argv: list[str], name: str) -> str | None:
    """The value of --name in the command line, needed before the rest can be parsed."""
    for i, a in enumerate(argv):
        if a == f"--{name}" and i + 1 < len(argv):
            return argv[i + 1]
        if a.startswith(f"--{name}="):
            return a.split("=", 1)[1]
    return None


def _config_file(path: Path) -> dict[str, Any]:
    """The settings in a TOML file or a run.json, flat or in tables model, training, data."""
    if not path.is_file():
        raise ValueError(f"there is no settings file {path}")
    text = path.read_text(encoding="utf-8")
    try:
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
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
        settings[name] = _of_its_kind(path, name, value, known[name].default)
    return settings


def _of_its_kind(path: Path, name: str, value: Any, default: Any) -> Any:
    """The value of a settings file as the kind that its default is. ValueError for another kind."""
    kind = str if default is None else type(default)
    if kind is float and type(value) is int:
        return float(value)
    if kind is tuple and isinstance(value, list) and len(value) == len(default):
        return tuple(_of_its_kind(path, name, v, d) for v, d in zip(value, default, strict=True))
    if type(value) is not kind and not (value is None and default is None):
        raise ValueError(f"{path}: expected {name} to be {kind.__name__}, got {value!r}")
    return value


def _unchecked(kind: Any, settings: dict[str, Any]) -> Any:
    """The dataclass with these settings, before it is judged: flags may still mend it."""
    instance = kind.__new__(kind)
    for f in fields(kind):
        setattr(instance, f.name, settings.get(f.name, f.default))
    return instance


def _take(settings: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Those of the settings that are fields of this dataclass."""
    return {f.name: settings[f.name] for f in fields(kind) if f.name in settings}


# ------------------------------------------------------------------------------------ generate


@dataclass
class GenerateCommand:
    """Write text with a trained model, as it comes.

    tinygpt generate "Python is"                the newest run in runs/
    tinygpt generate RUN "Python is"            the run in that folder
    """

    run_and_prompt: Positional[
        Annotated[tuple[str, ...], arg(metavar="[RUN] [PROMPT]")]
    ] = ()  # the folder of a run (default: the newest in runs/), and how the text begins
    max_new_tokens: int = 200  # how many tokens to write
    temperature: float = 0.8  # below 1 safer, above 1 wilder; 0 as --greedy
    top_k: int = 40  # choose among the k likeliest tokens; 0: among all
    greedy: bool = False  # always the likeliest token
    seed: int | None = None  # the same seed writes the same text


def generate(argv: list[str]) -> None:
    command = _parse(GenerateCommand, argv, "generate")
    words = list(command.run_and_prompt)
    if len(words) > 2:
        raise ValueError(f"expected a run and a prompt at most, got {words}: quote the prompt")
    names_run = len(words) == 2 or (len(words) == 1 and Path(words[0]).is_dir())
    folder = Path(words.pop(0)) if names_run else newest_run()
    prompt = words[0] if words else "\n"
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    pieces = stream_text(
        model,
        tokenizer,
        prompt,
        command.max_new_tokens,
        temperature=0.0 if command.greedy else command.temperature,
        top_k=command.top_k,
        seed=command.seed,
    )
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


# ----------------------------------------------------------------------------------- gradcheck


@dataclass
class GradcheckCommand:
    """Hold the gradient of every op against finite differences; exit code 1 if one is wrong."""

    names: Positional[Annotated[tuple[str, ...], arg(metavar="[NAME ...]")]] = ()  # ops; none: all
    mine: Path | None = None  # a Python file with ops of your own, named as the library's
    device: str = "cpu"  # "cpu", "gpu", "gpu:1"


def gradcheck(argv: list[str]) -> int:
    from tinygpt.autograd.gradcheck import GradientError
    from tinygpt.testing.cases import CASES, check_op

    command = _parse(GradcheckCommand, argv, "gradcheck")
    if command.device != "cpu":
        gpu(command.device)
    mine = _own_ops(command.mine) if command.mine else {}
    names = command.names or [name for name in CASES if not mine or name in mine]
    known = [name for name in CASES if not mine or name in mine]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no op {', '.join(unknown)}: expected some of {', '.join(known)}")
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
    from tinygpt.autograd.engine import Op
    from tinygpt.testing.cases import CASES

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


# ---------------------------------------------------------------------------------------- info


@dataclass
class InfoCommand:
    """Versions, processor, BLAS and its threads, and whether a GPU can be used."""


def info(argv: list[str]) -> None:
    import threadpoolctl

    _parse(InfoCommand, argv, "info")
    print(f"tinygpt      {__version__}")
    print(f"Python       {platform.python_version()} ({platform.platform()})")
    for package in ("numpy", "safetensors", "cupy-cuda13x", "cupy-cuda12x"):
        try:
            print(f"{package:<12} {version(package)}")
        except PackageNotFoundError:
            continue
    print(f"processor    {_processor()}, {os.cpu_count()} cores")
    for pool in threadpoolctl.threadpool_info():
        kind = f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')})"
        print(f"BLAS         {kind}, {pool['num_threads']} threads")
    try:
        cupy = gpu()
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        print(f"GPU          {name}: usable")
    except DeviceError as error:
        print(f"GPU          {error}")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


# --------------------------------------------------------------------------------------- bench


@dataclass
class BenchCommand:
    """Measure speed side by side with others: `tinygpt bench engine`."""

    what: Positional[Literal["engine"]]  # engine: what the tape costs for each op
    vs: Literal["torch"] | None = None  # also time PyTorch, if it is installed
    rounds: int = 15  # how often each side is timed


def bench(argv: list[str]) -> None:
    from tinygpt.bench import engine

    command = _parse(BenchCommand, argv, "bench")
    if command.rounds < 1:
        raise ValueError(f"expected rounds >= 1, got {command.rounds}")
    print(engine.report(engine.run(command.vs == "torch", command.rounds)))


# ---------------------------------------------------------------------------------------- main

COMMANDS = {
    "train": train,
    "generate": generate,
    "gradcheck": gradcheck,
    "bench": bench,
    "info": info,
}

USAGE = """usage: tinygpt COMMAND [options]

  tinygpt train [CORPUS]              train a GPT on a text, and write some
  tinygpt generate [RUN] "prompt"     write with a trained model
  tinygpt gradcheck [OP ...]          check every gradient against finite differences
  tinygpt bench engine                what the tape costs, against NumPy and PyTorch
  tinygpt info                        versions, processor, BLAS, GPU

tinygpt COMMAND --help explains every option; --debug shows where an error came from.
"""


def _parse(kind: Any, argv: list[str], name: str, default: Any = None) -> Any:
    """The command line as one of the dataclasses above. Unknown options exit with 2."""
    more = {} if default is None else {"default": default}
    return tyro.cli(kind, args=argv, prog=f"tinygpt {name}", config=(OmitArgPrefixes,), **more)


def run(argv: list[str]) -> int:
    """Run one command line; the exit code. 0 is fine, 1 a gradient that is wrong, 2 an error that
    the user can mend, 130 Ctrl-C."""
    debug = "--debug" in argv
    argv = [a for a in argv if a != "--debug"]
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a character shows its number
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if argv else 2
    try:
        if argv[0] not in COMMANDS:
            raise ValueError(f"there is no command {argv[0]!r}: expected {', '.join(COMMANDS)}")
        return COMMANDS[argv[0]](argv[1:]) or 0
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:  # from --help (0) and from options that do not parse (2)
        return error.code if isinstance(error.code, int) else 2
    except USER_ERRORS as error:
        if debug:
            raise
        print(f"tinygpt: {error}", file=sys.stderr)
        return 2


def main() -> None:
    sys.exit(run(sys.argv[1:]))
