"""tinygpt runs: what was trained here."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from tinygpt.cli.settings import parse
from tinygpt.training.run_folder import RUN_FILE, RUNS, read_log, read_run


@dataclass
class RunsCommand:
    """List the runs in a folder, the newest last: text, steps, best loss on held-out text."""

    folder: Positional[Path] = Path(RUNS)  # where the runs are


def runs(argv: list[str]) -> None:
    command = parse(RunsCommand, argv, "runs")
    found = sorted(command.folder.glob(f"*/{RUN_FILE}"), key=lambda p: p.stat().st_mtime_ns)
    if not found:
        raise ValueError(f"there is no run in {command.folder.resolve()}: tinygpt train makes one")
    print(f"{'run':<40}{'steps':>14}{'best loss':>12}{'layers x width':>17}")
    for path in found:
        folder = path.parent
        try:
            record, log = read_run(folder), read_log(folder)
        except ValueError as error:
            print(f"{folder.name:<40}  {error}")
            continue
        losses = [line["validation_loss"] for line in log if "validation_loss" in line]
        done, of = log[-1]["step"] if log else 0, record["training"].get("max_steps", 0)
        best = f"{min(losses):.3f}" if losses else ""
        shape = f"{record['model'].get('n_layer')} x {record['model'].get('n_embd')}"
        print(f"{folder.name:<40}{f'{done:,} of {of:,}':>14}{best:>12}{shape:>17}")
