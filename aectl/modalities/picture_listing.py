"""Finds the pictures below a folder, and counts what is left out."""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from aectl.io.folders import visible_files
from aectl.modalities import heif

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif")
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"GIF8": ".gif",
}
NO_SUFFIX = "no extension"


class ImageFile(NamedTuple):
    """A file below a folder: its relative path, its size in bytes, and when it was modified, in ns."""

    name: str
    size: int
    modified: int


class Listing(NamedTuple):
    """The pictures below a folder, sorted by path, and how many other files there are of each ending."""

    files: list[ImageFile]
    left_out: Counter[str]


def list_images(root: Path) -> Listing:
    """Every picture below a folder at any depth, without hidden files and folders.

    A file whose name has no ending is a picture if its content starts like one.
    """
    found: list[ImageFile] = []
    left_out: Counter[str] = Counter()
    endings = SUFFIXES + (heif.SUFFIXES if heif.is_readable() else ())
    for name, entry in visible_files(root):
        ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path for each would take longer
        if (ending or sniff(entry.path)) in endings:
            stat = entry.stat()
            found.append(ImageFile(name, stat.st_size, stat.st_mtime_ns))
        else:
            left_out[ending or NO_SUFFIX] += 1
    files = sorted(found, key=lambda file: file.name.split(os.sep))  # noqa: PTH206 - the order of Paths
    return Listing(files, left_out)


def sniff(path: str | Path) -> str:
    """The ending that a picture of this content should have; empty if it does not start like one."""
    head = b""
    with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - a Path for each would take longer
        head = file.read(16)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return ".bmp"
    if heif.is_signature(head):
        return ".heic"
    return next((ending for start, ending in SIGNATURES.items() if head.startswith(start)), "")


def describe_left_out(left_out: Counter[str]) -> str:
    """`3 files left out: 2 .heic (which needs ...), 1 .zip`; empty if there are none."""
    if not left_out:
        return ""
    parts = [
        f"{n} {ending}" + (f" ({heif.REMEDY})" if ending in heif.SUFFIXES else "")
        for ending, n in sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    ]
    total = left_out.total()
    return f"{total} file{'s' if total > 1 else ''} left out: {', '.join(parts)}"
