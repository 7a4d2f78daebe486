"""questions: about short stories, whose author knows who did what.

    user        Mia went to the park with a little dog. Tom and a grey cat were at the river.
                Who was at the park?
    assistant   Mia

How two stories begin, with other people, places and animals: so the name that was mentioned last is
right half of the time, and where in the text the answer stands has to be found. Every answer is a
piece of the text, so it can be written (GPT), or its begin and end marked (BERT).

Who did what is hard to find out from answers of a word or two. Three things seem to help: positions
that see near first (ALiBi), so that a place soon knows the name beside it; so many texts that none
is remembered; and that in training a story is often to be told again, or who was where to be
listed, which are many words to learn from.
"""

from collections.abc import Sequence

import numpy as np

from tinygpt.tasks import metrics
from tinygpt.tasks.task import Task, is_held_out
from tinygpt.text.chat import Example
from tinygpt.text.examples import Parts
from tinygpt.text.stories import ENGLISH

N_TRAIN, N_TEST, ASKED = 60_000, 600, 2
READ = 0.6  # of the rows to train on: how often a story is to be told again
FACTS = ("hero", "place", "friend")  # what a story of the grammar remembers
KINDS = (  # the question, with what is known in it, and what is asked for
    ("Who was at the {place}?", "hero"),
    ("Who was with {friend}?", "hero"),
    ("Where was {hero}?", "place"),
    ("Who was with {hero}?", "friend"),
)


def two_stories(rng: np.random.Generator, held_out: bool) -> tuple[list[str], list[dict[str, str]]]:
    """How two stories begin that have no person, place and animal in common, and what they are
    about. One pair of beginnings in eight is held out."""
    while True:
        first, _, a = ENGLISH.tell(rng)
        second, _, b = ENGLISH.tell(rng)
        stories = [_begin(first), _begin(second)]
        if all(a[fact] != b[fact] for fact in FACTS) and is_held_out(stories) == held_out:
            return stories, [a, b]


def _begin(story: str) -> str:
    """Its first sentence, without the time.   "One day, Mia went on. She ..." -> "Mia went on." """
    return story.strip().partition(". ")[0].rpartition(", ")[2] + "."


class Questions(Task):
    """Who was where, and with whom."""

    name = "questions"
    about = "questions about how two stories begin"
    settings = {
        "tokenizer": "bpe", "pattern": "single", "vocab_size": 406, "block_size": 128,
        "n_layer": 3, "n_head": 4, "n_embd": 64, "init_std": 0.12, "position": "alibi",
        "batch_size": 64, "max_steps": 5000, "learning_rate": 2e-3, "eval_steps": 500,
    }  # fmt: skip

    def examples(self) -> Parts:
        rng = np.random.default_rng(0)
        return Parts(
            [self._one(rng, ASKED, held_out=False) for _ in range(N_TRAIN)],
            [self._one(rng, 1, held_out=True) for _ in range(N_TEST // 3)],
            [self._one(rng, 1, held_out=True) for _ in range(N_TEST)],
        )

    def _one(self, rng: np.random.Generator, asked: int, held_out: bool) -> Example:
        """Two stories and so many questions on them, one after the other: to read the stories costs
        most, so in training several are asked."""
        stories, facts = two_stories(rng, held_out)
        pairs = [(q.format(**about), about[fact]) for about in facts for q, fact in KINDS]
        chosen = [pairs[i] for i in rng.permutation(len(pairs))[:asked]]
        if not held_out and rng.random() < READ:
            listed = " ".join(f"{about['hero']}, {about['place']}." for about in facts)
            again = [("Tell the first story.", stories[0]), ("Tell the second story.", stories[1]),
                     ("Who was where?", listed), ("Who was where?", listed)]  # fmt: skip
            chosen.insert(0, again[rng.integers(len(again))])
        turns = [turn for pair in chosen for turn in pair]
        return Example((f"{' '.join(stories)} {turns[0]}", *turns[1:]), self.name)

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
