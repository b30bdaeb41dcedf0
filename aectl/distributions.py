"""Distributions that torch lacks. Knows only torch."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal


class Dirac(Distribution):
    r"""The distribution of something certain, $\delta(z - x)$: what a plain autoencoder's encoder returns.

    Arguments:
        x: the one value that is drawn, of any shape.
    """

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(self, x: Tensor) -> None:
        super().__init__(batch_shape=x.shape, validate_args=False)
        self.x = x

    @property
    def mean(self) -> Tensor:
        return self.x

    @property
    def stddev(self) -> Tensor:
        return torch.zeros_like(self.x)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.x.expand(self._extended_shape(torch.Size(sample_shape)))


def normal(mu: Tensor, sigma: Tensor) -> Normal:
    r"""$\mathcal{N}(\mu, \sigma^2)$, elementwise, without the argument checks that cost a synchronisation a step."""
    return Normal(mu, sigma, validate_args=False)


def standard_normal(like: Tensor) -> Normal:
    r"""$\mathcal{N}(0, I)$ with the shape, type and device of `like`."""
    return normal(torch.zeros_like(like), torch.ones_like(like))
