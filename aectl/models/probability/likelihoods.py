"""p(x|z) from what a decoder puts out, and the one place where a loss is reduced. Knows only torch.

A decoder ends in plain numbers; the likelihood owns the link (sigmoid, softplus) that makes parameters of them.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Distribution
from torch.distributions import Laplace as LaplaceDistribution

from aectl.models.probability.distributions import ContinuousBernoulli as ContinuousBernoulliDistribution
from aectl.models.probability.distributions import normal
from aectl.types import PositiveFloat, Shape

Link = Literal["sigmoid", "identity"]
HALF_A_GRAY_LEVEL = 0.5 / 255
"""The logit of black would be infinite."""


class Likelihood(nn.Module, ABC):
    """A family of distributions over the data, one for each element.

    Attributes:
        continuous: whether p(x|z) is a density over [0, 1], and not a probability of black or white.
    """

    continuous = True

    def param_shape(self, shape: Shape) -> Shape:
        """The shape that the decoder must produce for data of `shape`."""
        return shape

    @abstractmethod
    def forward(self, h: Tensor) -> Distribution:
        """(B, *param_shape) to p(x|z), elementwise over (B, *shape)."""

    def inverse(self, mean: Tensor) -> Tensor:
        """What a decoder would have to put out for p(x|z) to have this mean, (B, *shape) in [0, 1] and back."""
        return mean.logit(HALF_A_GRAY_LEVEL)

    def nll(self, p: Distribution, x: Tensor, weight: Tensor | None = None) -> Tensor:
        r"""$-\log p(x|z)$ summed over the data, (B,) nats; `weight` (B, *shape) says how much each element counts."""
        log_p = p.log_prob(x)
        if weight is not None:
            log_p = log_p * weight
        return -log_p.flatten(1).sum(1)

    def nll_floor(self, shape: Shape) -> float:
        """The part of the nll that no decoder can change, in nats."""
        return 0.0


class LocationScale(Likelihood):
    """A density about what the decoder puts out, with one scale for all elements.

    Arguments:
        scale: in units of the pixel range [0, 1], or where it starts when it is learned.
        learn_scale: train it, which weighs the nll against the KL by itself.
        link: `sigmoid` keeps the mean inside [0, 1]; `identity` leaves it as the decoder puts it out.
    """

    def __init__(self, scale: PositiveFloat, learn_scale: bool, link: Link = "sigmoid") -> None:
        super().__init__()
        self.link = link
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learn_scale)

    @abstractmethod
    def density(self, mu: Tensor, scale: Tensor) -> Distribution:
        """p(x|z) about its mean."""

    def forward(self, h: Tensor) -> Distribution:
        mu = h.sigmoid() if self.link == "sigmoid" else h
        return self.density(mu, self.log_scale.exp().expand_as(mu))

    def inverse(self, mean: Tensor) -> Tensor:
        return super().inverse(mean) if self.link == "sigmoid" else mean

    def nll_floor(self, shape: Shape) -> float:
        peak = self.density(torch.zeros(()), self.log_scale.detach().exp()).log_prob(torch.zeros(()))
        return -math.prod(shape) * float(peak)


class Gaussian(LocationScale):
    r"""Pixels with Gaussian noise; its nll is the squared error in units of $2 \sigma^2$.

    .. math:: -\log p(x|z) = \frac{(x - \mu)^2}{2 \sigma^2} + \log \sigma + \tfrac{1}{2} \log 2 \pi,
        \quad \mu = \mathrm{sigmoid}(h) \text{ or } h

    References:
        | Simple and Effective VAE Training with Calibrated Decoders (Rybkin et al., 2021), eq. 5
        | https://arxiv.org/abs/2006.13202
    """

    def density(self, mu: Tensor, scale: Tensor) -> Distribution:
        return normal(mu, scale)


class Laplace(LocationScale):
    r"""Pixels with Laplacian noise; its nll is the absolute error in units of $b$, which large errors rule less.

    .. math:: -\log p(x|z) = \frac{|x - \mu|}{b} + \log 2 b, \quad \mu = \mathrm{sigmoid}(h) \text{ or } h

    References:
        | Enhanced Deep Residual Networks for Single Image Super-Resolution (Lim et al., 2017), section 4.2, which
          trains on the absolute error for the sake of the PSNR
        | https://arxiv.org/abs/1707.02921
    """

    def density(self, mu: Tensor, scale: Tensor) -> Distribution:
        return LaplaceDistribution(mu, scale, validate_args=False)


class Bernoulli(Likelihood):
    r"""Black or white pixels; gray values are read as probabilities, which is the binary cross-entropy.

    .. math:: -\log p(x|z) = -x \log \mu - (1 - x) \log (1 - \mu), \quad \mu = \mathrm{sigmoid}(h)
    """

    continuous = False

    def forward(self, h: Tensor) -> Distribution:
        return BernoulliDistribution(logits=h, validate_args=False)


class ContinuousBernoulli(Likelihood):
    r"""A density on [0, 1] that the binary cross-entropy lacks: the Bernoulli with its normalizing constant.

    .. math:: p(x|z) = C(\lambda) \lambda^x (1 - \lambda)^{1 - x}, \quad \lambda = \mathrm{sigmoid}(h)

    References:
        | The continuous Bernoulli: fixing a pervasive error in variational autoencoders (Loaiza-Ganem & Cunningham,
          2019), eq. 6
        | https://arxiv.org/abs/1907.06845
    """

    def forward(self, h: Tensor) -> Distribution:
        return ContinuousBernoulliDistribution(h)

    def inverse(self, mean: Tensor) -> Tensor:
        r"""What a decoder would have to put out for this mean, which then is a tenth of a gray level off at most.

        .. math:: h = 2 L^{-1}(y), \quad y = 2 \mathbb{E}[x] - 1, \quad L(u) = \coth u - \frac{1}{u},
            \quad L^{-1}(y) \approx \frac{3 y - \frac{y}{5} (6 y^2 + y^4 - 2 y^6)}{1 - y^2}

        References:
            | Simple, Admissible, and Accurate Approximants of the Inverse Langevin and Brillouin Functions (Kröger,
              2015)
            | https://doi.org/10.1016/j.jnnfm.2015.05.007
        """
        y = 2 * mean.clamp(HALF_A_GRAY_LEVEL, 1 - HALF_A_GRAY_LEVEL) - 1
        return 2 * (3 * y - y / 5 * (6 * y**2 + y**4 - 2 * y**6)) / (1 - y**2)
