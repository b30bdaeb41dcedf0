"""Further processes of `aectl train`, which import this very package and nothing of the current folder."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aectl

POLL = 1.0  # seconds


def train_command(words: Sequence[str]) -> list[str]:
    """The command that calls `aectl train` with these arguments."""
    return [sys.executable, "-P", "-m", "aectl", "train", *words]


def python_path() -> dict[str, str]:
    """The variable by which such a process finds this package; none where it is installed among the others."""
    package, path = str(Path(aectl.__file__).parents[1]), os.environ.get("PYTHONPATH", "")
    if package in path.split(os.pathsep) or "site-packages" in package:
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [path, package]))}


def when_orphaned(parent: int, act: Callable[[], object]) -> None:
    """Acts, in a thread of its own, when the process that has started this one is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL)
        act()

    threading.Thread(target=watch, daemon=True).start()
