"""What is looked at before a file from somebody else is read: its kind, its size, and what it would grow to."""

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path

SMALL = 256 * 2**20
"""Bytes that any file may unpack to."""
MOST_GROWTH = 100
"""Times its own size that a larger file may unpack to: more than arrays and pictures need, less than a bomb."""
PART_BYTES = 2**20
MS_DOS_FOLDER = 0x10
"""A bit of the attributes of an entry."""


def read_text(path: Path, most: int) -> str:
    """The text of a regular file.

    Raises:
        ValueError: it is no such file, longer than `most` bytes, or not UTF-8.
    """
    if not path.is_file():  # a pipe or a device may never end
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most:,} bytes")
    return content.decode()


def check_unpacked_size(unpacked: int, packed: int) -> None:
    """Raises a ValueError for what is meant to fill the memory when it is unpacked; sizes in bytes."""
    if unpacked > max(SMALL, MOST_GROWTH * packed):
        raise ValueError(f"{packed:,} bytes that would unpack to {unpacked:,}; possible decompression bomb")


def read_gzip(path: Path) -> Iterator[bytes]:
    """The content of a gzip file in parts.

    Raises:
        ValueError: it would unpack to far more than its own size.
    """
    unpacked = 0
    with gzip.open(path) as file:
        while part := file.read(PART_BYTES):
            unpacked += len(part)
            check_unpacked_size(unpacked, path.stat().st_size)
            yield part


def has_directory_flag(entry: zipfile.ZipInfo) -> bool:
    """Whether torch takes an entry for a folder: it then reads nothing into the memory that the weights are to have."""
    return entry.is_dir() or bool(entry.external_attr & MS_DOS_FOLDER)


def list_entries(path: Path) -> list[zipfile.ZipInfo]:
    """What lies in a zip archive.

    Raises:
        ValueError: two entries have one name, or they would fill the memory.
        zipfile.BadZipFile: it is no zip archive, or not whole.
    """
    if not path.is_file():
        raise ValueError("not a regular file")
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
    if len({entry.filename.lower() for entry in found}) < len(found):
        raise ValueError("two of its entries have the same name")
    check_unpacked_size(sum(entry.file_size for entry in found), path.stat().st_size)
    return found
