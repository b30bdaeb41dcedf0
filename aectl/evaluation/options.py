"""What an evaluation measures."""

import os
from dataclasses import dataclass, field
from typing import get_type_hints

from aectl.config import check
from aectl.data.source import SplitName
from aectl.inference.sampling import Sampler
from aectl.types import NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class EvalOptions:
    """What is measured, and on how many examples; a UserError for a value of the wrong type or out of range.

    Arguments:
        split: `test`, `val` or `train`.
        batch_size: examples a batch.
        pictures: examples of each kind, best, median and worst, in the figure.
        baselines: compare with the classical baselines of the task.
        slow_images: run slow baselines on this many examples.
        embeddings: score the latents as features.
        importance_samples: of log p(x), for each example; 0 leaves the likelihood out.
        likelihood_images: estimate the likelihood of this many examples.
        samples: draw this many to compare with held-out examples; 0 leaves them out.
        samplers: what they are drawn from, each compared; None: the prior of a model that has one, else a Gaussian.
        cache: the folder that keeps fits and scores of baselines.
    """

    split: SplitName = "test"
    batch_size: PositiveInt = 250
    pictures: PositiveInt = 4
    baselines: bool = True
    slow_images: PositiveInt = 1000
    embeddings: bool = True
    importance_samples: NonNegativeInt = 64
    likelihood_images: PositiveInt = 500
    samples: NonNegativeInt = 2000
    samplers: list[Sampler] | None = None
    cache: str = field(default_factory=lambda: f"{os.environ.get('AECTL_CACHE', '~/.cache/aectl')}/baselines")

    def __post_init__(self) -> None:
        check(vars(self), get_type_hints(EvalOptions, include_extras=True))
