"""What a table says of a run, read from the files in its folder, which may be a stranger's and hold anything."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aectl.errors import UserError
from aectl.io.archives import read_text
from aectl.runs.stored_config import MAX_LENGTH, check_parts, parse_yaml
from aectl.runs.summary import STATUSES, read_mapping
from aectl.runs.upgrades import ADDED_GROUPS, upgrade_config
from aectl.search.table.flat_config import Flat, Value, flatten, plain_value
from aectl.search.table.metrics import METRIC, best_row, elbo, higher_is_better, number, numbers, test_scores

UNFINISHED, FOREIGN, UNREADABLE = "without a finished epoch", "not of aectl", "unreadable"
"""Why a folder with a config.yaml is left out of a table."""


class LeftOutError(Exception):
    """A folder that is no run with results; the message is one of the reasons above."""


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run.

    Arguments:
        folder: where it is.
        config: its config as flat keys; of a job that failed before it had one, what was typed for it.
        typed: the keys that were typed for it or swept; None if nobody recorded that.
        status: `running`, `interrupted`, `failed` or `done`; empty where none of them is stated.
        monitor: the metric that chose the best epoch.
        maximize: whether more of it is better.
        metrics: those of the best epoch, `val/loss`; those of `aectl eval` on its own test split, `test/psnr`; the
            ELBO at a KL weight of 1, `val/elbo`.
        epochs, seconds, parameters: 0 where not known.
        error: why it failed.
    """

    folder: str
    config: Flat
    typed: list[str] | None
    status: str
    monitor: str = "val/loss"
    maximize: bool = False
    metrics: dict[str, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    parameters: int = 0
    error: str = ""

    @property
    def name(self) -> str:
        return os.path.basename(self.folder)  # noqa: PTH119 - of thousands of runs, and Path takes ten times as long

    @property
    def best(self) -> float | None:
        return self.metrics.get(self.monitor)


def read_facts(folder: Path) -> RunFacts:
    """The facts of the run in a folder; a LeftOutError if it has no results."""
    summary = read_mapping(folder / "summary.json")
    typed = read_typed(folder)
    if not (folder / "config.yaml").is_file():
        return failed_job(folder, typed, summary)
    config = read_plain_config(folder)
    monitor, maximize = read_monitor(summary)
    status = summary.get("status") if summary.get("status") in STATUSES else ""
    row = best_row(folder / "metrics.csv", monitor, maximize) or numbers(summary.get("metrics"))
    if not row and status != "failed":
        raise LeftOutError(UNFINISHED)
    flat = flatten(config)
    return RunFacts(
        folder=str(folder),
        config=flat | ({"experiment": typed["experiment"]} if typed and "experiment" in typed else {}),
        typed=None if typed is None else list(typed),
        status=str(status),
        monitor=monitor,
        maximize=maximize,
        metrics=row | elbo(row, flat) | test_scores(folder, config),
        epochs=int(number(summary.get("epochs"))),
        seconds=number(summary.get("seconds")),
        parameters=int(number(summary.get("parameters"))),
        error=error_of(summary),
    )


def failed_job(folder: Path, typed: dict[str, str] | None, summary: dict[str, Any]) -> RunFacts:
    """A job of a sweep whose config was refused, so that it has none; any other folder is left out."""
    if typed is None or summary.get("status") != "failed":
        raise LeftOutError(FOREIGN)
    config = {key: parse_value(value) for key, value in typed.items()}
    return RunFacts(str(folder), config, list(typed), "failed", error=error_of(summary))


def parse_value(text: str) -> Value:
    """A value as it was typed: a number, true, null, or else a text."""
    try:
        return plain_value(parse_yaml(text))
    except ValueError:
        return text


def error_of(summary: dict[str, Any]) -> str:
    return str(plain_value(str(summary.get("error", "")))) if summary.get("status") == "failed" else ""


def read_plain_config(folder: Path) -> dict[str, Any]:
    """The plain values of a run's config, as this version would have written them. Nothing in it is built."""
    try:
        plain = parse_yaml(read_text(folder / "config.yaml", MAX_LENGTH))
    except (OSError, ValueError, RecursionError) as error:
        raise LeftOutError(UNREADABLE) from error
    try:
        check_parts(plain)
    except UserError as error:
        raise LeftOutError(FOREIGN) from error
    return {**ADDED_GROUPS, **upgrade_config(plain)}


def read_typed(folder: Path) -> dict[str, str] | None:
    """The overrides that a run was started with, by key; None if there is no record of them."""
    try:
        overrides = parse_yaml(read_text(folder / ".hydra" / "overrides.yaml", MAX_LENGTH))
        pairs = [str(override).lstrip("+~").partition("=") for override in overrides]
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return {key: str(plain_value(value)) for key, _, value in pairs if METRIC.fullmatch(key)}


def read_monitor(summary: dict[str, Any]) -> tuple[str, bool]:
    """The metric that chose the best epoch, and whether more of it is better."""
    monitor = summary.get("monitor")
    if not isinstance(monitor, str) or not METRIC.fullmatch(monitor):
        return "val/loss", False
    return monitor, summary["mode"] == "max" if summary.get("mode") in ("min", "max") else higher_is_better(monitor)
