"""Writes files whole or not at all: aside first, then under their name; finds the newest."""

import json
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any


def write_atomic(path: Path, save: Callable[[Path], Any]) -> Path:
    """Lets `save` write a file with the ending of `path` beside it, then gives it its name; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        save(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """The text as a file."""
    return write_atomic(path, lambda aside: aside.write_text(text))


def write_json(path: Path, content: Any) -> Path:
    """The content, dataclasses among it, as indented JSON."""
    return write_text(path, json.dumps(content, indent=2, default=asdict) + "\n")


def newest_file(files: Iterable[Path]) -> Path | None:
    """The file that was written last; one that somebody removes meanwhile is none."""
    written: dict[Path, float] = {}
    for file in files:
        with suppress(FileNotFoundError):
            written[file] = file.stat().st_mtime
    return max(written, key=lambda file: written[file], default=None)
