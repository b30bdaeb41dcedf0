"""The table at the end of a sweep, and what to do with its best run."""

import shlex
from pathlib import Path

from aectl.errors import UserError
from aectl.io.atomic import write_text
from aectl.search.table.collect import Collected, collect
from aectl.search.table.facts import RunFacts
from aectl.search.table.page import PAGE, has_plotly, render
from aectl.search.table.printing import print_run_table
from aectl.search.table.ranking import rank
from aectl.search.table.run_table import RunTable


def print_sweep_table(folder: Path, trust: bool) -> Collected:
    """Prints the jobs in the folder of a sweep, best first, and the next commands; returns what it found.

    It writes them as a page too, where Plotly is installed.
    """
    found = collect([folder])
    print(f"{len(found.runs)} jobs, best first")
    if not found.runs:
        return found
    table = RunTable.of(found.runs, rank(found.runs), seeds=True)
    print_run_table(table, significance=False)
    best = table.rows[0].best
    if len(found.runs) > 1 and best.metrics and has_plotly():
        page = write_text(folder / PAGE, render(table, f"{len(found.runs)} jobs of {folder}"))
        print(f"page: {page}")
    for line in ["next:", *after_a_sweep(best, folder, trust)] if best.metrics else []:
        print(line)
    return found


def after_a_sweep(best: RunFacts, folder: Path, trust: bool) -> list[str]:
    """The commands for the best run, and for the table over all."""
    from aectl import runs
    from aectl.cli.next_commands import next_commands

    try:
        commands = next_commands(run := runs.open(best.folder, trust=trust), run.build())
    except UserError:
        commands = []
    return [f"  {command}" for command in [*commands, f"aectl compare {shlex.quote(str(folder))}"]]
