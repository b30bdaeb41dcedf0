"""The table over runs, a value: rows of runs, columns of what differs between them and how good they are."""

import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from aectl.search.table.differences import SEED, differing_keys, group_seeds
from aectl.search.table.facts import RunFacts
from aectl.search.table.flat_config import Value
from aectl.search.table.names import value_of
from aectl.search.table.ranking import Ranking
from aectl.search.table.significance import LEVEL, Difference, find_differences

ALWAYS = ("val/loss", "val/psnr", "val/ssim", "val/mse", "test/psnr", "test/ssim")
"""The metrics of every table, where any run has them."""
TERMS = ("val/nll", "val/kl", "val/elbo")
"""What losses of different meaning consist of."""


class Spread(NamedTuple):
    """The mean of runs that differ in their seed only, with its sample standard deviation; None of a single run."""

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if len(values) == 1:
            return cls(values[0], None, 1)
        spread = statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan
        return cls(statistics.fmean(values), spread, len(values))


Cell = Value | Spread | Difference
DIFFERENCE = "test, vs best"
"""The column of the differences from the best row."""


@dataclass(frozen=True)
class Row:
    """Runs that differ in their seed only, the best one first."""

    runs: list[RunFacts]

    @property
    def best(self) -> RunFacts:
        return self.runs[0]

    def metric(self, name: str) -> Spread | None:
        """A metric or another number over its runs; None if none has it."""
        found = (value_of(run, name) for run in self.runs)
        values = [float(value) for value in found if isinstance(value, int | float) and not isinstance(value, bool)]
        return Spread.of(values) if values else None


class Column(NamedTuple):
    """A column: the full name of what it holds, and whether that is a number over the runs of a row."""

    name: str
    is_number: bool


@dataclass(frozen=True)
class RunTable:
    """Rows in the order of a ranking.

    Arguments:
        rows: best first, in blocks of rows that can be compared.
        ranking: what they are sorted by, and why.
        keys: the config keys that differ between the runs.
        extra: further metrics and keys to show.
        notes: what has to be said of the table, a line each.
        differences: of rows from the first one of their block, by the folder of their best run.
    """

    rows: list[Row]
    ranking: Ranking
    keys: list[str]
    extra: Sequence[str] = ()
    notes: Sequence[str] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        runs: Sequence[RunFacts],
        ranking: Ranking,
        seeds: bool,
        extra: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> "RunTable":
        """The table of these runs; `seeds` makes one row of runs that differ in their seed only."""
        groups = group_seeds(runs) if seeds else [[run] for run in runs]
        rows = sorted(
            (Row(sorted(group, key=lambda run: order(Row([run]), ranking))) for group in groups),
            key=lambda row: (ranking.block(row.best), order(row, ranking)),
        )
        several = any(len(row.runs) > 1 for row in rows)
        keys = [key for key in differing_keys(runs) if not (several and key == SEED)]
        why = [ranking.why] if ranking.why else []
        return cls(rows, ranking, keys, extra, [*why, *notes])

    def with_differences(self) -> "RunTable":
        """The table with which differences are real, as far as the runs were evaluated on the same test examples."""
        found = find_differences([[row.runs for row in block] for block in self.blocks])
        notes = describe(found, len(self.starts) > 1) if found else how_to_compare(self.blocks)
        return replace(self, differences=found, notes=[*self.notes, *notes])

    @cached_property
    def columns(self) -> list[Column]:
        """The name, what differs, the metrics that any run has, and what each run took and where it is."""
        ranked = [self.ranking.metric] * ("/" in self.ranking.metric)
        terms = TERMS if self.ranking.losses_differ else ()
        wanted = dict.fromkeys((*ranked, *ALWAYS[:1], *terms, *ALWAYS[1:], *self.extra, "seconds", "parameters"))
        numbers = [name for name in wanted if name not in self.keys and any(row.metric(name) for row in self.rows)]
        texts = [name for name in self.extra if name not in numbers and name not in self.keys]
        status = ["status"] if any(run.status != "done" for run in self.runs) else []
        several = ["seeds"] if any(len(row.runs) > 1 for row in self.rows) else []
        heads = ["name", *several, *self.keys, *texts, *status]
        compared = [DIFFERENCE] if self.differences else []
        return [
            *(Column(head, False) for head in heads),
            *(Column(name, True) for name in numbers),
            *(Column(name, False) for name in [*compared, "path"]),
        ]

    @property
    def runs(self) -> list[RunFacts]:
        return [run for row in self.rows for run in row.runs]

    def cell(self, row: Row, column: Column) -> Cell:
        if column.is_number:
            return row.metric(column.name)
        if column.name == DIFFERENCE:
            return self.differences.get(row.best.folder)
        if column.name == "seeds":
            return len(row.runs)
        if column.name == "path":
            return shown_path(row.best.folder)
        if column.name == "status":
            return ", ".join(dict.fromkeys(run.status for run in row.runs))
        return value_of(row.best, column.name)

    @cached_property
    def starts(self) -> list[int]:
        """The indices of the rows that a block begins with."""
        blocks = [self.ranking.block(row.best) for row in self.rows]
        return [index for index, block in enumerate(blocks) if index == 0 or block != blocks[index - 1]]

    @property
    def blocks(self) -> list[list[Row]]:
        """The rows that can be compared with each other, together."""
        return [self.rows[start:end] for start, end in pairwise([*self.starts, len(self.rows)])]


def describe(differences: Mapping[str, Difference], several_blocks: bool) -> list[str]:
    """What the column of the differences means, in a line."""
    first, n = next(iter(differences.values())), len(differences)
    best = "the first row of the same task and data" if several_blocks else "the first row"
    comparisons = f"{n} comparisons" if n > 1 else "1 comparison"
    return [
        f"{DIFFERENCE}: mean difference in {first.metric} from {best}, paired over the same {first.n:,} test examples, "
        f"with its 95 % interval; real: p < {LEVEL} after Holm's correction for {comparisons}; the interval is over "
        "examples, not over seeds"
    ]


def how_to_compare(blocks: Sequence[Sequence[Row]]) -> list[str]:
    """How to learn which differences are real, in a line; none if there is nothing to compare."""
    rows = next((block for block in blocks if len(block) > 1), [])
    paths = [shlex.quote(shown_path(row.best.folder)) for row in rows[:2] if row.best.status != "failed"]
    return (
        [f"to learn which differences are real, evaluate the runs: aectl eval {' '.join(paths)}"] if paths[1:] else []
    )


def order(row: Row, ranking: Ranking) -> tuple[bool, bool, float, str]:
    """Sorts failed runs and those without the metric last, and equal ones by their folder."""
    found = row.metric(ranking.metric)
    text = value_of(row.best, ranking.metric)
    if found is None or math.isnan(found.mean):
        return row.best.status == "failed", True, 0.0, f"{text or ''} {row.best.folder}"
    return False, False, -found.mean if ranking.maximize else found.mean, row.best.folder


def shown_path(folder: str) -> str:
    """A path as a user would type it."""
    path = Path(folder)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
