"""Files are written whole or not at all."""

import os
import stat

import pytest

from tinygpt.files import replacing, write_text


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "a.txt", "天\r\né\n")
    assert (tmp_path / "a.txt").read_bytes() == "天\r\né\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_leaves_the_old_content_and_no_rest(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(KeyError), replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise KeyError
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_others_may_read_it_as_any_new_file(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    with open(tmp_path / "b.txt", "w", encoding="utf-8"):
        pass
    modes = {stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("a.txt", "b.txt")}
    assert len(modes) == 1
