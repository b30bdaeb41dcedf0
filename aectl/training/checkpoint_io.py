"""Checkpoints that are whole or not there at all: written aside, flushed, renamed, and verified by their checksums.

A checkpoint is a zip archive in which torch keeps a CRC-32 of every record; torch itself does not look at it.
"""

import zipfile
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from aectl.errors import UserError, one_line
from aectl.io.atomic import write_atomic
from aectl.runs.checkpoint import check_entries, read_checkpoint
from aectl.runs.upgrades import upgrade_checkpoint

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class DurableIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints; the last but one `last.ckpt` is kept as `previous.ckpt`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        backup = path.with_name(PREVIOUS) if path.name == LAST else None
        write_atomic(path, partial(save_keeping_error, checkpoint), durable=True, backup=backup)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return upgrade_checkpoint(torch.load(path, map_location="cpu", weights_only=True))


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


def save_keeping_error(checkpoint: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint.

    Raises:
        OSError: the disk is full or broken.
    """
    with path.open("wb") as file:
        sink = ErrorKeepingFile(file)
        try:
            torch.save(checkpoint, cast(BinaryIO, sink))
        except Exception as error:
            raise (sink.error or error) from None


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
    for half in folder.glob(".*.ckpt*"):
        half.unlink(missing_ok=True)
    last = folder / LAST
    if last.is_file() and find_damage(last):
        last.replace(folder / "damaged.ckpt")
