"""The pictures: each draws what it was given, says what to see, and reaches the notebook so."""

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig
from tinygpt.lesson import output, pictures, plots
from tinygpt.lesson.node import Node


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were shown, with their sentences."""
    shown = []
    monkeypatch.setattr(plots, "show_picture", lambda *both: shown.append(both))
    return shown


def texts(figure):
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_curves_with_a_floor_and_points(drawn):
    plots.curves(
        {"one": [3.0, 2.0, 1.5], "two": ([1, 2], [3.0, 2.5])}, "see",
        limits={"floor": 1.4}, points={"here": (2, 2.0)},
    )  # fmt: skip
    figure, what = drawn[0]
    lines = figure.axes[0].lines
    assert what == "see"
    assert [list(line.get_ydata()) for line in lines[:2]] == [[3.0, 2.0, 1.5], [3.0, 2.5]]
    assert list(lines[2].get_ydata()) == [1.4, 1.4]
    assert {"floor", "here", "one", "two"} <= set(texts(figure))
    styles = {(line.get_color(), line.get_linestyle()) for line in lines[:2]}
    assert len(styles) == 2 and len({style for _, style in styles}) == 2, "not by colour alone"


def test_curves_in_powers_of_ten(drawn):
    plots.curves({"one": ([1, 10], [1, 100])}, "see", log=True)
    (axes,) = drawn[0][0].axes
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_panels_share_their_x(drawn):
    plots.panels({"loss": ([0, 1], [2, 1]), "accuracy": ([0, 1], [0, 1])}, "see", x="t", marks=[1])
    figure, _ = drawn[0]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert figure.axes[1].get_xlabel() == "t"


def test_attention_maps(drawn):
    weights = np.tri(3) / np.tri(3).sum(1, keepdims=True)
    plots.attention({"before": weights, "after": np.eye(3)}, ["a", " ", "\n"], "see")
    figure, _ = drawn[0]
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    assert np.array_equal(figure.axes[0].images[0].get_array(), weights)
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["a", "_", "\u21b5"]


def test_tiles_show_every_number(drawn):
    plots.tiles({"row": np.array([[1.0, 2.5]]), "column": np.array([[10.0], [20.0]])}, "see")
    figure, _ = drawn[0]
    assert {"row", "column", "1", "2.5", "10", "20"} <= set(texts(figure))
    assert len(figure.axes[0].patches) == 4


def test_tokens_show_every_piece(drawn):
    plots.tokens({"characters": list("a cat"), "pieces": ["a", " cat"]}, "see")
    figure, _ = drawn[0]
    assert {"characters", "pieces", "c", "_cat"} <= set(texts(figure))
    assert len(figure.axes[0].patches) == 7


def test_an_upright_line_with_its_word(drawn):
    plots.curves({"one": [1.0, 2.0], "two": [2.0, 1.0]}, "see", marks={"here": 1.5})
    figure, _ = drawn[0]
    assert "here" in texts(figure)
    assert [1.5, 1.5] in [list(line.get_xdata()) for line in figure.axes[0].lines]


def test_a_time_line_shows_every_piece(drawn):
    plots.timeline({"one": [(0, 1), (1, 1)], "two": [(1, 3), (4, 3)]}, "see", x="time")
    figure, _ = drawn[0]
    assert {"one", "two", "time", "1", "2"} <= set(texts(figure))
    assert [p.get_width() for p in figure.axes[0].patches] == [1, 1, 3, 3]


def test_maps_over_curves(drawn):
    table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    plots.maps_over_curves(
        {
            "one": (table, {"a": np.arange(3.0), "b": np.ones(3)}),
            "two": (table, {"a": np.ones(3), "b": np.ones(3)}),
        },
        "see", row="place", x="back", y="score",
    )  # fmt: skip
    figure, _ = drawn[0]
    assert {"one", "two", "a", "b", "place", "back", "score"} <= set(texts(figure))
    first, _, under, _ = figure.axes
    assert np.array_equal(first.images[0].get_array(), table)
    assert [list(line.get_ydata()) for line in under.lines] == [[0, 1, 2], [1, 1, 1]]


def test_bars_in_groups_with_their_heights(drawn):
    plots.bars({"one": {"a": 1.0, "b": 2.5}, "two": {"a": 3, "b": 0.5}}, "see", y="size", line=1.0)
    figure, _ = drawn[0]
    assert {"one", "two", "a", "b", "1.00", "2.50", "3", "0.50"} <= set(texts(figure))
    assert [p.get_height() for p in figure.axes[0].patches] == [1.0, 3.0, 2.5, 0.5]
    assert len({p.get_hatch() for p in figure.axes[0].patches}) == 2, "not by colour alone"


def test_the_graph_has_every_value_gradient_and_slope(drawn):
    a, b = Node(3.0), Node(4.0)
    root = a * b + a
    a.grad, b.grad, root.grad = 5.0, 3.0, 1.0
    plots.graph(root, {"a": a, "b": b, "f": root}, "see")
    words = texts(drawn[0][0])
    assert "a\nvalue 3\ngrad 5" in words and "f\nvalue 15\ngrad 1" in words
    assert sorted(w for w in words if w.startswith("\u00d7")) == [
        "\u00d7 1", "\u00d7 1", "\u00d7 3", "\u00d7 4",
    ]  # fmt: skip


def test_a_graph_where_a_number_is_multiplied_with_itself(drawn):
    a = Node(3.0)
    plots.graph(a * a, {"a": a}, "see")
    assert texts(drawn[0][0]).count("\u00d7 3") == 2


def test_texts_of_models(drawn):
    plots.texts({"bigram": (2.0, "Th e\n"), "GPT": (0.2, "The cat")}, "see", limits={"ln": 3.8})
    words = texts(drawn[0][0])
    assert "bigram: loss 2.00" in words and "The cat" in words and "ln" in words


def test_a_valley_with_paths(drawn):
    path = np.array([[-10.0, 3.0], [-5.0, 1.0], [0.0, 0.0]])
    plots.valley(lambda x, y: x**2 + y**2, {"SGD": path, "Adam": path / 2}, "see")
    figure, _ = drawn[0]
    assert np.array_equal(figure.axes[0].lines[0].get_xydata(), path)


def test_gradient_by_layer(drawn):
    model = GPT(GPTConfig(11, block_size=8, n_layer=2, n_head=2, n_embd=12)).train()
    model.loss([[1, 2, 3]], [[2, 3, 4]]).backward()
    plots.gradient_by_layer(model, "see")
    figure, _ = drawn[0]
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    matrices = {n: p for n, p in model.named_parameters() if p.data.ndim == 2}
    assert names == list(matrices)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    expected = [np.linalg.norm(p.grad) for p in matrices.values()]
    np.testing.assert_allclose(widths, expected, rtol=1e-5)


def test_a_picture_outside_of_a_notebook_says_what_to_see(capsys):
    plots.curves({"one": [1, 2]}, "it rises")
    assert capsys.readouterr().out == "What to see: it rises\n"


def test_a_picture_in_a_notebook_has_a_description(monkeypatch, capsys):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(output, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", lambda data, raw: shown.append(data))
    output.show_picture(pictures.new_figure(1, 1), 'a "line" & more')
    assert shown[0]["text/html"].startswith(
        '<img alt="a &quot;line&quot; &amp; more" src="data:image/png;base64,iVBOR'
    )
    output.say("a < b", "05.1   3/9")
    assert ">05.1   3/9</div>" in shown[1]["text/html"] and "a &lt; b" in shown[1]["text/html"]
    assert shown[1]["text/plain"] == "05.1   3/9\na < b"


def test_a_font_for_chinese_where_one_is_installed():
    import matplotlib
    from matplotlib import font_manager

    pictures.new_figure(1, 1)
    installed = {font.name for font in font_manager.fontManager.ttflist}
    family = matplotlib.rcParams["font.family"]
    assert family[0] == "DejaVu Sans"
    assert set(family[1:]) == installed & set(pictures.CJK)
