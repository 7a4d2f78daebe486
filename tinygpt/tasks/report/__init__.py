"""The report of `tinygpt tasks --report`: what the tasks, BERT and attacks come to, by seed."""

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinygpt import __version__
from tinygpt.files import write_text
from tinygpt.tasks.report.each import each, together
from tinygpt.tasks.report.encoder import fair_fight
from tinygpt.tasks.report.pretraining import pretraining
from tinygpt.tasks.report.robustness import robustness

PARTS: dict[str, tuple[str, Callable[..., str], str]] = {  # heading, function, picture
    "each": ("Each task by itself", each, ""),
    "together": ("One model for all, and one for each", together, ""),
    "pretraining": ("What pretraining buys", pretraining, "pretraining.png"),
    "bert": ("BERT beside GPT", fair_fight, ""),
    "robustness": ("Under attack", robustness, "robustness.png"),
}


def make_report(path: Path, parts: Sequence[str], seeds: Sequence[int], share: float = 1.0) -> None:
    """Write the Markdown file anew after each part, so that a part that is done is not lost."""
    text = (
        "# What the tasks come to\n\n"
        f"`tinygpt tasks --report {path.name}`, seeds {', '.join(map(str, seeds))}"
        f"{f', {share:g} of the steps' if share != 1 else ''}; mean and 95 % interval of the mean. "
        f"tinygpt {__version__}, Python {platform.python_version()}, NumPy {np.__version__}.\n"
    )
    for name in parts:
        heading, function, picture = PARTS[name]
        print(f"--- {heading}", flush=True)
        more = {"picture": path.with_name(picture)} if picture else {}
        body = function(seeds, share, **more)
        print(body, flush=True)
        text += f"\n## {heading}\n\n{body}\n"
        write_text(path, text)
