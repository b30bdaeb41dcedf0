"""Files are whole or not there."""

import os
from pathlib import Path

import pytest

from aectl.io import atomic
from aectl.io.atomic import write_atomic, write_json, write_text


def test_the_old_file_stays_whole_when_saving_fails(tmp_path: Path) -> None:
    path = write_text(tmp_path / "result.txt", "old")

    def fail_midway(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_atomic(path, fail_midway)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = write_text(tmp_path / "result.txt", "old")

    def save(temporary: Path) -> None:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
        assert path.read_text() == "old"

    assert write_atomic(path, save) == path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_makes_the_folder(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a" / "b" / "scores.json", {"psnr": 20.5})
    assert path.read_text() == '{\n  "psnr": 20.5\n}\n'


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flushed = tmp_path / "result.txt", []
    monkeypatch.setattr(atomic, "flush_file", lambda temporary: flushed.append((temporary.read_text(), path.exists())))
    write_atomic(path, lambda temporary: temporary.write_text("new"), durable=True)
    assert flushed == [("new", False)]
    write_text(path, "newer")
    assert len(flushed) == 1


def test_an_error_of_flushing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_text(tmp_path / "result.txt", "old")

    def fail(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomic(path, lambda temporary: temporary.write_text("new"), durable=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_former_file_is_kept_as_a_backup(tmp_path: Path) -> None:
    path, backup = tmp_path / "last", tmp_path / "previous"
    for text in ("1", "2", "3"):
        write_atomic(path, lambda temporary, text=text: temporary.write_text(text), backup=backup)
    assert (path.read_text(), backup.read_text()) == ("3", "2")
    assert sorted(tmp_path.iterdir()) == [path, backup]
