"""The answers of a model to many prompts: written greedily, or the label that its head chooses."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygpt.autograd.mode import no_grad
from tinygpt.backend import to_cpu
from tinygpt.nn.softmax import softmax
from tinygpt.progress import progress
from tinygpt.text.chat import Example, cut_history, prompt_ids
from tinygpt.text.examples import example_batches, label_row, pad_id
from tinygpt.text.tokenizer import END, Tokenizer

ROWS = 64  # prompts at a time


def longest_answer(tokenizer: Tokenizer, examples: Sequence[Example]) -> int:
    """How many tokens the longest answer has, with its end."""
    return 1 + max(len(tokenizer.encode(e.answer)) for e in examples)


def written_answers(
    model: Any, tokenizer: Tokenizer, examples: Sequence[Example], *, max_new_tokens: int,
    quiet: bool = False,
) -> list[str]:  # fmt: skip
    """What the model writes after each prompt, the likeliest token each time, up to the end of an
    answer. Prompts of one length are read together, so that none needs padding."""
    prompts = []
    for e in examples:
        turns = cut_history(tokenizer, e.task, e.turns[:-1], model.config.block_size)
        prompts.append(prompt_ids(tokenizer, e.task, turns))
    same_length = defaultdict(list)
    for i, ids in enumerate(prompts):
        same_length[len(ids)].append(i)
    groups = [g[a : a + ROWS] for g in same_length.values() for a in range(0, len(g), ROWS)]
    answers, end = [""] * len(examples), tokenizer.special_tokens[END]
    for group in progress(groups, desc="answering", delay=1, disable=quiet):
        x = np.stack([prompts[i] for i in group])
        rows = model.generate(x, max_new_tokens, temperature=0.0, stop_ids=[end])
        for i, row in zip(group, rows[:, x.shape[1] :], strict=True):
            ids = row.tolist()
            ids = ids[: ids.index(end)] if end in ids else ids
            answers[i] = tokenizer.decode(ids)
    return answers


def chosen_labels(
    model: Any, tokenizer: Tokenizer, examples: Sequence[Example], labels: Sequence[str]
) -> list[str]:
    """The label that the model's head holds for the likeliest after each text."""
    rows = [label_row(tokenizer, e, labels, model.config.block_size) for e in examples]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    answers = [""] * len(rows)
    model.eval()
    at = 0
    for x, y in example_batches(rows, ROWS, pad=pad_id(tokenizer)):
        with no_grad(), np.errstate(all="ignore"):
            logits = to_cpu(model(x).data)
        for row, last in zip(logits, (y >= 0).argmax(axis=1), strict=True):
            answers[order[at]] = labels[int(row[last].argmax())]
            at += 1
    return answers


def label_chances(
    model: Any, tokenizer: Tokenizer, text: str, task: str, labels: Sequence[str]
) -> list[tuple[str, float]]:
    """Each label with its chance, the likeliest first."""
    x, _ = label_row(tokenizer, Example((text, labels[0]), task), labels, model.config.block_size)
    with no_grad():
        p = softmax(model(x[None])[0, -1]).numpy()
    return [(labels[i], float(p[i])) for i in np.argsort(-p)]
