"""What a table says of a run, read from the files in its folder, which may be a stranger's and hold anything."""

import csv
import io
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aectl.errors import UserError
from aectl.io.archives import read_text
from aectl.runs.stored_config import MAX_LENGTH, check_parts, parse_yaml
from aectl.runs.summary import MAX_BYTES, STATUSES, read_mapping
from aectl.runs.upgrades import ADDED_GROUPS, upgrade_config
from aectl.search.table.flat_config import Flat, Value, flatten, plain_value

METRIC = re.compile(r"[\w+./ -]{1,60}")
MOST_METRICS = 100
MOST_EVALS = 20
HIGHER_IS_BETTER = re.compile(r".*(psnr|ssim|psnr_gain|psnr_hidden|elbo|log_likelihood)")
"""The metrics of which more is better."""
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


def higher_is_better(metric: str) -> bool:
    return HIGHER_IS_BETTER.fullmatch(metric) is not None


def read_curves(path: Path) -> list[dict[str, float]]:
    """The metrics of every epoch, from `metrics.csv`; empty where there is none or it cannot be read."""
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path, MAX_BYTES))))
    except (OSError, ValueError, csv.Error):
        return []
    return [numbers(row) for row in rows]


def best_row(path: Path, monitor: str, maximize: bool) -> dict[str, float]:
    """The metrics of the best epoch; empty where none has the metric that chooses it."""
    rows = [row for row in read_curves(path) if math.isfinite(row.get(monitor, math.nan))]
    best = (max if maximize else min)(rows, key=lambda row: row[monitor], default={})
    return {name: value for name, value in best.items() if "/" in name}


def numbers(values: Any) -> dict[str, float]:
    """The numbers of a mapping from anywhere, by name."""
    found = dict(numbered(values)) if isinstance(values, Mapping) else {}
    return {name: found[name] for name in list(found)[:MOST_METRICS]}


def numbered(values: Mapping[Any, Any]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if not isinstance(name, str) or not METRIC.fullmatch(name) or not isinstance(value, str | int | float):
            continue
        try:
            yield name, float(value)
        except (ValueError, OverflowError):
            continue


def number(value: Any) -> float:
    """A finite number of 0 or more, or 0 for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e15 else 0.0


def elbo(metrics: dict[str, float], config: Flat) -> dict[str, float]:
    """The ELBO with a KL weight of 1, -nll - kl, of a model whose terms give it."""
    kl = kl_divergence(metrics)
    if kl is None or "val/nll" not in metrics or "Lesson" in str(config.get("model._target_")):
        return {}
    return {"val/elbo": -metrics["val/nll"] - kl}


def kl_divergence(metrics: dict[str, float]) -> float | None:
    """The KL from the prior, which some models log in parts; None of a model without one."""
    for parts in (("kl",), ("kl_top", "kl_bottom"), ("mi", "tc", "dwkl")):
        if all(f"val/{part}" in metrics for part in parts):
            return sum(metrics[f"val/{part}"] for part in parts)
    return None


def test_scores(folder: Path, config: dict[str, Any]) -> dict[str, float]:
    """The means of `aectl eval` on the test split of the run's own data and task."""
    for path in eval_reports(folder):
        report = read_mapping(path)
        if is_own_test(report, config):
            scores, likelihood = report.get("scores"), report.get("likelihood")
            means = {**means_of(scores), **{k: v for k, v in means_of(likelihood).items() if k in LIKELIHOOD}}
            return {f"test/{name}": mean for name, mean in means.items()}
    return {}


LIKELIHOOD = ("elbo", "log_likelihood")


def eval_reports(folder: Path) -> list[Path]:
    return sorted(folder.glob("eval/*/metrics.json"))[:MOST_EVALS]


def is_own_test(report: dict[str, Any], config: dict[str, Any]) -> bool:
    protocol = report.get("protocol")
    if not isinstance(protocol, dict):
        return False
    same_data = report.get("dataset") == report.get("trained_on") == config["names"].get("dataset")
    return same_data and protocol.get("split") == "test" and protocol.get("corruption") == config["task"]


def means_of(section: Any) -> dict[str, float]:
    means = section.items() if isinstance(section, dict) else ()
    return numbers({name: each.get("mean") for name, each in means if isinstance(each, dict)})
