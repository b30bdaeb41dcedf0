"""Likelihoods p(x|z), and the only reduction of a loss over the data.

A decoder's output is unbounded; the likelihood owns the link function (sigmoid, softplus) from it to its parameters.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Distribution
from torch.distributions import Laplace as LaplaceDistribution

from aectl.errors import UserError
from aectl.models.probability.distributions import ContinuousBernoulli as ContinuousBernoulliDistribution
from aectl.models.probability.distributions import OneHotTracks, normal, sum_events
from aectl.types import PositiveFloat, PositiveInts, Shape

Link = Literal["sigmoid", "identity"]
HALF_A_GRAY_LEVEL = 0.5 / 255  # the nearest to black and white that `inverse` goes: the logits of 0 and 1 are infinite
LEAST_PROBABILITY = 1e-6  # at which `inverse` of a token ends


class Likelihood(nn.Module, ABC):
    """A family of elementwise distributions over the data.

    Attributes:
        continuous: whether p(x|z) is a density, and not a probability of 0 or 1.
        is_density: whether it is either, and not a distance in its place.
        term: the name of the reconstruction term in the loss.
    """

    continuous = True
    is_density = True
    term = "nll"

    def param_shape(self, shape: Shape) -> Shape:
        """The shape of the decoder's output for data of `shape`."""
        return shape

    @abstractmethod
    def forward(self, h: Tensor) -> Distribution:
        """(B, *param_shape) to p(x|z), elementwise over (B, *shape)."""

    def inverse(self, mean: Tensor) -> Tensor:
        """The decoder output at which p(x|z) has this mean, (B, *shape) in [0, 1] to (B, *param_shape)."""
        return mean.logit(HALF_A_GRAY_LEVEL)

    def nll(self, p: Distribution, x: Tensor, weight: Tensor | None = None) -> Tensor:
        r"""$-\log p(x|z)$ summed over the data, (B,) nats; `weight` (B, *shape) multiplies each element."""
        log_p = p.log_prob(x) if weight is None else p.log_prob(x) * weight
        return -sum_events(log_p)

    def nll_floor(self, shape: Shape) -> float:
        """The constant part of the nll, which no decoder can change, in nats."""
        return 0.0


class LocationScale(Likelihood):
    """A density around a mean that the decoder gives, with a single scale for all elements.

    Arguments:
        scale: in units of the pixel range [0, 1]; the initial value if it is learned.
        learn_scale: train it, which balances the nll and the KL.
        link: `sigmoid` keeps the mean inside [0, 1]; `identity` takes the decoder's output as the mean.
    """

    def __init__(self, scale: PositiveFloat, learn_scale: bool, link: Link = "sigmoid") -> None:
        super().__init__()
        self.link = link
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learn_scale)

    @abstractmethod
    def density(self, mu: Tensor, scale: Tensor) -> Distribution:
        """p(x|z) with this mean and scale."""

    def forward(self, h: Tensor) -> Distribution:
        mu = h.sigmoid() if self.link == "sigmoid" else h
        return self.density(mu, self.log_scale.exp().expand_as(mu))

    def inverse(self, mean: Tensor) -> Tensor:
        return super().inverse(mean) if self.link == "sigmoid" else mean

    def nll_floor(self, shape: Shape) -> float:
        peak = self.density(torch.zeros(()), self.log_scale.detach().exp()).log_prob(torch.zeros(()))
        return -math.prod(shape) * float(peak)


class Gaussian(LocationScale):
    r"""Gaussian noise on each element; the nll is the squared error in units of $2 \sigma^2$, and a constant.

    .. math:: -\log p(x|z) = \frac{(x - \mu)^2}{2 \sigma^2} + \log \sigma + \tfrac{1}{2} \log 2 \pi,
        \quad \mu = \mathrm{sigmoid}(h) \text{ or } h

    References:
        | Simple and Effective VAE Training with Calibrated Decoders (Rybkin et al., 2021), section 3
        | https://arxiv.org/abs/2006.13202
    """

    def density(self, mu: Tensor, scale: Tensor) -> Distribution:
        return normal(mu, scale)


class Laplace(LocationScale):
    r"""Laplacian noise on each element; the nll is the absolute error in units of $b$, and robust to outliers.

    .. math:: -\log p(x|z) = \frac{|x - \mu|}{b} + \log 2 b, \quad \mu = \mathrm{sigmoid}(h) \text{ or } h

    References:
        | Enhanced Deep Residual Networks for Single Image Super-Resolution (Lim et al., 2017), section 4.2, which
          trains on the absolute error for a better PSNR
        | https://arxiv.org/abs/1707.02921
    """

    def density(self, mu: Tensor, scale: Tensor) -> Distribution:
        return LaplaceDistribution(mu, scale, validate_args=False)


class Bernoulli(Likelihood):
    r"""Binary pixels; the nll is the binary cross-entropy, which treats gray values as probabilities of white.

    .. math:: -\log p(x|z) = -x \log \mu - (1 - x) \log (1 - \mu), \quad \mu = \mathrm{sigmoid}(h)
    """

    continuous = False

    def forward(self, h: Tensor) -> Distribution:
        return BernoulliDistribution(logits=h, validate_args=False)


class ContinuousBernoulli(Likelihood):
    r"""A density on [0, 1]: the binary cross-entropy with the normalizing constant that it lacks.

    .. math:: p(x|z) = C(\lambda) \lambda^x (1 - \lambda)^{1 - x}, \quad \lambda = \mathrm{sigmoid}(h)

    References:
        | The continuous Bernoulli: fixing a pervasive error in variational autoencoders (Loaiza-Ganem & Cunningham,
          2019)
        | https://arxiv.org/abs/1907.06845
    """

    def forward(self, h: Tensor) -> Distribution:
        return ContinuousBernoulliDistribution(h)

    def inverse(self, mean: Tensor) -> Tensor:
        r"""The decoder output at which p(x|z) has this mean, to within a tenth of a gray level.

        .. math:: h = 2 L^{-1}(y), \quad y = 2 \mathbb{E}[x] - 1, \quad L(u) = \coth u - \frac{1}{u},
            \quad L^{-1}(y) \approx \frac{3 y - \frac{y}{5} (6 y^2 + y^4 - 2 y^6)}{1 - y^2}

        References:
            | Simple, Admissible, and Accurate Approximants of the Inverse Langevin and Brillouin Functions (Kröger,
              2015)
            | https://doi.org/10.1016/j.jnnfm.2015.05.007
        """
        y = 2 * mean.clamp(HALF_A_GRAY_LEVEL, 1 - HALF_A_GRAY_LEVEL) - 1
        return 2 * (3 * y - y / 5 * (6 * y**2 + y**4 - 2 * y**6)) / (1 - y**2)


class Categorical(Likelihood):
    r"""Tokens as one-hot vectors; the nll is the cross-entropy, summed over steps and tracks.

    .. math:: -\log p(x|z) = -\sum_t \sum_k \log \mathrm{softmax}(h_{t, k})_{x_{t, k}}

    A weight (B, 1, T, 1) takes padding out of it.

    Arguments:
        vocabularies: the number of tokens of each track $k$; together they are the columns of an example.

    Raises:
        UserError: the data are no tokens.
    """

    continuous = False

    def __init__(self, vocabularies: PositiveInts) -> None:
        super().__init__()
        self.vocabularies = vocabularies

    def param_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[-1] != sum(self.vocabularies):
            raise UserError(
                f"likelihood=categorical: takes tokens (1, steps, {sum(self.vocabularies)}), but the data has shape "
                f"{tuple(shape)}; use likelihood=gaussian"
            )
        return shape

    def forward(self, h: Tensor) -> Distribution:
        return OneHotTracks(h, self.vocabularies)

    def inverse(self, mean: Tensor) -> Tensor:
        return mean.clamp_min(LEAST_PROBABILITY).log()
