"""`make bench`: how fast aectl is beside its peers; prints a table and writes outputs/bench.json."""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import rows
from tests.benchmarks.machine import machine
from tests.benchmarks.timing import Row

OUT = Path("outputs/bench.json")


def main(chosen: list[str]) -> None:
    """Measures the rows whose names contain one of the words, or all of them; the others keep what they had."""
    known = json.loads(OUT.read_text())["rows"] if OUT.exists() else {}
    for name, measure in rows.ALL.items():
        if chosen and not any(word in name for word in chosen):
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        known[name] = asdict(measured(measure))
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps({"machine": machine(), "rows": known}, indent=2))
    show({name: Row(**known[name]) for name in rows.ALL if name in known})


def measured(measure: Callable[[Path], Row]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def show(found: dict[str, Row]) -> None:
    """The table."""
    table = Table(title=machine(), title_justify="left")
    for heading in ("work", "against", "ours", "peer", "ratio", "spread", "at least", ""):
        table.add_column(heading)
    for row in found.values():
        spread = f"{min(row.ratios):.2f} to {max(row.ratios):.2f}"
        times = row.shown(row.ours), row.shown(row.peers)
        table.add_row(row.work, row.against, *times, f"{row.ratio:.2f}", spread, f"{row.at_least:.2f}", row.verdict)
    console = Console()
    console.width = max(console.width, 160)
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
