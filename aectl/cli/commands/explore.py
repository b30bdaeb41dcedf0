"""`aectl explore`: a run as one HTML file to open in a browser."""

import sys
from pathlib import Path

from aectl.cli.open_run import output_file, run_command
from aectl.errors import UserError
from aectl.explorer.explore import ExploreOptions, explore
from aectl.inference.trained_run import TrainedRun
from aectl.types import format_bytes


@run_command
def main(trained: TrainedRun, options: ExploreOptions, output: str | None) -> None:
    """Writes the page and says how large it is and what it lacks."""
    path = output_file(trained.run, html_file(output), "explore", "index.html")
    page, missing = explore(trained, path, options)
    for line in missing:
        print(f"aectl explore: {line}", file=sys.stderr)
    print(f"wrote {page} ({format_bytes(page.stat().st_size)}): open it in a browser; it needs no network")


def html_file(output: str | None) -> Path | None:
    """The file to write as it was typed; a UserError unless it is named like a page."""
    if output is None:
        return None
    path = Path(output).expanduser()
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"output={output}: not the name of a page; expected output=FILE.html")
    return path
