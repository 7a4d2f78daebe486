"""Corpora: prose from Python itself, files, folders, and what is wrong with them."""

import hashlib
import os
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt.text import CORPORA, DataArguments, corpora, load_corpus, python_library
from tinygpt.text.python_library import make_python_docs, prose, python_docs
from tinygpt.text.reading import chunks


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
    assert corpus.remarks[0] == f"left out of {tmp_path}: 1 hidden folder(s), 1 binary file(s)"


def test_runs_links_and_what_git_ignores_are_no_text(tmp_path):
    """`train .` twice: the second run must not learn the first one's log."""
    folder = tmp_path / "here"
    write(folder / "a.txt", b"mine")
    (folder / "runs" / "one").mkdir(parents=True)
    write(folder / "runs" / "one" / "run.json", b"{}")
    write(folder / "runs" / "one" / "log.jsonl", b'{"step": 1}')
    write(tmp_path / "far" / "b.txt", b"elsewhere")
    (folder / "link").symlink_to(tmp_path / "far")
    os.mkfifo(folder / "pipe")
    write(folder / "made.log", b"not mine")
    (folder / "build").mkdir()
    write(folder / "build" / "c.txt", b"made")
    write(folder / ".gitignore", b"*.log\nbuild/\n")
    subprocess.run(["git", "init", "-q", folder], check=True)
    corpus = load_corpus(str(folder), validation_fraction=0)
    assert corpus.train == "mine"
    remark = next(r for r in corpus.remarks if r.startswith("left out"))
    for what in ("1 run(s)", "1 linked folder(s)", "1 file(s) that are no regular ones",
                 "1 file(s) that git ignores", "1 folder(s) that git ignores"):  # fmt: skip
        assert what in remark


@pytest.mark.parametrize("name", ["", "  ", "x" * 5000, "a\0b", "no\nsuch\nfile"])
def test_a_text_is_not_tried_as_a_path(name):
    with pytest.raises(ValueError, match=r"name of the text is empty|no corpus and no file"):
        load_corpus(name)


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/urandom"])
def test_a_device_is_not_read(place):
    with pytest.raises(ValueError, match="no regular file"):
        load_corpus(place)


@pytest.mark.parametrize("encoding", ["hex", "rot13", "base64", "zip", "uu", "klingon", ""])
def test_what_is_no_text_encoding(encoding):
    with pytest.raises(ValueError, match="there is no encoding"):
        DataArguments(encoding=encoding)


def test_a_mark_decides_for_each_file(tmp_path):
    """Half of a folder in UTF-16 was left out as binary."""
    write(tmp_path / "a.txt", b"one")
    write(tmp_path / "b.txt", "two".encode("utf-16"))
    write(tmp_path / "c.txt", b"\xef\xbb\xbfthree")
    for encoding in ("utf-8", "utf-16"):
        if encoding == "utf-16":
            (tmp_path / "a.txt").unlink()
        corpus = load_corpus(str(tmp_path), validation_fraction=0, encoding=encoding)
        assert corpus.train.split() == ["one", "two", "three"][int(encoding == "utf-16") :]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gb18030", "cp1252", "big5"])
@pytest.mark.parametrize("text", ["the baker lost two maps.\n", "die Bäckerin fand 天地.\n"])
def test_utf8_is_not_read_as_another_script(tmp_path, encoding, text):
    """2 411 Chinese characters of an English text, in silence."""
    path = write(tmp_path / "a.txt", (text * 40).encode())
    if text.isascii() and "16" not in encoding:
        assert load_corpus(str(path), encoding=encoding).train.startswith(text)
        return
    with pytest.raises(ValueError, match=r"is UTF-8 text, and as|is not"):
        load_corpus(str(path), encoding=encoding)


def test_a_user_without_a_home(monkeypatch):
    monkeypatch.setattr(python_library.os, "getuid", lambda: 54321)

    def no_home(_):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("pooch.os_cache", no_home)
    assert python_library.cache_folder().name == "tinygpt-cache-54321"


@given(st.text("ab \n天", max_size=60), st.integers(1, 9))
def test_chunks_are_the_text(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("chunks") / "t.txt"
    path.write_bytes(text.encode())
    parts = list(chunks(path, size=size))
    assert "".join(parts) == text
    assert all(part[-1].strip() and after[0] == " " for part, after in pairwise(parts))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere.txt", "no corpus and no file or folder named"),
        (lambda p: write(p / "blank.txt", b" \n\n "), "holds no text"),
        (lambda p: write(p / "a.bin", b"\x7fELF\0\0"), "a.bin is no text: it has a zero byte"),
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
