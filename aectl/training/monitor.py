"""The metric of the validation that chooses the best epoch."""

from collections.abc import Iterable

from aectl.config import suggest
from aectl.errors import UserError

MONITOR = "val/loss"


def unknown_metric(key: str, name: str, metrics: Iterable[str]) -> UserError:
    """The error for a metric that the validation does not log."""
    known = sorted(metric for metric in metrics if metric.startswith("val/"))
    return UserError(f"{key}={name}: no such metric; expected one of {', '.join(known)}{suggest(name, known)}")
