"""What a training left in `summary.json` and `metrics.csv`, which may be a stranger's and hold anything."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from aectl.io.archives import read_text

MAX_BYTES = 10**7
STATUSES = ("running", "interrupted", "failed", "done")


class Summary(NamedTuple):
    """What is known of a training; 0 where nothing is."""

    metrics: dict[str, float]  # of the best epoch, by name
    epochs: int  # that were trained
    budget_epochs: int  # that the budget of the data set asks for
    status: str  # running, interrupted, failed or done; empty where none of them is stated


def read_summary(path: Path) -> Summary:
    """The content of `summary.json`, without what it lacks or what makes no sense."""
    content = read_mapping(path)
    metrics = content.get("metrics")
    numbers = {k: v for k, v in metrics.items() if isinstance(v, float)} if isinstance(metrics, dict) else {}
    status = content.get("status")
    epochs, budget_epochs = (count(content.get(key)) for key in ("epochs", "budget_epochs"))
    return Summary(numbers, epochs, budget_epochs, status if status in STATUSES else "")


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file of a run; empty where there is none or it cannot be read."""
    try:
        content = json.loads(read_text(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def describe_training(run: Path) -> str:
    """When the training of a run began, how many epochs it had and how it ended, of its folder."""
    began = datetime.fromtimestamp((run / "config.yaml").stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    summary = read_summary(run / "summary.json")
    epochs = f"{summary.epochs} epoch{'s' if summary.epochs > 1 else ''}" if summary.epochs else ""
    ended = {"running": "not finished", "done": ""}.get(summary.status, summary.status)
    return ", ".join(part for part in (f"trained {began}", epochs, ended) if part)


def read_metrics(summary: Path) -> dict[str, float]:
    """The metrics of the best epoch by name; empty where the file has none or cannot be read."""
    return read_summary(summary).metrics


def read_losses(metrics: Path) -> list[float]:
    """The validation loss after each epoch, from `metrics.csv`; empty where it has none or cannot be read."""
    try:
        rows = csv.DictReader(io.StringIO(read_text(metrics, MAX_BYTES)))
        return [float(row["val/loss"]) for row in rows if row.get("val/loss")]
    except (OSError, ValueError, TypeError, csv.Error):
        return []


def count(value: Any) -> int:
    """A number of epochs, or 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9 else 0
