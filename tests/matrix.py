"""Which kinds of check notice which bugs?    python -m tests.matrix

Each bug of tinygpt.testing.bugs is planted into a copy of the library, and every kind of check
runs on the copy, in a process of its own. A gradient check alone is not enough: a correct gradient
of a wrong forward is correct. Together the kinds notice every bug, and none complains about healthy
code.

    python -m tests.matrix                    all bugs, as a table
    python -m tests.matrix --record           and keep it for the test
    python -m tests.matrix --here             the kinds on the library as it is, as JSON
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import tinygpt
from tests.reference import loops
from tinygpt import (
    GPT,
    AdamW,
    GPTConfig,
    Tensor,
    Trainer,
    TrainingArguments,
    check_gradient,
    clip_grad_norm,
    nn,
    no_grad,
    one_page,
)
from tinygpt.autograd import adjoint_check
from tinygpt.autograd.operators import shipped
from tinygpt.backend import random_stream
from tinygpt.generation import KVCache, next_ids, penalised, probabilities
from tinygpt.nn import Module
from tinygpt.nn.dropout_mask import Key
from tinygpt.nn.position import POSITIONS
from tinygpt.optim import learning_rate
from tinygpt.testing.bugs import BUGS, plant
from tinygpt.testing.cases import CASES, check_op
from tinygpt.text import RandomBatches

RECORDED = Path(__file__).parent / "recorded" / "gpt.npz"
SMALL = {"vocab_size": 11, "block_size": 7, "n_layer": 2, "n_head": 3, "n_embd": 12}


def small(**settings):
    """A GPT in float64 whose weights are large enough that every part matters."""
    model = GPT(GPTConfig(**(SMALL | settings))).to("float64")
    data = model.vector().data
    data += 0.3 * np.random.default_rng(5).standard_normal(data.size)
    return model


def batch(rows=4, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 11, (rows, 8))
    return ids[:, :-1], ids[:, 1:].copy()


def close(a, b, rtol=1e-8, atol=1e-10):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


# ------------------------------------------------------------------------------ the kinds of check


def gradient():
    """Central differences, of every op and of a whole GPT."""
    for name in CASES:
        check_op(name)

    class Loss(Module):
        def __init__(self):
            self.model = small(dropout=0.2).train()

        def __call__(self, x, y):
            return self.model.loss(x, y)

    check_gradient(Loss(), *batch(), samples=6)


def adjoint():
    """<A x, y> = <x, A^T y> for the ops that are linear."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 30))
    adjoint_check(lambda x: nn.split_heads(x, n_head=5), x)
    adjoint_check(nn.merge_heads, rng.standard_normal((2, 5, 3, 2)))
    adjoint_check(lambda x: nn.linear(x, rng_matrix), x)
    adjoint_check(lambda x: nn.unembed(x, rng_matrix.T), x)
    adjoint_check(nn.embedding, rng.standard_normal((7, 3)), np.array([1, 1, 6, 1]))
    adjoint_check(lambda b: nn.linear(x, rng_matrix, b) - nn.linear(x, rng_matrix), np.ones(4))


rng_matrix = np.random.default_rng(1).standard_normal((30, 4))


def reference():
    """Loops in plain Python."""
    for name, cases in CASES.items():
        for case in cases:
            got = shipped[name](*case.inputs, **case.settings)
            expected = getattr(loops, name)(*case.inputs, **case.settings)
            several = isinstance(got, tuple)
            for a, b in zip(got, expected, strict=True) if several else [(got, expected)]:
                close(a.numpy(), b, rtol=1e-11, atol=1e-12)


def twins():
    """The plain version beside the fast one: values and gradients."""
    rng = np.random.default_rng(0)

    def compare(fast, plain, *inputs):
        results = []
        for f in (fast, plain):
            tensors = [Tensor(x, requires_grad=True) for x in inputs]
            y = f(*tensors)
            y.backward(np.random.default_rng(1).standard_normal(y.shape))
            results.append([y.numpy(), *(t.grad for t in tensors)])
        for a, b in zip(*results, strict=True):
            close(a, b)

    q, k, v = (rng.standard_normal((2, 3, 5, 4)) for _ in range(3))
    targets = np.array([3, -100, 0, 1])
    compare(nn.attention, nn.attention_plain, q, k, v)
    compare(nn.layer_norm, nn.layer_norm_plain, q, np.ones(4) * 1.5, np.ones(4))
    compare(nn.gelu, nn.gelu_plain, q)
    compare(
        lambda z: nn.cross_entropy(z, targets),
        lambda z: nn.cross_entropy_plain(z, targets),
        rng.standard_normal((4, 5)),
    )


def edges():
    """Inputs that random numbers never are: equal, huge, repeated, far from zero."""
    with np.errstate(all="ignore"):
        big = np.array([[1e4, -1e4, 0.0]], np.float32)
        close(nn.softmax(big).numpy(), [[1, 0, 0]])
        row = np.array([[5000, 5001, 5002, 5003]], np.float32)
        y = nn.layer_norm(row, np.ones(4, np.float32)).numpy()
        close(y, [[-1.341635, -0.447212, 0.447212, 1.341635]], rtol=1e-4)
        q = np.array([[[[200.0], [200.0]]]], np.float32)
        k = np.array([[[[-100.0], [0.0]]]], np.float32)
        v = np.array([[[[1.0], [2.0]]]], np.float32)
        assert nn.attention(q, k, v).numpy().ravel().tolist() == [1.0, 2.0]
    x = Tensor(np.array([2.0, 2.0, 1.0]), requires_grad=True)
    x.max().backward()
    assert x.grad.sum() == 1.0
    assert math.isfinite(nn.cross_entropy(big, np.array([1])).item())


def properties():
    """What holds for every GPT, whatever it has learned."""
    model = small()
    x, y = batch()
    before = model(x).numpy()
    assert np.isfinite(before).all()
    for t in range(7):  # causality, by changing a token
        changed = x.copy()
        changed[:, t] = (changed[:, t] + 1) % 11
        after = model(changed).numpy()
        assert np.array_equal(after[:, :t], before[:, :t])
        assert (after[:, t] != before[:, t]).all()
    one = small(n_layer=1)  # positions: the past in another order is another past
    swapped = x[:, [1, 0, *range(2, 7)]]
    assert np.abs(one(swapped).numpy()[:, -1] - one(x).numpy()[:, -1]).max() > 1e-3
    none = small(n_layer=1, position="none")
    close(none(swapped).numpy()[:, -1], none(x).numpy()[:, -1])
    close(model(x[:1]).numpy()[0], before[0])  # rows are independent
    q, k, v = np.random.default_rng(0).standard_normal((3, 2, 3, 5, 4))
    ones = nn.attention(q, k, np.ones_like(v)).numpy()
    close(ones, np.ones_like(v))  # weights of one query sum to 1
    whole = nn.merge_heads(nn.attention(q, k, v)).numpy()
    v[:, 1] = 0  # zero a head: the others are bit-identical
    part = nn.merge_heads(nn.attention(q, k, v)).numpy()
    assert np.array_equal(whole[..., :4], part[..., :4])
    assert np.array_equal(whole[..., 8:], part[..., 8:])
    assert not part[..., 4:8].any()
    fresh = GPT(GPTConfig(vocab_size=65, n_layer=8))  # at the start
    ids = np.random.default_rng(0).integers(0, 65, (8, 65))
    loss = fresh.loss(ids[:, :-1], ids[:, 1:]).item()
    assert abs(loss - (math.log(65) + 128 * 0.02**2 / 2)) < 0.03
    state = fresh.state_dict()
    assert abs(state["h.3.mlp.c_proj.weight"].std() / 0.005 - 1) < 0.05
    dropping = small(dropout=0.5)  # dropout: off in eval, on in train, the mean stays
    assert np.array_equal(dropping(x).numpy(), before)
    assert not np.array_equal(dropping.train()(x).numpy(), before)
    big = nn.dropout(np.ones(20_000), p=0.4, key=Key(3)).numpy()
    assert abs(big.mean() - 1) < 0.05
    y[:2] = -100  # ignored targets count nowhere
    close(model.loss(x, y).item(), model.loss(x[2:], y[2:]).item())


def witness():
    """One page of NumPy: the same twenty losses."""
    w = one_page.make_parameters(np.random.default_rng(1), 11, 7, 2, 12)
    model = GPT(GPTConfig(**SMALL)).to("float64")
    model.load_state_dict(w)
    m, v = ({name: np.zeros_like(a) for name, a in w.items()} for _ in "mv")
    optimizer = AdamW(model.train(), lr=3e-3, weight_decay=0.0)
    for step in range(1, 21):
        x, y = batch(seed=step)
        loss, d = one_page.loss_and_gradients(w, x, y, 3)
        one_page.adam(w, d, m, v, step, lr=3e-3)
        ours = model.loss(x, y)
        ours.backward()
        optimizer.step()
        optimizer.zero_grad()
        assert abs(loss - ours.item()) < 1e-9


def recorded():
    """Numbers that PyTorch gave: logits, gradients, five steps of training."""
    saved = np.load(RECORDED)

    def part(name):
        return {k.split("/")[1]: saved[k] for k in saved.files if k.startswith(name + "/")}

    model = GPT(GPTConfig(**SMALL)).to("float64").train()
    model.load_state_dict(part("weights"))
    optimizer = AdamW(model, lr=1e-2, weight_decay=0.1)
    for step, ids in enumerate(saved["batches"]):
        x, y = np.maximum(ids[:, :-1], 0), ids[:, 1:]
        if step == 0:
            close(model(x).numpy(), saved["logits"])
        loss = model.loss(x, y)
        loss.backward()
        if step == 0:
            for name, p in model.named_parameters():
                close(p.grad, saved[f"gradients/{name}"])
        close(loss.item(), saved["losses"][step], rtol=1e-6)
        close(float(clip_grad_norm(model, 0.4)), saved["norms"][step], rtol=1e-5)
        optimizer.step()
        optimizer.zero_grad()
    for name, p in model.named_parameters():
        close(p.data, saved[f"after/{name}"], rtol=1e-4, atol=1e-6)


def overfitting():
    """One batch, learned by heart, and known to the end. In float64, and over the last 30 steps: a
    bug that is nearly noticed would else be noticed or not by rounding."""
    config = GPTConfig(vocab_size=11, block_size=7, n_layer=2, n_head=2, n_embd=32)
    model = GPT(config).to("float64").train()
    optimizer = AdamW(model, lr=1e-2, weight_decay=0.0)
    x, y = batch()
    losses = []
    for _ in range(100):
        loss = model.loss(x, y)
        loss.backward()
        clip_grad_norm(model, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert np.mean(losses[-30:]) < 0.05


def steps():
    """The Trainer against the loop written by hand, however the batch is divided."""
    x, y = batch(rows=6)
    y[0, :5] = y[3] = -100
    results = []
    for settings in ({}, {"micro_batch_size": 2}, {"workers": 2}):
        a = TrainingArguments(**({"workers": 1, "batch_size": 6, "warmup_steps": 0} | settings))
        t = Trainer(small(dropout=0.3), a)
        losses = [float(t.step(x, y)) for _ in range(3)]
        results.append((losses, t.model.vector().data))
    model = small(dropout=0.3).train()
    optimizer = AdamW(model, betas=(0.9, 0.99), weight_decay=0.1)
    losses = []
    for step in range(1, 4):
        optimizer.lr = learning_rate(step, peak=2e-3, floor=2e-4, warmup=0, total=2000)
        loss = model.loss(x, y)
        loss.backward()
        clip_grad_norm(model, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    for got in results:
        close(got[0], losses)
        close(got[1], model.vector().data, rtol=1e-6)
    rates = [learning_rate(s, peak=1, floor=0.1, warmup=2, total=10) for s in (1, 2, 6, 10, 18)]
    close(rates, [0.5, 1.0, 0.55, 0.1, 0.1])
    model.zero_grad()  # a short gradient is not stretched
    (model.wte.weight * 1e-9).sum().backward()
    before = model.wte.weight.grad.copy()
    clip_grad_norm(model, 1.0)
    assert np.array_equal(model.wte.weight.grad, before)


def data():
    """Windows of a text whose answers are known."""
    batches = RandomBatches(np.arange(8), 4, 50, seed=0)
    starts = set()
    for _ in range(20):
        x, y = next(batches)
        assert np.array_equal(y, x + 1)
        starts |= set(x[:, 0].tolist())
    assert starts == {0, 1, 2, 3}


def writing():
    """Samplers against their definitions, and text past the block."""
    p = np.array([0.5, 0.2, 0.2, 0.1])
    close(probabilities(np.log(p)[None], temperature=0.5)[0], p**2 / (p**2).sum())
    assert np.flatnonzero(probabilities(np.log(p)[None], top_k=2)[0]).tolist() == [0, 1]
    assert np.flatnonzero(probabilities(np.log(p)[None], top_p=0.6)[0]).tolist() == [0, 1]
    z = penalised(np.array([[-2.0, 2.0, 0.0, -1.0]]), np.array([[0, 1]]), 1.5)
    close(z[0], [-3, 4 / 3, 0, -1])
    drawn = next_ids(np.repeat(np.log(p)[None], 4000, 0), np.random.default_rng(0))
    assert np.abs(np.bincount(drawn, minlength=4) / 4000 - p).max() < 0.03
    model = small()
    ids, rng = [3, 1], random_stream(4, "sampling")
    for _ in range(20):  # well past the block
        ids.append(int(next_ids(model(ids[-7:]).numpy()[:, -1], rng)[0]))
    assert model.generate([[3, 1]], 20, seed=4)[0].tolist() == ids
    free = model.generate([[3, 1], [2, 2]], 9, seed=4)
    stop = int(free[0, 4])
    stopped = model.generate([[3, 1], [2, 2]], 9, seed=4, stop_ids=(stop,))[0].tolist()
    assert set(stopped[stopped.index(stop, 2) :]) == {stop}
    for position in POSITIONS:
        model, cache = small(position=position), KVCache(2)
        a, b = (model.generate([[3, 1]], 12, seed=4, use_cache=use) for use in (True, False))
        assert a.tolist() == b.tolist()
        with no_grad():
            parts = [model(x, cache).numpy() for x in (a[:, :3], a[:, 3:4], a[:, 4:7])]
            close(np.concatenate(parts, axis=1), model(a[:, :7]).numpy())


KINDS = {
    f.__name__: f
    for f in (
        gradient,
        adjoint,
        reference,
        twins,
        edges,
        properties,
        witness,
        recorded,
        overfitting,
        steps,
        data,
        writing,
    )
}

# -------------------------------------------------------------------------------------- the matrix


def noticed_here():
    """The kinds that complain about the library that is imported in this process."""
    noticed = []
    for name, check in KINDS.items():
        try:
            with np.errstate(all="ignore"):
                check()
        except Exception as error:  # whatever a check says is a complaint
            noticed.append(name)
            if "--verbose" in sys.argv:
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    return noticed


def noticed_by(bug, mutations=()):
    """Plant a bug (None: none) in a copy of the library; the kinds that notice.

    mutations are planted too, into the copies of the checks: files below the root."""
    root = Path(tinygpt.__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        ignore = shutil.ignore_patterns("__pycache__", "_lessons")
        shutil.copytree(root / "tinygpt", Path(folder) / "tinygpt", ignore=ignore)
        shutil.copytree(root / "tests", Path(folder) / "tests", ignore=ignore)
        if bug is not None:
            plant(bug, Path(folder) / "tinygpt")
        for mutation in mutations:
            plant(mutation, Path(folder))
        environment = os.environ | {"PYTHONPATH": folder, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.matrix", "--here"],
            cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{bug and bug.name}: {done.stderr}")
    return set(json.loads(done.stdout.splitlines()[-1]))


def matrix(workers=2):
    """Bug name (None: healthy code) -> the kinds that notice."""
    bugs = [None, *BUGS]
    with ThreadPoolExecutor(workers) as pool:
        return {
            bug and bug.name: kinds
            for bug, kinds in zip(bugs, pool.map(noticed_by, bugs), strict=True)
        }


def table(noticed):
    """The matrix as text: a row a bug, a column a kind."""
    width = max(len(name or "") for name in noticed)
    lines = [" " * width + "  " + " ".join(f"{k[:9]:>9}" for k in KINDS)]
    for name, kinds in noticed.items():
        marks = " ".join(f"{'x' if k in kinds else '.':>9}" for k in KINDS)
        lines.append(f"{name or '(healthy code)':<{width}}  {marks}")
    totals = [sum(k in kinds for kinds in noticed.values()) for k in KINDS]
    last = f"noticed, of {len(noticed) - 1}"
    lines.append(f"{last:<{width}}  " + " ".join(f"{n:>9}" for n in totals))
    return "\n".join(lines)


if __name__ == "__main__":
    if "--here" in sys.argv:
        print(json.dumps(noticed_here()))
    else:
        result = matrix()
        print(table(result))
        if "--record" in sys.argv:
            rows = {name: sorted(kinds) for name, kinds in result.items() if name}
            text = json.dumps(rows, indent=1)
            (RECORDED.parent / "matrix.json").write_text(text + "\n", encoding="utf-8")
