"""The keys `sweep.*` of `aectl train -m`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Len

from aectl.training.trainer import Duration
from aectl.types import NonNegativeInt, PositiveInt, Seed


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run.

    Arguments:
        strategy: `grid`, all combinations, or `optuna`, which searches.
        dir: the folder of the sweep; None for a new one.
        workers: the processes that train at once.
        retry: how often a job that fails is tried again.
        n_trials: how many jobs a search has in all.
        timeout: after which a search starts no further job: seconds, `5m`, `1h30m`, or None.
        sampler: of a search: `tpe`, the tree-structured Parzen estimator; `gp`, a Gaussian process; `nsga2`; `random`.
        pruner: which stops hopeless trainings of a search after an epoch: those below the `median` of the others,
            `halving`, `hyperband`, or `none`.
        seed: of a search.
        objectives: keys of the summary of a run, each `min` or `max`; None: the metric that is monitored.
    """

    strategy: Literal["grid", "optuna"]
    dir: str | None
    workers: PositiveInt
    retry: NonNegativeInt
    n_trials: PositiveInt
    timeout: Duration | None
    sampler: Literal["tpe", "gp", "nsga2", "random"]
    pruner: Literal["median", "halving", "hyperband", "none"]
    seed: Seed
    objectives: Annotated[dict[str, Literal["min", "max"]], Len(1)] | None
