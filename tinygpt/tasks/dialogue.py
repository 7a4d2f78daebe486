"""dialogue: an assistant that knows a small world: sums, the calendar, spelling, who is who.

    user        My friend is Mia. My teacher is Tom.
    assistant   I see.
    user        Who is my teacher?
    assistant   Tom
    user        Spell RAIN.
    assistant   R-A-I-N

In English and in Chinese. A chat has one subject or several, and what was told at its beginning may
be asked for at its end. One eighth of all questions is held out, in both languages: the sums, words
and stories that end a chat of the test occur nowhere in training.
"""

import calendar
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygpt.tasks.task import Task, is_held_out
from tinygpt.text.chat import Example
from tinygpt.text.examples import Parts

N_TRAIN, N_TEST = 20_000, 600
LARGEST = 50  # of the two numbers of a sum

DAYS = list(calendar.day_name)
DAYS_ZH = [f"星期{c}" for c in "一二三四五六日"]
MONTHS = list(calendar.month_name)[1:]
MONTHS_ZH = [f"{n}月" for n in range(1, 13)]
CALENDAR = {  # unit, in English?
    ("day", True): DAYS, ("day", False): DAYS_ZH,
    ("month", True): MONTHS, ("month", False): MONTHS_ZH,
}  # fmt: skip
NAMES = "Mia Ada Lily Rosa Nora Wanda Tom Ben Max Leo Oskar Finn".split()
NAMES_ZH = "小美 小红 丽丽 阿兰 芳芳 玉珍 小明 小刚 阿宝 大伟 强强 天佑".split()
ROLES = {
    "friend": "朋友",
    "sister": "姐姐",
    "teacher": "老师",
    "neighbour": "邻居",
    "doctor": "医生",
}
LETTERS = "ABCDEFGHIJKLMNOPRSTUW"
CHARACTERS = "天地人山水火木金土日月风"

Rng = np.random.Generator
Exchange = tuple[str, str]  # what the user says, and the answer
Subject = tuple[list[Exchange], Any]  # and what is asked for in it, whatever the language


def _pick(rng: Rng, of: Sequence[Any], n: int) -> list[Any]:
    return [of[i] for i in rng.choice(len(of), n, replace=False)]


def sums(rng: Rng) -> Subject:
    a, b = (int(n) for n in rng.integers(0, LARGEST, 2))
    asked = f"What is {a} + {b}?" if rng.random() < 0.5 else f"{a}加{b}是多少？"
    return [(asked, str(a + b))], ("sum", a, b)


def dates(rng: Rng) -> Subject:
    """The day, or the month, after each of some."""
    english, unit = rng.random() < 0.5, ("day", "month")[rng.integers(2)]
    names = CALENDAR[unit, english]
    asked = [int(i) for i in rng.integers(0, len(names), rng.integers(1, 4))]
    given, next_ones = ([names[(i + step) % len(names)] for i in asked] for step in (0, 1))
    if english:
        named = f"{unit}s" if len(asked) > 1 else unit
        said = f"Name the {named} after {', '.join(given)}.", ", ".join(next_ones)
    else:
        one = "一天" if unit == "day" else "一个月"
        said = f"{'、'.join(given)}的后{one}是什么？", "、".join(next_ones)
    return [said], (unit, asked)


def spelling(rng: Rng) -> Subject:
    if rng.random() < 0.5:
        word = "".join(rng.choice(list(LETTERS), rng.integers(3, 6)))
        return [(f"Spell {word}.", "-".join(word))], word
    word = "".join(rng.choice(list(CHARACTERS), rng.integers(2, 4)))
    return [(f"把{word}倒过来写。", word[::-1])], word


def who(rng: Rng) -> Subject:
    english, n = rng.random() < 0.5, int(rng.integers(2, 4))
    names = _pick(rng, NAMES if english else NAMES_ZH, n)
    pairs = list(zip(_pick(rng, list(ROLES), n), names, strict=True))
    if english:
        told = (" ".join(f"My {role} is {name}." for role, name in pairs), "I see.")
        asked = [(f"Who is my {role}?", name) for role, name in pairs]
    else:
        told = ("".join(f"我的{ROLES[role]}是{name}。" for role, name in pairs), "知道了。")
        asked = [(f"我的{ROLES[role]}是谁？", name) for role, name in pairs]
    return [told, *_pick(rng, asked, n)], pairs


SKILLS: dict[str, Callable[[Rng], Subject]] = {
    "sums": sums, "calendar": dates, "spelling": spelling, "who is who": who,
}  # fmt: skip


def chat(rng: Rng, skill: str, others: int, *, held_out: bool) -> list[Exchange]:
    """A chat that ends with a question of this skill, held out or not; before it, or between what
    it was told and the question, there are so many other subjects."""
    said, key = SKILLS[skill](rng)
    while is_held_out(key) != held_out:
        said, key = SKILLS[skill](rng)
    for other in _pick(rng, [s for s in SKILLS if s != skill], others):
        more, key = SKILLS[other](rng)
        if not is_held_out(key):
            said = [*said[:-1], *more, said[-1]]
    return said


class Dialogue(Task):
    """Sums, calendar, spelling, who is who: each answer follows from the chat."""

    name = "dialogue"
    about = "a small assistant: sums, calendar, spelling, who is who"
    settings = {
        "tokenizer": "bpe", "pattern": "single", "vocab_size": 567, "block_size": 224,
        "n_layer": 3, "n_head": 4, "n_embd": 96, "init_std": 0.1, "position": "alibi",
        "batch_size": 32, "max_steps": 4000, "learning_rate": 1.5e-3, "eval_steps": 500,
    }  # fmt: skip

    def examples(self) -> Parts:
        rng = np.random.default_rng(0)
        return Parts(
            self._chats(rng, N_TRAIN, 3, held_out=False),
            self._chats(rng, N_TEST // 3, 1, held_out=True),
            self._chats(rng, N_TEST, 1, held_out=True),
        )

    def _chats(self, rng: Rng, n: int, most: int, *, held_out: bool) -> list[Example]:
        """n chats with up to `most` other subjects: long ones teach more for the same work."""
        skills = [list(SKILLS)[i % len(SKILLS)] for i in range(n)]
        chats = [chat(rng, s, int(rng.integers(most + 1)), held_out=held_out) for s in skills]
        return [Example(tuple(turn for pair in said for turn in pair), self.name) for said in chats]
