"""The tables of what `make bench` and `make faults` left in outputs/."""

import json
from pathlib import Path

from tests.benchmarks.timing import BUSY, Row

BENCH, FAULTS = Path("outputs/bench.json"), Path("outputs/faults.json")


def bench() -> str:
    """The machine, and a row for each piece of work: the median ratio and its spread."""
    found = json.loads(BENCH.read_text())
    rows = ["| work | against | ours | theirs | ratio | spread | to reach |", "|---|---|---|---|---|---|---|"]
    for row in (Row(**row) for row in found["rows"].values()):
        few = len(row.ratios) == 1
        spread = "" if few else f"{shown(min(row.ratios))} to {shown(max(row.ratios))}"
        busy = "" if row.others <= BUSY else f" (others took {row.others:.0%} of the machine)"
        rows.append(
            f"| {row.work} | {row.against} | {row.shown(row.ours)} | {row.shown(row.peers)} "
            f"| **{shown(row.ratio)}**{busy} | {spread} | {row.at_least:.2f} |"
        )
    return "\n".join([f"Measured on {found['machine']}.", "", *rows])


def shown(ratio: float) -> str:
    """A ratio; of a large one, nobody wants the decimals."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def faults() -> str:
    """A row for each fault: how often it was tried, and what came of it."""
    rows = ["| fault | times tried | outcome |", "|---|---|---|"]
    for row in json.loads(FAULTS.read_text()):
        outcome = row["outcome"] if not row["failed"] else f"**{row['failed']} failed**; else: {row['outcome']}"
        rows.append(f"| {row['fault']} | {row['tried']:,} | {outcome} |")
    return "\n".join(rows)
