"""BERT beside GPT: equal parameters, data and steps, on three things that each might do.

    filling a gap    one token of a line of source is hidden: which one was it?
                     BERT sees both sides; GPT is asked what comes next, and sees the left one
    classification   `package`, by a head on the trained body: [CLS] of BERT, the last token of GPT
    writing          what comes next; BERT is asked by a [MASK] at the end, which is what it has

Both read the same source (the training files of `package`, and others) for as many steps of as many
tokens, then are fine-tuned for as many steps. Each has the learning rate that suits it: of three
the one with the lowest loss on the validation part after half of the steps, on a seed of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygpt.autograd.mode import no_grad
from tinygpt.backend import random_stream, to_cpu
from tinygpt.models.bert import BERT, BertConfig
from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.models.growing import grown
from tinygpt.tasks.corpus import task_corpus
from tinygpt.tasks.package import PACKAGES
from tinygpt.tasks.report.budget import Batch, say, train
from tinygpt.tasks.report.pretraining import source_to_read
from tinygpt.tasks.report.tables import interval, table, verdict
from tinygpt.text.batches import windows
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.corpora import DataArguments
from tinygpt.text.masking import IGNORE, masked
from tinygpt.training.evaluation import mean_loss

BLOCK, WIDTH, LAYERS, HEADS_, VOCAB = 64, 128, 2, 4, 1024
STEPS, TUNE, ROWS = 2000, 300, 24
RATES = (5e-4, 1e-3, 2e-3)
SPECIAL = ("<|pad|>", "<|cls|>", "<|mask|>")


def models(tokenizer: BPETokenizer, seed: int) -> dict[str, Any]:
    """The two, of equally many parameters but for one in a hundred at most: BERT has a head and two
    norms more, so its MLP is a little narrower."""
    pad = tokenizer.special_tokens["<|pad|>"]
    shape: dict[str, Any] = {"block_size": BLOCK, "n_layer": LAYERS, "n_head": HEADS_,
                             "n_embd": WIDTH}  # fmt: skip
    gpt = GPT(GPTConfig(vocab_size=tokenizer.vocab_size, **shape), seed=seed)

    def bert(n_inner: int) -> BERT:
        return BERT(BertConfig(tokenizer.vocab_size, **shape, n_inner=n_inner, n_types=1,
                               dropout=0.0, pad_id=pad, pooler=False), seed=seed)  # fmt: skip

    wide = bert(4 * WIDTH)
    over = wide.num_parameters() - gpt.num_parameters()
    return {"BERT": bert(4 * WIDTH - round(over / (LAYERS * (2 * WIDTH + 1)))), "GPT": gpt}


def best_rate(
    name: str, ids: np.ndarray, held_out: np.ndarray, tokenizer: BPETokenizer, steps: int
) -> float:
    """The learning rate with which this model has the lowest loss, of what it learns by, on
    held-out text after so many steps."""
    losses = {}
    for rate in RATES:
        model = models(tokenizer, seed=0)[name]
        train(model, reading(ids, tokenizer, 0, name), max(steps, 2), rate)
        judged = reading(held_out, tokenizer, 0, name)
        losses[rate] = mean_loss(model, [next(judged) for _ in range(20)])
    return min(losses, key=lambda rate: losses[rate])


def reading(ids: np.ndarray, tokenizer: BPETokenizer, seed: int, kind: str) -> Iterator[Batch]:
    """The same windows for both; masked anew each time for BERT, shifted for GPT."""
    rng, masks = random_stream(seed, "batches"), random_stream(seed, "masks")
    special = list(tokenizer.special_tokens.values())
    while True:
        starts = rng.integers(0, len(ids) - BLOCK, ROWS)
        x, y = windows(ids, starts, BLOCK)
        if kind == "GPT":
            yield x, y
        else:
            yield masked(x, masks, mask_id=tokenizer.special_tokens["<|mask|>"],
                         vocab_size=tokenizer.vocab_size, special_ids=special)  # fmt: skip


def fair_fight(seeds: Sequence[int], share: float) -> str:
    """The table, and what it allows to say."""
    corpus = task_corpus(DataArguments(corpus="", task="package"))
    assert corpus.examples is not None
    source = source_to_read()
    tokenizer = BPETokenizer.train(source, VOCAB, SPECIAL)
    ids = tokenizer.encode_corpus(source)
    _, validation, test = (
        tokenizer.encode_corpus("\n".join(e.turns[0] for e in part)) for part in corpus.examples
    )
    rng = np.random.default_rng(0)
    held_out, _ = windows(test, rng.integers(0, len(test) - BLOCK, 600), BLOCK)
    scores: dict[tuple[str, str], list[float]] = {}
    steps = max(round(STEPS * share), 2)
    rates = {n: best_rate(n, ids, validation, tokenizer, steps // 2) for n in ("BERT", "GPT")}
    sizes = ""
    for seed in seeds:
        both = models(tokenizer, seed)
        sizes = ", ".join(
            f"{name} {model.num_parameters():,} parameters, learning rate {rates[name]:g}"
            for name, model in both.items()
        )
        for name, model in both.items():
            train(model, reading(ids, tokenizer, seed, name), steps, rates[name])
            found = {
                "filling a gap": filling(model, held_out, tokenizer),
                "writing": writing(model, held_out, tokenizer),
                "classification": classifying(model, corpus, tokenizer, seed, share),
            }
            for what, score in found.items():
                scores.setdefault((what, name), []).append(score)
                say(f"{what}, {name}", seed, score)
    whats = ("classification", "filling a gap", "writing")
    rows = [[w, interval(scores[w, "BERT"]), interval(scores[w, "GPT"])] for w in whats]
    said = [verdict(w, "BERT", "GPT", scores[w, "BERT"], scores[w, "GPT"]) for w in whats]
    return "\n\n".join([sizes, table(["accuracy, %", "BERT", "GPT"], rows), " ".join(said)])


def filling(model: Any, rows: np.ndarray, tokenizer: BPETokenizer) -> float:
    """Of one hidden token in each row, in the middle: how often it is the likeliest."""
    at = BLOCK // 2
    x = rows.copy()
    if isinstance(model, BERT):
        x[:, at] = tokenizer.special_tokens["<|mask|>"]
        return _likeliest(model, x, at, rows[:, at])
    return _likeliest(model, x[:, :at], at - 1, rows[:, at])  # what comes next


def writing(model: Any, rows: np.ndarray, tokenizer: BPETokenizer) -> float:
    """How often the likeliest next token is the one that came."""
    at = BLOCK // 2
    if isinstance(model, BERT):
        x = rows[:, : at + 1].copy()
        x[:, at] = tokenizer.special_tokens["<|mask|>"]
        return _likeliest(model, x, at, rows[:, at])
    return _likeliest(model, rows[:, :at], at - 1, rows[:, at])


def _likeliest(model: Any, x: np.ndarray, at: int, right: np.ndarray) -> float:
    with no_grad(), np.errstate(all="ignore"):
        logits = to_cpu(model(x)[:, at].data)
    return 100 * float(np.mean(logits.argmax(axis=-1) == right))


def classifying(model: Any, corpus: Any, tokenizer: BPETokenizer, seed: int, share: float) -> float:
    """Accuracy on `package` after fine-tuning with a new head."""
    pad, cls = (tokenizer.special_tokens[t] for t in ("<|pad|>", "<|cls|>"))
    is_bert = isinstance(model, BERT)
    if is_bert:
        c = replace(model.config, head="classes", n_classes=len(PACKAGES), pooler=True)
        new: Any = BERT(c, seed=seed)
        old = model.state_dict()
        new.load_state_dict({n: old.get(n, a) for n, a in new.state_dict().items()})
    else:
        new = grown(model, tokenizer.vocab_size, n_classes=len(PACKAGES), seed=seed)

    def rows(examples: Sequence[Any]) -> Batch:
        """[CLS] before a text for BERT, behind it for GPT, whose last token sees all."""
        x = np.full((len(examples), BLOCK), pad)
        y = np.full((len(examples), BLOCK), IGNORE)
        for i, e in enumerate(examples):
            ids = tokenizer.encode(e.turns[0])[: BLOCK - 1]
            x[i, : len(ids) + 1] = [cls, *ids] if is_bert else [*ids, cls]
            y[i, 0 if is_bert else len(ids)] = PACKAGES.index(e.answer)
        return x, y.max(axis=1) if is_bert else y

    x, y = rows(corpus.examples.train)
    rng = random_stream(seed, "fine-tuning")

    def batches() -> Iterator[Batch]:
        while True:
            i = rng.integers(0, len(x), ROWS)
            yield x[i], y[i]

    train(new, batches(), max(round(TUNE * share), 2), 5e-4)
    x, y = rows(corpus.examples.test)
    with no_grad(), np.errstate(all="ignore"):
        logits = to_cpu(new(x).data)
    if not is_bert:
        at = (y >= 0).argmax(axis=1)
        logits, y = logits[np.arange(len(x)), at], y.max(axis=1)
    return 100 * float(np.mean(logits.argmax(axis=-1) == y))
