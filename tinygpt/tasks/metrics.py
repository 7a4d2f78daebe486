"""How good answers are, in per cent. Each takes the answers that were given and the right ones."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np


def exact_match(given: Sequence[str], right: Sequence[str]) -> float:
    """The share of answers that are the right one, letter by letter."""
    return 100 * float(np.mean([g == r for g, r in zip(given, right, strict=True)]))


def overlap_f1(given: Sequence[str], right: Sequence[str]) -> float:
    """How much of the answer is right where not all of it is: the mean over the answers of

        F1 = 2 P R / (P + R),   P: share of its words that are right,  R: of the right ones, in it

    Words are letters and digits, each Chinese character one; case does not count. Rajpurkar et al.
    2016, "SQuAD", section 6.1 (which leaves articles out)."""
    return 100 * float(np.mean([_f1(g, r) for g, r in zip(given, right, strict=True)]))


def _f1(given: str, right: str) -> float:
    a, b = (Counter(re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", t.lower()))
            for t in (given, right))  # fmt: skip
    both = (a & b).total()
    if not both:
        return float(a == b)  # two answers without a word are alike
    return 2 * both / (a.total() + b.total())  # which is 2 P R / (P + R)


def confusion(given: Sequence[str], right: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """How often each label (row) was taken for each (column); the last column: for none of them.
    (n, n + 1)"""
    place = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 1), int)
    for g, r in zip(given, right, strict=True):
        counts[place[r], place.get(g, len(labels))] += 1
    return counts


def macro_f1(given: Sequence[str], right: Sequence[str], labels: Sequence[str]) -> float:
    """The mean over the labels of 2 P R / (P + R): P, the share of what was called so that is so;
    R, the share of what is so that was called so. Rare labels count as much as common ones. A label
    that neither was given nor is right counts 0, as in scikit-learn."""
    counts = confusion(given, right, labels)
    hit = np.diag(counts)
    both = counts.sum(axis=1) + counts.sum(axis=0)[:-1]  # 2 P R / (P + R) = 2 hit / (rows + cols)
    return 100 * float(np.mean(np.where(both, 2 * hit / np.maximum(both, 1), 0.0)))


def bleu_and_chrf(given: Sequence[str], right: Sequence[str]) -> dict[str, float]:
    """BLEU and chrF of the whole set as sacrebleu computes them; nothing where it is not installed.
    Chinese is cut into characters."""
    try:
        from sacrebleu.metrics import BLEU, CHRF  # type: ignore
    except ImportError:
        return {}
    chinese = any("\u4e00" <= c <= "\u9fff" for text in right for c in text)
    bleu = BLEU(tokenize="zh" if chinese else "13a")
    return {
        "BLEU": bleu.corpus_score(given, [right]).score,
        "chrF": CHRF().corpus_score(given, [right]).score,
    }
