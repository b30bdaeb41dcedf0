"""Optimizers as configs name them: settings that make a torch optimizer for some parameters. Know only torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Len
from torch.nn import Parameter
from torch.optim import Optimizer

from aectl.training.torch_internals import UncapturedAdamW
from aectl.types import Fraction, NonNegativeFloat, PositiveFloat

MakeOptimizer = Callable[[list[Parameter]], Optimizer]
OfPlayers = dict[str, dict[str, Any]]
"""Settings of single players of a model in place of the shared ones: `{"discriminator": {"lr": 1e-4}}`."""


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay.

    References:
        | Decoupled Weight Decay Regularization (Loshchilov & Hutter, 2019), algorithm 2
        | https://arxiv.org/abs/1711.05101

    Arguments:
        lr: the largest learning rate, which the schedule scales.
        betas: the decay rates of the two moments.
        weight_decay: the fraction of each weight that is subtracted in a step, as a multiple of the learning rate.
        players: settings of single players, each with an optimizer of its own.
        fused: all of a step in one kernel; the same up to rounding, and faster.
    """

    lr: PositiveFloat
    betas: Annotated[list[Fraction], Len(2, 2)]
    weight_decay: NonNegativeFloat
    players: OfPlayers
    fused: bool = False

    def __call__(self, parameters: list[Parameter]) -> Optimizer:
        betas = self.betas[0], self.betas[1]
        return UncapturedAdamW(parameters, self.lr, betas, weight_decay=self.weight_decay, fused=self.fused)


@dataclass(frozen=True)
class RMSprop:
    """The gradient over a running root mean square of itself.

    References:
        | Neural Networks for Machine Learning, lecture 6 (Hinton, 2012)

    Arguments:
        lr: the largest learning rate, which the schedule scales.
        alpha: the decay rate of the mean square.
        players: settings of single players, each with an optimizer of its own.
    """

    lr: PositiveFloat
    alpha: Fraction
    players: OfPlayers

    def __call__(self, parameters: list[Parameter]) -> Optimizer:
        return torch.optim.RMSprop(parameters, self.lr, self.alpha)
