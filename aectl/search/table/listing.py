"""Lists runs, a line each: how it ended, when it was trained, how large it is, what it is and where."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from aectl.errors import UserError
from aectl.io.tables import print_line
from aectl.runs.cleaning import is_running, size_of
from aectl.search.table.cells import printable
from aectl.search.table.collect import collect, read_runs
from aectl.search.table.deletable import began
from aectl.search.table.facts import UNFINISHED, RunFacts
from aectl.search.table.names import Names
from aectl.search.table.run_table import shown_path
from aectl.search.table.where import parse_where
from aectl.types import format_bytes


def print_listing(roots: Sequence[Path], where: str | None) -> None:
    """Prints the runs at and below these folders, the newest last; a UserError if there are none."""
    runs = collect(roots).runs
    passes = parse_where(where, Names(runs)) if where else None
    lines = [(began(run), describe(run)) for run in runs if passes is None or passes(run)]
    if passes is None:
        lines += [(0.0, line) for root in roots for line in half_written(root)]
    if not lines:
        of_where = f" for which where={where} is true" if where else ""
        raise UserError(f"{', '.join(map(str, roots))}: no runs in it{of_where}; train one first: aectl train")
    for _, line in sorted(lines):
        print_line(printable(line))


def describe(run: RunFacts) -> str:
    status = "running" if is_running(Path(run.folder)) else "killed" if run.status == "running" else run.status
    names = " · ".join(str(run.config[key]) for key in ("model", "task", "dataset") if key in run.config)
    epochs = f"{run.epochs} epochs" if run.epochs else ""
    when = f"{datetime.fromtimestamp(began(run)):%Y-%m-%d %H:%M}" if began(run) else ""
    return line_of(status or "-", when, epochs, Path(run.folder), names)


def half_written(root: Path) -> list[str]:
    """The runs without a finished epoch."""
    folders = [root / name for name, facts in read_runs(root).items() if facts == UNFINISHED]
    return [line_of("running" if is_running(each) else "unfinished", "", "", each, "") for each in folders]


def line_of(status: str, when: str, epochs: str, folder: Path, names: str) -> str:
    size = format_bytes(size_of(folder))
    return f"{status:<11} {when:<16} {epochs:>10} {size:>8}  {names}  {shown_path(str(folder))}"
