"""Learning rate schedules: functions from the fraction of a run that is done to a factor. Imports nothing heavy."""

import math
from dataclasses import dataclass

from aectl.types import Fraction


class Constant:
    """The same rate throughout."""

    def __call__(self, progress: float) -> float:
        return 1.0


@dataclass(frozen=True)
class Cosine:
    r"""Rises linearly during the warm-up, then falls along half a cosine.

    .. math:: f(t) = f_{min} + (1 - f_{min}) \tfrac{1}{2} (1 + \cos \pi t)

    $t$ is the fraction of the run after the warm-up.

    References:
        | SGDR: Stochastic Gradient Descent with Warm Restarts (Loshchilov & Hutter, 2017), eq. 5
        | https://arxiv.org/abs/1608.03983

    Arguments:
        warmup: the fraction of the run that the rise takes.
        floor: the factor at the end.
    """

    warmup: Fraction
    floor: Fraction

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return max(progress / self.warmup, 0.01)
        t = min(1.0, (progress - self.warmup) / (1 - self.warmup))
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * t))
