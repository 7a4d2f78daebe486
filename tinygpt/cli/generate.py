"""tinygpt generate: write text with a trained model."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction

from tinygpt.backend import keep_freed_memory
from tinygpt.cli.answering import labels_of, task_to_answer
from tinygpt.cli.settings import given_names, parse, shown, words_last
from tinygpt.generation.sampler import check_settings
from tinygpt.generation.writing import generate_texts, stream_text
from tinygpt.models.gpt import GPT
from tinygpt.tasks.answering import label_chances, written_answers
from tinygpt.text.chat import Example, cut_history, tasks_of
from tinygpt.text.load import load_tokenizer
from tinygpt.training.run_folder import find_model, known_model, looks_like_a_path, near_run


@dataclass
class GenerateCommand:
    """Write text with a trained model, as it comes.

    tinygpt generate "Python is": with the newest run in runs/

    tinygpt generate RUN "Python is": with the run in that folder, or of that name

    tinygpt generate storyteller "One day": with the small model that is shipped

    tinygpt generate RUN "3005": a run of a task answers (tinygpt train --task translation)

    tinygpt generate --interactive: a prompt a line, until an empty one
    """

    run_and_prompt: Positional[
        Annotated[
            tuple[str, ...],
            shown("[RUN] [PROMPT]", "a run (default: the newest), and how the text begins"),
        ]
    ] = ()
    max_new_tokens: int = 200  # how many tokens to write
    temperature: float = 0.8  # below 1 safer, above 1 wilder; 0 as --greedy
    top_k: int = 40  # choose among the k likeliest tokens; 0: among all
    top_p: float = 1.0  # choose among the likeliest that together reach p; 1: among all
    min_p: float = 0.0  # leave out what is less likely than p times the likeliest; 0: nothing
    repetition_penalty: float = 1.0  # above 1: what is there already gets less likely
    greedy: bool = False  # always the likeliest token
    num_beams: int = 1  # above 1: the likeliest text that a beam search finds, nothing is drawn
    num_samples: int = 1  # how many texts
    stop: UseAppendAction[tuple[str, ...]] = ()  # end before this text; may be given several times
    seed: Annotated[int | None, shown("INT")] = None  # the same seed writes the same text
    use_cache: bool = True  # keep keys and values of what was read; off: read all anew each token
    interactive: bool = False  # ask for one prompt after the other
    # of a model that has learned several tasks: which one
    task: Annotated[str | None, shown("NAME")] = None
    allow_special: bool = False  # <|endoftext|> in the prompt is the special token, not its letters


def generate(argv: list[str]) -> None:
    command = parse(GenerateCommand, words_last(argv, GenerateCommand), "generate")
    filters = {"temperature", "top_k", "top_p", "min_p", "repetition_penalty", "greedy"}
    unused = given_names(argv) & filters
    if command.num_beams != 1 and unused:
        raise ValueError(f"a beam search draws nothing: leave {', '.join(sorted(unused))} out")
    drawing = unused - {"greedy", "repetition_penalty"}
    if command.greedy and drawing:
        raise ValueError(
            f"--greedy takes the likeliest token: leave {', '.join(sorted(drawing))} out"
        )
    check_settings(
        temperature=command.temperature,
        top_k=command.top_k,
        top_p=command.top_p,
        min_p=command.min_p,
        repetition_penalty=command.repetition_penalty,
    )
    run, words = run_and_rest(list(command.run_and_prompt))
    if len(words) > 1:
        raise ValueError(f"expected a run and a prompt at most, got {words}: quote the prompt")
    folder = find_model(run)
    if command.interactive and words:
        raise ValueError(f"--interactive asks for its prompts: leave out {words[0]!r}")
    keep_freed_memory()
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    if tasks_of(tokenizer) or command.task:
        names = {f.name for f in fields(GenerateCommand)} - {"max_new_tokens", "task"}
        task = task_to_answer(folder, tokenizer, command.task)
        for name in sorted(names & given_names(argv)):
            option = name.replace("_", "-")
            raise ValueError(
                f"{folder} has learned to answer and gives the likeliest answer: leave --{option} "
                f"out, or talk with it: tinygpt chat {folder}"
            )
        return _answer_one(command, folder, model, tokenizer, task, "".join(words))
    if command.interactive:
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="surrogateescape")  # a byte that is no text is said
        print(f"{folder} writes on from each line; an empty line ends.")
        while prompt := asked():
            try:
                _write(command, model, tokenizer, prompt)
            except ValueError as error:  # a character that the model does not know: ask again
                print(f"tinygpt: {error}", file=sys.stderr)
    else:
        _write(command, model, tokenizer, "".join(words) or tokenizer.opening())


def _answer_one(
    command: GenerateCommand, folder: Path, model: Any, tokenizer: Any, task: str, prompt: str
) -> None:
    """The likeliest answer of a model that has learned a task, or how likely each label is."""
    if not prompt:
        raise ValueError(f'{folder} answers: give it something: tinygpt generate {folder} "..."')
    check_prompt(prompt)
    if model.config.n_classes:
        for label, p in label_chances(model, tokenizer, prompt, task, labels_of(folder)):
            print(f"{100 * p:6.2f} %  {label}")
        return
    room = min(command.max_new_tokens, max(model.config.block_size // 2, 1))
    cut_history(tokenizer, task, [prompt], model.config.block_size, room=1)  # is it too long?
    example = Example((prompt, ""), task)
    print(written_answers(model, tokenizer, [example], max_new_tokens=room, quiet=True)[0])


def run_and_rest(words: list[str]) -> tuple[str | None, list[str]]:
    """The run that was named, None for the newest, and the words that are none. A first word is a
    run where it is one on this machine, or where a second one follows it."""
    if not words:
        return None, []
    first, rest = words[0], words[1:]
    if len(words) > 1 or (first and known_model(first) is not None):
        return first, rest
    near = near_run(first)
    if looks_like_a_path(first) or near is not None:
        meant = f" Did you mean {near}?" if near else ""
        raise ValueError(
            f"there is no model {first!r}.{meant} To write on from it as a text, name the run too: "
            f"tinygpt generate RUN {first!r}"
        )
    return None, words


def asked() -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise ValueError("--interactive reads from standard input, which is closed")
    print("> ", end="", flush=True)
    return sys.stdin.readline().rstrip("\r\n")


def check_prompt(prompt: str) -> None:
    """ValueError for bytes that are no text in the terminal's encoding."""
    odd = [c for c in prompt if "\ud800" <= c <= "\udfff"]
    if odd:
        at = prompt.index(odd[0])
        raise ValueError(
            f"the prompt has a byte that is no UTF-8 text at position {at} "
            f"(0x{ord(odd[0]) & 0xFF:02x}): is the terminal in another encoding?"
        )


def _write(command: GenerateCommand, model: Any, tokenizer: Any, prompt: str) -> None:
    check_prompt(prompt)
    settings: dict[str, Any] = {
        "allow_special": command.allow_special,
        "stop": [s.replace("\\n", "\n") for s in command.stop],
        "use_cache": command.use_cache,
    }
    drawn = {
        "temperature": 0.0 if command.greedy else command.temperature,
        "top_k": command.top_k,
        "top_p": command.top_p,
        "min_p": command.min_p,
        "repetition_penalty": command.repetition_penalty,
        "seed": command.seed,
    }
    if command.num_beams != 1:
        print(f"a beam search over {command.max_new_tokens} tokens ...", file=sys.stderr)
        settings["num_beams"] = command.num_beams
    else:
        settings |= drawn
    if command.num_beams == command.num_samples == 1:
        pieces = stream_text(model, tokenizer, prompt, command.max_new_tokens, **settings)
        print(prompt, end="", flush=True)  # once it is clear that the model can read it
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
        return
    texts = generate_texts(
        model,
        tokenizer,
        prompt,
        command.max_new_tokens,
        num_samples=command.num_samples,
        progress=sys.stderr.isatty(),
        **settings,
    )
    for i, text in enumerate(texts, 1):
        if len(texts) > 1:
            print(f"--- {i} of {len(texts)}")
        print(text)
