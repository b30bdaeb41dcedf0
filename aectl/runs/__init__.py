"""Runs on disk: a run is a folder, and `open` the only way to read one. Imports nothing heavy."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aectl.runs.run import Run


def open(path: str | Path, outputs: str = "outputs", trust: bool = False) -> "Run":
    """A run, its checkpoint read and verified; a UserError if there is none, or its files are damaged or unsafe.

    Arguments:
        path: a run's folder, a checkpoint file, or `latest`.
        outputs: where `latest` is looked for.
        trust: build whatever classes its config names, which runs the code of whoever wrote it.
    """
    from aectl.runs.opening import open_checkpoint, open_folder

    found = find(path, outputs)
    return open_checkpoint(found, trust) if found.is_file() else open_folder(found, trust)


def find(path: str | Path, outputs: str = "outputs") -> Path:
    """The path itself, or that of the trained run below `outputs` that `latest` means; a UserError if there is none."""
    from aectl.runs.index import latest_run

    return latest_run(Path(outputs)) if path == "latest" else Path(path)
