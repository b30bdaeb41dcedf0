"""The squared Frobenius norm of a Jacobian, exactly or by an unbiased estimate: pure functions."""

from collections.abc import Callable

import torch
from torch import Tensor


def frobenius(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    r"""The norm for each example, (B, ...) to (B,), from a product for each number of an output, which must be few.

    .. math:: \|J\|_F^2 = \sum_i \|e_i^T J\|^2, \quad J = \frac{\partial f}{\partial x}
    """
    z, vjp = torch.func.vjp(f, x)[:2]
    rows = torch.eye(z[0].numel(), dtype=z.dtype, device=z.device).view(-1, 1, *z.shape[1:])  # (D, 1, ...)
    (products,) = torch.vmap(vjp)(rows.expand(-1, len(z), *z.shape[1:]))  # (D, B, ...)
    return products.square().flatten(2).sum((0, 2))


def frobenius_estimate(f: Callable[[Tensor], Tensor], x: Tensor, probes: int = 1) -> Tensor:
    r"""An unbiased estimate of the norm for each example, (B, ...) to (B,), by Hutchinson's random probes.

    .. math:: \|J\|_F^2 = \mathbb{E}_v \|v^T J\|^2, \quad v \sim \mathcal{N}(0, I)

    References:
        | A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian Smoothing Splines (Hutchinson, 1990)
        | https://doi.org/10.1080/03610919008812866
    """
    z, vjp = torch.func.vjp(f, x)[:2]
    products = [vjp(torch.randn_like(z))[0] for _ in range(probes)]  # torch's forward mode warns of its own insides
    return torch.stack([product.square().flatten(1).sum(1) for product in products]).mean(0)
