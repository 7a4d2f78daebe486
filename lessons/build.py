"""Make the notebooks from source/: `python lessons/build.py`.

A source is a Python file in percent format, with answers. The student's notebook is the same cells
with the answers left out:

    ### BEGIN SOLUTION          of the lines up to END only the comments stay, and after them
    ...                         `return None`; where nothing was returned, `name = None` with the
    ### END SOLUTION            first name that was assigned, or `pass`
    guess = 3.3  ### SOLUTION   becomes `guess = None`
    ### ANSWER 05.1             such a block with the lines of that exercise's right answer
                                (tinygpt/lesson/exercises), where alone they stand

`notebook(path, answered=True)` keeps them: what the tests run.
"""

import ast
import inspect
import re
import textwrap
import tomllib
from pathlib import Path

import jupytext
import nbformat

from tinygpt.lesson.exercises import EXERCISES

LESSONS = Path(__file__).resolve().parent
BLOCK = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION\n", re.M | re.S)
LINE = re.compile(r"^( *\w+) = .*  ### SOLUTION$", re.M)
ANSWER = re.compile(r"^( *)### ANSWER (\d\d\.\d)\n", re.M)

SETUP = """import importlib.util
import sys

if importlib.util.find_spec("tinygpt") is None:
    {missing}
from tinygpt.lesson import about

about()"""
NO_URL = """raise ModuleNotFoundError(
        f"tinygpt is not installed for {sys.executable}. In the folder where you have it, run\\n"
        f'    {sys.executable} -m pip install -e ".[lessons]"\\nand start the kernel again'
    )"""
URL = 'get_ipython().run_line_magic("pip", "install -q \\"tinygpt[lessons] @ git+{url}\\"")'


def setup_cell() -> str:
    """The first code cell: installs the library where it is missing, if it has an address."""
    project = LESSONS.parent / "pyproject.toml"  # in a clone; an installed package has none
    text = project.read_text(encoding="utf-8") if project.is_file() else "[project]"
    url = tomllib.loads(text)["project"].get("urls", {}).get("Repository")
    return SETUP.format(missing=URL.format(url=url) if url else NO_URL)


def with_answers(source: str) -> str:
    """The source, with each exercise's answer where it says so."""

    def block(match: re.Match) -> str:
        lines = textwrap.indent(body_of(EXERCISES[match[2]].answer), match[1])
        return f"{match[1]}### BEGIN SOLUTION\n{lines}{match[1]}### END SOLUTION\n"

    return ANSWER.sub(block, source)


def body_of(function: object) -> str:
    """The lines of a function below its signature and docstring, comments among them."""
    code = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(code).body[0]
    last = tree.args.args[-1].end_lineno if ast.get_docstring(tree) is None else (
        tree.body[0].end_lineno
    )  # fmt: skip
    return textwrap.dedent("".join(code.splitlines(keepends=True)[last:]))


def blank(code: str) -> str:
    """The cell without its answers."""

    def stub(match: re.Match) -> str:
        indent, lines = match[1], match[2].splitlines()
        comments = [line for line in lines if line.strip().startswith("# ")]
        assigned = [m[1] for line in lines if (m := re.match(r" *(\w+) = ", line))]
        last = f"{assigned[0]} = None" if assigned else "pass"
        if any(re.match(r" *return\b", line) for line in lines):
            last = "return None"
        return "\n".join([*comments, f"{indent}{last}"]) + "\n"

    return LINE.sub(r"\1 = None", BLOCK.sub(stub, code + "\n")).rstrip("\n")


def kept(code: str) -> str:
    """The cell with its answers, without the marks."""
    code = re.sub(r"^ *### (BEGIN|END) SOLUTION\n", "", code + "\n", flags=re.M)
    return code.replace("  ### SOLUTION", "").rstrip("\n")


def notebook(source: Path, answered: bool = False) -> nbformat.NotebookNode:
    """The notebook of a source: no outputs, fixed cell ids, a kernel that everybody has."""
    text = with_answers(source.read_text(encoding="utf-8"))
    book = jupytext.reads(text, fmt="py:percent")
    cells = list(book.cells)
    cells.insert(1, nbformat.v4.new_code_cell(setup_cell()))
    for i, cell in enumerate(cells):
        cell["id"] = f"{source.stem[:2]}-{i:02}"
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["source"] = (kept if answered else blank)(cell["source"])
    book = nbformat.v4.new_notebook(cells=cells)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.validate(book)
    return book


def write(path: Path, book: nbformat.NotebookNode) -> None:
    path.write_text(nbformat.writes(book, version=4) + "\n", encoding="utf-8", newline="\n")


def sources() -> list[Path]:
    return sorted((LESSONS / "source").glob("[0-9][0-9]_*.py"))


if __name__ == "__main__":
    for source in sources():
        write(LESSONS / f"{source.stem}.ipynb", notebook(source))
        print(f"{source.stem}.ipynb")
