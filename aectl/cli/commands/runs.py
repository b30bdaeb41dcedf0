"""`aectl runs`: lists, shows, deletes and packs runs."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from omegaconf import DictConfig

from aectl.cli.run_details import describe_run
from aectl.cli.write_errors import user_error_on_write
from aectl.config import check, suggest, to_plain
from aectl.errors import UserError
from aectl.runs.archiving import archive
from aectl.runs.cleaning import delete, is_running
from aectl.runs.index import latest_run
from aectl.search.table.cells import printable
from aectl.search.table.deletable import find_deletable
from aectl.search.table.listing import print_listing
from aectl.types import format_bytes

ACTIONS = ("list", "show", "clean", "archive")


@dataclass(frozen=True)
class RunsOptions:
    """The keys of `aectl runs`."""

    words: list[str]
    outputs: str
    where: str | None
    yes: bool
    overwrite: bool
    output: str | None


def main(cfg: DictConfig) -> None:
    """Does what the first word says, with the runs that follow it."""
    config = to_plain(cfg)
    check(config, get_type_hints(RunsOptions, include_extras=True))
    options = RunsOptions(**{field.name: config[field.name] for field in fields(RunsOptions)})
    action, *words = options.words or ["list"]
    if action not in ACTIONS and not Path(action).exists():
        raise UserError(
            f"{action}: expected one of {', '.join(ACTIONS)}, or a folder to list{suggest(action, ACTIONS)}"
        )
    if action not in ACTIONS:
        action, words = "list", options.words
    if action == "list":
        print_listing(folders(words, options), options.where)
    elif action == "show":
        print(describe_run(one_run(words, options)))
    elif action == "archive":
        pack(one_run(words, options), options)
    else:
        for root in folders(words, options):
            clean(root, options)


def folders(words: list[str], options: RunsOptions) -> list[Path]:
    """Where runs are looked for; a UserError for a folder that is not there."""
    roots = [latest_run(Path(options.outputs)) if word == "latest" else Path(word).expanduser() for word in words]
    for root in roots or (roots := [Path(options.outputs).expanduser()]):
        if not root.is_dir():
            raise UserError(f"{root}: no such folder; expected a run, or a folder with runs in it")
    return roots


def one_run(words: list[str], options: RunsOptions) -> Path:
    """The folder of the one run that is named, or of the latest."""
    if len(words) > 1:
        raise UserError(f"{words[1]}: expected one run")
    (folder,) = folders(words or ["latest"], options)
    if not (folder / "config.yaml").is_file():
        raise UserError(f"{folder}: has no config.yaml; expected the folder of a run; to find some: aectl runs")
    return folder


def clean(root: Path, options: RunsOptions) -> None:
    """Says which runs below a folder may go, and deletes them if the user says so."""
    found, kept = find_deletable(root)
    for each in kept:
        print(printable(f"keeps {each.folder}: {each.why}"))
    if not found:
        print(f"{root}: no run is half-written, failed or superseded")
        return
    for run in found:
        print(printable(f"{format_bytes(run.num_bytes):>8}  {run.folder}  {run.why}"))
    total = f"{len(found)} {'runs' if len(found) > 1 else 'run'}, {format_bytes(sum(run.num_bytes for run in found))}"
    if not options.yes and not is_confirmed(total):
        print(f"nothing is deleted; to delete {total}: add yes=true")
        return
    with user_error_on_write(str(root)):
        for folder in delete(found, root):
            print(printable(f"keeps {folder}: is being trained"))
    print(f"deleted {total}")


def is_confirmed(total: str) -> bool:
    """Whether somebody at a terminal types yes."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"delete {total}? type yes: ").strip().lower() == "yes"
    except EOFError:
        return False


def pack(folder: Path, options: RunsOptions) -> None:
    """Writes a run into one file."""
    if is_running(folder):
        raise UserError(f"{folder}: is being trained; wait, or stop it first")
    output = Path(options.output or f"{folder.resolve().name}.tar.gz").expanduser()
    if not output.name.endswith((".tar.gz", ".tgz")):
        raise UserError(f"output={output}: expected a name that ends in .tar.gz")
    if output.exists() and not options.overwrite:
        raise UserError(f"output={output}: exists; overwrite=true writes it again")
    with user_error_on_write(f"output={output}"):
        links = archive(folder, output)
    left_out = f"; {links} links and other special files left out" if links else ""
    print(f"wrote {output}: {format_bytes(output.stat().st_size)}{left_out}; to open it: tar xzf {output}")
