"""Which runs below a folder may be deleted, and deletes them. It deletes nothing but what aectl itself has written."""

import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aectl.io.locks import try_run_lock

OURS = re.compile(
    r"config\.yaml|\.hydra|\.lock(\.pid)?|train\.log|summary\.json|metrics\.csv|code\.json|checkpoints|eval|samples|latents?"
    r"|decoded|export|predictions|similar|explore|projector(_config\.pbtxt)?|csv|(mlflow|wandb)(\.id)?|events\.out\.tfevents\..+"
    r"|\.[\w.-]+-[0-9a-f]{8}(\.\w+)?"
)
"""The names of what aectl writes into a run's folder."""
LAST = "config.yaml"
"""What is deleted last: without it a run that was half deleted would not be found again."""


@dataclass(frozen=True)
class Deletable:
    """A run that may be deleted.

    Arguments:
        folder: where it is.
        why: `half-written`, `failed` or `superseded by PATH`.
        num_bytes: of its files.
    """

    folder: Path
    why: str
    num_bytes: int


def size_of(folder: Path) -> int:
    """The bytes of the files in a folder; links are not followed."""
    return sum(
        os.lstat(os.path.join(inside, name)).st_size  # noqa: PTH118
        for inside, _, names in os.walk(folder)
        for name in names
    )


def foreign_files(folder: Path) -> list[str]:
    """The names of what lies in a run's folder and is not aectl's."""
    return sorted(path.name for path in folder.iterdir() if not OURS.fullmatch(path.name))


def is_running(folder: Path) -> bool:
    """Whether a process trains the run."""
    release = try_run_lock(folder)
    if release:
        release()
    return release is None


def delete(runs: Iterable[Deletable], root: Path) -> list[Path]:
    """Deletes runs, and folders below the root that are then empty; returns those that a process has begun to train."""
    kept = []
    for run in runs:
        release = try_run_lock(run.folder)
        if release is None:
            kept.append(run.folder)
            continue
        try:
            delete_one(run.folder)
        finally:
            release()
        remove_empty(run.folder.parent, root)
    return kept


def delete_one(folder: Path) -> None:
    """Deletes what aectl has written into a folder, and the folder if nothing else is in it."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name == LAST):
        if not OURS.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def remove_empty(folder: Path, root: Path) -> None:
    """Removes empty folders from this one upwards, but not the root."""
    with suppress(OSError):
        while folder != root and root in folder.parents:
            folder.rmdir()
            folder = folder.parent
