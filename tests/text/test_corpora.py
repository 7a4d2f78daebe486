"""Corpora: prose from Python itself, files, folders, and what is wrong with them."""

import hashlib

import pytest

from tinygpt.text import DataArguments, corpora, load_corpus
from tinygpt.text.corpora import make_python_docs, prose, python_docs


@pytest.fixture
def small_docs(monkeypatch, tmp_path):
    """python-docs of a hundred paragraphs, in a cache of its own."""
    paragraphs = [f"This is the paragraph with the number {i}, and no other." for i in range(100)]
    made = []

    def make():
        made.append(1)
        return paragraphs

    monkeypatch.setattr(corpora, "make_python_docs", make)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    return paragraphs, made


def test_python_docs_are_made_once_and_kept(small_docs):
    paragraphs, made = small_docs
    assert python_docs() == paragraphs
    assert python_docs() == paragraphs
    assert made == [1]


def test_python_docs_are_split_by_paragraph(small_docs):
    paragraphs, _ = small_docs
    corpus = load_corpus("python-docs", validation_fraction=0.2)
    train, validation = corpus.train.split("\n\n"), corpus.validation.split("\n\n")
    assert (len(train), len(validation)) == (80, 20)
    assert sorted(train + validation) == sorted(paragraphs)
    assert train != sorted(train)  # shuffled
    assert corpus == load_corpus("python-docs", validation_fraction=0.2)
    text = "\n\n".join(paragraphs)
    assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_prose():
    text = """
    This is a sentence of prose that goes
    over two lines, and it ends here.

    >>> code(1, 2, 3)  # This is not prose, as anybody can see at once.

    Short one.

    =======  =======  =======  =======  =======  =======  =======  =======

    this one does not begin with a capital letter, so it is a fragment.

    This one has no end, it simply stops in the middle of the
    """
    assert list(prose(text)) == [
        "This is a sentence of prose that goes over two lines, and it ends here."
    ]


@pytest.mark.slow
def test_python_docs_for_real():
    paragraphs = make_python_docs()
    assert len(set(paragraphs)) == len(paragraphs)
    assert paragraphs == make_python_docs()
    assert sum(map(len, paragraphs)) > 900_000
    assert all("\n" not in p for p in paragraphs)


def test_a_file_is_used_as_it_is(tmp_path):
    path = tmp_path / "my text.txt"
    text = "天地\r\n" + "x" * 95
    path.write_bytes(text.encode("utf-8"))
    corpus = load_corpus(str(path), validation_fraction=0.25)
    assert corpus.train + corpus.validation == text
    assert len(corpus.validation) == round(len(text) * 0.25)
    assert corpus.name == "my-text"
    assert load_corpus(str(path), validation_fraction=0).validation == ""


def test_a_folder_in_the_order_of_its_names(tmp_path):
    (tmp_path / "b.txt").write_text("second", encoding="utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.py").write_text("first", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.txt").write_text("not this", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    corpus = load_corpus(str(tmp_path), validation_fraction=0)
    assert corpus.train == "first\nsecond"
    assert "1 binary file(s)" in corpus.remarks[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere.txt", "no corpus and no file or folder named"),
        (lambda p: write(p / "bad.txt", b"abc\xffdef"), r"bad.txt.*byte 0xff at offset 3"),
        (lambda p: write(p / "empty.txt", b""), "holds no text"),
        (lambda p: write(p / "in" / "bad.txt", b"ab\xe5") and p / "in", "byte 0xe5 at offset 2"),
        (lambda p: write(p / "x" / "a.png", b"\0") and p / "x", "holds no text"),
    ],
)
def test_what_is_refused(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        load_corpus(str(make(tmp_path)))


def write(path, data):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_arguments():
    with pytest.raises(ValueError, match=r"validation_fraction < 1, got 1\.0"):
        DataArguments(validation_fraction=1.0)
    with pytest.raises(ValueError, match="got 'words'"):
        DataArguments(tokenizer="words")
