"""Writes files whole or not at all: aside first, then under their name."""

import json
import secrets
from collections.abc import Callable
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
