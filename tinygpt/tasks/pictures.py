"""Pictures of what was learned; the first: which label is taken for which."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.files import replacing
from tinygpt.tasks.metrics import confusion


def draw_confusion(
    given: Sequence[str], right: Sequence[str], labels: Sequence[str], path: Path
) -> str:
    """The confusion matrix as a picture: a row for each label, a column for what it was taken for,
    as shares of the row. What to see in it, in a sentence."""
    counts = confusion(given, right, labels)
    columns = [*labels, "(none)"] if counts[:, -1].any() else list(labels)
    counts = counts[:, : len(columns)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.45 * len(labels)
    figure, axes = small_figure("taken for", "is", (size + 1, size))
    axes.imshow(share, cmap="cividis", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for (i, j), n in np.ndenumerate(counts):
        if n:
            colour = "black" if share[i, j] > 0.6 else "white"
            axes.text(j, i, str(n), ha="center", va="center", color=colour, fontsize=8)
    save_figure(figure, path)
    off = np.where(np.eye(*counts.shape, dtype=bool), 0, counts)
    i, j = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
    if not off.any():
        return "What to see: every example is on the diagonal, where it belongs."
    return (
        f"What to see: the diagonal is right, everything beside it is wrong. Most often "
        f"{labels[i]} is taken for {columns[j]}: {off[i, j]} of {counts[i].sum()}."
    )


def small_figure(x: str, y: str, size: tuple[float, float] = (7, 4)) -> tuple[Any, Any]:
    """An empty figure with names on its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: Any, path: Path) -> None:
    """The figure as a PNG, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        figure.canvas.print_png(file)
