"""tinygpt train: train a GPT on a text, or go on with a run."""

import shutil
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from tyro.conf import Positional

from tinygpt.backend import default_device, device_index, gpu
from tinygpt.cli import settings as s
from tinygpt.generation.writing import stream_text
from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.models.pretrained import find
from tinygpt.text.batches import window_batches
from tinygpt.text.corpora import Corpus, DataArguments, load_corpus
from tinygpt.text.ids import corpus_ids
from tinygpt.text.load import TOKENIZERS, load_tokenizer
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.arguments import FOR_A_GPU, TrainingArguments
from tinygpt.training.checkpoint import KEPT, find_checkpoint
from tinygpt.training.forked import forked
from tinygpt.training.memory import expected_memory
from tinygpt.training.run_folder import check_room, new_run_folder, read_run, write_run
from tinygpt.training.trainer import EVAL_WINDOWS, Trainer


@dataclass
class _Data(DataArguments):
    corpus: Positional[str] = "python-docs"  # a name that `tinygpt corpora` lists, or a path


@dataclass
class TrainCommand:
    """Train a GPT on a text and write some.

    The order is: the preset, then --config FILE, then the other options.
    """

    data: _Data = field(default_factory=_Data)
    model: GPTConfig = field(default_factory=GPTConfig)
    training: TrainingArguments = field(default_factory=TrainingArguments)
    preset: str = (
        "tiny"  # settings that go by a name: tiny, nanogpt-cpu, baby, gpt2, finetune, lora
    )
    init: str | None = None  # begin with this trained model: a folder, or a published one (gpt2)
    config: Path | None = None  # a run.json or a TOML file with settings
    resume: Path | None = None  # go on with this run, as if it had never stopped


def train(argv: list[str]) -> None:
    tqdm.monitor_interval = 0  # no thread beside the bars: workers are forked from this process
    resume = s.option(argv, "resume")
    trainer = _going_on(argv, Path(resume)) if resume else _new_run(argv)
    folder = trainer.folder
    assert folder is not None
    try:
        with forked(trainer):
            trainer.train()
    except KeyboardInterrupt:
        print(f"\ninterrupted after step {trainer.optimizer.steps}. {trainer.what_is_saved()}")
        raise
    trainer.load_best()
    print(f"\n{model_writes(trainer.model, trainer.tokenizer, trainer.arguments.seed)}\n")
    run_name = "" if folder.parent == Path("runs") else f"{folder} "
    which = f"the best model, of step {trainer.saved}," if trainer.best else "the model"
    print(f'{which} is in {folder}; more: tinygpt generate {run_name}"Python is"')


def model_writes(model: GPT, tokenizer: Tokenizer, seed: int) -> str:
    """What a trained model writes of its own accord, 300 tokens."""
    start = tokenizer.opening()
    pieces = stream_text(model, tokenizer, start, 300, temperature=0.8, top_k=40, seed=seed)
    return "".join(pieces).strip()


# -------------------------------------------------------------------------------------- a new run


def _new_run(argv: list[str]) -> Trainer:
    given = s.given_names(argv)
    init = s.option(argv, "init")
    fine_tuning = "lora" if s.option(argv, "lora-rank") else "finetune"
    name = s.option(argv, "preset") or (fine_tuning if init else "tiny")
    settings = s.preset(name)
    path = s.option(argv, "config")
    if path is not None:
        from_file = s.config_file(Path(path))
        settings |= from_file
        given |= set(from_file)
    command = _parse(argv, settings)
    data, training = command.data, command.training
    device = _device(training)

    corpus = _corpus(data)
    _suggest(corpus, name, device)
    if init:
        model, tokenizer = _trained(init, command, given, device)
    else:
        tokenizer = _make_tokenizer(command, corpus, explicit="vocab_size" in given)
        config = replace(command.model, vocab_size=tokenizer.vocab_size)
        model = GPT(config, seed=training.seed, device=device)
    need = _disk(model.num_parameters() + model.num_frozen(), len(corpus.train))
    folder = new_run_folder(training.output_dir, corpus.name, need)
    try:
        trainer = _trainer(model, training, corpus, tokenizer, folder)
        training.workers = trainer.workers.threads  # the same number when the run goes on
        arguments = DataArguments(**s.take(asdict(data), DataArguments))
        write_run(folder, model.config, training, arguments, _text_record(corpus, trainer))
    except BaseException:
        shutil.rmtree(folder)
        raise
    return trainer


def _parse(argv: list[str], settings: dict[str, Any]) -> TrainCommand:
    kinds = (_Data, GPTConfig, TrainingArguments)
    defaults = TrainCommand(*(s.unchecked(kind, settings) for kind in kinds))
    return s.parse(TrainCommand, argv, "train", default=defaults)


def _device(training: TrainingArguments) -> str:
    """The device to use; one that cannot be used is said before anything else is done."""
    device = training.device = training.device or default_device()
    if device_index(device) is not None:
        gpu(device)
    return device


def _corpus(data: DataArguments) -> Corpus:
    corpus = load_corpus(
        data.corpus,
        validation_fraction=data.validation_fraction,
        clean=data.clean,
        encoding=data.encoding,
        special_tokens=data.special_tokens,
    )
    for remark in corpus.remarks:
        print(remark)
    return corpus


def _suggest(corpus: Corpus, name: str, device: str) -> None:
    """One line where another preset fits the size of the text better."""
    size = len(corpus.train)
    if name in FOR_A_GPU and device == "cpu":
        print(f"the preset {name} is for a GPU: on a CPU expect hours, or days")
    if size < 100_000:
        print("little text: the model will soon know it by heart. --n-layer 2 --n-embd 64 fits it")
    elif size > 20_000_000 and name not in FOR_A_GPU:
        fitting = "gpt2" if size > 1_000_000_000 else "baby"
        print(f"much text: on a GPU --preset {fitting} would learn more from it than {name}")


def _make_tokenizer(command: TrainCommand, corpus: Corpus, *, explicit: bool) -> Tokenizer:
    """Learn the tokenizer from the part that is trained on."""
    kind, size = command.data.tokenizer, command.model.vocab_size
    wanted = size if kind == "bpe" or explicit else None
    special = command.data.special_tokens
    tokenizer = TOKENIZERS[kind].train(corpus.train, wanted, special)  # type: ignore[arg-type]
    if kind == "bpe" and tokenizer.vocab_size < size:
        print(f"the text has pairs for {tokenizer.vocab_size} tokens only, not for {size}")
    return tokenizer


CHANGEABLE = ("dropout", "block_size", "lora_rank", "lora_alpha")  # of a trained model


def _trained(
    init: str, command: TrainCommand, given: set[str], device: str
) -> tuple[GPT, Tokenizer]:
    """The model to begin with, and its tokenizer."""
    fixed = {f.name for f in fields(GPTConfig)} - set(CHANGEABLE) | {"tokenizer", "special_tokens"}
    if given & fixed:
        raise ValueError(
            f"--init {init} brings its own {', '.join(sorted(given & fixed))}: leave that out. Of "
            f"a trained model {', '.join(CHANGEABLE)} can be changed"
        )
    changes = {name: getattr(command.model, name) for name in CHANGEABLE if name in given}
    folder = find(init)
    model = GPT.from_pretrained(folder, seed=command.training.seed, device=device, **changes)
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, the model "
            f"{model.config.vocab_size}: they do not belong together"
        )
    return model, tokenizer


def _disk(n_parameters: int, n_characters: int) -> int:
    """Bytes: the best model and a new one beside it; the resume points and one that is being
    written, each with two moments; the ids, where they will lie in a file."""
    return 4 * n_parameters * (2 + 3 * (KEPT + 1)) + 2 * n_characters + 10_000_000


def _trainer(
    model: GPT,
    training: TrainingArguments,
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
) -> Trainer:
    """Encode the text, and say what is going to happen."""
    ids = {
        part: corpus_ids(tokenizer, getattr(corpus, part), folder / f"ids-{part}.bin")
        for part in ("train", "validation")
    }
    unknown = np.count_nonzero(ids["validation"] == tokenizer.unknown_id)
    if unknown:
        print(f"{unknown:,} characters of the held-out text do not occur in the training text")
    begin = None if corpus.begin is None else tokenizer.encode(corpus.begin)[0]
    trainer = Trainer(
        model,
        training,
        train=ids["train"],
        validation=ids["validation"] if corpus.validation else None,
        tokenizer=tokenizer,
        folder=folder,
        begin=begin,
        floor=_floor(corpus, tokenizer, ids["validation"], begin, model.config.block_size),
    )
    c, n, workers = model.config, model.num_parameters(), len(trainer.workers.models)
    frozen = model.num_frozen()
    memory = expected_memory(
        c,
        training,
        n_parameters=n,
        n_frozen=frozen,
        n_moments=len(trainer.optimizer.moments),
        workers=workers,
    )
    print(
        f"{corpus.name}: {len(corpus.train):,} characters are {len(ids['train']):,} tokens to "
        f"train on, {len(ids['validation']):,} held out; vocabulary {tokenizer.vocab_size}\n"
        f"model: {n:,} parameters{f' beside {frozen:,} frozen ones' if frozen else ''}, "
        f"{c.n_layer} layers, {c.n_head} heads, {c.n_embd} wide, "
        f"block {c.block_size}; device {training.device}"
        f"{f', {workers} workers' if workers > 1 else ''}\n"
        f"memory: about {memory.total / 1e6:.0f} MB ({memory.parameters / 1e6:.0f} for parameters, "
        f"gradients and moments, {memory.activations / 1e6:.0f} for activations)\n"
        f"run: {folder}",
        flush=True,
    )
    if trainer.floor is not None:
        print(f"a perfect model would reach a loss of {trainer.floor:.4f} on the held-out text")
    return trainer


def _floor(
    corpus: Corpus, tokenizer: Tokenizer, ids: np.ndarray, begin: int | None, block_size: int
) -> float | None:
    """The loss of the grammar that wrote the text, in the windows that the loss is measured on.

    Exact where a token is a character or a byte. With byte pairs a bound from below, by less than
    one token in a window: where a token ends also tells a little about what follows.
    """
    if corpus.grammar is None or begin is None or len(ids) <= block_size:
        return None
    nats = count = 0.0
    for x, y in window_batches(ids, block_size, 1, limit=EVAL_WINDOWS, begin=begin):
        first, rest = (
            b"".join(tokenizer.token_bytes(i) for i in part) for part in (x[0, :1], y[0])
        )
        nats += float(corpus.grammar.nats_of_bytes(first + rest)[len(first) :].sum())
        count += y.size
    return nats / count


def _text_record(corpus: Corpus, trainer: Trainer) -> dict[str, Any]:
    return {
        "name": corpus.name,
        "sha256": corpus.sha256,
        "characters": len(corpus.train) + len(corpus.validation),
        "floor": trainer.floor,
    }


# ------------------------------------------------------------------------------ a run that goes on


def _going_on(argv: list[str], where: Path) -> Trainer:
    """The run as it was at its resume point; options may change how it is trained from there on."""
    given = s.given_names(argv)
    for name in ("preset", "init", "config", "seed", "output_dir"):
        if name in given:
            raise ValueError(f"--resume goes on with the run's own {name}: leave --{name} out")
    run, point = find_checkpoint(where)
    record = read_run(run)
    before = s.checked(run / "run.json", {k: record[k] for k in ("model", "training", "data")})
    command = _parse(argv, before)
    for part in (command.model, command.data):
        for name, value in asdict(part).items():
            if value != before.get(name, value) and name not in ("corpus", "encoding"):
                raise ValueError(
                    f"--resume cannot change {name} from {before[name]!r} to {value!r}: "
                    f"that would be another run"
                )
    data, training = command.data, command.training
    device = _device(training)
    check_room(run, 10_000_000)
    corpus = _corpus(data)
    if corpus.sha256 != record["text"].get("sha256"):
        raise ValueError(
            f"the text of {data.corpus} is not that of the run: its SHA-256 is {corpus.sha256} and "
            f"should be {record['text'].get('sha256')}. Where the text has moved: tinygpt train "
            f"PATH --resume {where}"
        )
    tokenizer = load_tokenizer(point)
    model = GPT(command.model, seed=training.seed, device=device)
    trainer = _trainer(model, training, corpus, tokenizer, run)
    trainer.restore(point)
    step = trainer.optimizer.steps
    if step >= training.max_steps:
        raise ValueError(
            f"{run} is finished: it has {step:,} steps of {training.max_steps:,}. To go on, give "
            f"a larger --max-steps"
        )
    arguments = DataArguments(**s.take(asdict(data), DataArguments))
    write_run(run, model.config, training, arguments, record["text"])
    print(f"going on after step {step:,}")
    return trainer
