"""Finds the folders of runs below a folder, without following links."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

INSIDE_A_RUN = frozenset(
    (
        *("checkpoints", "eval", "samples", "latent", "latents", "projector", "decoded", "export", "predictions"),
        *("similar", "explore"),
    )
)
"""The folders of a run that hold no other runs."""
MOST_LEVELS = 12
SUMMARY, TYPED = "summary.json", ".hydra"
FILES = ("config.yaml", SUMMARY, "metrics.csv")

Signature = list[list[str | int]]


class Found(NamedTuple):
    """The folder of a run, or of a job that failed before it was one, with what its files had when it was found."""

    folder: str
    signature: Signature  # the name, size, time and identity of each file that a table reads


def find_runs(root: Path) -> Iterator[Found]:
    """Every run at and below a folder; what lies inside a run is not searched, but for the root itself."""
    below = [(str(root), 0)]
    while below:
        folder, level = below.pop()
        try:
            with os.scandir(folder) as entries:
                inside = {entry.name: entry for entry in entries}
        except OSError:
            continue
        is_run = "config.yaml" in inside or (SUMMARY in inside and TYPED in inside)
        if is_run:
            yield Found(folder, signature(inside))
        if level < MOST_LEVELS and not (is_run and level):
            folders = (entry for name, entry in inside.items() if not name.startswith(".") and is_folder(entry))
            below += [(entry.path, level + 1) for entry in folders if not (is_run and entry.name in INSIDE_A_RUN)]


def is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False)
    return False


def signature(inside: dict[str, os.DirEntry[str]]) -> Signature:
    """What tells whether a file of the run has changed since."""
    files = [inside[name] for name in FILES if name in inside]
    reports = []
    if "eval" in inside and is_folder(inside["eval"]):
        with suppress(OSError), os.scandir(inside["eval"].path) as found:
            reports = [f"{entry.path}/metrics.json" for entry in found if is_folder(entry)]
    found_files = [stat_of(entry.name, entry) for entry in files]
    return [each for each in [*found_files, *(stat_of(path, path) for path in sorted(reports))] if each]


def stat_of(name: str, file: os.DirEntry[str] | str) -> list[str | int]:
    """The name, size, time and identity of a file; empty if it is gone."""
    try:
        found = file.stat() if isinstance(file, os.DirEntry) else os.stat(file)  # noqa: PTH116
    except OSError:
        return []
    return [name, found.st_size, found.st_mtime_ns, found.st_ino]
