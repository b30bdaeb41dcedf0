"""Which runs are half-written, failed or superseded."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aectl.runs.cleaning import Deletable, foreign_files, is_running, size_of
from aectl.runs.index import BEST
from aectl.search.table.collect import read_runs
from aectl.search.table.facts import UNFINISHED, RunFacts

FRESH_SECONDS = 600.0
"""A run without a finished epoch that was written to since may be one that another machine is about to train."""


class Kept(NamedTuple):
    """A run that would be deleted, but for the reason."""

    folder: Path
    why: str


def find_deletable(root: Path) -> tuple[list[Deletable], list[Kept]]:
    """The runs at and below a folder that may be deleted, and those that only something else keeps."""
    found = read_runs(root)
    reasons = {root / name: "half-written" for name, facts in found.items() if facts == UNFINISHED}
    runs = [facts for facts in found.values() if isinstance(facts, RunFacts)]
    reasons |= {Path(run.folder): "failed" for run in runs if run.status == "failed"}
    reasons |= {folder: f"superseded by {newer}" for folder, newer in superseded(runs).items() if folder not in reasons}
    deletable, kept = [], []
    for folder, why in sorted(reasons.items()):
        if reason := what_keeps(folder, why):
            kept.append(Kept(folder, reason))
        else:
            deletable.append(Deletable(folder, why, size_of(folder)))
    return deletable, kept


def superseded(runs: Sequence[RunFacts]) -> dict[Path, Path]:
    """Runs with the config of a newer run that is done, with that run."""
    groups: dict[object, list[RunFacts]] = {}
    for run in runs:
        config = frozenset((key, type(value), value) for key, value in run.config.items())
        groups.setdefault((config, run.monitor), []).append(run)
    older: dict[Path, Path] = {}
    for group in groups.values():
        done = max((run for run in group if run.status == "done"), key=began, default=None)
        older |= {Path(run.folder): Path(done.folder) for run in group if done and began(run) < began(done)}
    return older


def began(run: RunFacts) -> float:
    """When the config of a run was written; 0 of one that is gone meanwhile, or never had one."""
    try:
        return os.stat(f"{run.folder}/config.yaml").st_mtime  # noqa: PTH116 - of thousands of runs
    except OSError:
        return 0.0


def what_keeps(folder: Path, why: str) -> str:
    """Why a run is not deleted after all; empty if nothing keeps it."""
    if folder.is_symlink():
        return "is a link"
    if is_running(folder):
        return "is being trained"
    if why == "half-written" and (folder / BEST).is_file():
        return "has a checkpoint"
    newest = max((path.stat().st_mtime for path in folder.iterdir()), default=0.0)
    if why == "half-written" and time.time() - newest < FRESH_SECONDS:
        return "was written to in the last ten minutes"
    if others := foreign_files(folder):
        return f"has files that are not aectl's: {', '.join(others[:3])}"
    return ""
