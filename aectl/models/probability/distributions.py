"""Distributions that torch lacks, and normal distributions without its argument checks."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, TransformedDistribution

from aectl.errors import UserError


class Dirac(Distribution):
    r"""A point mass at `x` of any shape, $\delta(z - x)$: what the encoder of a plain autoencoder returns."""

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


class ContinuousBernoulli(Distribution):
    r"""The continuous Bernoulli on [0, 1] with logits $h$ of any shape; torch's is accurate only up to about 16.

    .. math:: \log p(x) = x h - \log \frac{e^h - 1}{h}, \quad
        \mathbb{E}[x] = \tfrac{1}{2} + \tfrac{1}{2} \coth \tfrac{h}{2} - \tfrac{1}{h}

    Near $h = 0$ both are replaced by their Taylor series.

    References:
        | The continuous Bernoulli: fixing a pervasive error in variational autoencoders (Loaiza-Ganem & Cunningham,
          2019), the density and its mean
        | https://arxiv.org/abs/1907.06845
    """

    arg_constraints: ClassVar = {}

    def __init__(self, logits: Tensor) -> None:
        super().__init__(batch_shape=logits.shape, validate_args=False)
        self.logits = logits
        self.near = logits.abs() < 0.1
        self.far = logits.where(~self.near, 1.0)  # any number that keeps the unused branch finite

    def log_prob(self, value: Tensor) -> Tensor:
        h, far = self.logits, self.far
        series = h / 2 + h**2 / 24 - h**4 / 2880
        exact = far.clamp_min(0) + torch.log(-torch.expm1(-far.abs())) - far.abs().log()
        return value * h - torch.where(self.near, series, exact)

    @property
    def mean(self) -> Tensor:
        h, far = self.logits, self.far
        return torch.where(self.near, 0.5 + h / 12 - h**3 / 720, 0.5 + 0.5 / (far / 2).tanh() - 1 / far)


class OneHotTracks(Distribution):
    r"""One-hot vectors (..., V), of which each track has a categorical distribution over its part of the columns.

    .. math:: \log p(x) = \sum_v x_v \log \mathrm{softmax}(h)_v

    `log_prob` keeps the columns apart, so that elements can be weighted; `mean` holds the probabilities.

    Arguments:
        logits: (..., V).
        vocabularies: how many of the V columns are each track's, in their order.
    """

    arg_constraints: ClassVar = {}

    def __init__(self, logits: Tensor, vocabularies: Sequence[int]) -> None:
        super().__init__(batch_shape=logits.shape, validate_args=False)
        self.vocabularies = list(vocabularies)
        self.logits = torch.cat([track.log_softmax(-1) for track in logits.split(self.vocabularies, -1)], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        return value * self.logits

    @property
    def mean(self) -> Tensor:
        return self.logits.exp()

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        logits = self.logits.expand(self._extended_shape(torch.Size(sample_shape)))
        return torch.cat([one_hot_sample(track) for track in logits.split(self.vocabularies, -1)], -1)


def one_hot_sample(logits: Tensor) -> Tensor:
    """A one-hot vector drawn from each softmax over the last axis, (..., V) to the same."""
    drawn = logits.exp().flatten(0, -2).multinomial(1).view(*logits.shape[:-1], 1)
    return torch.zeros_like(logits).scatter(-1, drawn, 1)


def sum_events(values: Tensor, batch_dims: int = 1) -> Tensor:
    """Log-densities or divergences (*batch, ...) summed to one number for each element of the batch, (*batch,).

    An elementwise distribution gives a value for each dimension, a joint one (a full covariance, a mixture, a flow) a
    single value for all of them.
    """
    return values.reshape(*values.shape[:batch_dims], -1).sum(-1)


def log_prob(p: Distribution, x: Tensor, batch_dims: int = 1) -> Tensor:
    """log p(x) of each element of the batch, (*batch, ...) to (*batch,) nats, whatever the event shape of p."""
    return sum_events(p.log_prob(x), batch_dims)


def location(p: Distribution) -> Tensor:
    """The mean of p; of a transformed distribution without one, such as a flow, the transformed mean of its base.

    Raises:
        UserError: p has neither.
    """
    try:
        return p.mean
    except NotImplementedError:
        if not isinstance(p, TransformedDistribution):
            raise UserError(
                f"{type(p).__name__}: has no mean to reconstruct and embed with; expected a posterior with one; "
                "override reconstruct and embed of the model"
            ) from None
    x = location(p.base_dist)
    for transform in p.transforms:
        x = transform(x)
    return x


def normal(mu: Tensor, sigma: Tensor) -> Normal:
    r"""$\mathcal{N}(\mu, \sigma^2)$, elementwise; without torch's argument checks, which synchronize the device."""
    return Normal(mu, sigma, validate_args=False)


def normal_from_params(params: Tensor) -> Normal:
    """The normal distribution with the mean and the log variance that (B, 2 D, ...) holds, one after the other."""
    mu, logvar = params.chunk(2, dim=1)
    return normal(mu, (0.5 * logvar).exp())


def standard_normal(like: Tensor) -> Normal:
    r"""$\mathcal{N}(0, I)$ with the shape, type and device of `like`."""
    return normal(torch.zeros_like(like), torch.ones_like(like))
