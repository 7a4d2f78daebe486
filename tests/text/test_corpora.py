"""Corpora: prose from Python itself, files, folders, and what is wrong with them."""

import hashlib

import pytest

from tinygpt.text import CORPORA, DataArguments, corpora, load_corpus, python_library
from tinygpt.text.python_library import make_python_docs, prose, python_docs


@pytest.fixture
def small_docs(monkeypatch, tmp_path):
    """python-docs of a hundred paragraphs, in a cache of its own."""
    paragraphs = [f"This is the paragraph with the number {i}, and no other." for i in range(100)]
    made = []

    def make():
        made.append(1)
        return paragraphs

    monkeypatch.setattr(python_library, "make_python_docs", make)
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
        (lambda p: write(p / "blank.txt", b" \n\n "), "holds no text"),
        (lambda p: write(p / "a.bin", b"\x7fELF\0\0"), "a.bin is no text: it has a zero byte"),
        (lambda p: write(p / "w.txt", "abc".encode("utf-16")), "mark of utf-16: give --encoding"),
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
    with pytest.raises(ValueError, match="no encoding 'klingon'"):
        DataArguments(encoding="klingon")


# ----------------------------------------------------------------------- encodings and cleaning


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("天地玄黃".encode("gb18030"), "gb18030"),
        ("天地玄黃".encode("utf-16"), "utf-16"),
        ("天地玄黃".encode("big5"), "big5"),
        (b"\xef\xbb\xbf" + "天地玄黃".encode(), "utf-8"),
    ],
)
def test_encodings(tmp_path, data, encoding):
    path = write(tmp_path / "a.txt", data)
    corpus = load_corpus(str(path), validation_fraction=0, encoding=encoding)
    assert corpus.train == "天地玄黃"


def test_a_wrong_encoding_is_refused(tmp_path):
    path = write(tmp_path / "a.txt", "天地".encode("gb18030"))
    with pytest.raises(ValueError, match=r"not UTF-8 text: byte 0xcc at offset 0.*gb18030"):
        load_corpus(str(path))
    with pytest.raises(ValueError, match="not ASCII text"):
        load_corpus(str(path), encoding="ascii")


def test_line_ends_stay_and_are_said_unless_cleaned(tmp_path):
    path = write(tmp_path / "a.txt", b"one\r\ntwo\r\n")
    corpus = load_corpus(str(path), validation_fraction=0)
    assert corpus.train == "one\r\ntwo\r\n"
    assert "--clean makes it LF" in corpus.remarks[0]
    corpus = load_corpus(str(path), validation_fraction=0, clean=True)
    assert corpus.train == "one\ntwo\n"
    assert corpus.remarks[0] == "clean: 2 line ends CR LF or CR made LF"


def test_files_of_a_folder_are_parted_by_the_first_special_token(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.txt", name.encode())
    corpus = load_corpus(str(tmp_path), validation_fraction=0, special_tokens=["<|end|>"])
    assert corpus.train == "a<|end|>b<|end|>c"


def test_overlap_of_the_parts_is_said(tmp_path):
    path = write(tmp_path / "a.txt", b"abcdefghij" * 200)
    assert "overlap: 4 of 4 pieces of 50 characters" in load_corpus(str(path)).remarks[0]


# ------------------------------------------------------------------------ the other ones by name


@pytest.mark.parametrize("name", ["python-source", "unicode-names", "stories", "stories-zh"])
def test_corpora_without_a_download(name):
    corpus = load_corpus(name)
    assert len(corpus.train) > 500_000
    assert 0.08 < len(corpus.validation) / (len(corpus.train) + len(corpus.validation)) < 0.12
    assert (corpus.grammar is not None) == name.startswith("stories")
    assert corpus == load_corpus(name)


def test_unicode_names():
    names = corpora.unicode_names()
    assert 30_000 < len(names) < 60_000
    assert "LATIN SMALL LETTER A" in names
    assert not any(name.startswith("CJK UNIFIED") for name in names)


def test_both_parts_of_stories_can_have_been_written_by_the_grammar():
    corpus = load_corpus("stories")
    assert corpus.begin == "\n"
    for part in (corpus.train, corpus.validation):
        assert len(corpus.grammar.nats_of_bytes(part[:2000].encode())) == 2000


def test_shakespeare_without_a_network_says_where_to_put_it(tmp_path, monkeypatch):
    import requests

    def offline(*args, **more):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr("requests.get", offline)
    monkeypatch.setattr("requests.Session.request", offline)
    monkeypatch.setattr(corpora, "cache_folder", lambda: tmp_path)
    with pytest.raises(
        ValueError, match=r"by hand at .*shakespeare\.txt: https://raw\..*SHA-256 86"
    ):
        load_corpus("shakespeare")
    assert not (tmp_path / "shakespeare.txt").exists()


def test_shakespeare_from_the_cache_is_checked_and_cut_at_its_end(tmp_path, monkeypatch):
    text = "First Citizen:\nBefore we proceed any further, hear me speak.\n" * 50
    monkeypatch.setattr(corpora, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(corpora, "SHAKESPEARE_SHA256", hashlib.sha256(text.encode()).hexdigest())
    write(tmp_path / "shakespeare.txt", text.encode())
    corpus = load_corpus("shakespeare")
    assert corpus.train + corpus.validation == text


def test_every_corpus_says_what_it_is():
    assert all(source.about and source.licence for source in CORPORA.values())
