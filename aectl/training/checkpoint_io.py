"""Checkpoints that are whole or not there at all: written aside, flushed, renamed, and verified by their checksums.

A checkpoint is a zip archive in which torch keeps a CRC-32 of every record; torch itself does not look at it.
"""

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from aectl.errors import UserError, one_line
from aectl.runs.checkpoint import check_entries, read_checkpoint

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class DurableIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints; the last but one `last.ckpt` is kept as `previous.ckpt`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        kept = path.with_name(PREVIOUS) if path.name == LAST else None
        write_durably(path, lambda file: torch.save(checkpoint, file), kept)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return torch.load(path, map_location="cpu", weights_only=True)


class ErrorKeepingFile:
    """A file for torch to write to that keeps the first error of the disk, which torch reports as one of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self.file.flush()


def write_durably(path: Path, save: Callable[[Any], Any], kept: Path | None = None) -> None:
    """Lets `save` write into a file, which takes its name once it is on the disk; the former one becomes `kept`.

    Raises:
        OSError: it could not be written; the former file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = temporary_path(path)
    try:
        with aside.open("wb") as file:
            sink = ErrorKeepingFile(file)
            try:
                save(sink)
            except Exception as error:
                raise (sink.error or error) from None
            file.flush()
            os.fsync(file.fileno())
        if kept and path.exists():
            keep_copy(path, kept)
        aside.replace(path)
        fsync_folder(path.parent)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def keep_copy(path: Path, kept: Path) -> None:
    """Gives the file a second name, by a hard link where there are any, so that it never is without one."""
    aside = temporary_path(kept)
    try:
        aside.unlink(missing_ok=True)
        aside.hardlink_to(path)
        aside.replace(kept)
    except OSError:
        path.replace(kept)
    finally:
        aside.unlink(missing_ok=True)  # it stays if both are names of one file already


def temporary_path(path: Path) -> Path:
    """The name of a file while it is written."""
    return path.with_name(f".{path.name}-{os.getpid()}")


def fsync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def find_damage(path: Path) -> str | None:
    """What is wrong with the bytes of a checkpoint, or nothing; reads all of it once."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_entries(archive.infolist())
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"is truncated or damaged ({one_line(error)})"
    return f"is damaged: the checksum of {broken} does not fit" if broken else None


class ResumePoint(NamedTuple):
    """A checkpoint to go on from.

    Arguments:
        path: the file.
        place: the epoch, the batches of it that are done, the random state, ...
    """

    path: Path
    place: dict[str, Any]


def newest_intact(folder: Path) -> tuple[ResumePoint | None, list[str]]:
    """The newest checkpoint to go on from, and a line for each that has to be passed over.

    Raises:
        UserError: none of those there is whole and of aectl's.
    """
    remarks: list[str] = []
    for path in (folder / LAST, folder / PREVIOUS):
        if remark := find_damage(path) if path.is_file() else "is not there":
            remarks.append(f"{path} {remark}")
            continue
        try:
            return ResumePoint(path, read_resume_state(path)), remarks
        except UserError as error:
            remarks.append(str(error).removeprefix("run="))
    if any((folder / name).is_file() for name in (LAST, PREVIOUS)):
        raise UserError(
            f"resume={folder.parent}: {'; '.join(remarks)}; expected one whole checkpoint to go on from, train again"
        )
    return None, remarks


def read_resume_state(path: Path) -> dict[str, Any]:
    """The place in the run that a checkpoint was written at.

    Raises:
        UserError: it cannot be read, or is foreign: of another program, or of a version that kept none.
    """
    contents = read_checkpoint(path)
    if "place" not in contents:
        raise UserError(f"{path} is foreign: without random state and place in the epoch")
    return contents["place"]


def clean_up(folder: Path) -> None:
    """Sets a damaged last checkpoint aside, lest it push out the good one, and removes half-written files."""
    for half in folder.glob(".*.ckpt-*"):
        half.unlink(missing_ok=True)
    last = folder / LAST
    if last.is_file() and find_damage(last):
        last.replace(folder / "damaged.ckpt")
