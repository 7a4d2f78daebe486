"""Pictures of what a model does, by matplotlib alone.

Colours are of one hue from light to dark, so they are read without colour vision and in print.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.files import replacing

CJK = ("Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Zen Hei", "Source Han Sans SC",
       "Microsoft YaHei", "PingFang SC", "SimHei", "Arial Unicode MS")  # fmt: skip


def new_figure(width: float, height: float) -> Any:
    """A figure that belongs to no window, with a font for Chinese where one is installed."""
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    installed = {font.name for font in font_manager.fontManager.ttflist}
    matplotlib.rcParams["font.family"] = ["DejaVu Sans", *(n for n in CJK if n in installed)]
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path) -> None:
    """The figure as a PNG, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        figure.canvas.print_png(file)


def visible(text: str) -> str:
    """A token as it can be read: a blank is a low line, a line end its sign."""
    return text.replace("\n", "\u21b5").replace("\t", "\u21e5").replace(" ", "_") or "?"


def attention_map(axes: Any, weights: np.ndarray, tokens: list[str], title: str) -> None:
    """Who looks at whom: a row a query, a column a key, dark for a weight of 1.   weights (T, T)"""
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(title, fontsize=7)
    ticks = range(len(tokens)) if len(tokens) <= 32 else ()
    axes.set_xticks(ticks, tokens if ticks else (), fontsize=5, rotation=90)
    axes.set_yticks(ticks, tokens if ticks else (), fontsize=5)
    axes.tick_params(length=0, pad=1)


def logit_lens(axes: Any, layers: dict[str, np.ndarray], tokens: list[str], words: Any) -> None:
    """What the model would say if it ended after each layer: the likeliest next token, on its
    probability as colour.   layers: name -> probabilities (T, V); words(id) -> text"""
    best = np.stack([p.argmax(-1) for p in layers.values()])
    chance = np.stack([p.max(-1) for p in layers.values()])
    axes.imshow(chance, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    longest = max(len(visible(words(int(id)))[:8]) for id in best.flat)
    inches = axes.figure.bbox.width / axes.figure.figure.dpi / len(tokens)
    size = max(3, min(8, inches * 72 / longest))
    for (row, column), id in np.ndenumerate(best):
        color = "white" if chance[row, column] > 0.6 else "black"
        text = visible(words(int(id)))[:8]
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=color)
    axes.set_xticks(range(len(tokens)), tokens, fontsize=6, rotation=90 if len(tokens) > 24 else 0)
    axes.set_yticks(range(len(layers)), list(layers), fontsize=6)
    axes.set_title("the likeliest next token after each layer (logit lens)", fontsize=8)
    axes.tick_params(length=0)


def looks_back(weights: np.ndarray, by: int = 1) -> np.ndarray:
    """How much of its weight each head puts on the token `by` positions back, on average.
    weights (..., T, T) -> (...)"""
    T = weights.shape[-1]
    return weights[..., np.arange(by, T), np.arange(T - by)].mean(-1)
