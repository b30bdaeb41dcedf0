"""Checkpoints are intact or absent, whatever happens to the process, the disk or the bytes."""

import errno
import io
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from aectl.errors import UserError
from aectl.runs.checkpoint import read_checkpoint
from aectl.training.checkpoint_io import RESUME_STATE, DurableIO
from aectl.training.resume import clean_up, find_damage, newest_intact
from tests.faults import FACTOR

KILLS = 30 * FACTOR
BITS = 400 * FACTOR


def checkpoint(number: int, size: int = 300_000) -> dict[str, Any]:
    """One that says in every number which it is."""
    return {"state_dict": {"w": torch.full((size,), float(number))}, RESUME_STATE: {"epoch": number}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two checkpoints, the fourth and the fifth."""
    for number in (4, 5):
        DurableIO().save_checkpoint(checkpoint(number), tmp_path / "last.ckpt")
    return tmp_path


def epoch_of(folder: Path) -> int:
    found, _ = newest_intact(folder)
    assert found
    return found.state["epoch"]


def test_last_and_previous_checkpoint_are_kept(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"last.ckpt", "previous.ckpt"}
    for name, number in (("last", 5), ("previous", 4)):
        contents = DurableIO().load_checkpoint(folder / f"{name}.ckpt")
        assert torch.equal(contents["state_dict"]["w"], checkpoint(number)["state_dict"]["w"])


def test_killed_writer_leaves_an_intact_checkpoint(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("tried", KILLS)
    draws = random.Random(0)
    last = tmp_path / "last.ckpt"
    begun = struck = 0
    for _ in range(KILLS):
        started, ready = os.pipe()
        if (child := os.fork()) == 0:
            for number in range(begun, begun + 10_000):
                DurableIO().save_checkpoint(checkpoint(number), last)
                os.write(ready, b".")
            os._exit(0)
        os.read(started, 1)
        time.sleep(draws.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        written = 1 + len(os.read(started, 10_000))
        os.close(started)
        struck += any(path.name.startswith(".") for path in tmp_path.iterdir())
        found, remarks = newest_intact(tmp_path)
        assert found
        assert not remarks
        number = found.state["epoch"]
        assert begun + written - 1 <= number <= begun + written
        assert torch.equal(DurableIO().load_checkpoint(found.path)["state_dict"]["w"], torch.full((300_000,), number))
        assert find_damage(tmp_path / "previous.ckpt") is None or number == begun
        begun = number + 1
        clean_up(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} <= {"last.ckpt", "previous.ckpt"}
    assert struck > KILLS // 5  # kills came in the middle of writing


@pytest.mark.parametrize("room", [0, 100, 100_000, 1_200_000])
def test_full_disk_leaves_the_former_checkpoints_as_they_were(
    room: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    class Full(io.FileIO):
        """A file on a disk with little room."""

        written = 0

        def write(self, data: Any) -> int:
            self.written += len(data)
            if self.written > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data) or 0

    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", **kw: Full(path, "w") if mode == "wb" else opened(path, mode, **kw)
    )
    with pytest.raises(OSError, match="No space left") as caught:
        DurableIO().save_checkpoint(checkpoint(6), folder / "last.ckpt")
    assert caught.value.errno == errno.ENOSPC
    assert {path.name for path in folder.iterdir()} == {"last.ckpt", "previous.ckpt"}
    assert epoch_of(folder) == 5


def test_previous_checkpoint_is_kept_on_a_disk_without_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    DurableIO().save_checkpoint(checkpoint(6), folder / "last.ckpt")
    assert epoch_of(folder) == 6
    (folder / "last.ckpt").unlink()
    assert epoch_of(folder) == 5


def test_error_of_the_contents_is_not_reported_as_one_of_the_disk(folder: Path) -> None:
    class Unwritable:
        def __reduce__(self) -> Any:
            raise ValueError("cannot be written")

    with pytest.raises(ValueError, match="cannot be written"):
        DurableIO().save_checkpoint({"state_dict": Unwritable()}, folder / "last.ckpt")
    assert epoch_of(folder) == 5


def test_every_flipped_bit_is_detected_or_harmless(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = tmp_path / "last.ckpt"
    DurableIO().save_checkpoint(checkpoint(1, size=50), path)
    whole = path.read_bytes()
    bits = random.Random(0).sample(range(8 * len(whole)), min(BITS, 8 * len(whole)))
    record_property("tried", len(bits))
    noticed = 0
    for byte, bit in (divmod(index, 8) for index in bits):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1 << bit]) + whole[byte + 1 :])
        try:
            found, _ = newest_intact(tmp_path)
        except UserError:
            noticed += 1
            continue
        assert found
        contents = DurableIO().load_checkpoint(found.path)
        assert contents[RESUME_STATE] == found.state == {"epoch": 1}
        assert torch.equal(contents["state_dict"]["w"], torch.ones(50))
    assert noticed > 50


def test_weights_marked_as_a_folder_are_detected(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    DurableIO().save_checkpoint(checkpoint(1, size=50), path)
    content = bytearray(path.read_bytes())
    entry = content.index(b"archive/data/0", content.index(b"PK\x01\x02")) - 46
    content[entry + 38] |= 0x10  # of the attributes of a file in MS-DOS
    path.write_bytes(content)
    assert "marked as a folder" in str(find_damage(path))
    with pytest.raises(UserError, match="marked as a folder"):
        read_checkpoint(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_previous_checkpoint_is_used_if_the_last_is_truncated(share: float, folder: Path) -> None:
    last = folder / "last.ckpt"
    last.write_bytes(last.read_bytes()[: int(share * last.stat().st_size)])
    found, remarks = newest_intact(folder)
    assert found
    assert found.path.name == "previous.ckpt"
    assert len(remarks) == 1
    assert "last.ckpt is truncated or damaged" in remarks[0]
    clean_up(folder)
    DurableIO().save_checkpoint(checkpoint(6), last)
    last.unlink()
    assert epoch_of(folder) == 4, "a damaged file must not push out the good one"


def test_damaged_checkpoints_are_refused_and_none_at_all_starts_over(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    words = r"last\.ckpt is truncated.*previous\.ckpt is truncated.*expected an intact checkpoint to resume from"
    with pytest.raises(UserError, match=words):
        newest_intact(folder)
    for path in folder.iterdir():
        path.unlink()
    assert newest_intact(folder)[0] is None


def test_foreign_checkpoint_is_told_from_a_damaged_one(folder: Path) -> None:
    torch.save({"state_dict": {}, "epoch": 3}, folder / "last.ckpt")
    assert find_damage(folder / "last.ckpt") is None
    found, remarks = newest_intact(folder)
    assert found
    assert found.state == {"epoch": 4}
    assert "last.ckpt is foreign: without random state" in remarks[0]
    (folder / "last.ckpt").write_bytes(b"PK, but no archive")
    assert "last.ckpt is truncated or damaged" in newest_intact(folder)[1][0]
