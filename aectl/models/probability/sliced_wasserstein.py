"""The sliced Wasserstein distance of two sets of points: the mean over lines of how far their shadows are apart."""

import torch
import torch.nn.functional as F
from torch import Tensor


def sliced_wasserstein(x: Tensor, y: Tensor, projections: int) -> Tensor:
    r"""The squared 2-Wasserstein distance of points (N, D) and (N, D), the mean over random directions, a scalar.

    .. math:: \mathrm{SW}_2^2 \approx \frac{1}{L N} \sum_{l=1}^L \sum_{n=1}^N
        (\theta_l \cdot x_{i_l(n)} - \theta_l \cdot y_{j_l(n)})^2, \quad \theta_l \sim U(S^{D - 1})

    where $i_l$ and $j_l$ sort the projections of each set on the direction $\theta_l$: in one dimension the cheapest
    transport keeps the order. It is in squared units of the points. Of two finite sets of draws from the same
    distribution it is above 0, and tends to 0 as N grows.

    References:
        | Sliced Wasserstein Auto-Encoders (Kolouri et al., 2019), algorithm 1
        | https://openreview.net/forum?id=H1xaJn05FQ
    """
    directions = F.normalize(torch.randn(projections, x.shape[1], dtype=x.dtype, device=x.device), dim=1)
    sorted_x, sorted_y = ((points @ directions.T).sort(0).values for points in (x, y))  # (N, L)
    return (sorted_x - sorted_y).square().mean()
