"""Writing with a KV cache beside PyTorch's: the same weights, the same prompt, greedy, one row.

Each token reads all weights once, so the limit is the bandwidth of the memory. The first tokens are
compared before anything is timed.
"""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from tinygpt.backend import keep_freed_memory
from tinygpt.bench.configs import SETUPS
from tinygpt.bench.rotation import fastest, serve
from tinygpt.models.gpt import GPT

PROMPT, TOKENS = 64, 32


def prompt(name: str) -> list[int]:
    rng = np.random.default_rng(0)
    return rng.integers(0, SETUPS[name].model.vocab_size, PROMPT).tolist()


def ours(name: str, folder: Path) -> None:
    keep_freed_memory()
    model, ids = GPT.from_pretrained(folder), prompt(name)

    def work() -> list[int]:
        return model.generate(ids, TOKENS, temperature=0)[0, PROMPT:].tolist()

    serve(work, first=work(), bytes=4 * model.num_parameters() * TOKENS)


def pytorch(name: str, folder: Path) -> None:
    torch_gpt = importlib.import_module("tinygpt.bench.torch_gpt")
    state = GPT.from_pretrained(folder).state_dict()
    writer = torch_gpt.Writer(torch_gpt.TorchGPT(SETUPS[name].model).load(state))
    ids = prompt(name)

    def work(way: str) -> list[int]:
        writer.way = way
        return writer.write(ids, TOKENS)

    way = fastest({way: partial(work, way) for way in torch_gpt.WRITING_WAYS}, rounds=3)
    serve(partial(work, way), first=work(way), way=way)


def transformers(name: str, folder: Path) -> None:
    """`generate` as its users call it."""
    library, torch = (importlib.import_module(n) for n in ("transformers", "torch"))
    model = library.GPT2LMHeadModel.from_pretrained(folder).eval()
    ids = torch.tensor([prompt(name)])

    def work() -> list[int]:
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False,
            eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        return out[0, PROMPT:].tolist()

    serve(work, first=work())


def bandwidth() -> None:
    """The peak: a sum over an array that fits in no cache."""
    a = np.ones(64 * 1024 * 1024, np.float32)
    parts = np.array_split(a, 2)
    pool = ThreadPoolExecutor(2)
    serve(lambda: list(pool.map(np.sum, parts)), bytes=a.nbytes)


if __name__ == "__main__":
    side, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    {
        "tinygpt": lambda: ours(name, folder),
        "torch": lambda: pytorch(name, folder),
        "transformers": lambda: transformers(name, folder),
        "bandwidth": bandwidth,
    }[side]()
