"""Checks a stranger's file before it is read: its kind, its size, and what it would unpack to."""

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path

HARMLESS_BYTES = 256 * 2**20  # what any file may unpack to
MAX_RATIO = 100  # times its own size that a larger file may unpack to: more than arrays and pictures need
PART_BYTES = 2**20


def read_text(path: Path, most: int) -> str:
    """The text of a regular file; a ValueError if it is none, longer than `most` bytes, or not UTF-8."""
    if not path.is_file():  # a pipe or a device may never end
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most:,} bytes")
    return content.decode()


def check_unpacked_size(unpacked: int, packed: int) -> None:
    """Raises a ValueError for a possible decompression bomb; sizes in bytes."""
    if unpacked > max(HARMLESS_BYTES, MAX_RATIO * packed):
        raise ValueError(f"{packed:,} bytes that would unpack to {unpacked:,}; possible decompression bomb")


def read_gzip(path: Path) -> Iterator[bytes]:
    """The content of a gzip file in parts; a ValueError if it would unpack to far more than its own size."""
    unpacked = 0
    with gzip.open(path) as file:
        while part := file.read(PART_BYTES):
            unpacked += len(part)
            check_unpacked_size(unpacked, path.stat().st_size)
            yield part


def list_entries(path: Path) -> list[zipfile.ZipInfo]:
    """The entries of a zip archive; raises a ValueError or BadZipFile if it is damaged, or a possible bomb."""
    if not path.is_file():
        raise ValueError("not a regular file")
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
    if len({entry.filename.lower() for entry in found}) < len(found):
        raise ValueError("two of its entries have the same name")
    check_unpacked_size(sum(entry.file_size for entry in found), path.stat().st_size)
    return found
