"""`aectl compare`: one table over many runs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_type_hints

from omegaconf import DictConfig

from aectl.cli.write_errors import user_error_on_write
from aectl.config import check, to_plain
from aectl.errors import UserError
from aectl.io.atomic import write_text
from aectl.runs.index import latest_run
from aectl.search.table.collect import Collected, collect
from aectl.search.table.facts import RunFacts
from aectl.search.table.formats import FORMATS
from aectl.search.table.names import Names
from aectl.search.table.page import PAGE, render
from aectl.search.table.printing import print_run_table
from aectl.search.table.ranking import rank
from aectl.search.table.run_table import RunTable
from aectl.search.table.where import parse_where
from aectl.types import PositiveInt


@dataclass(frozen=True)
class CompareOptions:
    """The keys of `aectl compare`."""

    runs: list[str]
    outputs: str
    by: str | None
    where: str | None
    columns: list[str]
    seeds: bool
    significance: bool
    top: PositiveInt | None
    format: Literal["table", "md", "csv", "json", "latex", "html"]
    output: str | None


def main(cfg: DictConfig) -> None:
    """Prints or writes the table."""
    config = to_plain(cfg)
    check(config, get_type_hints(CompareOptions, include_extras=True))
    options = CompareOptions(**{field.name: config[field.name] for field in fields(CompareOptions)})
    found = collect(folders(options))
    table = make_table(found, options)
    if options.format == "table" and options.output is None:
        with user_error_on_write("standard output"):
            print_run_table(table, options.top, options.significance)
        return
    table = table.with_differences() if options.significance else table
    if options.format == "html":
        write_page(table, options)
        return
    text = FORMATS["md" if options.format == "table" else options.format](table)
    if options.output is None:
        print(text, end="")
        for note in table.notes:
            print(note, file=sys.stderr)
        return
    with user_error_on_write(f"output={options.output}"):
        print(f"wrote {write_text(Path(options.output).expanduser(), text)}")


def write_page(table: RunTable, options: CompareOptions) -> None:
    """Writes the table as a page: to `output`, or into the first folder that is no run itself."""
    first = next(
        (folder for folder in folders(options) if not (folder / "config.yaml").exists()), Path(options.outputs)
    )
    path = Path(options.output).expanduser() if options.output else first / PAGE
    where = ", ".join(map(str, folders(options)))
    with user_error_on_write(f"output={path}"):
        write_text(path, render(table, f"{len(table.runs)} runs of {where}"))
    print(f"wrote {path}: open it in a browser; it needs no network")


def folders(options: CompareOptions) -> list[Path]:
    """Where runs are looked for."""
    named = [latest_run(Path(options.outputs)) if run == "latest" else Path(run).expanduser() for run in options.runs]
    return named or [Path(options.outputs).expanduser()]


def make_table(found: Collected, options: CompareOptions) -> RunTable:
    """The table of the runs that pass the filter; a UserError if there are none."""
    names = Names(found.runs)
    passes = parse_where(options.where, names) if options.where else None
    runs = [run for run in found.runs if passes is None or passes(run)]
    if not runs:
        raise UserError(nothing_found(found, options))
    extra = [names.resolve(name, f"columns=[{name}]") for name in options.columns]
    return RunTable.of(runs, rank(runs, options.by), options.seeds, extra, notes(found, runs))


def nothing_found(found: Collected, options: CompareOptions) -> str:
    where = ", ".join(map(str, folders(options)))
    if found.runs:
        return f"where={options.where}: true of none of the {len(found.runs)} runs in {where}"
    return f"{where}: no runs in it with a finished epoch{left_out(found)}; train some first: aectl train -m ..."


def notes(found: Collected, runs: Sequence[RunFacts]) -> list[str]:
    passed = f", {len(found.runs) - len(runs)} that where= leaves out" if len(found.runs) > len(runs) else ""
    reasons = left_out(found)
    return [f"{len(runs)} runs{passed}{reasons}"] if passed or reasons else []


def left_out(found: Collected) -> str:
    """How many folders are not in the table, by the reason."""
    parts = ", ".join(f"{count} {reason}" for reason, count in sorted(found.left_out.items()))
    return f"; left out: {parts}" if parts else ""
