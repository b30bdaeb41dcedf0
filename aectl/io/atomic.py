"""Writes files whole or not at all: under a temporary name first, then under their own."""

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any


def write_atomic(path: Path, save: Callable[[Path], Any], durable: bool = False, backup: Path | None = None) -> Path:
    """Lets `save` write a temporary file beside `path`, with its suffix, and renames that; makes the folder.

    `durable` flushes the file to the disk before renaming it, so that a power cut leaves a whole one; `backup` is the
    name that the former file is kept under. After an OSError the former file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        save(temporary)
        if durable:
            flush_file(temporary)
        if backup and path.exists():
            link_or_move(path, backup)
        temporary.replace(path)
        if durable:
            flush_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")


def flush_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flushes the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def link_or_move(path: Path, backup: Path) -> None:
    """Gives the file a second name by a hard link, so that it is never without one; else moves it."""
    temporary = temporary_path(backup)
    try:
        temporary.hardlink_to(path)
        temporary.replace(backup)
    except OSError:
        path.replace(backup)
    finally:
        temporary.unlink(missing_ok=True)  # rename does nothing where both are names of one file


def write_text(path: Path, text: str) -> Path:
    return write_atomic(path, lambda temporary: temporary.write_text(text))


def write_json(path: Path, content: Any) -> Path:
    return write_text(path, json.dumps(content, indent=2, default=asdict) + "\n")
