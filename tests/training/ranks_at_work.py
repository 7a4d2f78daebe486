"""What test_ranks.py starts by mpiexec: trainings over ranks, and ranks that fail.

python -m mpi4py ranks_at_work.py equal          losses of several settings, as JSON by rank 0
python -m mpi4py ranks_at_work.py FAULT FOLDER   a training in that folder whose rank 1 does,
                                                 after step 6: raise, kill, hang; or has, from the
                                                 beginning: text, weights of its own; or does not
                                                 come: late
"""

import json
import os
import signal
import sys
import time

import numpy as np

from tinygpt import GPT, AdamW, GPTConfig, Trainer, TrainingArguments
from tinygpt.backend import to_cpu
from tinygpt.optim.adam import adam_plain
from tinygpt.testing import strict_device
from tinygpt.training.ranks import Ranks, over_ranks, sharded_plain, step_plain
from tinygpt.training.world import world_of_ranks

SIZE = {"vocab_size": 11, "block_size": 8, "n_layer": 2, "n_head": 3, "n_embd": 9, "dropout": 0.2}
IDS = np.random.default_rng(0).integers(0, 11, 600)
STEPS, EVERY = 20, 5
SETTINGS = {  # name -> what differs
    "plain": {},
    "micro": {"micro_batch_size": 2, "workers": 2},
    "sgd": {"optimizer": "sgd"},
    "few rows": {"batch_size": 3},
}


def training(name="plain", folder=None, callbacks=(), ids=IDS, seed=1, **more):
    a = TrainingArguments(
        **{"batch_size": 9, "workers": 1, "max_steps": STEPS, "eval_steps": EVERY,
           "save_steps": EVERY, "logging_steps": 1, "warmup_steps": 2, "learning_rate": 0.01,
           "sample_steps": 0} | SETTINGS[name] | more
    )  # fmt: skip
    model = GPT(GPTConfig(**SIZE), seed=seed)
    return Trainer(model, a, train=ids[:500], validation=ids[500:], folder=folder,
                   callbacks=callbacks)  # fmt: skip


def history(name="plain", model=None, **more):
    """Losses, norms, held-out losses and the last weights of a training."""
    lines = []
    t = training(name, callbacks=[lambda _, line: lines.append(line)], **more)
    if model is not None:
        model(t)
    with over_ranks(t):
        t.train()
        moments = t.workers.moments(t.optimizer)
        held = [len(m) for m in t.optimizer.moments.values()]
    found = {key: [line[key] for line in lines if key in line]
             for key in ("loss", "grad_norm", "validation_loss")}  # fmt: skip
    found["weights"] = to_cpu(t.model.vector().data).tolist()
    found["moments"] = {name: m.tolist() for name, m in moments.items()}
    found["held"] = held
    return found


def in_double(t):
    t.model.to("float64")
    t.__init__(t.model, t.arguments, train=IDS[:500], validation=IDS[500:], callbacks=t.callbacks)


def plainly(shard):
    """Losses of six steps by the plain form, and by the Trainer: without dropout and clipping."""
    world, losses = world_of_ranks(), {}
    rng = np.random.default_rng(3)
    batches = [rng.integers(0, 11, (7, 9)) for _ in range(6)]
    size = SIZE | {"dropout": 0.0, "n_embd": 12, "vocab_size": 12}  # a multiple of four numbers
    settings = {"lr": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.1}

    def new():
        return GPT(GPTConfig(**size), seed=1).to("float64").train()

    a = TrainingArguments(
        batch_size=7, workers=1, warmup_steps=0, schedule="constant", max_grad_norm=1e9,
        learning_rate=0.01, weight_decay=0.1, shard_optimizer=shard,
    )  # fmt: skip
    t = Trainer(new(), a)
    with over_ranks(t):
        losses["trainer"] = [float(t.step(b[:, :-1], b[:, 1:])) for b in batches]
    model = new()
    optimizer, vector, found = AdamW(model, **settings), model.vector(), []
    n = len(vector.data) // world.size
    m, v = np.zeros(n), np.zeros(n)
    for step, b in enumerate(batches, start=1):
        if not shard:
            found.append(step_plain(world.comm, model, optimizer, b[:, :-1], b[:, 1:]))
            continue
        rows = np.array_split(np.arange(len(b)), world.size)[world.rank]
        loss = model.loss(b[rows, :-1], b[rows, 1:]) * (len(rows) / len(b))
        loss.backward()
        found.append(world.comm.allreduce(loss.item()))

        def update(w, g, m, v, step=step):
            first = world.rank * n  # matrices stand first in the vector, and they alone decay
            decay = np.where(np.arange(first, first + n) < vector.n_matrix, 0.1, 0.0)
            w = w - 0.01 * decay * w
            return adam_plain(w, g, m, v, step, lr=0.01, betas=(0.9, 0.99), eps=1e-8)

        w, m, v = sharded_plain(world.comm, update, vector.data, vector.gradient(), m, v)
        vector.data[...] = w
        vector.was_written()
        vector.zero_grad()
    losses["plain"] = found
    return losses


def afterwards():
    """Shared moments in two blocks; and between them what one rank by itself cannot do."""
    world, t = world_of_ranks(), training(shard_optimizer=True)
    if world.is_first:
        t.best = (3, 1.5)  # which the first one alone may know, from its folder
    x, y = next(t.batches)
    refused = []
    with over_ranks(t):
        best = t.best
        losses = [float(t.step(x, y)) for _ in range(3)]
    for alone in (lambda: t.step(x, y), t.save):
        try:
            alone()
        except RuntimeError as error:
            refused.append("share of the moments" in str(error))
    with over_ranks(t):
        losses += [float(t.step(x, y)) for _ in range(3)]
    whole = training()
    x, y = next(whole.batches)
    expected = [float(whole.step(x, y)) for _ in range(6)]
    every = world.comm.allgather((best, refused, losses))
    return {"best": [b for b, _, _ in every], "refused": [r for _, r, _ in every],
            "losses": [found for _, _, found in every], "expected": expected}  # fmt: skip


def equal():
    found = {}
    for shard in (False, True):
        for name in SETTINGS:
            found[f"{name}{' sharded' if shard else ''}"] = history(name, shard_optimizer=shard)
        with strict_device.double():  # arrays like CuPy's: what they send goes over the CPU
            more = {"device": "gpu", "shard_optimizer": shard}
            found[f"device{' sharded' if shard else ''}"] = history("plain", **more)
    found["double"] = history("plain", in_double, shard_optimizer=True)
    world = world_of_ranks()
    if world.size > 1:
        found["plainly"] = [plainly(shard) for shard in (False, True)]
        found["afterwards"] = afterwards()
        all_weights = world.comm.allgather(found["double"]["weights"])
        found["same weights"] = all(w == all_weights[0] for w in all_weights)
    if world.is_first:
        print(json.dumps(found))


def fault(what, folder):
    world = world_of_ranks()

    def at_step_6(trainer, line):
        if world.rank != 1 or line["step"] != 6:
            return
        if what == "raise":
            raise RuntimeError("this rank has had enough")
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1000)  # hang

    odd = world.rank == 1
    if what == "late" and odd:
        time.sleep(1000)
    t = training(
        folder=folder if world.is_first else None, callbacks=[at_step_6], rank_timeout=1.5,
        seed=2 if what == "weights" and odd else 1,
        ids=IDS[::-1] if what == "text" and odd else IDS,
    )  # fmt: skip
    with over_ranks(t):
        assert isinstance(t.workers, Ranks)
        t.train()


if __name__ == "__main__":
    equal() if sys.argv[1] == "equal" else fault(*sys.argv[1:])
