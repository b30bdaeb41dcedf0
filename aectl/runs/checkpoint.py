"""Reads a checkpoint file, a friend's among them, without running anybody's code."""

import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aectl.errors import UserError, shorten
from aectl.io.archives import has_directory_flag, list_entries
from aectl.runs.pickles import scan_pickle

MOST_PICKLED = 16 * 2**20


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint file; loading it runs nobody's code.

    A run that trains may put a newer file in its place meanwhile; then that one is read.

    Raises:
        UserError: the file is truncated, or no checkpoint.
    """
    while True:
        looked_at = file_identity(path)
        try:
            contents = load_contents(path)
        except UserError:
            if file_identity(path) == looked_at:
                raise
        else:
            if file_identity(path) == looked_at:
                return contents


def file_identity(path: Path) -> tuple[int, ...]:
    """What tells a file from another that takes its name."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def load_contents(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint file that stays as it is."""
    try:
        check_archive(path)
        contents = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises whatever the broken part of the file leads it to
        raise UserError(
            f"run={path}: truncated, or not a checkpoint ({type(error).__name__}: {shorten(error)})"
        ) from error
    if not isinstance(contents, dict) or not isinstance(contents.get("state_dict"), dict):
        raise UserError(f"run={path}: has no weights in it; expected a checkpoint that `aectl train` wrote")
    check_tensors(contents["state_dict"], path)
    return contents


def check_archive(path: Path) -> None:
    """Raises a ValueError where a checkpoint is more than tensors, or less: packed, or of an older format."""
    found = list_entries(path)
    check_entries(found)
    if sum(entry.file_size for entry in found) > path.stat().st_size:
        raise ValueError("its entries claim more bytes than the file has")
    pickled = [entry for entry in found if entry.filename.lower().endswith(".pkl")]
    if len(pickled) != 1 or pickled[0].file_size > MOST_PICKLED:
        raise ValueError(f"it has {len(pickled)} pickles; expected one, of at most {MOST_PICKLED:,} bytes")
    with zipfile.ZipFile(path) as archive:
        claims = scan_pickle(archive.read(pickled[0]))
    sizes = {entry.filename.partition("/")[2]: entry.file_size for entry in found}
    for key, claimed in claims.items():
        if sizes.get(f"data/{key}") != claimed:
            raise ValueError(f"its storage {key} is not of the {claimed:,} bytes that its pickle says")


def check_entries(found: list[zipfile.ZipInfo]) -> None:
    """Raises a ValueError where torch would unpack an entry, or read nothing into the memory that it is to fill."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in found):
        raise ValueError("its entries are compressed, which torch.save never does")
    if any(has_directory_flag(entry) for entry in found):
        raise ValueError("an entry is marked as a folder, which torch would leave to chance")


def model_weights(contents: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of the model itself, by the names that it has for them."""
    prefix = "model."
    weights = contents["state_dict"].items()
    return {name.removeprefix(prefix): value for name, value in weights if name.startswith(prefix)}


def check_tensors(weights: dict[Any, Any], path: Path) -> None:
    """Raises a UserError where the weights are no tensors, or claim to be larger than the file."""
    total = 0
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise UserError(
                f"run={path}: its weights hold {type(value).__name__} {name!r:.80}; expected tensors by name"
            )
        total += value.numel() * value.element_size()
    if total > path.stat().st_size:
        raise UserError(f"run={path}: its weights claim {total:,} bytes, more than the file has; not opened")


def stored_version(contents: dict[str, Any]) -> str | None:
    """The version of aectl that wrote a checkpoint, if it says so."""
    stored = contents.get("aectl")
    version = stored.get("version") if isinstance(stored, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"\d[\w.+]{0,30}", version) else None
