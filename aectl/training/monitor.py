"""The metric of the validation that chooses the best epoch."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aectl.config import suggest
from aectl.errors import UserError
from aectl.training.validation_metrics import SCORES

Mode = Literal["min", "max"]
LOSS = "val/loss"


@dataclass(frozen=True)
class Monitor:
    """A metric by which validations are compared.

    Arguments:
        name: of the metric: `val/loss`, `val/psnr`, ...
        mode: `min` if less is better, `max` if more is; None: more of PSNR, SSIM and the gain, less of all others.
    """

    name: str = LOSS
    mode: Mode | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Monitor":
        """The metric that a config names; runs of version 0.1 had the loss."""
        return cls(config.get("monitor", LOSS), config.get("mode"))

    @property
    def direction(self) -> Mode:
        return self.mode or ("max" if self.name.removeprefix("val/") in SCORES else "min")

    @property
    def worst(self) -> float:
        return math.inf if self.direction == "min" else -math.inf

    def is_better(self, score: float, best: float) -> bool:
        return score < best if self.direction == "min" else score > best


class UnknownMetricError(UserError):
    """A metric that the validation does not log.

    Arguments:
        key: the config key that names it.
        name: the metric.
        metrics: those that are logged.
    """

    def __init__(self, key: str, name: str, metrics: Iterable[str]) -> None:
        known = sorted(metric for metric in metrics if metric.startswith("val/"))
        super().__init__(f"{key}={name}: no such metric; expected one of {', '.join(known)}{suggest(name, known)}")
