"""The folder of a run: made at the start or refused, read only as far as it is whole."""

import json
import os

import pytest

from tinygpt.training.run_folder import (
    check_room,
    cut_log,
    draw_loss,
    new_run_folder,
    newest_run,
    read_log,
    read_run,
)


def test_run_folders(tmp_path):
    first = new_run_folder(tmp_path / "runs", "my-text", 1000)
    second = new_run_folder(tmp_path / "runs", "my-text", 1000)
    assert first != second
    assert first.name.startswith("my-text-")
    with pytest.raises(ValueError, match="no run in"):
        newest_run(tmp_path / "runs")
    for folder, when in ((first, 2_000_000_000), (second, 1_000_000_000)):
        (folder / "model.safetensors").write_bytes(b"")
        os.utime(folder / "model.safetensors", (when, when))
    assert newest_run(tmp_path / "runs") == first


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="cannot make"):
        new_run_folder(tmp_path / "file", "x", 1000)
    with pytest.raises(ValueError, match="cannot make"):
        new_run_folder(tmp_path / "file" / "deeper", "x", 1000)


def test_a_disk_without_room_is_said_at_the_start(tmp_path):
    with pytest.raises(ValueError, match=r"MB free, the run needs \d+ MB"):
        new_run_folder(tmp_path, "x", 10**18)
    assert os.listdir(tmp_path) == []


def test_half_a_line_of_the_log_is_left_out(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"st', encoding="utf-8")
    assert read_log(tmp_path) == [{"step": 1, "loss": 2.0}]
    draw_loss(tmp_path)
    assert (tmp_path / "loss.png").stat().st_size > 1000


def test_a_folder_without_write_access_is_said_at_the_start(tmp_path, monkeypatch):
    def refused(*args, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refused)
    with pytest.raises(ValueError, match=r"cannot write in .*: Permission denied"):
        check_room(tmp_path, 1)
    with pytest.raises(ValueError, match="cannot write in"):
        new_run_folder(tmp_path / "runs", "x", 1)
    assert os.listdir(tmp_path / "runs") == []


def test_the_log_is_cut_where_a_run_goes_on(tmp_path):
    lines = [{"step": s, "loss": 1 / s} for s in (1, 2, 3)] + [{"step": 3, "validation_loss": 0.1}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "log.jsonl").write_text(text + '{"step": 4', encoding="utf-8")
    cut_log(tmp_path, 2)
    assert read_log(tmp_path) == lines[:2]


def test_the_floor_is_drawn(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n', encoding="utf-8")
    draw_loss(tmp_path)
    without = (tmp_path / "loss.png").read_bytes()
    draw_loss(tmp_path, floor=0.5)
    assert (tmp_path / "loss.png").read_bytes() != without


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": {}, "training": 3}', '{"model"'])
def test_a_run_json_that_is_not_whole(tmp_path, content):
    with pytest.raises(ValueError, match=r"is no run: there is no run\.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.json is (cut short or altered|no record)"):
        read_run(tmp_path)
