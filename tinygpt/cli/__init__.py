"""The `tinygpt` command. Each of its commands is a file here.

Errors that a user can mend are one paragraph and exit code 2; --debug shows where they came from.
"""

import os
import sys

from tinygpt.backend import DeviceError
from tinygpt.cli.bench import bench
from tinygpt.cli.check import check
from tinygpt.cli.corpora import corpora
from tinygpt.cli.evaluate import evaluate
from tinygpt.cli.generate import generate
from tinygpt.cli.gradcheck import gradcheck
from tinygpt.cli.info import info
from tinygpt.cli.lessons import lessons
from tinygpt.cli.look import look
from tinygpt.cli.train import train
from tinygpt.training.trainer import TrainingError

USER_ERRORS = (ValueError, TypeError, DeviceError, TrainingError, OSError, MemoryError)

COMMANDS = {
    "train": train,
    "generate": generate,
    "eval": evaluate,
    "look": look,
    "corpora": corpora,
    "gradcheck": gradcheck,
    "lessons": lessons,
    "check": check,
    "bench": bench,
    "info": info,
}

USAGE = """usage: tinygpt COMMAND [options]

  tinygpt train [CORPUS]              train a GPT on a text, and write some
  tinygpt train --resume RUN          go on with a run that was stopped
  tinygpt generate [RUN] "prompt"     write with a trained model
  tinygpt eval RUN [CORPUS]           how well a trained model predicts a text
  tinygpt look RUN "text"             a picture: who looks at whom in a trained model
  tinygpt corpora                     the texts that go by a name
  tinygpt gradcheck [OP ...]          check every gradient against finite differences
  tinygpt lessons [FOLDER]            the lessons, in JupyterLab
  tinygpt check FILE ...              judge the answers in students' notebooks
  tinygpt bench engine                what the tape costs, against NumPy and PyTorch
  tinygpt info                        versions, processor, BLAS, GPU

tinygpt COMMAND --help explains every option; --debug shows where an error came from.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code. 0 is fine, 1 a gradient or an answer that is wrong, 2 an
    error that the user can mend, 130 Ctrl-C, 141 a closed pipe."""
    argv = sys.argv[1:] if argv is None else argv
    debug = "--debug" in argv
    argv = [a for a in argv if a != "--debug"]
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a character shows its number
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if argv else 2
    try:
        if argv[0] not in COMMANDS:
            raise ValueError(f"there is no command {argv[0]!r}: expected {', '.join(COMMANDS)}")
        return COMMANDS[argv[0]](argv[1:]) or 0
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:  # from --help (0) and from options that do not parse (2)
        return error.code if isinstance(error.code, int) else 2
    except BrokenPipeError:  # who read the output has had enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except USER_ERRORS as error:
        if debug:
            raise
        print(f"tinygpt: {error}", file=sys.stderr)
        return 2
