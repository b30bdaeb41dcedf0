"""The metrics of a run, read from its files, which may be a stranger's and hold anything."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aectl.io.archives import read_text
from aectl.runs.summary import MAX_BYTES, read_mapping
from aectl.search.table.flat_config import Flat

METRIC = re.compile(r"[\w+./ -]{1,60}")
MOST_METRICS = 100
MOST_EVALS = 20
HIGHER_IS_BETTER = re.compile(r".*(psnr|ssim|psnr_gain|psnr_hidden|onset_f1|token_accuracy|exact|elbo|log_likelihood)")
"""The metrics of which more is better."""
LIKELIHOOD = ("elbo", "log_likelihood")
"""What a table has of the likelihood that `aectl eval` estimates."""


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
