"""A cache of arrays on disk, keyed by what they were computed from. Knows only numpy."""

import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from aectl.io.locks import file_lock
from aectl.io.npz import load_npz, save_npz

Arrays = dict[str, np.ndarray]


class Cache:
    """A folder of .npz files, each named by a hash of its key; deleting any of them only costs time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: dict[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of this key, computed if their file is missing or damaged; errors of `compute` are not cached.

        Of several processes that ask at once, one computes and the others wait.
        """
        text = json.dumps(key, sort_keys=True, default=json_default)
        path = self.folder / f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}.npz"
        if (stored := read_arrays(path)) is not None:
            return stored
        with ExitStack() as stack:
            with suppress(OSError):  # a cache that cannot be written only costs time
                stack.enter_context(file_lock(path, f"computes {path}"))
            if (stored := read_arrays(path)) is not None:
                return stored
            arrays = compute()
            with suppress(OSError):
                save_npz(path, arrays)
        return arrays


def read_arrays(path: Path) -> Arrays | None:
    try:
        return load_npz(path)
    except ValueError:
        return None


def json_default(value: Any) -> str:
    return fingerprint(value) if isinstance(value, np.ndarray) else str(value)


def fingerprint(array: np.ndarray) -> str:
    """A hash of the type, the shape and every element of an array."""
    digest = hashlib.blake2b(f"{array.dtype}{array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
