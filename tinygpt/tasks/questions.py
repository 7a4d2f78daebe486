"""questions: about short stories, whose author knows who did what.

    user        One day, Mia went to the park with a little dog. She found a red kite. Tom and ...
                Who was at the park?
    assistant   Mia

Two stories stand one after the other, with other people, places and animals, so the name that was
mentioned last is right half of the time, and where in the text the answer stands has to be found.
Every answer is a piece of the text, so it can be written (GPT), or its begin and end marked (BERT).
"""

from collections.abc import Sequence

import numpy as np

from tinygpt.tasks import metrics
from tinygpt.tasks.task import Task
from tinygpt.text.chat import Example
from tinygpt.text.examples import Parts
from tinygpt.text.stories import ENGLISH

N_TRAIN, N_TEST, ASKED = 10_000, 600, 6
FACTS = ("hero", "place", "friend")  # what a story of the grammar remembers
KINDS = (  # the question, with what is known in it, and what is asked for
    ("Who was at the {place}?", "hero"),
    ("Who was with {friend}?", "hero"),
    ("Where was {hero}?", "place"),
    ("Who was with {hero}?", "friend"),
)


def two_stories(rng: np.random.Generator) -> tuple[str, list[dict[str, str]]]:
    """The first two sentences of two stories that have no person, place and animal in common, and
    what they are about."""
    first, _, a = ENGLISH.tell(rng)
    while True:
        second, _, b = ENGLISH.tell(rng)
        if all(a[fact] != b[fact] for fact in FACTS):
            return f"{_begin(first)} {_begin(second)}", [a, b]


def _begin(story: str) -> str:
    return ". ".join(story.strip().split(". ")[:2]) + "."


class Questions(Task):
    """Who was where, and with whom."""

    name = "questions"
    about = "questions about two short stories"
    settings = {
        "tokenizer": "bpe", "pattern": "single", "vocab_size": 448, "block_size": 224,
        "n_layer": 2, "n_head": 4, "n_embd": 64, "init_std": 0.12, "position": "rotary",
        "batch_size": 16, "max_steps": 3000, "eval_steps": 500,
        "learning_rate": 2e-3,
    }  # fmt: skip

    def examples(self) -> Parts:
        rng = np.random.default_rng(0)
        test, validation = ([self._one(rng) for _ in range(n)] for n in (N_TEST, N_TEST // 3))
        return Parts([self._one(rng, asked=ASKED) for _ in range(N_TRAIN)], validation, test)

    def _one(self, rng: np.random.Generator, asked: int = 1) -> Example:
        """Two stories and so many questions on them, one after the other: to read the stories costs
        most, so in training several are asked."""
        text, facts = two_stories(rng)
        pairs = [(q.format(**about), about[fact]) for about in facts for q, fact in KINDS]
        chosen = [pairs[i] for i in rng.permutation(len(pairs))[:asked]]
        turns = [turn for pair in chosen for turn in pair]
        return Example((f"{text} {turns[0]}", *turns[1:]), self.name)

    def score(self, answers: Sequence[str], examples: Sequence[Example]) -> dict[str, float]:
        right = [e.answer for e in examples]
        return super().score(answers, examples) | {"F1": metrics.overlap_f1(answers, right)}

    def baseline(self, train: Sequence[Example], test: Sequence[Example]) -> tuple[str, list[str]]:
        """Of the answers that fit the question, the one that the text mentions last."""
        known: dict[str, set[str]] = {}
        for e in train:
            for asked, answer in zip(e.turns[::2], e.turns[1::2], strict=True):
                known.setdefault(_kind(asked), set()).add(answer)
        return "the last name that fits", [_last(known.get(_kind(e.turns[-2]), set()), e.turns[-2])
                                           for e in test]  # fmt: skip


def _kind(text: str) -> str:
    """The question without what is known in it: "Who was with Mia?" -> "Who was with"."""
    words = text.rpartition(". ")[2].split()
    return " ".join(words[: 1 if words[0] == "Where" else 3]) + (" a" if "a" in words else "")


def _last(names: set[str], text: str) -> str:
    return max(names, key=text.rpartition(". ")[0].rfind, default="")
