"""Trainer: a step is a step however it is divided; a run leaves a whole folder behind."""

import json
import os
import signal
import threading

import numpy as np
import pytest

from tinygpt import GPT, AdamW, GPTConfig, Trainer, TrainingArguments, clip_grad_norm
from tinygpt.optim.schedule import learning_rate
from tinygpt.text import BPETokenizer, ByteTokenizer
from tinygpt.text.batches import RandomBatches
from tinygpt.training import TrainingError
from tinygpt.training.arguments import make_optimizer
from tinygpt.training.checkpoint import checkpoints
from tinygpt.training.replay import stop_unless_finite
from tinygpt.training.run_folder import read_log
from tinygpt.training.step import training_step
from tinygpt.training.trainer import train_plain

SMALL = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 8}
rng = np.random.default_rng(0)
X = rng.integers(0, 11, (5, 6))
Y = rng.integers(0, 11, (5, 6))
Y[0, :4] = Y[3] = Y[4, 1:] = -100  # unequal numbers of kept targets; row 3 has none
IDS = rng.integers(0, 11, 300).astype(np.uint16)


def trainer(dropout=0.0, dtype="float64", **settings):
    model = GPT(GPTConfig(**SMALL, dropout=dropout)).to(dtype)
    defaults = {"max_steps": 10, "warmup_steps": 2, "workers": 1}
    return Trainer(model, TrainingArguments(**(defaults | settings)))


def hand_written(model, steps, a):
    """The loop of the README, on one batch."""
    optimizer = AdamW(model, lr=a.learning_rate, betas=a.betas, weight_decay=a.weight_decay)
    losses = []
    for step in range(steps):
        optimizer.lr = [1e-3, 2e-3, 2e-3 * 0.9 + 2e-4 * 0.1][step] if step < 2 else optimizer.lr
        loss = model.train().loss(X, Y)
        loss.backward()
        clip_grad_norm(model, a.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_a_step_is_the_hand_written_loop():
    t = trainer(dropout=0.2)
    twin = GPT(GPTConfig(**SMALL, dropout=0.2)).to("float64")
    expected = hand_written(twin, 2, t.arguments)
    assert [float(t.step(X, Y)) for _ in range(2)] == expected
    assert np.array_equal(t.model.vector().data, twin.vector().data)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
def test_micro_batches_change_nothing(size):
    """M2 and dropout: parts with unequal numbers of kept targets, masks by global row."""
    whole, parts = trainer(dropout=0.3), trainer(dropout=0.3, micro_batch_size=size)
    for _ in range(3):
        a, b = whole.step(X, Y), parts.step(X, Y)
        assert float(a) == pytest.approx(float(b), rel=1e-12)
        assert float(whole.norm) == pytest.approx(float(parts.norm), rel=1e-10)
    np.testing.assert_allclose(
        whole.model.vector().data, parts.model.vector().data, rtol=1e-9, atol=1e-12
    )


def test_mean_of_means_is_not_the_mean():
    """M2, the numbers of the report: logits X W, micro-batches of 3 rows and 1 row."""
    from tinygpt import Tensor
    from tinygpt.nn import cross_entropy

    W = Tensor(np.array([[1.0, 0, -1], [0, 2, 0]]), requires_grad=True)
    x, t = np.array([[1.0, 0], [0, 1], [1, 1], [2, -1]]), np.array([0, 1, 2, 2])
    losses = []
    for part in (slice(0, 3), slice(3, 4)):
        loss = cross_entropy(Tensor(x[part]) @ W, t[part])
        loss.backward(np.array(len(t[part]) / 4))
        losses.append(loss.item())
    assert losses == pytest.approx([1.3320543158114837, 4.035976299748193], rel=1e-12)
    assert losses[0] * 0.75 + losses[1] * 0.25 == pytest.approx(2.0080348117956612, rel=1e-12)
    expected = [[0.463516, 0.246362, -0.709878], [-0.149665, 0.118676, 0.030989]]
    np.testing.assert_allclose(W.grad, expected, atol=1e-6)


def test_the_learning_rate_follows_the_schedule():
    t = trainer(max_steps=6)
    seen = []
    for _ in range(8):
        t.step(X, Y)
        seen.append(t.optimizer.lr)
    assert seen[:2] == [1e-3, 2e-3]
    assert seen[5:] == [2e-4] * 3
    assert seen[1] > seen[2] > seen[3] > seen[4] > seen[5]


def test_evaluation_weighs_every_token_alike():
    ids = IDS[: 6 * 9 + 1]  # nine windows: the last batch has one
    model = GPT(GPTConfig(**SMALL)).to("float64")
    t = Trainer(model, TrainingArguments(batch_size=4), validation=ids)
    expected = [t.model.loss(ids[i : i + 6][None], ids[i + 1 : i + 7][None]).item() for i in
                range(0, 54, 6)]  # fmt: skip
    assert t.evaluate() == pytest.approx(np.mean(expected), rel=1e-12)


# ----------------------------------------------------------------------------------------- runs


def run(tmp_path, **settings):
    tokenizer = ByteTokenizer()
    text = "the cat sat on the mat. " * 40
    ids = np.array(tokenizer.encode(text), np.uint16)
    model = GPT(GPTConfig(vocab_size=256, block_size=8, n_layer=1, n_head=2, n_embd=8))
    arguments = TrainingArguments(
        **(
            {"max_steps": 12, "eval_steps": 5, "logging_steps": 3, "sample_steps": 5,
             "save_steps": 4, "warmup_steps": 2, "batch_size": 3}
            | settings
        )
    )  # fmt: skip
    return Trainer(
        model,
        arguments,
        train=ids[:800],
        validation=ids[800:],
        tokenizer=tokenizer,
        folder=tmp_path,
    )


def test_a_run_leaves_a_whole_folder(tmp_path):
    t = run(tmp_path)
    t.train()
    assert not t.model.training
    assert t.best[0] == 12  # the loss still falls, so the last model is the best
    assert sorted(os.listdir(tmp_path)) == [
        ".lock", "checkpoints", "config.json", "generation_config.json", "log.jsonl", "loss.png",
        "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert [p.name for p in checkpoints(tmp_path)] == ["step-12", "step-8"]
    again = GPT.from_pretrained(tmp_path)
    assert np.array_equal(again.vector().data, t.model.vector().data)
    log = read_log(tmp_path)
    assert [line["step"] for line in log if "loss" in line] == [1, 3, 6, 9, 12]
    assert [line["step"] for line in log if "validation_loss" in line] == [5, 10, 12]
    assert log[-1]["validation_loss"] == t.evaluate() == t.best[1]
    assert (tmp_path / "loss.png").read_bytes()[:4] == b"\x89PNG"


def test_two_runs_of_one_seed_are_bit_equal(tmp_path):
    results = []
    for name in "ab":
        (tmp_path / name).mkdir()
        t = run(tmp_path / name)
        t.train()
        results.append(t.model.vector().data.copy())
    assert np.array_equal(*results)


def test_the_loss_falls(tmp_path):
    rare = {"eval_steps": 100, "sample_steps": 0, "save_steps": 1000}
    t = run(tmp_path, max_steps=150, learning_rate=1e-2, **rare)
    before = t.evaluate()
    t.train()
    assert t.evaluate() < before / 2


def test_ctrl_c_finishes_the_step_and_saves(tmp_path):
    t = run(tmp_path, max_steps=1000)
    steps, original = [], t.step

    def step(x, y):
        if len(steps) == 6:
            os.kill(os.getpid(), signal.SIGINT)
        steps.append(1)
        return original(x, y)

    t.step = step
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        t.train()
    assert signal.getsignal(signal.SIGINT) is before
    assert t.optimizer.steps == 7
    (point,) = (p for p in checkpoints(tmp_path) if p.name == "step-7")
    assert np.array_equal(GPT.from_pretrained(point).vector().data, t.model.vector().data)
    assert t.best[0] == t.saved == 5  # the best model stays at the top
    best = GPT.from_pretrained(tmp_path).vector().data
    assert not np.array_equal(best, t.model.vector().data)
    t.load_best()
    assert np.array_equal(best, t.model.vector().data)


def test_training_works_outside_the_main_thread(tmp_path):
    t = run(tmp_path, max_steps=2)
    thread = threading.Thread(target=t.train)
    thread.start()
    thread.join()
    assert t.optimizer.steps == 2


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_saved(tmp_path):
    t = run(tmp_path)
    original = t.step

    def step(x, y):
        if t.optimizer.steps == 6:
            t.model.wte.weight.data[...] = np.nan
        return original(x, y)

    t.step = step
    with pytest.raises(TrainingError, match=r"step 7: the loss is nan.*--learning-rate"):
        t.train()
    saved = GPT.from_pretrained(tmp_path).vector().data
    assert np.isfinite(saved).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_made_no_number_is_found_by_playing_the_step_again(tmp_path):
    """Weights that are still numbers, but whose products are none: the op is named."""
    t = run(tmp_path, workers=1)
    original = t.step

    def step(x, y):
        if t.optimizer.steps == 6:
            t.model.h[0].mlp.c_fc.weight.data[...] = 3e38
        return original(x, y)

    t.step = step
    with pytest.raises(TrainingError) as caught:
        t.train()
    words = str(caught.value)
    assert "step 7: the loss is nan" in words
    assert "The first that is no number, in step 7: the result of linear (3, 8, 32) has" in words
    assert "Largest parameters: h.0.mlp.c_fc.weight has norm inf" in words
    assert f"Go on from step 4 with: tinygpt train --resume {tmp_path}" in words
    assert t.optimizer.steps == 6  # the step was not taken


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_on_a_gpu_the_steps_since_the_last_point_are_played_again(tmp_path, device):
    """There the loss is read every few steps only, and the weights are gone when it is."""
    t = run(
        tmp_path,
        device=device.name,
        max_steps=40,
        save_steps=1,
        logging_steps=5,
        learning_rate=1e30,
        eval_steps=1000,
    )
    with pytest.raises(TrainingError, match=r"no number, in step \d+: .*Largest parameters: \w+"):
        t.train()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_gradient_too_long_to_be_measured(tmp_path):
    t = trainer(dtype="float32")
    t.model.ln_f.weight.data[...] = 1e25
    loss = t.step(X, Y)
    with pytest.raises(TrainingError, match="every op gave numbers, but they are too large"):
        stop_unless_finite(t, 1, loss, X, Y)


def measured(t, losses):
    """The trainer with these held-out losses, one after the other."""
    queue = iter(losses)
    t.evaluate = lambda: next(queue)
    return t


def test_early_stopping_keeps_the_best_model(tmp_path, capsys):
    t = measured(run(tmp_path, patience=3, eval_steps=2, max_steps=100), [3, 2, 2.5, 2.1, 2.2, 9])
    t.train()
    assert t.optimizer.steps == 10
    assert t.best == (4, 2)
    out = capsys.readouterr().out
    assert "step 10: loss on held-out text 2.200 per token (best: 2.000 at step 4)" in out
    assert "no better model in 3 measurements: the run ends (--patience)" in out
    assert checkpoints(tmp_path)[0].name == "step-10"
    last = t.model.vector().data.copy()
    t.load_best()
    assert not np.array_equal(last, t.model.vector().data)
    assert np.array_equal(t.model.vector().data, GPT.from_pretrained(tmp_path).vector().data)


def test_the_last_measurement_may_be_the_best(tmp_path, capsys):
    """The last step is measured out of turn: nothing was waited for."""
    t = measured(run(tmp_path, patience=1, eval_steps=2, max_steps=5), [3, 2, 1])
    t.train()
    assert t.best == (5, 1)
    assert "no better model" not in capsys.readouterr().out


def test_overfitting_is_said_once(tmp_path, capsys):
    t = measured(run(tmp_path, eval_steps=1, max_steps=9), [3, 2, 4, 5, 6, 7, 8, 9, 1])
    t.train()
    out = capsys.readouterr().out
    assert out.count("overfitting since step 2") == 1
    assert t.best == (9, 1)


def test_callbacks_see_every_line_and_can_end_the_run(tmp_path):
    seen = []

    def look(trainer, line):
        seen.append((trainer.optimizer.steps, line["step"], "validation_loss" in line))
        return line["step"] == 6

    t = run(tmp_path)
    t.callbacks = [look, lambda trainer, line: None]
    t.train()
    assert seen == [(1, 1, False), (3, 3, False), (5, 5, True), (6, 6, False)]
    assert checkpoints(tmp_path)[0].name == "step-6"


def test_windows_that_begin_with_an_id():
    ids = np.array([0, 5, 6, 7, 0, 8, 9, 1, 2, 0, 3, 4, 1] * 9)
    model = GPT(GPTConfig(**(SMALL | {"block_size": 3})))
    t = Trainer(model, TrainingArguments(), train=ids, validation=ids, begin=0)
    for _ in range(5):
        assert (next(t.batches)[0][:, 0] == 0).all()
    assert all((x[:, 0] == 0).all() for x, _ in t.validation)
    with pytest.raises(ValueError, match="no window of 4 tokens begins with the id 10"):
        Trainer(model, TrainingArguments(), train=ids, begin=10)


def test_texts_too_short(tmp_path):
    model = GPT(GPTConfig(**SMALL))
    a = TrainingArguments()
    with pytest.raises(ValueError, match=r"the text to train on has 6 tokens, .*needs 7"):
        Trainer(model, a, train=np.arange(6))
    with pytest.raises(ValueError, match=r"the held-out text has 3 tokens, .*needs 7"):
        Trainer(model, a, train=IDS, validation=np.arange(3))
    with pytest.raises(ValueError, match="train=ids"):
        Trainer(model, a).train()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_steps": 0}, "max_steps >= 1, got 0"),
        ({"batch_size": 2.5}, "batch_size >= 1, got 2.5"),
        ({"micro_batch_size": -1}, "micro_batch_size >= 0"),
        ({"learning_rate": float("nan")}, "learning_rate >= 0, got nan"),
        ({"max_grad_norm": 0.0}, "max_grad_norm > 0"),
        ({"betas": (0.9, 1.0)}, r"betas in \[0, 1\)"),
        ({"device": "cuda"}, 'expected device "cpu"'),
        ({"optimizer": "adagrad"}, r"optimizer to be one of \('adamw', .* got 'adagrad'"),
        ({"schedule": "exp"}, r"schedule to be one of \('constant', .* got 'exp'"),
        ({"patience": -1}, "patience >= 0, got -1"),
    ],
)
def test_arguments_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments(**settings)


# ------------------------------------------------------------------------------------- details


def test_the_three_groups_of_arguments_share_no_name():
    from dataclasses import fields

    from tinygpt.text import DataArguments

    groups = [{f.name for f in fields(c)} for c in (GPTConfig, TrainingArguments, DataArguments)]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_a_tokenizer_that_merges_is_saved_with_the_model(tmp_path):
    t = run(tmp_path, max_steps=1)
    t.tokenizer = BPETokenizer.train("the the the", 256)
    t.save()
    assert json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))["model"]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_plain_step_is_the_trainers_bit_for_bit(dropout):
    """training/step.py, the lines that a reader sees first, beside Trainer.step with one worker."""
    settings = {"vocab_size": 11, "block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 8}
    arguments = TrainingArguments(batch_size=4, max_steps=20, warmup_steps=5, workers=1)
    trainer = Trainer(GPT(GPTConfig(**settings, dropout=dropout)), arguments)
    model = GPT(GPTConfig(**settings, dropout=dropout)).train()
    optimizer = make_optimizer(model, arguments)
    rng = np.random.default_rng(1)
    for _ in range(8):
        x, y = rng.integers(0, 11, (2, 4, 8))
        theirs = trainer.step(x, y)
        mine = training_step(model, optimizer, x, y, rate=trainer.optimizer.lr)
        assert float(mine) == float(theirs)
        assert np.array_equal(model.vector().data, trainer.model.vector().data)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_plain_loop_is_the_trainers_bit_for_bit(dropout):
    """train_plain, which stands first in trainer.py, beside Trainer.train with one worker."""
    settings = {"vocab_size": 11, "block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 8}
    a = TrainingArguments(batch_size=4, max_steps=12, warmup_steps=5, workers=1, seed=3)
    ids = np.random.default_rng(1).integers(0, 11, 200)
    trainer = Trainer(GPT(GPTConfig(**settings, dropout=dropout)), a, train=ids)
    trainer.train()
    model = GPT(GPTConfig(**settings, dropout=dropout))

    def rate(step):
        return learning_rate(step, a.schedule, peak=a.learning_rate, floor=a.min_learning_rate,
                             warmup=a.warmup_steps, total=a.max_steps)  # fmt: skip

    losses = train_plain(
        model, make_optimizer(model, a), RandomBatches(ids, 8, 4, seed=3), rate=rate, n=12
    )
    assert len(losses) == 12 and not model.training
    assert np.array_equal(model.vector().data, trainer.model.vector().data)
