"""Each task, and one model for all of them."""

import time
from collections.abc import Sequence

from tinygpt.tasks import TASKS
from tinygpt.tasks.corpus import ALL_SETTINGS, settings_of, task_corpus
from tinygpt.tasks.report.budget import say, shortened, train
from tinygpt.tasks.report.tables import interval, table
from tinygpt.tasks.running import Run, run
from tinygpt.tasks.spans import (
    SPECIAL,
    marked_answers,
    single_questions,
    span_batches,
    span_model,
    span_rows,
)
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.corpora import ALL_TASKS, Corpus, DataArguments
from tinygpt.text.examples import Parts

MARKING = 2000  # steps of the BERT that marks answers


def _corpus(name: str, head: bool = False) -> Corpus:
    return task_corpus(DataArguments(corpus="", task=name, head=head))


def _parts(corpus: Corpus) -> Parts:
    assert corpus.examples is not None
    return corpus.examples


def each(seeds: Sequence[int], share: float) -> str:
    """Every task as `tinygpt train --task` trains it: score, baseline, minutes."""
    rows = []
    for name, task in TASKS.items():
        for head in (False, True) if task.labels else (False,):
            corpus, settings = _corpus(name, head), shortened(settings_of(name, False), share)
            train, _, test = _parts(corpus)
            scores, minutes = [], []
            for seed in seeds:
                began = time.perf_counter()
                done = run(corpus, settings, seed=seed, head=head)
                minutes.append((time.perf_counter() - began) / 60)
                scores.append(task().score(done.answers(test), test))
                say(f"{name}{', by a head' if head else ''}", seed, next(iter(scores[-1].values())))
            how, simple = task().baseline(train, test)
            base = task().score(simple, test)
            way = "a head chooses" if head else "written"
            rows += [
                [f"{name}, {way}" if i == 0 else "", metric,
                 interval([s[metric] for s in scores]), f"{base[metric]:.1f}",
                 how if i == 0 else "", interval(minutes) if i == 0 else ""]
                for i, metric in enumerate(base)
            ]  # fmt: skip
    rows += marked(seeds, share)
    return table(["task", "metric", "%", "without a model, %", "how", "minutes"], rows)


def marked(seeds: Sequence[int], share: float) -> list[list[str]]:
    """The rows of `questions` where a BERT marks the answer in the text."""
    task, corpus = TASKS["questions"](), _corpus("questions")
    train_on, _, test = _parts(corpus)
    examples = single_questions(train_on)
    tokenizer = BPETokenizer.train(corpus.train, 448, SPECIAL, pattern="single")
    x, y = span_rows(tokenizer, examples)
    pad, length = tokenizer.special_tokens["<|pad|>"], max(x.shape[1], 128)
    scores, minutes = [], []
    for seed in seeds:
        began, model = time.perf_counter(), span_model(tokenizer, length, seed)
        train(model, span_batches(x, y, pad, seed), max(round(MARKING * share), 2), 5e-4)
        minutes.append((time.perf_counter() - began) / 60)
        scores.append(task.score(marked_answers(model, tokenizer, test), test))
        say("questions, marked by BERT", seed, next(iter(scores[-1].values())))
    return [
        ["questions, marked by BERT" if i == 0 else "", metric,
         interval([s[metric] for s in scores]), "", "", interval(minutes) if i == 0 else ""]
        for i, metric in enumerate(scores[0])
    ]  # fmt: skip


def together(seeds: Sequence[int], share: float) -> str:
    """One model for all tasks, told by the marker which one, against one model for each: the same
    shape and tokenizer, and together as many steps of as many rows."""
    whole = _corpus(ALL_TASKS)
    settings = shortened(ALL_SETTINGS | {"sample_steps": 0}, share)
    each_steps = settings["max_steps"] // len(TASKS)
    one: dict[str, list[float]] = {name: [] for name in TASKS}
    four: dict[str, list[float]] = {name: [] for name in TASKS}
    for seed in seeds:
        done = run(whole, settings, seed=seed)
        for name, score in _scores(done).items():
            one[name].append(score)
            say(f"{name}, one model for all", seed, score)
        for name in TASKS:
            alone = run(_corpus(name), settings | {"max_steps": each_steps}, seed=seed,
                        tokenizer=done.tokenizer)  # fmt: skip
            four[name].append(_scores(alone)[name])
            say(f"{name}, a model of its own", seed, four[name][-1])
    rows = [[name, interval(one[name]), interval(four[name])] for name in TASKS]
    return table(["task", "one model for all, %", "one for each, %"], rows)


def _scores(done: Run) -> dict[str, float]:
    """Task -> its own metric on the test."""
    scores = {}
    for name in done.corpus.tasks:
        examples = TASKS[name]().examples().test
        answers = done.answers(examples)
        scores[name] = next(iter(TASKS[name]().score(answers, examples).values()))
    return scores
