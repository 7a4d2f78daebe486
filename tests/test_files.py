"""Files are written whole or not at all."""

import os
import stat

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tinygpt.files import read_arrays, replacing, write_arrays, write_text


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


# ------------------------------------------------------------------------------- arrays in a file

ARRAYS = {
    "b.weight": np.arange(6.0).reshape(2, 3),
    "a": np.float32([[1.5, np.nan], [np.inf, -0.0]]).T,
    "scalar": np.float64(3.0).reshape(()),
    "empty": np.zeros((0, 4), np.float32),
}


def test_arrays_come_back_and_the_library_reads_them(tmp_path):
    path = tmp_path / "x.safetensors"
    write_arrays(path, ARRAYS)
    for read in (read_arrays, load_file):
        back = read(path)
        assert set(back) == set(ARRAYS)
        for name, array in ARRAYS.items():
            assert back[name].dtype == array.dtype and back[name].shape == array.shape
            np.testing.assert_array_equal(back[name], array)


def test_the_same_arrays_make_the_same_file(tmp_path):
    for name in "ab":
        write_arrays(tmp_path / name, dict(reversed(ARRAYS.items())) if name == "b" else ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_files_of_other_people_are_read(tmp_path):
    """Without our SHA-256, and with metadata of their own."""
    arrays = {k: np.ascontiguousarray(v) for k, v in ARRAYS.items()}
    save_file(arrays, tmp_path / "x", metadata={"who": "somebody"})
    np.testing.assert_array_equal(read_arrays(tmp_path / "x")["a"], ARRAYS["a"])
    save_file(arrays, tmp_path / "y")
    assert len(read_arrays(tmp_path / "y")) == 4


def test_every_cut_and_every_changed_byte_is_noticed(tmp_path):
    """W4: a file cut anywhere names both lengths; one altered anywhere is refused, or is still what
    it was (the metadata's own words, and blanks in the header)."""
    path = tmp_path / "x.safetensors"
    write_arrays(path, ARRAYS)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=rf"x\.safetensors has {n:,} bytes and should have"):
            read_arrays(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(
        ValueError, match=f"has {len(whole) + 1} bytes and should have {len(whole)}"
    ):
        read_arrays(path)
    numbers = len(whole) - sum(a.nbytes for a in ARRAYS.values())
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        if i >= numbers:
            with pytest.raises(ValueError, match="was altered: its arrays have the SHA-256"):
                read_arrays(path)
            continue
        try:
            back = read_arrays(path)
        except ValueError:
            continue
        assert all(np.array_equal(back[k], a, equal_nan=True) for k, a in ARRAYS.items())


def test_only_floats_are_written(tmp_path):
    with pytest.raises(TypeError, match="expected floats in n, got int64"):
        write_arrays(tmp_path / "x", {"n": np.arange(3)})
    assert list(tmp_path.iterdir()) == []
