"""The pictures of the lessons, by matplotlib alone: shown below the cell, with a sentence under
each that says what to see.

Colours are petroff10's (Petroff 2021, "Accessible Color Sequences"), told apart without colour
vision, and every line has a style of its own and its name beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygpt.lesson import pictures
from tinygpt.lesson.output import show_picture

COLORS = ("#3f90da", "#bd1f01", "#832db6", "#e76300", "#717581", "#a96b59")
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))


def curves(
    series: Mapping[str, Any],
    what_to_see: str,
    *,
    x: str = "step",
    y: str = "loss, nats per token",
    limits: Mapping[str, float] | None = None,
    points: Mapping[str, tuple[float, float]] | None = None,
    marks: Mapping[str, float] | None = None,
    log: bool = False,
) -> None:
    """One line for each name -> values, or name -> (x, y). limits: word -> a dashed black line at
    that height; points: word -> a dot at (x, y); marks: word -> an upright line at that x; log:
    both axes in powers of ten."""
    figure = pictures.new_figure(7, 3.6)
    axes = figure.subplots()
    _draw_curves(axes, series, limits or {})
    for i, (word, (px, py)) in enumerate(sorted((points or {}).items(), key=lambda item: item[1])):
        axes.plot([px], [py], "ko", ms=5)
        above = i % 2 == 0  # in turns, so that neighbours' words part
        axes.annotate(word, (px, py), xytext=(7, 4) if above else (-7, -12), fontsize=9,
                      textcoords="offset points", ha="left" if above else "right")  # fmt: skip
    for word, px in (marks or {}).items():
        axes.axvline(px, color="black", lw=0.9, ls=":")
        axes.annotate(word, (px, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    show_picture(figure, what_to_see)


def panels(
    series: Mapping[str, tuple[Any, Any]], what_to_see: str, *, x: str, marks: Any = ()
) -> None:
    """The same x, one panel under the other: name -> (x, y). marks: x where a line stands."""
    figure = pictures.new_figure(7, 4.4)
    all_axes = np.atleast_1d(figure.subplots(len(series), 1, sharex=True))
    for i, (axes, (name, (xs, ys))) in enumerate(zip(all_axes, series.items(), strict=True)):
        axes.plot(xs, ys, color=COLORS[i])
        axes.set_ylabel(name)
        axes.spines[["top", "right"]].set_visible(False)
        for mark in marks:
            axes.axvline(mark, color="black", lw=0.8, ls=":")
    all_axes[-1].set_xlabel(x)
    show_picture(figure, what_to_see)


def with_and_without(
    panels: Mapping[str, tuple[str, Mapping[str, Any]]],
    what_to_see: str,
    *,
    x: str = "step",
    floor: float | None = None,
    log: Sequence[str] = (),
) -> None:
    """Panels side by side, some curves each: title -> (what y is, label -> values). floor: a
    dashed line across all, which then have the same axes. log: the titles of those whose y is
    drawn in powers of ten."""
    figure = pictures.new_figure(3.3 * len(panels), 2.9)
    alike = floor is not None
    all_axes = np.atleast_1d(figure.subplots(1, len(panels), sharex=alike, sharey=alike))
    for axes, (title, (y, series)) in zip(all_axes, panels.items(), strict=True):
        _draw_curves(axes, series, {})
        if floor is not None:
            axes.axhline(floor, color="black", lw=0.9, ls="--")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if title in log:
            axes.set_yscale("log")
    show_picture(figure, what_to_see)


def _draw_curves(axes: Any, series: Mapping[str, Any], limits: Mapping[str, float]) -> None:
    ends = []
    for i, (name, values) in enumerate(series.items()):
        xs, ys = values if isinstance(values, tuple) else (range(1, len(values) + 1), values)
        k = i % len(COLORS)
        axes.plot(xs, ys, color=COLORS[k], linestyle=STYLES[k], label=name)
        ends.append((float(ys[-1]), float(xs[-1]), name, COLORS[k]))
    for word, height in limits.items():
        axes.axhline(height, color="black", lw=0.9, ls="--")
        beside = (1.01, height)  # on the right, where no curve runs under it
        axes.annotate(word.replace(": ", ":\n"), beside, xycoords=("axes fraction", "data"),
                      fontsize=8, va="center", annotation_clip=False)  # fmt: skip
    if len(ends) > 1:
        axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def attention(maps: Mapping[str, np.ndarray], tokens: Sequence[str], what_to_see: str) -> None:
    """Who looks at whom, side by side: title -> weights (T, T), a row a query, a column a key."""
    side = max(3.6, 0.17 * len(tokens))  # inches, so that the letters do not touch
    figure = pictures.new_figure(side * len(maps), side + 0.2)
    for axes, (title, weights) in zip(
        np.atleast_1d(figure.subplots(1, len(maps))), maps.items(), strict=True
    ):
        axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        labels = [pictures.visible(token) for token in tokens]
        axes.set_xticks(range(len(labels)), labels, fontsize=8)
        axes.set_yticks(range(len(labels)), labels, fontsize=8)
        axes.set_xlabel("is looked at (key)")
        axes.set_ylabel("looks (query)")
        axes.set_title(title, fontsize=10)
    show_picture(figure, what_to_see)


def maps_over_curves(
    columns: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]],
    what_to_see: str,
    *,
    row: str,
    x: str,
    y: str,
) -> None:
    """Heat maps side by side, and curves under each: title -> (map, {label: values}). row: what a
    row of a map is; x, y: the curves' axes. Each map has its own range of colours."""
    figure = pictures.new_figure(2.3 * len(columns), 4.4)
    both = figure.subplots(2, len(columns), squeeze=False)
    for k, (title, (table, series)) in enumerate(columns.items()):
        axes = both[0, k]
        axes.imshow(table, cmap="cividis", aspect="auto", interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes = both[1, k]
        for i, (label, values) in enumerate(series.items()):
            axes.plot(values, color=COLORS[i], linestyle=STYLES[i], label=label)
        axes.set_xlabel(x, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    both[0, 0].set_ylabel(row, fontsize=9)
    both[1, 0].set_ylabel(y, fontsize=9)
    both[1, -1].legend(frameon=False, fontsize=8)
    for axes in both.flat:
        axes.tick_params(labelsize=8)
    show_picture(figure, what_to_see)


def tokens(rows: Mapping[str, Sequence[str]], what_to_see: str) -> None:
    """The same text cut in several ways, a row each: name -> its pieces, each in a box."""
    longest = max(len("".join(pieces)) for pieces in rows.values())
    figure = pictures.new_figure(0.24 * longest + 1.2, 0.55 * len(rows) + 0.2)
    axes = figure.subplots()
    for y, (name, pieces) in enumerate(rows.items()):
        left = 0
        for k, piece in enumerate(pieces):
            colour = COLORS[k % 2]
            axes.barh(y, len(piece), 0.7, left, facecolor=colour, alpha=0.18, edgecolor="white")
            middle, text = left + len(piece) / 2, pictures.visible(piece)
            axes.text(middle, y, text, ha="center", va="center", family="monospace", fontsize=10)
            left += len(piece)
        axes.text(-0.5, y, name, ha="right", va="center", fontsize=9)
    axes.set_xlim(-0.16 * max(len(name) for name in rows) * 3, longest)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_axis_off()
    show_picture(figure, what_to_see)


def timeline(
    rows: Mapping[str, Sequence[tuple[float, float]]],
    what_to_see: str,
    *,
    x: str,
    until: float | None = None,
) -> None:
    """Who does what when: name -> (start, length) of each piece of work, numbered. until: the end
    of the axis, so that two can be compared."""
    figure = pictures.new_figure(7, 0.6 * len(rows) + 0.9)
    axes = figure.subplots()
    for y, pieces in enumerate(rows.values()):
        for i, (start, length) in enumerate(pieces):
            style = {"facecolor": COLORS[y], "alpha": 0.5, "edgecolor": "white"}
            axes.barh(y, length, 0.7, start, **style)
            axes.text(start + length / 2, y, str(i + 1), ha="center", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=9)
    axes.set_xlim(0, until)
    axes.invert_yaxis()
    axes.set_xlabel(x)
    axes.spines[["top", "right"]].set_visible(False)
    show_picture(figure, what_to_see)


def bars(
    groups: Mapping[str, Mapping[str, float]],
    what_to_see: str,
    *,
    y: str,
    line: float | None = None,
) -> None:
    """Groups of bars: name -> (label -> height), the same labels in each, the height on top. line:
    a dashed line across all."""
    figure = pictures.new_figure(1.5 * len(groups) + 1, 3.2)
    axes = figure.subplots()
    labels = list(next(iter(groups.values())))
    width = 0.8 / len(labels)
    for k, label in enumerate(labels):
        at = np.arange(len(groups)) + (k - (len(labels) - 1) / 2) * width
        heights = [group[label] for group in groups.values()]
        style = {"color": COLORS[k], "hatch": ("", "//", "..")[k % 3], "edgecolor": "white"}
        axes.bar(at, heights, width, label=label, **style)
        for x, height in zip(at, heights, strict=True):
            text = str(height) if isinstance(height, int) else f"{height:.2f}"
            axes.text(x, height, text, ha="center", va="bottom", fontsize=8)
    if line is not None:
        axes.axhline(line, color="black", lw=0.9, ls="--")
    axes.set_xticks(range(len(groups)), list(groups), fontsize=9)
    axes.set_ylabel(y)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    show_picture(figure, what_to_see)


def tiles(arrays: Mapping[str, np.ndarray], what_to_see: str) -> None:
    """Small matrices side by side, a tile with its number for each element: title -> (rows,
    columns)."""
    highest = max(array.shape[0] for array in arrays.values())
    figure = pictures.new_figure(1, 1)
    axes, left = figure.subplots(), 0.0
    for k, (title, array) in enumerate(arrays.items()):
        columns = array.shape[1]
        width = max(columns, 0.14 * len(title))  # of the title, in tiles
        middle = left + (width - columns) / 2
        for (i, j), value in np.ndenumerate(array):
            tile = {"facecolor": COLORS[k % len(COLORS)], "alpha": 0.18, "edgecolor": "white"}
            axes.bar(middle + j + 0.5, 1, width=1, bottom=i, lw=2, **tile)
            axes.text(middle + j + 0.5, i + 0.5, f"{value:.3g}", ha="center", va="center")
        axes.text(left + width / 2, -0.15, title, ha="center", va="bottom", fontsize=10)
        left += width + 0.8
    figure.set_size_inches(0.6 * left, 0.6 * (highest + 0.7))
    axes.set_xlim(0, left - 0.8)
    axes.set_ylim(highest, -0.7)
    axes.set_axis_off()
    show_picture(figure, what_to_see)


def gradient_by_layer(model: Any, what_to_see: str) -> None:
    """The norm of the gradient of every matrix, from the first layer to the last, after a
    backward()."""
    names, norms = [], []
    for name, p in model.named_parameters():
        if p.grad is not None and p.data.ndim >= 2:
            names.append(name)
            norms.append(float(np.sqrt((p.grad**2).sum())))
    figure = pictures.new_figure(7, 0.24 * len(names) + 1)
    axes = figure.subplots()
    axes.barh(range(len(names)), norms, color=COLORS[0])
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("norm of the gradient")
    axes.spines[["top", "right"]].set_visible(False)
    show_picture(figure, what_to_see)


def texts(
    models: Mapping[str, tuple[float, str]],
    what_to_see: str,
    *,
    limits: Mapping[str, float] | None = None,
) -> None:
    """A bar for the loss of each model, and beside it what it wrote: name -> (loss, text)."""
    figure = pictures.new_figure(9, 0.95 * len(models) + 0.9)
    axes = figure.subplots()
    longest = max(loss for loss, _ in models.values())
    for i, (name, (loss, text)) in enumerate(models.items()):
        axes.barh(i, loss, color=COLORS[i], height=0.35)
        axes.text(0, i - 0.27, f"{name}: loss {loss:.2f}", fontsize=9, weight="bold")
        wrote = pictures.visible(text).replace("_", " ")
        axes.text(0, i + 0.42, wrote, fontsize=8, family="monospace", clip_on=True)
    for word, value in (limits or {}).items():
        axes.axvline(value, color="black", lw=0.9, ls="--")
        axes.text(value, -0.62, word, fontsize=8, ha="center")
    axes.set_xlim(0, 1.15 * longest)
    axes.set_ylim(len(models) - 0.3, -0.55)
    axes.set_yticks([])
    axes.set_xlabel("loss (nats per letter): lower is better")
    axes.spines[["top", "right", "left"]].set_visible(False)
    show_picture(figure, what_to_see)


def valley(
    height: Any,
    paths: Mapping[str, Any],
    what_to_see: str,
    *,
    every: int = 10,
    x: tuple[float, float] = (-11.0, 11.0),
    y: tuple[float, float] = (-5.0, 5.0),
) -> None:
    """Contours of height(x, y), and one path over them for each name -> points (n, 2), all from one
    start, with a mark at each of the first steps and then at every so many."""
    figure = pictures.new_figure(8, 4.4)
    axes = figure.subplots()
    xs, ys = np.meshgrid(np.linspace(*x, 200), np.linspace(*y, 200))
    heights = height(xs, ys)
    levels = np.geomspace(max(heights.min(), heights.max() * 1e-4), heights.max(), 14)
    axes.contour(xs, ys, heights, levels=levels, colors="#bbbbbb", linewidths=0.7)
    for i, (name, points) in enumerate(paths.items()):
        points = np.asarray(points)
        style = {"color": COLORS[i], "linestyle": STYLES[i], "lw": 1.4}
        axes.plot(*points.T, **style, label=name)
        marked = np.r_[: min(6, len(points)), every : len(points) : every]
        axes.plot(*points[marked].T, "os^D"[i % 4], color=COLORS[i], ms=4)
    axes.plot(0, 0, "k*", ms=12)
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_xlabel("one weight")
    axes.set_ylabel("another weight")
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    show_picture(figure, what_to_see)


def graph(root: Any, names: Mapping[str, Any], what_to_see: str) -> None:
    """A computation graph, from the inputs at the left to the result at the right: in each box a
    value and its gradient, on each edge the slope. names: name -> node (lesson 02)."""
    nodes, todo = {root}, [root]
    while todo:
        for parent in todo.pop().parents:
            if parent not in nodes:
                nodes.add(parent)
                todo.append(parent)
    depth: dict[Any, int] = {}
    rows: dict[int, list[Any]] = {}
    for node in sorted(nodes, key=lambda n: n.time):
        depth[node] = 1 + max((depth[p] for p in node.parents), default=-1)
        rows.setdefault(depth[node], []).append(node)
    at = {
        node: (2.6 * d, 1.5 * (len(row) - 1) / 2 - 1.5 * i + 0.35 * (d % 2))
        for d, row in rows.items()
        for i, node in enumerate(row)
    }
    figure = pictures.new_figure(1.8 * len(rows) + 1, 1.1 * max(map(len, rows.values())) + 1)
    axes = figure.subplots()
    known = {node: name for name, node in names.items()}
    for node, (x, y) in at.items():
        label = f"{known.get(node, '')}\nvalue {node.value:g}\ngrad {node.grad:g}".strip()
        box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": COLORS[0], "lw": 1.5}
        axes.text(x, y, label, ha="center", va="center", fontsize=9, bbox=box, zorder=3)
        for k, (parent, slope) in enumerate(zip(node.parents, node.slopes, strict=True)):
            px, py = at[parent]
            twice = len(node.parents) > 1 and node.parents[0] is node.parents[-1]
            far = depth[node] - depth[parent] > 1  # over the heads of the nodes between
            bend = (-0.25, 0.25)[k] if twice else -0.35 if far else 0.0
            arrow = {
                "arrowstyle": "-|>",
                "shrinkA": 24,
                "shrinkB": 34 if far else 24,
                "connectionstyle": f"arc3,rad={bend}",
            }
            axes.annotate("", (x, y), (px, py), arrowprops=arrow, zorder=1)
            middle = (x + px + bend * (y - py)) / 2, (y + py - bend * (x - px)) / 2  # of the arc
            white = {"fc": "white", "ec": "none", "pad": 1}
            style = {"fontsize": 9, "color": COLORS[1], "ha": "center", "va": "center"}
            axes.text(*middle, f"\u00d7 {slope:g}", bbox=white, zorder=2, **style)
    axes.set_aspect("equal")
    xs, ys = zip(*at.values(), strict=True)
    axes.set_xlim(min(xs) - 0.9, max(xs) + 0.9)
    axes.set_ylim(min(ys) - 0.8, max(ys) + 1.0)
    axes.set_axis_off()
    show_picture(figure, what_to_see)
