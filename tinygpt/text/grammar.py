"""A grammar that writes texts by chance, and knows how hard they are to predict.

    "story":  [(3, "{hero=girl} has {thing}. {hero:1} is glad."), (1, "Nothing happens.")]
    "girl":   [(1, "Mia|She"), (1, "Ada|She")]

A rule is a list of alternatives, each with a weight. In an alternative {thing} is a choice from the
rule "thing"; {hero=girl} also remembers it by the name hero; {hero} then repeats it, and {hero:1}
takes its second form, those after a "|". No rule leads back to itself, so texts are finite.

Because every chance is known, so is the loss of a perfect model: no model can do better than the
entropy of the grammar, and one that has understood everything gets there.
"""

import bisect
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

# what an alternative is made of: bytes as they are, (rule, name to remember it by or None),
# or [name that is remembered, number of the form]
Symbol = bytes | tuple[str, str | None] | tuple[str, int]
Stack = tuple  # (symbol, rest of the stack), or ()


class Grammar:
    """rules: name -> [(weight, alternative), ...]; texts begin from the rule "story".

    ValueError for a rule or a name that is used and not there.
    """

    def __init__(self, rules: dict[str, Sequence[tuple[float, str]]]):
        self.chances = {  # of each rule's alternatives, added up
            rule: list(itertools.accumulate(weight for weight, _ in alternatives))
            for rule, alternatives in rules.items()
        }
        names = {name for r in rules.values() for _, a in r for name in re.findall(r"{(\w+)=", a)}
        self.rules: dict[str, list[tuple[float, list[Symbol], list[bytes]]]] = {}
        for rule, alternatives in rules.items():
            total = sum(weight for weight, _ in alternatives)
            self.rules[rule] = [
                (weight / total, self._symbols(text, rules, names), text.encode().split(b"|"))
                for weight, text in alternatives
            ]

    @staticmethod
    def _symbols(text: str, rules: dict, names: set[str]) -> list[Symbol]:
        symbols: list[Symbol] = []
        for i, part in enumerate(re.split(r"{(.*?)}", text.split("|")[0])):
            if i % 2 == 0:
                symbols += [part.encode()] if part else []
                continue
            name, _, rule = part.partition("=")
            known, _, form = name.partition(":")
            if rule or known not in names:
                symbols.append((rule or known, known if rule else None))
                if symbols[-1][0] not in rules:
                    raise ValueError(f"{{{part}}} in {text!r}: there is no rule {symbols[-1][0]!r}")
            else:
                symbols.append((known, int(form or 0)))
        return symbols

    # ----------------------------------------------------------------------------- writing

    def write(self, rng: np.random.Generator) -> tuple[str, float]:
        """One text drawn by chance, and its information in nats: -log of all the chances in it."""
        return self.tell(rng)[:2]

    def tell(self, rng: np.random.Generator) -> tuple[str, float, dict[str, str]]:
        """The same, and what the text is about: each name that is remembered -> what was chosen
        for it, in its first form. {"hero": "Mia", "place": "park", "friend": "a grey cat"}"""
        out: list[bytes] = []
        stack: list[Symbol] = [("story", None)]
        memory: dict[str, list[bytes]] = {}
        nats = 0.0
        while stack:
            symbol = stack.pop()
            if isinstance(symbol, bytes):
                out.append(symbol)
            elif isinstance(symbol[1], int):
                out.append(memory[symbol[0]][symbol[1]])
            else:
                alternatives = self.rules[symbol[0]]
                chances = self.chances[symbol[0]]
                at = bisect.bisect_right(chances, rng.random() * chances[-1])
                p, symbols, forms = alternatives[at]
                nats -= math.log(p)
                stack += reversed(symbols)
                if symbol[1] is not None:
                    memory[symbol[1]] = forms
        about = {name: forms[0].decode() for name, forms in memory.items()}
        return b"".join(out).decode(), nats, about

    # ---------------------------------------------------------------------------- measuring

    def entropy(self) -> tuple[float, float]:
        """(nats, bytes) of a text on average, computed exactly from the weights.

            H(rule) = sum over its alternatives of p (-log p + H of the rules in it)

        What is remembered is no new choice, so it has length but no entropy. It is the entropy of
        the texts where no text can be written in two ways.
        """
        return self._entropy("story", {})

    def _entropy(self, rule: str, memory: dict[str, str]) -> tuple[float, float]:
        nats = length = 0.0
        for p, symbols, _ in self.rules[rule]:
            nats -= p * math.log(p)
            known = dict(memory)
            for symbol in symbols:
                if isinstance(symbol, bytes):
                    length += p * len(symbol)
                elif isinstance(symbol[1], int):
                    forms = self.rules[known[symbol[0]]]
                    length += p * sum(q * len(form[symbol[1]]) for q, _, form in forms)
                else:
                    inner = self._entropy(symbol[0], known)
                    nats, length = nats + p * inner[0], length + p * inner[1]
                    if symbol[1] is not None:
                        known[symbol[1]] = symbol[0]
        return nats, length

    def nats_of_bytes(self, text: bytes) -> np.ndarray:
        """-log p of each byte given all before it, where the text begins with a story.

        All ways in which the grammar can have written what stands there so far are kept side by
        side with their chances; a byte's chance is the share of them that goes on with it. One
        story follows the other. ValueError where the grammar cannot have written the text.
        """
        ways: dict[Stack, float] = {((), ()): 1.0}
        nats = np.empty(len(text))
        for i, byte in enumerate(text):
            after: defaultdict[Stack, float] = defaultdict(float)
            for way, p in self._choose(ways).items():
                (first, rest), memory = way
                if first[0] == byte:
                    after[((first[1:], rest) if len(first) > 1 else rest, memory)] += p
            share = sum(after.values())
            if share == 0:
                raise ValueError(f"the grammar cannot have written {text[: i + 1][-60:]!r}")
            nats[i] = -math.log(share)
            ways = {way: p / share for way, p in after.items()}
        return nats

    def _choose(self, ways: dict[Stack, float]) -> dict[Stack, float]:
        """Make choices until every way begins with bytes."""
        ready: defaultdict[Stack, float] = defaultdict(float)
        open_ways = list(ways.items())
        while open_ways:
            (stack, memory), p = open_ways.pop()
            if not stack:  # the end of a story is the beginning of the next
                stack, memory = (("story", None), ()), ()
            symbol, rest = stack
            if isinstance(symbol, bytes):
                ready[(stack, memory)] += p
            elif isinstance(symbol[1], int):
                open_ways.append((((dict(memory)[symbol[0]][symbol[1]], rest), memory), p))
            else:
                for q, symbols, forms in self.rules[symbol[0]]:
                    new = rest
                    for s in reversed(symbols):
                        new = (s, new)
                    known = memory
                    if symbol[1] is not None:
                        known = tuple(sorted({**dict(memory), symbol[1]: tuple(forms)}.items()))
                    open_ways.append(((new, known), p * q))
        return ready
