"""tinygpt generate: write text with a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from tinygpt.cli.settings import parse
from tinygpt.generation.writing import stream_text
from tinygpt.models.gpt import GPT
from tinygpt.text.load import load_tokenizer
from tinygpt.training.run_folder import newest_run


@dataclass
class GenerateCommand:
    """Write text with a trained model, as it comes.

    tinygpt generate "Python is"                the newest run in runs/
    tinygpt generate RUN "Python is"            the run in that folder
    """

    run_and_prompt: Positional[
        Annotated[tuple[str, ...], arg(metavar="[RUN] [PROMPT]")]
    ] = ()  # the folder of a run (default: the newest in runs/), and how the text begins
    max_new_tokens: int = 200  # how many tokens to write
    temperature: float = 0.8  # below 1 safer, above 1 wilder; 0 as --greedy
    top_k: int = 40  # choose among the k likeliest tokens; 0: among all
    greedy: bool = False  # always the likeliest token
    seed: int | None = None  # the same seed writes the same text


def generate(argv: list[str]) -> None:
    command = parse(GenerateCommand, argv, "generate")
    words = list(command.run_and_prompt)
    if len(words) > 2:
        raise ValueError(f"expected a run and a prompt at most, got {words}: quote the prompt")
    names_run = len(words) == 2 or (len(words) == 1 and Path(words[0]).is_dir())
    folder = Path(words.pop(0)) if names_run else newest_run()
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    prompt = words[0] if words else tokenizer.opening()
    pieces = stream_text(
        model,
        tokenizer,
        prompt,
        command.max_new_tokens,
        temperature=0.0 if command.greedy else command.temperature,
        top_k=command.top_k,
        seed=command.seed,
    )
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()
