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

    if path == "latest":
        from aectl.runs.index import latest_run

        path = latest_run(Path(outputs))
    path = Path(path)
    return open_checkpoint(path, trust) if path.is_file() else open_folder(path, trust)
