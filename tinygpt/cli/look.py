"""tinygpt look: who looks at whom in a trained model, and what it would say after each layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional

from tinygpt.cli.generate import check_prompt
from tinygpt.cli.settings import parse, shown, words_last
from tinygpt.lesson import pictures
from tinygpt.models.gpt import GPT
from tinygpt.models.pretrained import SHIPPED
from tinygpt.nn.softmax import softmax
from tinygpt.text.load import load_tokenizer
from tinygpt.training.run_folder import find_model, known_model

LONGEST = 64  # tokens that a picture has room for


@dataclass
class LookCommand:
    """A picture of a trained model reading a text: the attention maps of every head, and what it
    would say if it ended after each layer; and its layers as a table.

    tinygpt look RUN "The cat sat on the mat"
    """

    run_and_text: Positional[
        Annotated[
            tuple[str, ...],
            shown("[RUN] TEXT", "a run (default: the newest), at most 64 tokens"),
        ]
    ] = ()
    # the picture; default: look.png in the folder of the run
    output: Annotated[Path | None, shown("FILE.png")] = None


def look(argv: list[str]) -> None:
    command = parse(LookCommand, words_last(argv, LookCommand), "look")
    words = list(command.run_and_text)
    if not 1 <= len(words) <= 2:
        raise ValueError('expected a text in quotes: tinygpt look [RUN] "The cat sat on the mat"')
    if len(words) == 1 and known_model(words[0]) is not None:
        raise ValueError(f'expected a text too: tinygpt look {words[0]} "Once there was a cat"')
    text = words.pop()
    folder = find_model(words[0] if words else None)
    model, tokenizer = GPT.from_pretrained(folder), load_tokenizer(folder)
    check_prompt(text)
    ids = tokenizer.encode(text)
    longest = min(LONGEST, model.config.block_size)
    if not 2 <= len(ids) <= longest:
        raise ValueError(f"expected a text of 2 to {longest} tokens, got {len(ids)}")
    path = command.output or _where(folder)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder: the picture cannot be put there")
    print(model.describe())
    print("wte, wpe: tables of tokens and of positions; ln: norms; c_attn, c_proj of attn: into "
          "and out of it; c_fc, c_proj of mlp: the two layers of the MLP")  # fmt: skip
    seen, fresh = model.trace(ids), GPT(model.config).trace(ids)
    figure, what_to_see = _draw(seen, fresh, model.config, ids, tokenizer)
    pictures.save(figure, path)
    print(f"\n{path}\nWhat to see: {what_to_see}")


def _where(folder: Path) -> Path:
    """Beside the model, or here where it is none of one's own."""
    return Path("look.png") if folder in SHIPPED.values() else folder / "look.png"


def _draw(
    seen: dict[str, np.ndarray], fresh: dict[str, np.ndarray], config: Any, ids: Any, tokenizer: Any
) -> tuple[Any, str]:
    N, H = config.n_layer, config.n_head

    def word(id: int) -> str:
        return tokenizer.token_bytes(id).decode("utf-8", errors="replace")

    tokens = [pictures.visible(word(id)) for id in ids]
    # (N, H, T, T): of the trained model, and of one with random weights
    maps, before = (
        np.stack([trace[f"h.{i}.attn.weights"][0] for i in range(N)]) for trace in (seen, fresh)
    )
    back = pictures.looks_back(maps)
    if not np.isfinite(back).all():
        raise ValueError("the attention weights are not numbers: the model is broken")
    layer, head = (int(i) for i in np.unravel_index(back.argmax(), back.shape))
    share, at_first = back[layer, head], pictures.looks_back(before)[layer, head]

    tall = max(2.2, 0.32 * (N + 2))
    figure = pictures.new_figure(max(1.6 * H + 3.2, 0.28 * len(ids) + 2), 1.6 * N + tall)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.6 * N, tall])
    left, right = top.subfigures(1, 2, width_ratios=[1.6 * H, 3.0])
    left.suptitle(
        "who looks at whom: rows look at columns (%: weight on the token before)", fontsize=8
    )
    axes = left.subplots(N, H, squeeze=False)
    for i, j in np.ndindex(N, H):
        title = f"layer {i} head {j}: {back[i, j]:.0%}"
        pictures.attention_map(axes[i, j], maps[i, j], tokens if H * N <= 24 else [], title)
    pair = right.subplots(2, 1)
    name = f"layer {layer} head {head}"
    pictures.attention_map(pair[0], maps[layer, head], tokens, f"{name}, trained")
    pictures.attention_map(pair[1], before[layer, head], tokens, f"{name}, random weights")
    lens = {"embedding": seen["embedding.logits"]}
    lens |= {f"layer {i}": seen[f"h.{i}.logits"] for i in range(N)}
    probabilities = {n: softmax(z[0]).numpy() for n, z in lens.items()}
    pictures.logit_lens(bottom.subplots(), probabilities, tokens, word)
    return figure, (
        f"{name} puts {share:.0%} of its weight on the token before, with random weights "
        f"{at_first:.0%}: that is the darkness just below the diagonal. The table shows what the "
        f"model would say next if it ended after that layer; its last row is what it says."
    )
