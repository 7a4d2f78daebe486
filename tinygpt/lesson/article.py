"""Lesson 20: a row of the article, what is wrong in it by measurement, and what holds instead.

`mistake` and `mended` print a line each, and a third one where what is stated does not hold on this
machine: the tests read the lines of the executed notebook and refuse that.
"""

from typing import Any

NOT_HERE = "not so on this machine"


def mistake(row: int, phrase: str, damage: str, holds: Any) -> None:
    """The article's words, and the damage that was measured. holds: is it there?"""
    _say(row, "✗", f"“{phrase}”", damage, bool(holds))


def mended(row: int, check: str, holds: Any) -> None:
    """What is right, and the check that shows it. holds: does it pass?"""
    _say(row, "✓", "instead", check, bool(holds))


def _say(row: int, sign: str, what: str, measured: str, holds: bool) -> None:
    print(f"row {row} {sign} {what}\n    {measured}" + ("" if holds else f"\n    {NOT_HERE}"))
