"""Walks folders, and names what was found in them."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SHOWN = 3  # skipped files that are named


def visible_files(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below a folder at any depth, by its relative path, without hidden files and folders.

    Links to folders are not followed, and a folder without permission counts as empty. One `stat` per file and no Path:
    there may be hundreds of thousands.
    """
    folders = [""]
    while folders:
        folder = folders.pop()
        with suppress(OSError), os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(folder + entry.name + os.sep)
                elif entry.is_file():
                    yield folder + entry.name, entry


def digest(what: object) -> str:
    """A name for anything that JSON can hold: 24 hexadecimal digits."""
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=12).hexdigest()


def describe_skipped(skipped: dict[str, str], listed_in: Path | None = None) -> list[str]:
    """How many files of a data set were skipped, and the first of them with the reason; nothing if none was."""
    if not skipped:
        return []
    shown = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:SHOWN])
    hidden = len(skipped) - SHOWN
    listed = f", listed in {listed_in}" if listed_in else ""
    return [f"dataset: {len(skipped)} files skipped: {shown}{f'; and {hidden} more{listed}' if hidden > 0 else ''}"]
