"""translation: number words between Chinese, digits and English.

    三千零五     -> 3005
    3005        -> 三千零五
    three thousand five -> 三千零五

The numbers of the test do not occur in training, in any form, so nothing can be learned by heart:
what is learned is how numbers are said. The two languages group digits differently, English by
thousands and Chinese by ten thousands, so a number cannot be translated word by word.
"""

from collections.abc import Sequence

import numpy as np

from tinygpt.tasks.task import Task
from tinygpt.text.chat import Example
from tinygpt.text.examples import Parts

LARGEST = 999_999
DIGITS = "零一二三四五六七八九"
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def chinese(n: int) -> str:
    """The number in Chinese words.   3005 -> 三千零五, 120010 -> 十二万零一十"""
    if n == 0:
        return DIGITS[0]
    high, low = divmod(n, 10_000)
    if not high:
        words = _below_ten_thousand(low)
    else:
        gap = DIGITS[0] if 0 < low < 1000 else ""  # a place is empty between the two halves
        words = f"{_below_ten_thousand(high)}万{gap}{_below_ten_thousand(low)}"
    return words[1:] if words.startswith("一十") else words  # 十二, but 一百一十二


def _below_ten_thousand(n: int) -> str:
    words, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = n // unit % 10
        if digit:
            words += (DIGITS[0] if gap else "") + DIGITS[digit] + name
            gap = False
        else:
            gap = bool(words)  # said once, where a digit follows
    return words


def english(n: int) -> str:
    """The number in English words.   3005 -> three thousand five"""
    if n < 20:
        return SMALL[n]
    if n < 100:
        tens = TENS[n // 10 - 2]
        return f"{tens}-{SMALL[n % 10]}" if n % 10 else tens
    unit, name = (100, "hundred") if n < 1000 else (1000, "thousand")
    words = f"{english(n // unit)} {name}"
    return f"{words} {english(n % unit)}" if n % unit else words


WAYS = (  # from what, to what
    (chinese, str),
    (str, chinese),
    (english, chinese),
)


class Translation(Task):
    """Numbers up to 999 999 from one way of saying them into another."""

    name = "translation"
    about = "number words between Chinese, digits and English"
    settings = {
        "tokenizer": "bpe", "pattern": "single", "vocab_size": 384, "block_size": 64,
        "n_layer": 4, "n_head": 4, "n_embd": 128, "position": "rotary", "batch_size": 32,
        "max_steps": 4000, "learning_rate": 1e-3, "eval_steps": 500,
    }  # fmt: skip

    def examples(self) -> Parts:
        rng = np.random.default_rng(0)
        lengths = rng.integers(1, 7, 24_000)  # as many of one digit as of six
        numbers = np.unique(rng.integers(0, 10**lengths))
        few, many = numbers[numbers < 1000], numbers[numbers >= 1000]
        many = rng.permutation(many)
        test, validation, train = np.split(many, [300, 500])
        return Parts(*(self._of(part, rng) for part in (np.append(train, few), validation, test)))

    def _of(self, numbers: np.ndarray, rng: np.random.Generator) -> list[Example]:
        return [
            Example((source(int(n)), target(int(n))), self.name)
            for n in rng.permutation(numbers)
            for source, target in WAYS
        ]

    def baseline(self, train: Sequence[Example], test: Sequence[Example]) -> tuple[str, list[str]]:
        """Every word by itself, in its order: right where nothing is grouped or left out."""
        return "word by word", [_word_by_word(e.turns[0]) for e in test]


def _word_by_word(words: str) -> str:
    if words.isdigit():
        units = ("", "十", "百", "千", "万", "十万")
        pairs = zip(words, reversed(units[: len(words)]), strict=True)
        return "".join(DIGITS[int(digit)] + unit for digit, unit in pairs)
    if words[0] in DIGITS or words[0] == "十":
        return "".join(str(DIGITS.index(c)) for c in words if c in DIGITS)
    known = {english(n): chinese(n) for n in range(100)} | {"hundred": "百", "thousand": "千"}
    return "".join(known[word] for word in words.split())
