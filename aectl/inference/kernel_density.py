"""A kernel density estimate of latents: a Gaussian around each of them. Knows only torch."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

HELD_OUT = 0.1
"""Of the latents, which choose the bandwidth."""
MOST_HELD_OUT = 1_000
NARROWEST = 1e-10
"""Directions with a smaller share of the largest variance than this do not vary."""
BANDWIDTHS = torch.logspace(-1.5, 0, 10)
"""In standard deviations of the latents; wider than 1 is flatter than a Gaussian fitted to them."""


class KernelDensity(NamedTuple):
    r"""The density $p(z) = \frac{1}{N} \sum_n \mathcal{N}(z | z_n, h^2 \Sigma)$.

    Arguments:
        codes: the latents $z_n$, (N, D).
        root: R with the covariance of the latents $\Sigma = R R^T$, (D, rank).
        bandwidth: $h$.
    """

    codes: Tensor
    root: Tensor
    bandwidth: float

    def sample(self, n: int, temperature: float = 1.0) -> Tensor:
        """New latents (n, D): ones of the latents and noise, whose deviation `temperature` multiplies."""
        centers = self.codes[torch.randint(len(self.codes), (n,))]
        noise = torch.randn(n, self.root.shape[1])
        return centers + temperature * self.bandwidth * noise @ self.root.T


def fit_kernel_density(codes: Tensor, seed: int) -> KernelDensity:
    """The estimate from latents (N, D), with the bandwidth at which held-out ones are the most likely.

    References:
        | Density Estimation for Statistics and Data Analysis (Silverman, 1986), section 4.2.1, the kernel with the
          covariance of the data
    """
    root = root_covariance(codes)
    white = (codes - codes.mean(0)) @ torch.linalg.pinv(root).T  # (N, rank), of unit covariance
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))
    n = min(MOST_HELD_OUT, max(1, round(HELD_OUT * len(codes))))
    held_out, kept = white[order[:n]], white[order[n:]]
    if not len(kept) or not root.shape[1]:
        return KernelDensity(codes, root, 1.0)
    scores = log_densities(held_out, kept, BANDWIDTHS).mean(1)
    return KernelDensity(codes, root, float(BANDWIDTHS[scores.argmax()]))


def root_covariance(codes: Tensor) -> Tensor:
    """R with the covariance R R^T of latents (N, D), without the directions in which they do not vary: (D, rank)."""
    centered = codes - codes.mean(0)
    variances, axes = torch.linalg.eigh(centered.T @ centered / max(1, len(codes) - 1))
    varies = variances > NARROWEST * variances.max()
    return axes[:, varies] * variances[varies].sqrt()


def log_densities(points: Tensor, codes: Tensor, bandwidths: Tensor) -> Tensor:
    """log p of points (M, D) under the estimate from codes (N, D) with each bandwidth, (len(bandwidths), M) nats."""
    squared = torch.cdist(points, codes).square()
    norm = 0.5 * codes.shape[1] * math.log(2 * math.pi) + math.log(len(codes))
    return torch.stack(
        [(-squared / (2 * h**2)).logsumexp(1) - codes.shape[1] * math.log(h) - norm for h in bandwidths.tolist()]
    )
