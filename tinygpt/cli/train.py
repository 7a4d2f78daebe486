"""tinygpt train: train a GPT on a text, or go on with a run."""

import contextlib
import shutil
import tempfile
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tqdm import tqdm
from tyro.conf import Positional

from tinygpt.backend import default_device, device_index, gpu, gpu_count
from tinygpt.cli import settings as s
from tinygpt.cli.processes import only_the_first_speaks, with_processes
from tinygpt.cli.saying import blind, count_unknown, say_what_is_trained
from tinygpt.cli.task_runs import (
    chat_tokens,
    longest_chats,
    say_examples,
    show_answers,
    with_chats,
)
from tinygpt.generation.writing import stream_text
from tinygpt.models.export import is_published, obstacles
from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.optim.schedule import learning_rate
from tinygpt.tasks.corpus import settings_of, task_corpus
from tinygpt.tasks.running import make_tokenizer, task_trainer
from tinygpt.text.batches import window_batches
from tinygpt.text.chat import chat_template
from tinygpt.text.corpora import Corpus, DataArguments, load_corpus, sha256_of
from tinygpt.text.ids import corpus_ids
from tinygpt.text.load import load_tokenizer
from tinygpt.text.reading import as_path
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.arguments import FOR_A_GPU, TrainingArguments
from tinygpt.training.checkpoint import (
    KEPT,
    checkpoints_after,
    find_checkpoint,
    read_checkpoint,
)
from tinygpt.training.memory import total_memory
from tinygpt.training.ranks import over_ranks
from tinygpt.training.run_folder import (
    RUN_FILE,
    RUNS,
    check_room,
    find_model,
    hold,
    near_run,
    new_run_folder,
    newest_run,
    read_run,
    write_run,
)
from tinygpt.training.trainer import EVAL_WINDOWS, Trainer
from tinygpt.training.world import device_of_this_rank, world_of_ranks


@dataclass
class _Data(DataArguments):
    corpus: Positional[str] = "python-docs"  # a name that `tinygpt corpora` lists, or a path


@dataclass
class TrainCommand:
    """Train a GPT on a text and write some.

    To begin with, six options are enough: --max-steps, --n-layer, --n-embd, --block-size,
    --tokenizer and --learning-rate. The order is: the preset, then --config FILE, then the others.
    """

    data: _Data = field(default_factory=_Data)
    model: GPTConfig = field(default_factory=GPTConfig)
    training: TrainingArguments = field(default_factory=TrainingArguments)
    # settings that go by a name: tiny, nanogpt-cpu, baby, gpt2, finetune, lora
    preset: str = "tiny"
    # begin with this trained model: a folder, a run, or a published one (gpt2)
    init: Annotated[str | None, s.shown("MODEL")] = None
    config: Annotated[Path | None, s.shown("FILE")] = None  # a run.json or a TOML with settings
    # go on with this run, or this resume point of it, as if it had never stopped; without a name
    # with the newest run
    resume: Annotated[Path | None, s.shown("[RUN]")] = None
    # so many processes on this machine, by MPI; on several machines: mpiexec (README)
    processes: int = 1


def train(argv: list[str]) -> int | None:
    n = s.option(argv, "processes")
    if n is not None and n != "1" and world_of_ranks().size == 1:
        return with_processes(n, argv)
    with only_the_first_speaks():
        if n is not None and n != "1":
            raise ValueError("--processes starts mpiexec, which has started this: leave it out")
        return _train(argv)


def _train(argv: list[str]) -> None:
    tqdm.monitor_interval = 0  # no thread beside the bars: workers are forked from this process
    argv = _with_newest(argv)
    resume = s.option(argv, "resume")
    with contextlib.ExitStack() as held:
        trainer, corpus = _going_on(argv, resume, held) if resume else _new_run(argv, held)
        folder = trainer.folder
        try:
            with over_ranks(trainer):
                trainer.train()
        except KeyboardInterrupt:
            if folder is not None:
                steps, saved = trainer.optimizer.steps, trainer.what_is_saved()
                print(f"\ninterrupted after step {steps}. {saved}", flush=True)
            raise
        if folder is None:  # a rank that does not write
            return
        trainer.load_best()
        if corpus.examples is not None:
            return show_answers(trainer, corpus)
        text = model_writes(trainer.model, trainer.tokenizer, trainer.arguments.seed)
    print(f"\n{text}\n")
    run_name = "" if folder.parent == Path(RUNS) else f" {folder}"
    which = f"the best model, of step {trainer.saved}," if trainer.best else "the model"
    prompt = f' "{" ".join(text.split()[:2])}"'  # one that it can read
    if not prompt.isprintable() or set(prompt[2:-1]) & set('"$`\\!\ufffd'):
        prompt = ""
    if trainer.best is not None and trainer.best[1] > blind(trainer.model.config):
        print(f"its loss of {trainer.best[1]:.3f} is above that of a blind guess: it has learned "
              f"nothing. A smaller --learning-rate than {trainer.arguments.learning_rate:g} helps, "
              f"or more steps")  # fmt: skip
    print(f"{which} is in {folder}; more: tinygpt generate{run_name}{prompt}")
    if not is_published(trainer.model.config):
        wrong = obstacles(trainer.model.config)
        print(f"transformers has no form for it: {', '.join(wrong)}" if wrong else
              f"transformers reads it after: tinygpt export {folder} FOLDER")  # fmt: skip


def _with_newest(argv: list[str]) -> list[str]:
    """--resume without a run means the newest one."""
    for i, a in enumerate(argv):
        if a == "--resume" and (i + 1 == len(argv) or argv[i + 1].startswith("-")):
            return [*argv[: i + 1], str(newest_run()), *argv[i + 1 :]]
    return argv


def model_writes(model: GPT, tokenizer: Tokenizer, seed: int) -> str:
    """What a trained model writes of its own accord, 300 tokens."""
    start = tokenizer.opening()
    pieces = stream_text(model, tokenizer, start, 300, temperature=0.8, top_k=40, seed=seed)
    return "".join(pieces).strip()


# -------------------------------------------------------------------------------------- a new run


def _new_run(argv: list[str], held: contextlib.ExitStack) -> tuple[Trainer, Corpus]:
    given = s.given_names(argv)
    if "n_classes" in given:
        raise ValueError(
            "how many classes a head has is told by the labels: leave --n-classes out, and train "
            "with --task labels FILE --head"
        )
    init = s.option(argv, "init")
    fine_tuning = "lora" if s.option(argv, "lora-rank") else "finetune"
    name = s.option(argv, "preset") or (fine_tuning if init else "tiny")
    settings = s.preset(name)
    task = s.option(argv, "task")
    if task and not s.option(argv, "preset"):
        of_task = settings_of(task, bool(_corpus_in(argv)))
        settings = of_task | settings if init else settings | of_task
    path, from_file = s.option(argv, "config"), {}
    if path is not None:
        from_file = s.config_file(Path(path))
        settings |= from_file
        given |= set(from_file)
    command = _parse(argv, settings)
    data, training = command.data, command.training
    if data.task and not _corpus_in(argv) and "corpus" not in from_file:
        data.corpus = ""  # it makes its own examples
    if command.model.lora_rank and not init:
        raise ValueError(
            "adapters (--lora-rank) teach a trained model: name it with --init. Over random "
            "weights that stay frozen they learn next to nothing"
        )
    device = _device(training)

    _refuse_too_large(command.model)
    corpus = _corpus(data)
    if corpus.examples is None:
        _suggest(corpus, name, device)
    if training.warmup_steps >= training.max_steps:
        print(
            f"the warm-up of {training.warmup_steps} steps is as long as the run: its learning "
            f"rate never reaches {training.learning_rate:g}. A run of {training.max_steps} steps "
            f"wants --warmup-steps {max(training.max_steps // 10, 1)}"
        )
    if training.schedule != "constant" and training.min_learning_rate > training.learning_rate:
        print(
            f"the learning rate does not fall: --min-learning-rate {training.min_learning_rate:g} "
            f"is above it. {training.learning_rate / 10:g} would be a tenth"
        )
    if init:
        model, tokenizer = _trained(init, command, given, device, corpus)
    else:
        tokenizer = _make_tokenizer(command, corpus, explicit="vocab_size" in given)
        classes = len(corpus.labels) if data.head else 0
        config = replace(command.model, vocab_size=tokenizer.vocab_size, n_classes=classes)
        model = GPT(config, seed=training.seed, device=device)
    if not world_of_ranks().is_first:
        return _trainer(model, training, corpus, tokenizer, None, held), corpus
    need = _disk(model.num_parameters() + model.num_frozen(), len(corpus.train))
    folder = new_run_folder(training.output_dir, corpus.name, need)
    held.enter_context(hold(folder))
    try:
        trainer = _trainer(model, training, corpus, tokenizer, folder, held)
        if world_of_ranks().size == 1:
            training.workers = trainer.workers.threads  # the same number when the run goes on
        arguments = DataArguments(**s.take(asdict(data), DataArguments))
        record = _text_record(corpus, trainer)
        write_run(folder, model.config, _as_asked(training), arguments, record)
        _read_back(folder, corpus, tokenizer)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return trainer, corpus


def _read_back(folder: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    """What the run has written is read again before its first step, not after its last."""
    record = read_run(folder)
    settings = s.checked(folder / RUN_FILE, {k: record[k] for k in ("model", "training", "data")})
    for kind in (GPTConfig, TrainingArguments, DataArguments):
        kind(**s.take(settings, kind))
    tokenizer.save(folder)
    again, begin = load_tokenizer(folder), corpus.train[:1000]
    same = np.array_equal(again.encode_corpus(begin, True), tokenizer.encode_corpus(begin, True))
    if not same or again.special_tokens != tokenizer.special_tokens:
        raise ValueError(
            f"the tokenizer is another one after it was saved and read again: are the special "
            f"tokens {list(tokenizer.special_tokens)} letters of its alphabet? Take longer ones, "
            f"such as <|end|>"
        )


def _refuse_too_large(config: GPTConfig) -> None:
    """ValueError, before anything is made, for a model that this machine cannot hold."""
    n, has = config.n_weights(), total_memory()
    need = 8 * n  # values and gradients, in float32
    if has is not None and need > has:
        raise ValueError(
            f"a model of these settings has {n:,} parameters, {need / 1e9:,.0f} GB with their "
            f"gradients, and this machine has {has / 1e9:.0f} GB: fewer --n-layer, a smaller "
            f"--n-embd or --vocab-size"
        )


def _corpus_in(argv: list[str]) -> list[str]:
    """The corpus, or file of examples, that is named in the command line."""
    return s.apart(argv, GPTConfig, TrainingArguments, DataArguments)[1]


def _parse(argv: list[str], settings: dict[str, Any]) -> TrainCommand:
    kinds = (_Data, GPTConfig, TrainingArguments)
    defaults = TrainCommand(*(s.unchecked(kind, settings) for kind in kinds))
    return s.parse(TrainCommand, argv, "train", default=defaults)


def _device(training: TrainingArguments) -> str:
    """The device to use; one that cannot be used is said before anything else is done."""
    device = device_of_this_rank(training.device or default_device(), gpu_count)
    training.device = device
    if device_index(device) is not None:
        gpu(device)
    return device


def _as_asked(training: TrainingArguments) -> TrainingArguments:
    """The settings without what is this rank's own: which GPU it has."""
    alone = world_of_ranks().size == 1 or training.device == "cpu"
    return training if alone else replace(training, device="gpu")


def _load(data: DataArguments) -> Corpus:
    """The text, or the examples of a task."""
    if data.task:
        return task_corpus(data)
    return load_corpus(
        data.corpus,
        validation_fraction=data.validation_fraction,
        clean=data.clean,
        encoding=data.encoding,
        special_tokens=tuple(data.special_tokens),
    )


def _corpus(data: DataArguments) -> Corpus:
    corpus = _load(data)
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
    data, kind, size = command.data, command.data.tokenizer, command.model.vocab_size
    wanted = size if kind == "bpe" or explicit else None
    tokenizer = make_tokenizer(corpus, kind, wanted, data.pattern, data.special_tokens)
    if kind == "bpe" and tokenizer.vocab_size < size:
        print(
            f"a small text: it has pairs for {tokenizer.vocab_size} tokens, not for {size}; these "
            "are taken"
        )
    return tokenizer


CHANGEABLE = ("dropout", "block_size", "lora_rank", "lora_alpha")  # of a trained model


def _trained(
    init: str, command: TrainCommand, given: set[str], device: str, corpus: Corpus
) -> tuple[GPT, Tokenizer]:
    """The model to begin with, and its tokenizer."""
    fixed = {f.name for f in fields(GPTConfig)} - set(CHANGEABLE) | {"tokenizer", "special_tokens"}
    if given & fixed:
        raise ValueError(
            f"--init {init} brings its own {', '.join(sorted(given & fixed))}: leave that out. Of "
            f"a trained model {', '.join(CHANGEABLE)} can be changed"
        )
    changes = {name: getattr(command.model, name) for name in CHANGEABLE if name in given}
    folder = find_model(init)
    model = GPT.from_pretrained(folder, seed=command.training.seed, device=device, **changes)
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, the model "
            f"{model.config.vocab_size}: they do not belong together"
        )
    if corpus.examples is not None:
        classes = len(corpus.labels) if command.data.head else 0
        model, tokenizer = with_chats(model, tokenizer, chat_tokens(corpus), classes, device)
        tokenizer.chat_template = chat_template(corpus.tasks)
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
    folder: Path | None,
    held: contextlib.ExitStack,
) -> Trainer:
    """Encode the text, and say what is going to happen. A rank without the folder of the run keeps
    many ids in a file of its own."""
    if corpus.examples is not None:
        trainer = task_trainer(model, training, corpus, tokenizer, folder)
        say_examples(trainer, corpus)
        return trainer
    place = folder or Path(held.enter_context(tempfile.TemporaryDirectory()))
    ids = {
        part: corpus_ids(tokenizer, getattr(corpus, part), place / f"ids-{part}.bin")
        for part in ("train", "validation")
    }
    count_unknown(ids, tokenizer)
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
    say_what_is_trained(
        trainer,
        f"{corpus.name}: {len(corpus.train):,} characters are {len(ids['train']):,} tokens to "
        f"train on, {len(ids['validation']):,} held out; vocabulary {tokenizer.vocab_size}",
    )
    if trainer.floor is not None:
        print(f"a perfect model would reach {trainer.floor:.4f} per token on the held-out text")
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
        "train_sha256": sha256_of(corpus.train),
        "validation_sha256": sha256_of(corpus.validation),
        "path": None if corpus.path is None else str(corpus.path),
        "characters": len(corpus.train) + len(corpus.validation),
        "floor": trainer.floor,
        "labels": list(corpus.labels),
        "exchanges": longest_chats(corpus),
    }


# ------------------------------------------------------------------------------ a run that goes on


def _going_on(argv: list[str], where: str, held: contextlib.ExitStack) -> tuple[Trainer, Corpus]:
    """The run as it was at its resume point; options may change how it is trained from there on."""
    given = s.given_names(argv)
    for name in ("preset", "init", "config", "seed", "output_dir"):
        if name in given:
            raise ValueError(f"--resume goes on with the run's own {name}: leave --{name} out")
    place = as_path(where) or as_path(f"{RUNS}/{where}")
    if place is None and "/step-" in where:
        place = as_path(where.replace("/step-", "/checkpoints/step-"))
    if place is None:
        near = near_run(where)
        raise ValueError(f"there is no run {where}.{f' Did you mean {near}?' if near else ''}")
    run, point = find_checkpoint(place)
    record = read_run(run)
    is_first = world_of_ranks().is_first
    if is_first:
        held.enter_context(hold(run))
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
    if is_first:
        check_room(run, 10_000_000)
    if world_of_ranks().size > 1 and "workers" not in given:
        training.workers = 0  # those of a run that had the machine for itself
    saved = read_checkpoint(point)
    if saved["step"] >= training.max_steps:
        raise ValueError(
            f"{run} is finished: it has {saved['step']:,} steps of {training.max_steps:,}. To go "
            "on, give a larger --max-steps"
        )
    corpus = own_text(run, record, data, f"tinygpt train PATH --resume {where}")
    tokenizer = load_tokenizer(point)
    model = GPT(command.model, seed=training.seed, device=device)
    trainer = _trainer(model, training, corpus, tokenizer, run if is_first else None, held)
    later = [p.name for p in checkpoints_after(run, saved["step"])]
    if later:
        print(
            f"{', '.join(later)} and the log after step {saved['step']} are given up: the run goes "
            "on from an earlier point"
        )
    trainer.restore(point)
    step = trainer.optimizer.steps
    _say_a_jump(record["training"], training, step)
    arguments = DataArguments(**s.take(asdict(data), DataArguments))
    if is_first:
        write_run(run, model.config, _as_asked(training), arguments, record["text"])
    print(f"going on after step {step:,}")
    return trainer, corpus


def own_text(folder: Path, record: dict[str, Any], data: DataArguments, instead: str) -> Corpus:
    """The text of a run in the two parts that it was trained on and measured by. ValueError where
    it is not there any more, or another one: held-out text would be training text."""
    about = record["text"]
    if as_path(data.corpus) is None and about.get("path") and as_path(about["path"]):
        data = replace(data, corpus=about["path"])  # called from another folder
    elif as_path(data.corpus) is None and about.get("path"):
        raise ValueError(
            f"{folder} was trained on {about['path']}, which is not there any more. Put it back, "
            f"or: {instead}"
        )
    corpus = _load(data)
    mine = {"sha256": corpus.sha256}
    if "train_sha256" in about:
        mine |= {"train_sha256": sha256_of(corpus.train)}
        mine |= {"validation_sha256": sha256_of(corpus.validation)}
    if any(about.get(name) != value for name, value in mine.items()):
        what = (
            "is the same but divided otherwise into a part to train on and one held out"
            if about.get("sha256") == corpus.sha256
            else f"has changed (its SHA-256 is {corpus.sha256} and should be {about.get('sha256')})"
        )
        raise ValueError(
            f"the text of {folder} is not what it was: {data.corpus} {what}, so which part of it "
            f"was held out is not known any more. Put the old text back, or: {instead}"
        )
    return corpus


def _say_a_jump(before: dict[str, Any], now: TrainingArguments, step: int) -> None:
    """A run that goes on to more steps stretches its schedule: the rate may go up again."""

    def rate(a: TrainingArguments, step: int) -> float:
        return learning_rate(
            step, a.schedule, peak=a.learning_rate, floor=min(a.min_learning_rate, a.learning_rate),
            warmup=a.warmup_steps, total=a.max_steps,
        )  # fmt: skip

    was, is_now = rate(TrainingArguments(**before), step), rate(now, step + 1)
    if is_now > 1.2 * was:
        print(
            f"the learning rate was {was:.2g} at step {step} and is {is_now:.2g} in the next: the "
            f"schedule now goes to step {now.max_steps}. --learning-rate {was:.2g} would go on "
            "from where it was"
        )
