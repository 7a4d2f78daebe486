"""The `tinygpt` command. Each of its commands is a file here, loaded when it is called.

Errors that a user can mend are one paragraph and exit code 2; --debug shows where they came from.
"""

import difflib
import importlib
import os
import sys

COMMANDS = {  # name -> the file here, and the function in it
    "train": ("train", "train"),
    "generate": ("generate", "generate"),
    "chat": ("chat", "chat"),
    "eval": ("evaluate", "evaluate"),
    "tasks": ("tasks", "tasks"),
    "similar": ("similar", "similar"),
    "look": ("look", "look"),
    "export": ("export", "export"),
    "runs": ("runs", "runs"),
    "corpora": ("corpora", "corpora"),
    "gradcheck": ("gradcheck", "gradcheck"),
    "lessons": ("lessons", "lessons"),
    "check": ("check", "check"),
    "bench": ("bench", "bench"),
    "info": ("info", "info"),
}

USAGE = """usage: tinygpt COMMAND [options]

  tinygpt train [CORPUS]              train a GPT on a text, and write some
  tinygpt train --resume [RUN]        go on with a run that was stopped
  tinygpt generate [RUN] "prompt"     write with a trained model
  tinygpt train --task NAME           teach a task: answers, labels, chats; tinygpt tasks lists them
  tinygpt chat [RUN]                  talk with a model that has learned to answer
  tinygpt eval [RUN] [CORPUS]         how well a trained model predicts a text
  tinygpt similar MODEL "text" FILE   the lines of a file that mean nearly the same (BERT)
  tinygpt look [RUN] "text"           a picture: who looks at whom in a trained model
  tinygpt export [RUN] FOLDER         write a model for Hugging Face's transformers
  tinygpt runs                        the runs so far, with their losses
  tinygpt corpora                     the texts that go by a name
  tinygpt gradcheck [OP ...]          check every gradient against finite differences
  tinygpt lessons [FOLDER]            the lessons, in JupyterLab
  tinygpt check FILE ...              judge the answers in students' notebooks
  tinygpt bench train                 a training step, beside PyTorch's and against the limit
  tinygpt info                        versions, processor, BLAS, GPU

RUN is a folder, the name of a run in runs/, or storyteller, a small model that is shipped; without
it the newest run is taken. tinygpt COMMAND --help explains every option, tinygpt --version says
which one this is, --debug shows where an error came from.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code. 0 is fine, 1 a gradient or an answer that is wrong, 2 an
    error that the user can mend, 3 a fault of this program, 130 Ctrl-C, 141 a closed pipe."""
    argv = sys.argv[1:] if argv is None else argv
    debug = "--debug" in argv
    argv = [a for a in argv if a != "--debug"]
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a character shows its number
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if argv else 2
    if argv[0] in ("--version", "-V"):
        print(f"tinygpt {importlib.import_module('tinygpt').__version__}")
        return 0
    try:
        return _command(argv[0])(argv[1:]) or 0
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:  # from --help (0) and from options that do not parse (2)
        return error.code if isinstance(error.code, int) else 2
    except BrokenPipeError:  # who read the output has had enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError as error:
        if debug:
            raise
        print(
            f"tinygpt: memory ran out{f' ({error})' if str(error) else ''}. A smaller "
            f"--batch-size, --micro-batch-size, --block-size, --n-embd or --n-layer needs less",
            file=sys.stderr,
        )
        return 2
    except Exception as error:
        if debug:
            raise
        return _said(error)


def _command(name: str):
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"there is no command {name!r}: expected {', '.join(COMMANDS)}.{hint}")
    file, function = COMMANDS[name]
    return getattr(importlib.import_module(f"tinygpt.cli.{file}"), function)


def _said(error: Exception) -> int:
    """The error in a paragraph. One that nobody foresaw is said to be a fault of this program."""
    mendable = {"DeviceError", "TrainingError", "NotFinite"}
    if isinstance(error, ValueError | TypeError | OSError) or type(error).__name__ in mendable:
        print(f"tinygpt: {error}", file=sys.stderr)
        return 2
    print(
        f"tinygpt: {type(error).__name__}: {error}\nThis is a fault of tinygpt: please report it "
        f"with what the same line and --debug show",
        file=sys.stderr,
    )
    return 3
