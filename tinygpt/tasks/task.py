"""Task: examples of something that a GPT is to do, and how well it does it.

A task of one's own is a class with a name, its examples in three parts, and perhaps a score:

    class Reverse(Task):
        name, about = "reverse", "words backwards"

        def examples(self):
            words = ...
            rows = [Example((word, word[::-1]), self.name) for word in words]
            return Parts(rows[200:], rows[:100], rows[100:200])

Or, without a class, a file: `tinygpt train --task pairs FILE` (own_files.py).
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinygpt.tasks import metrics
from tinygpt.text.chat import Example
from tinygpt.text.examples import Parts


class Task:
    """What a task says of itself. A subclass writes `examples`, and what is other than here."""

    name = ""  # as after --task; its marker is <|name|>
    about = ""  # in a few words
    settings: dict[str, Any] = {}  # of a run, where they differ from the defaults
    labels: tuple[str, ...] = ()  # the answers that there are, where they are few

    def examples(self) -> Parts:
        """The same ones at every call. No prompt of the test, or of the validation, is in train."""
        raise NotImplementedError(f"{type(self).__name__} has no examples: a task makes its own")

    def score(self, answers: Sequence[str], examples: Sequence[Example]) -> dict[str, float]:
        """Metric -> value in per cent, the first one being the task's own."""
        right = [e.answer for e in examples]
        if self.labels:
            return {
                "accuracy": metrics.exact_match(answers, right),
                "macro F1": metrics.macro_f1(answers, right, self.labels),
            }
        return {"exact match": metrics.exact_match(answers, right)}

    def baseline(self, train: Sequence[Example], test: Sequence[Example]) -> tuple[str, list[str]]:
        """What can be had without a model: how, and its answers to the test."""
        if self.labels and (linear := linear_classifier(train, test)) is not None:
            return "logistic regression on words and 3 to 5 letters", linear
        commonest = Counter(e.answer for e in train).most_common(1)[0][0]
        return "always the commonest answer", [commonest] * len(test)


def is_held_out(key: Any) -> bool:
    """One in eight, for ever the same ones, to be asked in the test and nowhere in training."""
    return hashlib.sha256(repr(key).encode("utf-8")).digest()[0] % 8 == 0


def linear_classifier(train: Sequence[Example], test: Sequence[Example]) -> list[str] | None:
    """The labels that a logistic regression gives, which sees how often which words, pairs of words
    and runs of 3 to 5 letters stand in a text (TF-IDF). None where scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore
        from sklearn.linear_model import LogisticRegression  # type: ignore
        from sklearn.pipeline import make_pipeline, make_union  # type: ignore
    except ImportError:
        return None
    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char", ngram_range=(3, 5), sublinear_tf=True)
    model = make_pipeline(make_union(words, letters), LogisticRegression(C=10, max_iter=1000))
    model.fit([e.turns[-2] for e in train], [e.answer for e in train])
    return [str(label) for label in model.predict([e.turns[-2] for e in test])]
