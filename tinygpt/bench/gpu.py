"""A report from a GPU: does tinygpt compute the same there, and how fast is it?

    python -m tinygpt.bench.gpu --minutes 10           writes gpu-report.md
    python -m tinygpt.bench.gpu --device double        the same on the device double, small

What gives the most comes first. Every part runs in a process of its own and with a limit, so one
that fails, or takes the GPU with it, is written down and the next one begins; the file is written
anew after each. It needs NumPy, CuPy and what tinygpt itself needs; PyTorch and pytest are used
where they are installed.
"""

import argparse
import contextlib
import importlib
import importlib.util
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt import __version__
from tinygpt.backend import DeviceError, gpu, synchronize, to_cpu, to_device
from tinygpt.bench.sides import processor
from tinygpt.files import write_text
from tinygpt.models.config import GPTConfig
from tinygpt.models.gpt import GPT
from tinygpt.nn.dropout_mask import keep, make_key
from tinygpt.testing import strict_device
from tinygpt.testing.cases import CASES, check_op
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
ROUNDS = 10  # timed steps
PROMPT, WRITTEN = 64, 64  # tokens


@dataclass(frozen=True)
class Size:
    """A model, and the rows of a step."""

    name: str
    config: GPTConfig
    rows: int


def sizes(device: str) -> list[Size]:
    """`baby` and GPT-2 124M; on the double as small as can be."""
    if device == "double":
        small = GPTConfig(vocab_size=65, block_size=128, n_layer=2, n_head=2, n_embd=16)
        return [Size("small", small, 2)]
    baby = GPTConfig(vocab_size=65, block_size=256, n_layer=6, n_head=6, n_embd=384, bias=False)
    gpt2 = GPTConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768)
    return [Size("baby", baby, 64), Size("GPT-2 124M", gpt2, 12)]


@contextlib.contextmanager
def usable(device: str) -> Iterator[str]:
    """The device by the name that tinygpt knows; "double" is "gpu" inside."""
    if device == "double":
        with strict_device.double():
            yield "gpu"
    else:
        gpu(device)
        yield device


# ------------------------------------------------------------------------------------ the parts


def machine(device: str) -> None:
    """What it is, and its versions."""
    print(f"tinygpt {__version__}, Python {platform.python_version()}, NumPy {np.__version__}; "
          f"{processor()}, {os.cpu_count()} cores\n")  # fmt: skip
    if device == "double":
        print("device double: NumPy that behaves as CuPy. Nothing below was run on a GPU.")
        return
    cupy: Any = gpu(device)
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    free, total = cupy.cuda.runtime.memGetInfo()
    print(f"{properties['name'].decode()}, {total / 2**30:.0f} GiB ({free / 2**30:.0f} free); "
          f"CuPy {cupy.__version__}, CUDA {cupy.cuda.runtime.runtimeGetVersion()}, driver "
          f"{cupy.cuda.runtime.driverGetVersion()}")  # fmt: skip


def tests(device: str) -> None:
    """The GPU third of the suite: every test that has a device as its parameter."""
    folder = ROOT / "tests"
    if importlib.util.find_spec("pytest") is None or not folder.is_dir():
        print("left out: it needs pytest and the folder tests (a clone of the repository)")
        return
    os.chdir(ROOT)  # where its settings are
    if device == "double":
        which, what = "double", "tests/autograd/test_finite.py"
    else:
        which, what = "gpu and not double", "tests"
    line = ["-q", "-p", "no:cacheprovider", "--tb=line", "--durations=0", "-k", which, what]
    print("```", flush=True)
    importlib.import_module("pytest").main(line)
    print("```")


def gradcheck(device: str) -> None:
    """Every op's gradient against finite differences, in float64 on the device."""
    from tinygpt.autograd.gradcheck import GradientError

    wrong, worst, names = [], ("", 0.0), list(CASES)[: 6 if device == "double" else None]
    with usable(device) as name:
        for op in names:
            try:
                error, _ = check_op(op, None, name)
                worst = max(worst, (op, error), key=lambda pair: pair[1])
            except GradientError as problem:
                wrong.append(f"{op}: {str(problem).splitlines()[0]}")
    print(f"{len(names) - len(wrong)} of {len(names)} ops pass; the largest error is "
          f"{worst[1]:.1e} ({worst[0]})")  # fmt: skip
    for line in wrong:
        print(f"\n- WRONG: {line}")


def equality(device: str) -> None:
    """CPU against GPU: logits, gradients, 50 losses with dropout, masks bit for bit."""
    config = GPTConfig(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128, dropout=0.1)
    if device == "double":
        config = replace(config, n_layer=1, n_embd=16, block_size=16)
    ids = np.random.default_rng(0).integers(0, 65, (50, 12, config.block_size + 1))
    with usable(device) as name:
        found = {where: _trained(config, ids, where) for where in ("cpu", name)}
        masks = {}
        for where in ("cpu", name):
            index = to_device(np.arange(1 << 20, dtype=np.uint32), where)
            masks[where] = to_cpu(keep(index, make_key(1, 2, 3), 0.1))
    print("| | largest difference | relative to the largest |\n| --- | --- | --- |")
    for what in ("logits", "gradients", "50 losses", "weights after them"):
        a, b = (found[where][what] for where in ("cpu", name))
        difference = float(np.abs(a - b).max())
        print(f"| {what} | {difference:.2e} | {difference / float(np.abs(a).max()):.2e} |")
    same = np.array_equal(masks["cpu"], masks[name])
    print(f"\ndropout masks of a million elements: {'the same bits' if same else 'DIFFERENT'}")


def _trained(config: GPTConfig, ids: np.ndarray, device: str) -> dict[str, np.ndarray]:
    model = GPT(config, seed=0)
    model.to(device)
    found = {"logits": to_cpu(model(ids[0][:, :-1]).data)}
    model.train().loss(ids[0][:, :-1], ids[0][:, 1:]).backward()
    found["gradients"] = to_cpu(model.vector().gradient()).copy()
    model.vector().zero_grad()
    trainer = Trainer(model, TrainingArguments(batch_size=12, warmup_steps=0, device=device))
    losses = [trainer.step(batch[:, :-1], batch[:, 1:]) for batch in ids]
    found["50 losses"] = np.array([float(loss) for loss in losses])
    found["weights after them"] = to_cpu(model.vector().data)
    return found


def launches(device: str) -> None:
    """How many operations a training step gives the GPU, and how often it waits: counted on the
    device double, which sees every call. On a GPU also how long Python takes to give them."""
    for size in sizes(device)[:1]:
        small = replace(size.config, n_embd=size.config.n_head * 8, vocab_size=65, block_size=32)
        with strict_device.double() as counts:
            step = _stepper(Size(size.name, small, 2), "gpu")
            step()
            before = replace(counts)
            step()
            print(f"{size.name}: {counts.calls - before.calls} operations a step, "
                  f"{counts.to_device - before.to_device} arrays sent, "
                  f"{counts.to_host - before.to_host} fetched, "
                  f"{counts.syncs - before.syncs} waits")  # fmt: skip
        if device == "double":
            continue
        with usable(device) as name:
            step = _stepper(size, name)
            for _ in range(3):
                step()
            synchronize()
            given, done = [], []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                step()
                given.append(time.perf_counter() - began)
                synchronize()
                done.append(time.perf_counter() - began)
        print(f"\nPython has given them after {1e3 * np.median(given):.1f} ms, the GPU has done "
              f"them after {1e3 * np.median(done):.1f} ms")  # fmt: skip


def _stepper(size: Size, device: str) -> Callable[[], Any]:
    """One training step of that size, as a function."""
    model = GPT(size.config, seed=0)
    model.to(device)
    arguments = TrainingArguments(batch_size=size.rows, warmup_steps=0, device=device)
    trainer = Trainer(model, arguments)
    T = size.config.block_size
    ids = np.random.default_rng(0).integers(0, size.config.vocab_size, (size.rows, T + 1))
    return lambda: trainer.step(ids[:, :-1], ids[:, 1:])


def speed(device: str) -> None:
    """Training steps and writing, with what is set in the environment (CUPY_TF32)."""
    print("| | ms a step, median | fastest | tokens/s | writing, tokens/s | GPU memory, GB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size in sizes(device):
        with usable(device) as name:
            if device != "double":
                gpu(device).get_default_memory_pool().free_all_blocks()
            step = _stepper(size, name)
            times = _times(step, synchronize, 2 if device == "double" else ROUNDS)
            memory = _pool_bytes(device)
            del step
            model = GPT(size.config, seed=0)
            model.to(name)
            prompt = np.arange(PROMPT)[None] % size.config.vocab_size
            model.generate(prompt, 4, temperature=0)
            began = time.perf_counter()
            model.generate(prompt, WRITTEN, temperature=0)
            written = WRITTEN / (time.perf_counter() - began)
        tokens = size.rows * size.config.block_size / np.median(times)
        print(f"| {size.name} | {1e3 * np.median(times):.1f} | {1e3 * min(times):.1f} | "
              f"{tokens:,.0f} | {written:,.0f} | {memory / 1e9:.2f} |", flush=True)  # fmt: skip


def _times(step: Callable[[], Any], wait: Callable[[], Any], rounds: int) -> list[float]:
    """Seconds of each step, all of it done, after three that warm up."""
    times = []
    for _ in range(rounds + 3):
        began = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - began)
    return times[3:]


def _pool_bytes(device: str) -> int:
    """What CuPy's pool has taken from the GPU: the most that was needed so far."""
    return 0 if device == "double" else gpu(device).get_default_memory_pool().total_bytes()


def pytorch(device: str) -> None:
    """The same steps in PyTorch: eager and compiled, float32 and TF32."""
    if importlib.util.find_spec("torch") is None:
        print("left out: PyTorch is not installed")
        return
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        print("left out: PyTorch sees no GPU")
        return
    torch_gpt = importlib.import_module("tinygpt.bench.torch_gpt")
    print(
        "| | way | ms a step, median | fastest | GPU memory, GB |\n| --- | --- | --- | --- | --- |"
    )
    for size in sizes(device):
        rng = np.random.default_rng(0)
        shape = size.rows, size.config.block_size + 1
        ids = torch.from_numpy(rng.integers(0, size.config.vocab_size, shape)).cuda()
        for tf32 in (False, True):
            for compiled in (False, True):
                torch.backends.cuda.matmul.allow_tf32 = tf32
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                model = torch_gpt.TorchGPT(size.config).cuda()
                step = torch_gpt.trainer(model, 1e-3, (0.9, 0.95), 0.1)
                if compiled:
                    model.loss = torch.compile(model.loss)
                x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
                times = _times(lambda s=step, x=x, y=y: s(x, y), torch.cuda.synchronize, ROUNDS)
                way = f"{'compile' if compiled else 'eager'}, {'TF32' if tf32 else 'float32'}"
                memory = torch.cuda.max_memory_reserved() / 1e9
                print(f"| {size.name} | {way} | {1e3 * np.median(times):.1f} | "
                      f"{1e3 * min(times):.1f} | {memory:.2f} |", flush=True)  # fmt: skip
                del model, step


@dataclass(frozen=True)
class Part:
    """A heading, what writes it, its limit in seconds, and the environment that it wants."""

    heading: str
    function: Callable[[str], None]
    seconds: int
    environment: tuple[tuple[str, str], ...] = ()


PARTS = {
    "machine": Part("The machine", machine, 60),
    "tests": Part("The suite's tests on this device", tests, 240),
    "gradcheck": Part("Gradients", gradcheck, 120),
    "equality": Part("CPU against GPU", equality, 120),
    "launches": Part("Operations and waits", launches, 90),
    "speed": Part("Speed in float32", speed, 150, (("CUPY_TF32", "0"),)),
    "speed-tf32": Part("Speed with TF32", speed, 120, (("CUPY_TF32", "1"),)),
    "pytorch": Part("PyTorch, the same steps", pytorch, 200),
}


# ------------------------------------------------------------------------------------ the report


def report(path: Path, device: str, minutes: float, names: list[str]) -> None:
    """Run the parts, one process each, and write the file anew after every one."""
    ends = time.monotonic() + 60 * minutes
    text = f"# tinygpt on {'the device double' if device == 'double' else device}\n"
    for name in names:
        part, left = PARTS[name], ends - time.monotonic()
        print(f"{part.heading} ({left / 60:.1f} minutes left)", flush=True)
        text += f"\n## {part.heading}\n\n{_part(name, part, device, left)}\n"
        write_text(path, text)
    print(f"the report is in {path}")


def _part(name: str, part: Part, device: str, left: float) -> str:
    """What a part has written, and in what it failed."""
    if left < 5:
        return "left out: no time was left (--minutes)"
    line = [sys.executable, "-m", "tinygpt.bench.gpu", "--part", name, "--device", device]
    limit = min(part.seconds, left)
    began = time.monotonic()
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        errors="replace", env=os.environ | dict(part.environment), start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, errors = process.communicate(timeout=limit)
            ended = "" if process.returncode == 0 else f"failed with code {process.returncode}"
        except subprocess.TimeoutExpired:
            _end(process)
            said, errors = process.communicate()
            ended = f"stopped after {limit:.0f} seconds"
        except BaseException:
            _end(process)  # it has a session of its own, and does not hear Ctrl-C
            raise
    text = said.strip()
    if text.count("```") % 2:  # it ended inside
        text += "\n```"
    if ended:
        last = "\n".join(f"    {row}" for row in errors.strip().splitlines()[-12:])
        text += f"\n\n**This part {ended}.**\n\n{last}"
    return f"{text.strip()}\n\n({time.monotonic() - began:.0f} s)"


def _end(process: subprocess.Popen) -> None:
    """End a part and what it has started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def main(argv: list[str] | None = None) -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tinygpt.bench.gpu", None, __doc__,
                                     formatter_class=form)  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--device", default="gpu", help='"gpu", "gpu:1" or "double"')
    parser.add_argument("--output", type=Path, default=Path("gpu-report.md"))
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.part:
        return PARTS[given.part].function(given.device)
    if not given.output.parent.is_dir():
        parser.error(f"{given.output.parent} is no folder: the report cannot be put there")
    if not given.minutes > 0:
        parser.error(f"expected --minutes > 0, got {given.minutes:g}")
    if given.device != "double":
        try:
            gpu(given.device)
        except (DeviceError, ValueError) as error:
            parser.error(str(error))
    report(given.output, given.device, given.minutes, given.parts)


if __name__ == "__main__":
    main()
