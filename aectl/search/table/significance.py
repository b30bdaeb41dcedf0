"""Which differences between runs are real: paired over the same test examples, corrected for how many are compared."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aectl.io.npz import load_npz
from aectl.runs.summary import read_mapping
from aectl.search.table.facts import LeftOutError, RunFacts, read_plain_config
from aectl.search.table.metrics import eval_reports, is_own_test

METRICS = ("psnr", "mse")
"""What is compared, the first that is finite of every example."""
LEVEL = 0.05
SAME = ("split", "n", "seed", "batch_size", "binarize", "corruption", "examples")
"""The keys of a protocol that two evaluations must have in common to be paired."""


@dataclass(frozen=True)
class Difference:
    """The difference of a row from the first row that it is ranked against.

    Arguments:
        metric: of the test examples.
        mean: how much more of it the row has, the mean over the examples.
        low, high: its 95 % interval by Student's t, for this comparison alone.
        p: of no difference, two-sided, after Holm's correction for all comparisons of the table.
        n: the examples.
    """

    metric: str
    mean: float
    low: float
    high: float
    p: float
    n: int

    @property
    def is_real(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class Scored:
    """The scores of test examples, means over the runs of a row."""

    folder: Path  # of the evaluation, of one of the runs
    key: str  # of what was tested, and how
    scores: Mapping[str, np.ndarray]  # (N,) each


def find_differences(blocks: Sequence[Sequence[Sequence[RunFacts]]]) -> dict[str, Difference]:
    """The differences from the first row of each block, by the folder of a row's first run; without `aectl eval` none.

    Arguments:
        blocks: of rows that can be compared; a row is the runs that differ in their seed only.
    """
    found: dict[str, Difference] = {}
    for rows in blocks:
        best, *others = [read_row(runs) for runs in rows]
        for runs, other in zip(rows[1:], others, strict=True):
            if best and other and best.key == other.key and (difference := paired(best, other)):
                found[runs[0].folder] = difference
    return dict(zip(found, correct(list(found.values())), strict=True))


def read_row(runs: Sequence[RunFacts]) -> Scored | None:
    """The scores of a row, over those of its runs that were evaluated; None if none was."""
    evaluated = [run for run in runs if any(name.startswith("test/") for name in run.metrics)]
    scored = [each for run in evaluated if (each := read_scores(Path(run.folder)))]
    same = [each for each in scored if each.key == scored[0].key]
    if not same:
        return None
    names = [name for name in METRICS if all(name in each.scores for each in same)]
    return Scored(
        same[0].folder, same[0].key, {name: np.mean([each.scores[name] for each in same], axis=0) for name in names}
    )


def read_scores(folder: Path) -> Scored | None:
    """What `aectl eval` kept of the examples of the run's own test split; None without it, or if it is damaged."""
    try:
        config = read_plain_config(folder)
    except LeftOutError:
        return None
    for path in eval_reports(folder):
        report = read_mapping(path)
        if is_own_test(report, config) and "examples" in report["protocol"]:
            return load_scores(path.parent, report)
    return None


def load_scores(folder: Path, report: dict[str, Any]) -> Scored | None:
    try:
        arrays = load_npz(folder / "examples.npz")
    except ValueError:
        return None
    protocol = report["protocol"]
    key = json.dumps([report.get("dataset"), *(protocol.get(name) for name in SAME)], sort_keys=True)
    scores = {name: arrays[name].astype(float) for name in METRICS if is_column(arrays.get(name), protocol.get("n"))}
    return Scored(folder, key, scores) if scores else None


def is_column(array: np.ndarray | None, n: object) -> bool:
    return array is not None and array.dtype.kind == "f" and array.shape == (n,)


def paired(first: Scored, other: Scored) -> Difference | None:
    """The difference of another row from the first one, its p not corrected yet; None without a common metric."""
    for metric in METRICS:
        if metric in first.scores and metric in other.scores:
            differences = other.scores[metric] - first.scores[metric]
            if len(differences) > 1 and np.isfinite(differences).all():
                return student(metric, differences)
    return None


def student(metric: str, differences: np.ndarray) -> Difference:
    """Student's t test of differences (N,) against 0, with the interval of their mean."""
    from scipy.special import stdtr, stdtrit

    n, mean = len(differences), float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    half = error * float(stdtrit(n - 1, 1 - LEVEL / 2))
    p = 2 * float(stdtr(n - 1, -abs(mean) / error)) if error else float(mean == 0)
    return Difference(metric, mean, mean - half, mean + half, p, n)


def correct(differences: Sequence[Difference]) -> list[Difference]:
    """The differences with p values by Holm (1979), which bounds the chance that any of those called real is not."""
    order = sorted(range(len(differences)), key=lambda index: differences[index].p)
    corrected, largest = {}, 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * differences[index].p))
        corrected[index] = largest
    return [replace(each, p=corrected[index]) for index, each in enumerate(differences)]
