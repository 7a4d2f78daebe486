"""The picture of a classifier: which label is taken for which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinygpt.files import replacing
from tinygpt.tasks.metrics import confusion


def draw_confusion(
    given: Sequence[str], right: Sequence[str], labels: Sequence[str], path: Path
) -> str:
    """The confusion matrix as a picture: a row for each label, a column for what it was taken for,
    as shares of the row. What to see in it, in a sentence."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = confusion(given, right, labels)
    columns = [*labels, "(none)"] if counts[:, -1].any() else list(labels)
    counts = counts[:, : len(columns)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.45 * len(labels)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="taken for", ylabel="is")
    axes.imshow(share, cmap="cividis", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for (i, j), n in np.ndenumerate(counts):
        if n:
            colour = "black" if share[i, j] > 0.6 else "white"
            axes.text(j, i, str(n), ha="center", va="center", color=colour, fontsize=8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        canvas.print_png(file)
    off = np.where(np.eye(*counts.shape, dtype=bool), 0, counts)
    i, j = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
    if not off.any():
        return "What to see: every example is on the diagonal, where it belongs."
    return (
        f"What to see: the diagonal is right, everything beside it is wrong. Most often "
        f"{labels[i]} is taken for {columns[j]}: {off[i, j]} of {counts[i].sum()}."
    )
