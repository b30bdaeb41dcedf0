"""Writes .npz files, and reads .npy and .npz safely: no pickles, no array larger than its file."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from aectl.errors import one_line
from aectl.io.archives import list_entries
from aectl.io.atomic import write_atomic

HEADERS: dict[tuple[int, int], Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def save_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    return write_atomic(path, lambda aside: np.savez(aside, **arrays))  # type: ignore[arg-type]


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Every array of an archive; a ValueError if it is damaged, holds pickles, or is a possible bomb."""
    try:
        found = list_entries(path)
        with zipfile.ZipFile(path) as archive:
            for entry in found:
                with archive.open(entry) as file:
                    check_header(file, entry.file_size)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # zipfile, zlib and numpy have an error for each kind of damage
        raise ValueError(one_line(error) or type(error).__name__) from error


def load_npy(path: Path) -> np.ndarray:
    """The array of a file; a ValueError if it is damaged, or a pickle."""
    try:
        if not path.is_file():
            raise ValueError("not a regular file")
        with path.open("rb") as file:
            check_header(file, path.stat().st_size)
        return np.load(path, allow_pickle=False)
    except Exception as error:
        raise ValueError(one_line(error) or type(error).__name__) from error


def check_header(file: IO[bytes], size: int) -> None:
    """Raises a ValueError if the header of a .npy file of `size` bytes claims more than that, or objects."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"version {version} of the format; expected 1.0 or 2.0")
    shape, _, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("an array of pickled objects; expected numbers or text")
    if min(shape, default=0) < 0 or math.prod(shape) * max(1, dtype.itemsize) > size:
        raise ValueError(f"an array of {shape} {dtype} in {size:,} bytes; truncated, or made to exhaust memory")
