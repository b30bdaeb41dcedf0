"""The maximum mean discrepancy of two sets of points: how far apart two distributions are that can only be sampled."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

Kernel = Callable[[Tensor, int], Tensor]
"""Squared distances of any shape, and the number of dimensions that they are of, to the kernel's values."""
KernelName = Literal["imq", "rbf"]


def rbf(squared: Tensor, size: int) -> Tensor:
    r"""The Gaussian kernel, its width that of the standard normal in D dimensions: 1 at distance 0.

    .. math:: k(z, z') = e^{-\| z - z' \|^2 / 2 \sigma^2}, \quad \sigma^2 = D
    """
    return (-squared / (2 * size)).exp()


def imq(squared: Tensor, size: int) -> Tensor:
    r"""Inverse multiquadratics of seven widths around that of the standard normal, their mean: 1 at distance 0.

    .. math:: k(z, z') = \frac{1}{7} \sum_s \frac{C_s}{C_s + \| z - z' \|^2}, \quad C_s = 2 D s

    Its tails fall slowly, so that points far from the prior still get a gradient.

    References:
        | Wasserstein Auto-Encoders (Tolstikhin et al., 2018), section 4
        | https://arxiv.org/abs/1711.01558
    """
    widths = (2 * size * scale for scale in SCALES)
    return torch.stack([width / (width + squared) for width in widths]).mean(0)


KERNELS = MappingProxyType[KernelName, Kernel]({"imq": imq, "rbf": rbf})


def mmd(x: Tensor, y: Tensor, kernel: Kernel) -> Tensor:
    r"""The unbiased estimate of the squared maximum mean discrepancy of points (N, D) and (N, D), a scalar.

    .. math:: \mathrm{MMD}^2 \approx \frac{1}{N (N - 1)} \sum_{i \neq j} [k(x_i, x_j) + k(y_i, y_j)]
        - \frac{2}{N^2} \sum_{i, j} k(x_i, y_j)

    It has no unit. For equal distributions its mean is 0, so that it may be negative. A single point has no pairs: 0.

    References:
        | A Kernel Two-Sample Test (Gretton et al., 2012), the unbiased estimate
        | https://jmlr.org/papers/v13/gretton12a.html
    """
    n, size = x.shape
    if n == 1:
        return 0 * x.sum()
    within = kernel(squared_distances(x, x), size) + kernel(squared_distances(y, y), size)
    between = kernel(squared_distances(x, y), size)
    return (within.sum() - within.diagonal().sum()) / (n * (n - 1)) - 2 * between.mean()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Of points (N, D) from points (M, D), (N, M); `torch.cdist` has no gradient where points are equal."""
    squares = x.square().sum(1)[:, None] + y.square().sum(1)
    return (squares - 2 * x @ y.T).clamp_min(0)
