"""tinygpt chat: talk with a model that has learned to answer."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import Positional

from tinygpt.backend import keep_freed_memory
from tinygpt.cli.answering import remembered, task_to_answer
from tinygpt.cli.generate import asked, check_prompt
from tinygpt.cli.settings import parse, shown, words_last
from tinygpt.generation.writing import TextWriter
from tinygpt.models.gpt import GPT
from tinygpt.text.chat import cut_history, prompt_ids
from tinygpt.text.load import load_tokenizer
from tinygpt.text.tokenizer import END
from tinygpt.training.run_folder import find_model

ROOM = 4  # an answer may fill one part in so many of what the model sees at once


@dataclass
class ChatCommand:
    """Talk with a model that was trained on a task (tinygpt train --task dialogue).

    An empty line ends; /new begins a new chat. What no longer fits into the block is forgotten, the
    oldest exchange first; and so is what is further back than the chats it learned from went.
    """

    run: Positional[Annotated[str | None, shown("[RUN]", "a run (default: the newest)")]] = None
    # which of its tasks, where a model has learned several
    task: Annotated[str | None, shown("NAME")] = None
    temperature: float = 0.0  # 0: the likeliest answer; above: others too
    seed: Annotated[int | None, shown("INT")] = None  # the same seed gives the same answers


def chat(argv: list[str]) -> None:
    command = parse(ChatCommand, words_last(argv, ChatCommand), "chat")
    folder = find_model(command.run)
    tokenizer = load_tokenizer(folder)
    task = task_to_answer(folder, tokenizer, command.task)
    model = GPT.from_pretrained(folder)
    if model.config.n_classes:
        raise ValueError(
            f'{folder} chooses a label, it does not talk: tinygpt generate {folder} "a text"'
        )
    keep_freed_memory()
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # a byte that is no text is said
    before = remembered(folder, task)
    print(f"{folder} answers ({task}){_how(before)}. An empty line ends, /new begins a new chat.")
    turns: tuple[str, ...] = ()
    while said := asked():
        if said == "/new":
            turns = ()
            continue
        try:
            check_prompt(said)
            if before is not None:
                turns = turns[max(len(turns) - 2 * before, 0) :]
            turns = cut_history(
                tokenizer, task, (*turns, said), model.config.block_size, room=_room(model)
            )
            turns = (*turns, _answer(model, tokenizer, task, turns, command))
        except ValueError as error:  # an unknown character, a text that is too long: ask again
            print(f"tinygpt: {error}", file=sys.stderr)
            turns = turns[: len(turns) // 2 * 2]  # what was said is not kept


def _how(before: int | None) -> str:
    """What it knows of what was said."""
    if before is None:
        return ""
    if before == 0:
        return ", each question by itself"
    return f"; it remembers {before} exchange{'s' * (before > 1)} before the question"


def _room(model: Any) -> int:
    return max(model.config.block_size // ROOM, 1)


def _answer(
    model: Any, tokenizer: Any, task: str, turns: tuple[str, ...], command: ChatCommand
) -> str:
    """The answer, printed as it comes."""
    ids, end = prompt_ids(tokenizer, task, turns), tokenizer.special_tokens[END]
    writer, text = TextWriter(tokenizer), ""
    room = model.config.block_size - len(ids)
    stream = model.stream(
        ids, room, temperature=command.temperature, seed=command.seed, stop_ids=[end],
        banned_ids=tokenizer.missing_ids(model.config.vocab_size),
    )  # fmt: skip
    for row in stream:
        piece = writer.close() if row[0] == end else writer.write(int(row[0]))
        print(piece, end="", flush=True)
        text += piece
    rest = writer.close()
    print(rest)
    return text + rest
