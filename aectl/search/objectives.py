"""What a search is for: keys of the summary of a run, each with its direction."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aectl.config import suggest
from aectl.errors import UserError
from aectl.runs.summary import read_mapping

NUMBERS = ("best", "parameters", "epochs", "seconds")
"""The numbers of a summary beside its metrics."""
OF_PIXELS, OF_TOKENS = ("psnr", "ssim", "psnr_gain", "psnr_hidden"), ("onset_f1", "token_accuracy", "exact")
USUAL = ("val/loss", *(f"val/{score}" for score in (*OF_PIXELS, *OF_TOKENS)))
"""The metrics of a summary; a run has those that suit its task and data."""


def objectives_of(config: Any) -> dict[str, str]:
    """The objectives of a search: those of `sweep.objectives`, or the metric that is monitored."""
    given: Mapping[str, str] | None = config.sweep.objectives
    return dict(given or {config.monitor: config.mode or usual_direction(config.monitor)})


def usual_direction(metric: str) -> str:
    """Whether less of a metric is better or, of the scores of a reconstruction, more."""
    return "max" if metric in USUAL[1:] else "min"


def check_objectives(objectives: Mapping[str, str], monitor: str) -> None:
    """Raises a UserError for a key that no summary has, as far as that is known before a training."""
    for key in objectives:
        if key not in (known := [*dict.fromkeys((*USUAL, monitor, *NUMBERS))]):
            raise unknown_objective(key, known)


def unknown_objective(key: str, known: Sequence[str]) -> UserError:
    return UserError(
        f"sweep.objectives={key}: no such key in the summary of a run; expected some of {', '.join(known)}"
        f"{suggest(key, known)}"
    )


def read_values(run: Path, keys: Sequence[str]) -> list[float]:
    """What a run has reached, NaN where it is not finite; a UserError for a key that its summary does not have."""
    known = summary_numbers(run)
    for key in keys:
        if key not in known:
            raise unknown_objective(key, list(known))
    return [known[key] if math.isfinite(known[key]) else math.nan for key in keys]


def summary_numbers(run: Path) -> dict[str, float]:
    """Every number of a run's summary, those of its best epoch by the names of the metrics."""
    summary = read_mapping(run / "summary.json")
    metrics = summary.get("metrics")
    found: dict[str, Any] = {
        **(metrics if isinstance(metrics, dict) else {}),
        **{key: summary.get(key) for key in NUMBERS},
    }
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def pareto_front(points: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """The indices of the points (N, K) that no other is at least as good as in all objectives and better in one.

    A point with a NaN is never among them.
    """
    signs = [1 if direction == "min" else -1 for direction in directions]
    costs = [[sign * value for sign, value in zip(signs, point, strict=True)] for point in points]
    finite = [index for index, cost in enumerate(costs) if not any(map(math.isnan, cost))]
    return [one for one in finite if not any(dominates(costs[other], costs[one]) for other in finite)]


def dominates(cost: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(cost, other, strict=True))
    return all(one <= two for one, two in pairs) and any(one < two for one, two in pairs)
