"""Training steps beside PyTorch's: the same weights, the same batches, the same work.

A step is forward, cross-entropy, backward, clipping to 1.0 and AdamW. Both sides have all cores;
each chooses how to use them. The first losses are compared before anything is timed.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygpt.bench.configs import SETUPS
from tinygpt.bench.rotation import fastest, serve
from tinygpt.models.gpt import GPT
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.forked import forked
from tinygpt.training.trainer import Trainer

LR, BETAS, DECAY, BATCHES = 1e-3, (0.9, 0.95), 0.1, 8


def batches(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The batches, the same in every process."""
    s = SETUPS[name]
    shape = (BATCHES, s.batch_size, s.model.block_size + 1)
    ids = np.random.default_rng(0).integers(0, s.model.vocab_size, shape)
    return [(b[:, :-1], b[:, 1:]) for b in ids]


def ours(name: str, folder: Path) -> None:
    s, data = SETUPS[name], batches(name)
    model = GPT.from_pretrained(folder)
    arguments = TrainingArguments(
        batch_size=s.batch_size, learning_rate=LR, betas=BETAS, weight_decay=DECAY,
        schedule="constant", warmup_steps=0,
    )  # fmt: skip
    trainer = Trainer(model, arguments)
    with forked(trainer):  # as `tinygpt train` does
        first = float(trainer.step(*data[0]))
        serve(_each(data, trainer.step), s.times, loss=first, workers=len(trainer.workers.models))


def pytorch(name: str, folder: Path, compiled: bool = False) -> None:
    torch = importlib.import_module("torch")
    torch_gpt = importlib.import_module("tinygpt.bench.torch_gpt")
    s = SETUPS[name]
    model = torch_gpt.TorchGPT(s.model).load(GPT.from_pretrained(folder).state_dict())
    step = torch_gpt.trainer(model, LR, BETAS, DECAY)
    data = [tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in b) for b in batches(name)]
    plain, losses = model.loss, {}

    def by(way: str) -> None:
        torch_gpt.Block.way = staticmethod(torch_gpt.WAYS[way])
        if compiled:
            losses[way] = losses.get(way) or torch.compile(plain)
            model.loss = losses[way]

    def steps(way: str) -> Callable[[], object]:
        each = _each(data, step)

        def work() -> object:
            by(way)
            return each()

        return work

    by(next(iter(torch_gpt.WAYS)))
    first = float(step(*data[0]).detach())
    way = fastest({way: steps(way) for way in torch_gpt.WAYS}, s.times)
    by(way)
    serve(_each(data, step), s.times, loss=first, threads=torch.get_num_threads(), way=way)


def _each(data, step):
    i = 0

    def work():
        nonlocal i
        i += 1
        return step(*data[i % len(data)])

    return work


def sgemm(library: str = "numpy") -> None:
    """The peak: a product of two matrices that are large enough, as the library's BLAS makes it."""
    n = 2048
    a, b = (np.random.default_rng(i).standard_normal((n, n)).astype(np.float32) for i in range(2))
    out = np.empty((n, n), np.float32)
    product = np.matmul
    if library == "torch":
        torch = importlib.import_module("torch")
        product, a, b, out = torch.matmul, *(torch.from_numpy(m) for m in (a, b, out))
    serve(lambda: product(a, b, out=out), flops=2 * n**3)


if __name__ == "__main__":
    side, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    {
        "tinygpt": lambda: ours(name, folder),
        "torch": lambda: pytorch(name, folder),
        "torch.compile": lambda: pytorch(name, folder, compiled=True),
        "sgemm": sgemm,
        "torch-sgemm": lambda: sgemm("torch"),
    }[side]()
