"""The lessons: made from their sources byte by byte, run blank and answered, and kept to the rules
that make them readable.
"""

import importlib.util
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tinygpt.lesson.article import NOT_HERE
from tinygpt.lesson.exercises import EXERCISES
from tinygpt.lesson.guesses import GUESSES

LESSONS = Path(__file__).parents[2] / "lessons"
spec = importlib.util.spec_from_file_location("build", LESSONS / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

SOURCES = build.sources()
NUMBERS = [source.stem[:2] for source in SOURCES]
GIVEN = {"0.001", "0.0001", "0.999", "0.5001", "0.044715"}  # numbers that a lesson begins with
CELL_SECONDS = 120  # a hang; what a lesson takes stands in its own words


def lesson(number):
    return next(source for source in SOURCES if source.stem.startswith(number))


def words(text):
    return sum(1 for word in text.split() if re.search(r"\w", word))


# --------------------------------------------------------------------------------- the files


def test_there_is_a_notebook_for_each_source_and_no_other():
    assert [p.stem for p in sorted(LESSONS.glob("*.ipynb"))] == [s.stem for s in SOURCES]
    assert " ".join(NUMBERS) == "00 01 02 03 04 05 06 07 08 09 10 11 13 14 15 16 17 18 19 20 21"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_notebook_is_what_its_source_makes(number, tmp_path):
    source = lesson(number)
    build.write(tmp_path / "made.ipynb", build.notebook(source))
    stored = (LESSONS / f"{source.stem}.ipynb").read_bytes()
    assert (tmp_path / "made.ipynb").read_bytes() == stored, "run python lessons/build.py"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_rules(number):
    book = build.notebook(lesson(number))
    title = book.cells[0].source
    assert 15 <= len(book.cells) <= (22 if number != "20" else 80)  # two for each row
    assert title.startswith(f"# # {number} "[2:]) and "After this lesson you can" in title
    assert re.search(r"\*Time: \d+ minutes for you, \d+ seconds for the machine\. Needs", title)
    assert len(re.findall(r"^\d\. ", title, re.M)) == 3
    for cell in book.cells:
        assert not cell.get("outputs")
        if cell.cell_type == "markdown":
            assert words(cell.source) < 120, cell.source[:60]
            measured = set(re.findall(r"\d\.\d{3,}", cell.source)) - GIVEN
            assert not measured, "a number that goes stale"
        else:
            assert "SOLUTION" not in cell.source
            assert max(map(len, cell.source.splitlines())) <= 110
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    exercises = [e for e in EXERCISES.values() if e.lesson == number]
    assert 2 <= len(exercises) <= 4
    for e in exercises:
        assert re.search(rf"^def {e.name}\(", code, re.M), e.name
        assert f'check("{e.id}", {e.name})' in code
        assert f'use("{e.id}")' in code, "the result of an exercise is used"
    assert 1 <= len(re.findall(r"^predict\(", code, re.M)) <= 3
    for guess in re.findall(r"^predict\(.*", code, re.M):
        assert "lambda" not in guess, "what is true stands in guesses.py, not above the guess"
        assert re.match(r'predict\("\d\d\.P\d", guess_\d', guess)[0][9:14] in GUESSES
    assert ("plots." in code and "show(" in code) or number == "00"
    assert not re.search(r"^%|^!", code, re.M)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_blank_notebook_holds_no_answer(number):
    blank = "\n".join(cell.source for cell in build.notebook(lesson(number)).cells)
    source = build.with_answers(lesson(number).read_text(encoding="utf-8"))
    for block in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source, re.S):
        for line in block.splitlines():
            code = line.strip()
            if len(code) > 20 and not code.startswith("#"):
                assert code not in blank
    assert len(re.findall(r"^guess_\d = None$", blank, re.M)) == len(
        re.findall(r"### SOLUTION$", source, re.M)
    )


def test_an_answer_becomes_a_stub():
    def marked(lines):
        return f"    ### BEGIN SOLUTION\n    # plan\n{lines}    ### END SOLUTION"

    code = "def f(x):\n" + marked("    y = x\n    return y\n")
    assert build.blank(code) == "def f(x):\n    # plan\n    return None"
    assert build.kept(code) == "def f(x):\n    # plan\n    y = x\n    return y"
    code = marked("    dz = 1\n    dz += 2\n") + "\nreturn dz"
    assert build.blank(code) == "    # plan\n    dz = None\nreturn dz"
    assert build.blank(marked("    f()\n")) == "    # plan\n    pass"
    assert build.blank("guess = (1, 2)  ### SOLUTION") == "guess = None"


def test_the_setup_cell_says_how_where_the_library_is_missing():
    code = build.setup_cell().replace('"tinygpt"', '"no_such_package"')
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert "tinygpt is not installed for" in done.stderr and "pip install" in done.stderr


# ---------------------------------------------------------------------------------- running them


def run(number, answered, folder):
    """The notebook after Run All, and an error's text if a cell raised one."""
    book = build.notebook(lesson(number), answered)
    folder.mkdir()
    client = NotebookClient(
        book, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}},
        kernel_name="python3",
    )  # fmt: skip
    client.execute()
    return book


def text_of(book):
    parts = []
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            parts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Every notebook, blank and answered, two at once, with no network."""
    patch = pytest.MonkeyPatch()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        patch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    patch.setenv("no_proxy", "localhost,127.0.0.1")
    patch.setenv("OPENBLAS_NUM_THREADS", "1")
    patch.delenv("PYTHONWARNDEFAULTENCODING", raising=False)  # of others: no student sets it
    folder = tmp_path_factory.mktemp("lessons")
    jobs = [(number, answered) for number in NUMBERS for answered in (False, True)]
    try:
        with ThreadPoolExecutor(2) as pool:
            books = pool.map(lambda job: run(*job, folder / f"{job[0]}-{job[1]}"), jobs)
            return dict(zip(jobs, books, strict=True))
    finally:
        patch.undo()


@pytest.mark.parametrize("number", NUMBERS)
def test_blank(executed, number):
    """Run All on a notebook that nobody has touched goes to the end, and gives no points."""
    text = text_of(executed[number, False])
    for e in EXERCISES.values():
        if e.lesson == number:
            assert re.search(rf"^{e.id}: 0 of \d+ points$", text, re.M)
            assert f"{e.id}: with the library's answer, until yours is right" in text
            assert f"{e.blank_says}. Expected: {e.form}" in text
    assert "you said" not in text
    assert "What to see: " in text


@pytest.mark.parametrize("number", NUMBERS)
def test_answered(executed, number):
    text = text_of(executed[number, True])
    for e in EXERCISES.values():
        if e.lesson == number:
            found = re.search(rf"^{e.id}: (\d+) of (\d+) points$", text, re.M)
            points, total = found.groups()
            assert points == total
            assert f"{e.id}: with your {e.name}" in text
    assert text.count(": right.") >= 1
    assert "not what happens" not in text, "the guesses in the source are right"
    assert "nan" not in re.findall(r"What to see: .*", text)[-1]


def test_every_row_of_the_article_shows_its_damage_and_its_repair(executed):
    """Each stated damage is there, and each repair holds, on the machine that runs the tests; the
    article's words are a short phrase at most."""
    for answered in (False, True):
        text = text_of(executed["20", answered])
        wrong = re.findall(r"^row (\d+) ✗ “(.+)”$", text, re.M)
        right = re.findall(r"^row (\d+) ✓ instead$", text, re.M)
        assert NOT_HERE not in text
        assert len(wrong) >= 25
        assert len({row for row, _ in wrong}) == len(wrong)
        assert {row for row, _ in wrong} == set(right)
        assert all(1 <= int(row) <= 62 and len(phrase.split()) <= 5 for row, phrase in wrong)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_guess_stands_on_the_screen_before_it_is_made(executed, number):
    """In the untouched notebook, after Run All: neither the reasons that come with a verdict nor,
    in what is printed and written around the guess, the truth."""
    answered = text_of(executed[number, True])
    blank = executed[number, False]
    for id, truth in re.findall(r"^(\d\d\.P\d)$(?:.*?)it is (.+?): right", answered, re.M | re.S):
        at = next(i for i, c in enumerate(blank.cells) if f'predict("{id}"' in c.source)
        near = blank.cells[at - 1 : at + 2]
        code = "\n".join(c.source for c in near if c.cell_type == "code")
        shown = code + text_of({"cells": near})
        assert f"it is {truth}" not in shown
        because = GUESSES[id].because
        if isinstance(because, str) and because:
            assert because[:40] not in text_of(blank)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_picture_has_words(executed, number):
    for cell in executed[number, True].cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            if "<img" in html:
                assert re.search(r'<img alt="[^"]{40,}" src="data:image/png;base64,', html)
            assert output.get("name") != "stderr", output.get("text")


def test_the_executed_notebooks_are_valid(executed):
    assert set(executed) == {(number, answered) for number in NUMBERS for answered in (False, True)}
    for book in executed.values():
        nbformat.validate(book)


# ---------------------------------------------------------------------------------- the pages


def table_rows(page):
    lines = (LESSONS / page).read_text(encoding="utf-8").splitlines()
    return [
        [c.strip() for c in line.strip("|").split("|")] for line in lines if line.startswith("|")
    ]


WORDS = [row for row in table_rows("WORDS.md") if len(row) == 4 and row[3].isdigit()]


@pytest.mark.parametrize("row", WORDS, ids=[row[0] for row in WORDS])
def test_each_word_is_born_where_the_page_says(row):
    """It stands in the text of that lesson; and the page has it in both languages."""
    word, chinese, meaning, number = row
    said = "\n".join(
        cell.source for cell in build.notebook(lesson(number)).cells
    ).lower()  # fmt: skip
    names = re.split(r" \(|\)", word)  # "score (logit)"
    assert any(name and name.lower() in said for name in names), f"{word} is not in lesson {number}"
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert len(meaning.split()) <= 20


def test_the_map_names_every_lesson_and_files_that_are_there():
    page = (LESSONS / "README.md").read_text(encoding="utf-8")
    drawing = page[page.index("How they build") : page.index("What to read")]
    assert sorted(set(re.findall(r"\b\d\d\b", drawing))) == NUMBERS
    files = [f for row in table_rows("README.md") for f in re.findall(r"`([\w/]+\.py)`", row[-1])]
    assert len(files) > 15
    for file in files:
        assert (LESSONS.parent / "tinygpt" / file).is_file(), file


@pytest.mark.parametrize("number", NUMBERS)
def test_what_a_lesson_needs_is_what_the_map_says(number):
    (row,) = [r for r in table_rows("README.md") if r[0] == number and len(r) == 5]
    title = " ".join(build.notebook(lesson(number)).cells[0].source.split())
    said = title[title.index("Needs") :]
    assert set(re.findall(r"\b\d\d\b", row[4])) == set(re.findall(r"\b\d\d\b", said)), said
