"""The keys `sweep.*` of `aectl train -m`."""

from dataclasses import dataclass
from typing import Literal

from aectl.types import NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run.

    Arguments:
        strategy: `grid`, all combinations, or `optuna`, which searches.
        dir: the folder of the sweep; None for a new one.
        workers: the processes that train at once.
        retry: how often a job that fails is tried again.
    """

    strategy: Literal["grid", "optuna"]
    dir: str | None
    workers: PositiveInt
    retry: NonNegativeInt
