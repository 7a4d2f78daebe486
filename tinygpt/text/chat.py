"""A chat as one row of ids: special tokens say who speaks, and where an answer ends.

    <|sums|> <|user|> 2 + 3? <|assistant|> 5 <|endoftext|> <|user|> and 2 more? <|assistant|> 7 ...
                                           - -----------                                      - ---
    what is underlined is learned: the answers, and to stop after them

A task with one prompt and one answer is a chat of one exchange. The first token, the marker, says
which task it is, so that one model can have learned several. A special token is never made from the
letters in somebody's text, so no user can put words into the assistant's mouth.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.text.reading import read_text
from tinygpt.text.tokenizer import END, Tokenizer

USER, ASSISTANT = "<|user|>", "<|assistant|>"
ROLES = {"user": USER, "assistant": ASSISTANT}


@dataclass(frozen=True)
class Example:
    """One example of a task.   Example(("2 + 3?", "5"), "sums")

    turns: what the user says and what the answer is, in turn; the last one is an answer."""

    turns: tuple[str, ...]
    task: str
    where: str = ""  # file and line, where it has one

    @property
    def answer(self) -> str:
        """What is to be answered at the end."""
        return self.turns[-1]

    def __str__(self) -> str:
        """The whole row as a text."""
        return marker(self.task) + "".join(
            f"{USER}{said}{ASSISTANT}{answer}{END}"
            for said, answer in zip(self.turns[::2], self.turns[1::2], strict=True)
        )


def marker(task: str) -> str:
    """The special token that begins a row of this task."""
    return f"<|{task}|>"


def special_tokens(tasks: Sequence[str]) -> tuple[str, ...]:
    """The special tokens of a model that has learned these tasks."""
    return (*map(marker, tasks), USER, ASSISTANT, END)


def chat_template(tasks: Sequence[str]) -> str:
    """The same rows as Hugging Face's transformers makes them, for its apply_chat_template; where a
    model has learned several tasks, it is told which one: task="sums"."""
    which = f"'{marker(tasks[0])}'" if len(tasks) == 1 else "'<|' + task + '|>'"
    return (
        f"{{{{ {which} }}}}"
        "{% for message in messages %}"
        f"{{% if message['role'] == 'user' %}}{{{{ '{USER}' + message['content'] }}}}"
        f"{{% else %}}{{{{ '{ASSISTANT}' + message['content'] + '{END}' }}}}{{% endif %}}"
        "{% endfor %}"
        f"{{% if add_generation_prompt %}}{{{{ '{ASSISTANT}' }}}}{{% endif %}}"
    )


def tasks_of(tokenizer: Tokenizer) -> list[str]:
    """The tasks that a model with this tokenizer has learned; none where it is no chat's."""
    special = list(tokenizer.special_tokens)
    if USER not in special or ASSISTANT not in special or END not in special:
        return []
    return [t[2:-2] for t in special if t not in (USER, ASSISTANT, END) and t[:2] == "<|"]


def row_ids(tokenizer: Tokenizer, example: Example) -> tuple[np.ndarray, np.ndarray]:
    """The ids of a row, and which of them are to be learned.   (n,) integers, (n,) booleans

    ValueError, with its place in the file, for a character that has no token."""
    ids, learned = [tokenizer.special_tokens[marker(example.task)]], [False]
    for i, text in enumerate(example.turns):
        role = ASSISTANT if i % 2 else USER
        try:
            said = tokenizer.encode(text)
        except ValueError as error:
            raise ValueError(f"{example.where}: {error}".removeprefix(": ")) from error
        if i % 2:
            said = [*said, tokenizer.special_tokens[END]]
        ids += [tokenizer.special_tokens[role], *said]
        learned += [False, *[bool(i % 2)] * len(said)]
    return np.array(ids, np.int64), np.array(learned)


def prompt_ids(tokenizer: Tokenizer, task: str, turns: Sequence[str]) -> np.ndarray:
    """The ids up to where the answer begins. turns: those before it; the last one is the user's."""
    ids, _ = row_ids(tokenizer, Example((*turns, ""), task))
    return ids[:-1]  # without the end of the answer, which is still to come


def cut_history(
    tokenizer: Tokenizer, task: str, turns: Sequence[str], block_size: int, room: int = 0
) -> tuple[str, ...]:
    """The newest turns that fit into the block with `room` tokens for an answer: whole exchanges
    are left out, the oldest first. ValueError where the last one alone is too long."""
    turns = tuple(turns)
    while True:
        n = len(prompt_ids(tokenizer, task, turns)) + room
        if n <= block_size:
            return turns
        if len(turns) < 3:
            raise ValueError(
                f"{n} tokens with the answer, and the model sees {block_size} at once: a shorter "
                f"text, or a larger --block-size"
            )
        turns = turns[2:]


def read_chats(path: Path, encoding: str = "utf-8") -> list[tuple[str, tuple[str, ...]]]:
    """(place, turns) of each chat in a file of JSON lines, in Hugging Face's form:

        {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", ...}]}

    ValueError with the line for what is no such chat."""
    chats = []
    for n, line in enumerate(read_text(path, encoding).splitlines(), 1):
        if line.strip():
            where = f"{path}, line {n}"
            chats.append((where, _turns(line, where)))
    if not chats:
        raise ValueError(f"{path} has no chats: one a line is expected")
    return chats


def _turns(line: str, where: str) -> tuple[str, ...]:
    try:
        content: Any = json.loads(line)
        messages = content["messages"] if isinstance(content, dict) else content
        said = [(m["role"], m["content"]) for m in messages]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'{where}: expected {{"messages": [{{"role": "user", "content": "..."}}, ...]}}, got '
            f"{line[:60]!r}"
        ) from error
    for i, (role, text) in enumerate(said):
        wanted = "assistant" if i % 2 else "user"
        if role != wanted:
            again = "two turns of one speaker in a row" if i and said[i - 1][0] == role else "that"
            raise ValueError(
                f"{where}: message {i + 1} should be the {wanted}'s and is the {role}'s: user and "
                f"assistant speak in turn, and {again} cannot be learned from. Join them, or leave "
                f"one out"
            )
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{where}: message {i + 1} is empty: an answer has to say something")
    if not said or len(said) % 2:
        raise ValueError(f"{where}: the last message should be an answer of the assistant")
    return tuple(text for _, text in said)
