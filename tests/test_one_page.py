"""The page and the library are two witnesses: same weights, same losses and gradients."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygpt import GPT, AdamW, GPTConfig, one_page

V, T, N, H, C = 11, 7, 2, 3, 12
rng = np.random.default_rng(0)
BATCHES = [(rng.integers(0, V, (4, 1)) + 2 * np.arange(T + 1)) % V for _ in range(20)]


def both():
    """The same weights on the page and in the library, large enough that every part matters."""
    w = one_page.make_parameters(np.random.default_rng(1), V, T, N, C)
    w = {name: a + 0.2 * rng.standard_normal(a.shape) for name, a in w.items()}
    model = GPT(GPTConfig(vocab_size=V, block_size=T, n_layer=N, n_head=H, n_embd=C))
    model.to("float64").load_state_dict(w)
    return w, model.train()


def test_the_same_parameters_by_name_and_shape():
    w, model = both()
    state = model.state_dict()
    assert {name: a.shape for name, a in w.items()} == {n: a.shape for n, a in state.items()}


def test_the_same_logits_and_gradients():
    w, model = both()
    x, y = BATCHES[0][:, :-1], BATCHES[0][:, 1:]
    np.testing.assert_allclose(one_page.forward(w, x, H)[0], model(x).numpy(), rtol=1e-10)
    loss, d = one_page.loss_and_gradients(w, x, y, H)
    ours = model.loss(x, y)
    ours.backward()
    assert loss == pytest.approx(ours.item(), rel=1e-12)
    for name, p in model.named_parameters():
        np.testing.assert_allclose(d[name], p.grad, rtol=1e-8, atol=1e-12, err_msg=name)


def test_the_same_twenty_losses():
    w, model = both()
    m, v = ({name: np.zeros_like(a) for name, a in w.items()} for _ in "mv")
    optimizer = AdamW(model, lr=3e-3, weight_decay=0.0)
    losses = []
    for step, batch in enumerate(BATCHES, 1):
        x, y = batch[:, :-1], batch[:, 1:]
        loss, d = one_page.loss_and_gradients(w, x, y, H)
        one_page.adam(w, d, m, v, step, lr=3e-3)
        ours = model.loss(x, y)
        ours.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append((loss, ours.item()))
    assert all(abs(page - library) < 1e-9 for page, library in losses)
    assert losses[-1][0] < losses[0][0] - 0.3  # something was learned


@pytest.mark.gradcheck
def test_the_pages_gradients_against_finite_differences():
    w, _ = both()
    x, y = BATCHES[0][:, :-1], BATCHES[0][:, 1:]
    _, d = one_page.loss_and_gradients(w, x, y, H)
    for name, a in w.items():
        for flat in (0, a.size // 2, a.size - 1):
            at = np.unravel_index(flat, a.shape)
            kept, sides = a[at], []
            for step in (1e-5, -1e-5):
                a[at] = kept + step
                sides.append(one_page.loss_and_gradients(w, x, y, H)[0])
            a[at] = kept
            expected = (sides[0] - sides[1]) / 2e-5
            assert d[name][at] == pytest.approx(expected, rel=1e-5, abs=1e-9), name


def test_the_pages_own_check_refuses_a_wrong_way_back(monkeypatch):
    w, _ = both()
    x, y = BATCHES[0][:, :-1], BATCHES[0][:, 1:]
    assert one_page.check(w, x, y, H) < 1e-6
    right = one_page.loss_and_gradients

    def wrong(*args):
        loss, grads = right(*args)
        grads["h.1.ln_2.weight"] *= 1.01
        return loss, grads

    monkeypatch.setattr(one_page, "loss_and_gradients", wrong)
    assert one_page.check(w, x, y, H) > 5e-3


def test_one_page_and_nothing_imported_from_the_rest():
    source = Path(one_page.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 230
    imported = {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"sys", "numpy"}
    assert "from tinygpt" not in source


def test_it_trains_and_writes(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat. " * 100, encoding="utf-8")
    one_page.main(str(path), steps=60, B=4, T=16, N=1, H=2, C=16)
    lines = capsys.readouterr().out.splitlines()
    assert float(lines.pop(0).split()[-1]) < 1e-6  # its own check
    first, last = (float(line.split()[-1]) for line in (lines[0], lines[1]))
    assert last < first - 0.5
    assert lines[-1].startswith("t")


def test_from_the_command_line(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("too short", encoding="utf-8")
    for argv, message in ([], b"usage"), ([str(short)], b"has 9 characters, at least 65"):
        done = subprocess.run(
            [sys.executable, "-m", "tinygpt.one_page", *argv], capture_output=True, check=False
        )
        assert done.returncode == 1
        assert message in done.stderr
