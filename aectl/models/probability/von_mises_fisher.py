"""The von Mises-Fisher distribution on a sphere, the uniform one, and the Bessel functions that they need.

Computed in double precision: near the mean direction cosines are too close to 1 for single precision.
"""

import math
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Beta, Distribution
from torch.distributions.kl import register_kl
from torch.nn import functional as F

UPWARDS = 30
"""Orders above the wanted one at which the recurrence of Bessel functions starts, where their expansion is exact."""
NODES = 48
"""Of the Gauss-Legendre quadrature of a sample's derivative."""


class HypersphericalUniform(Distribution):
    """The uniform distribution on the unit sphere, along one dimension of a tensor.

    Arguments:
        like: a tensor with the shape, type and device of the samples.
        dim: the dimension of the coordinates, counted from the end: below 0.
    """

    arg_constraints: ClassVar = {}

    def __init__(self, like: Tensor, dim: int) -> None:
        super().__init__(batch_shape=like.shape, validate_args=False)
        self.like, self.dim = like, dim

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        return F.normalize(torch.randn(shape, dtype=self.like.dtype, device=self.like.device), dim=self.dim)

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.full_like(value.select(self.dim, 0), -log_area(value.shape[self.dim]))


class VonMisesFisher(Distribution):
    r"""The counterpart of the normal distribution on the unit sphere in D dimensions, around a mean direction $\mu$.

    .. math:: q(z) = C_D(\kappa) e^{\kappa \mu^T z}, \quad
        C_D(\kappa) = \frac{\kappa^{D/2 - 1}}{(2 \pi)^{D/2} I_{D/2 - 1}(\kappa)}

    References:
        | Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), section 3, algorithm 1 for samples
        | https://arxiv.org/abs/1804.00891

    Arguments:
        loc: mean directions, of length 1 along `dim`.
        kappa: concentrations above 0, of size 1 along `dim`.
        dim: the dimension of the coordinates, counted from the end: below 0.
    """

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(self, loc: Tensor, kappa: Tensor, dim: int) -> None:
        super().__init__(batch_shape=loc.shape, validate_args=False)
        self.loc, self.kappa, self.dim = loc, kappa, dim
        self.size = loc.shape[dim]

    @property
    def mean(self) -> Tensor:
        """The mean direction, which unlike the mean lies on the sphere."""
        return self.loc

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        kappa = self.kappa.double().expand(*shape[: self.dim], 1, *shape[len(shape) + self.dim + 1 :])
        cosine = Cosine.apply(kappa, self.size)
        rest = [*shape]
        rest[self.dim] = self.size - 1
        around = F.normalize(torch.randn(rest, dtype=cosine.dtype, device=cosine.device), dim=self.dim)
        z = torch.cat([cosine, (1 - cosine.square()).clamp_min(1e-30).sqrt() * around], self.dim)
        return self._reflect(z).to(self.loc.dtype)

    def _reflect(self, z: Tensor) -> Tensor:
        """The reflection of points that takes the first axis to the mean direction."""
        axis = torch.zeros_like(self.loc).index_fill(self.dim, torch.zeros(1, dtype=torch.long).to(self.loc.device), 1)
        normal = F.normalize((axis - self.loc).double(), dim=self.dim)
        return z - 2 * (z * normal).sum(self.dim, keepdim=True) * normal

    def log_prob(self, value: Tensor) -> Tensor:
        return ((self.kappa * (self.loc * value)).sum(self.dim) + self.log_normalizer()).to(value.dtype)

    def log_normalizer(self) -> Tensor:
        r"""$\log C_D(\kappa)$ without `dim`, in double precision."""
        kappa, order = self.kappa.double().squeeze(self.dim), self.size / 2 - 1
        log_bessel = log_ive(order, kappa)[0] + kappa
        return order * kappa.log() - self.size / 2 * math.log(2 * math.pi) - log_bessel


@register_kl(VonMisesFisher, HypersphericalUniform)
def kl_to_uniform(q: VonMisesFisher, _: HypersphericalUniform) -> Tensor:
    r"""The KL divergence in nats, without `dim`.

    .. math:: D_{KL} = \kappa \frac{I_{D/2}(\kappa)}{I_{D/2 - 1}(\kappa)} + \log C_D(\kappa)
        + \log \frac{2 \pi^{D/2}}{\Gamma(D/2)}

    References:
        | Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), section 3
        | https://arxiv.org/abs/1804.00891
    """
    kappa = q.kappa.double().squeeze(q.dim)
    ratio = log_ive(q.size / 2 - 1, kappa)[1]
    return (kappa * ratio + q.log_normalizer() + log_area(q.size)).to(q.loc.dtype)


def log_area(size: int) -> float:
    r"""The logarithm of the area of the unit sphere in D dimensions, $2 \pi^{D/2} / \Gamma(D/2)$."""
    return math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)


def log_ive(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""$\log (e^{-x} I_\nu(x))$ and the ratio $I_{\nu + 1}(x) / I_\nu(x)$ of x above 0 in double precision.

    The expansion for large orders gives both 30 orders higher, and the recurrence leads down from there.

    .. math:: \frac{I_\nu}{I_{\nu + 1}} = \frac{2 (\nu + 1)}{x} + \frac{I_{\nu + 2}}{I_{\nu + 1}}

    References:
        | NIST Digital Library of Mathematical Functions, 10.29.1 (recurrence) and 10.41.3 (expansion)
        | https://dlmf.nist.gov/10
    """
    high = order + UPWARDS
    log_value = log_ive_of_large_order(high, x)
    ratio = (log_ive_of_large_order(high + 1, x) - log_value).exp()
    for step in range(UPWARDS):
        ratio = 1 / (2 * (high - step) / x + ratio)
        log_value = log_value - ratio.log()
    return log_value, ratio


def log_ive_of_large_order(order: float, x: Tensor) -> Tensor:
    r"""$\log (e^{-x} I_\nu(x))$ to about ten digits of an order of 30 or more."""
    root = (order**2 + x.square()).sqrt()
    p = order / root
    series = (
        1
        + (3 * p - 5 * p**3) / (24 * order)
        + (81 * p**2 - 462 * p**4 + 385 * p**6) / (1152 * order**2)
        + (30375 * p**3 - 369603 * p**5 + 765765 * p**7 - 425425 * p**9) / (414720 * order**3)
    )
    exponent = order**2 / (root + x) + order * (x / (order + root)).log()
    return exponent - 0.5 * (2 * math.pi * root).log() + series.log()


class Cosine(torch.autograd.Function):
    r"""Draws the cosine w of the angle to the mean direction, of density $\propto (1 - w^2)^{(D - 3)/2} e^{\kappa w}$.

    The draw is by rejection. Its derivative is that of the quantile, which needs no correction for what was rejected:

    .. math:: \frac{d w}{d \kappa} = -\frac{\partial F(w) / \partial \kappa}{p(w)}
        = \frac{1}{p(w)} \int_w^1 (t - \mathbb{E}[t]) \, p(t) \, dt

    References:
        | Simulation of the von Mises Fisher distribution (Wood, 1994), algorithm VM*
        | https://doi.org/10.1080/03610919408813161
        | Implicit Reparameterization Gradients (Figurnov, Mohamed & Mnih, 2018), section 3
        | https://arxiv.org/abs/1805.08498
    """

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, size: int) -> Tensor:
        w = draw_cosine(kappa, size)
        ctx.save_for_backward(kappa, w)
        ctx.size = size
        return w

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        kappa, w = ctx.saved_tensors
        return gradient * cosine_derivative(kappa, w, ctx.size), None


def draw_cosine(kappa: Tensor, size: int) -> Tensor:
    """Cosines of the shape of kappa; where that is not a number, so are they."""
    n = size - 1
    b = n / (2 * kappa + (4 * kappa.square() + n**2).sqrt())
    x = (1 - b) / (1 + b)
    c = kappa * x + n * torch.log1p(-x.square())
    beta = Beta(torch.full_like(kappa, n / 2), n / 2, validate_args=False)
    w, open_ = torch.full_like(kappa, math.nan), torch.ones_like(kappa, dtype=torch.bool)
    while open_.any():
        drawn = beta.sample()
        proposed = (1 - (1 + b) * drawn) / (1 - (1 - b) * drawn)
        rejected = kappa * proposed + n * torch.log1p(-x * proposed) - c < torch.rand_like(kappa).log()
        w = torch.where(open_, proposed, w)
        open_ = open_ & rejected
    return w


def cosine_derivative(kappa: Tensor, w: Tensor, size: int) -> Tensor:
    """dw / dkappa, of their shape: the integral over the angles below that of w."""
    nodes, weights = (torch.from_numpy(each).to(w) for each in np.polynomial.legendre.leggauss(NODES))
    end = w.clamp(-1, 1).arccos().unsqueeze(-1).clamp_min(1e-12)
    angle = end * (nodes + 1) / 2
    mean = log_ive(size / 2 - 1, kappa)[1].unsqueeze(-1)
    log_density = (size - 2) * angle.sin().log() - (size - 3) * end.sin().log()
    log_density = log_density + kappa.unsqueeze(-1) * (angle.cos() - end.cos())
    return ((angle.cos() - mean) * log_density.exp() * weights * end / 2).sum(-1)
