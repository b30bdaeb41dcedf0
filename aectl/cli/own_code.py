"""Finds the user's own Python code: beside the configs of `--config-dir`, or in the current folder."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

CONFIG_DIR_FLAGS = ("--config-dir", "-cd")
OPENS_RUN = ("resume=", "like=")
"""The arguments by which `aectl train` opens a run, whose config may be a stranger's."""


@contextmanager
def own_code_on_path(verb: str, arguments: Sequence[str]) -> Iterator[None]:
    """Appends the folders of the user's own code to Python's path while a verb runs.

    Where a stored run is opened, only with `trust=true`: until then nothing of it decides what is imported.
    """
    stored = verb != "train" or any(word.startswith(OPENS_RUN) for word in arguments)
    trusted = any(word.lower() == "trust=true" for word in arguments)
    added = [] if stored and not trusted else [path for path in code_folders(arguments) if path not in sys.path]
    sys.path += added
    try:
        yield
    finally:
        for path in added:
            sys.path.remove(path)


def code_folders(arguments: Sequence[str]) -> list[str]:
    """The folder above each `--config-dir`, then the current one."""
    given = [value for flag, value in pairwise(arguments) if flag in CONFIG_DIR_FLAGS]
    return list(dict.fromkeys([*(str(Path(folder).resolve().parent) for folder in given), str(Path.cwd())]))
