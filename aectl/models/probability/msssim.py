"""A distance between images in the place of a likelihood: how unlike they look, in windows of several sizes."""

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from aectl.image_math import SCALE_WEIGHTS, WINDOW, ssim_terms
from aectl.models.probability.distributions import Dirac
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveFloat, Shape, check_is_image

LEAST = 0.01
"""Similarities below it are bent, to stay above 0, where the gradient of their power would be infinite."""


class MSSSIM(Likelihood):
    r"""Structural dissimilarity (MS-SSIM) of the decoder's image and the target; a distance, and no density.

    .. math:: d(x, \hat x) = w \, (1 - \mathrm{MSSSIM}(x, \hat x)), \quad \hat x = \mathrm{sigmoid}(h)

    Without a density there is no log p(x), no ELBO and no bits per dimension; beside a KL in nats only the weight says
    what the distance counts. It sees edges and contrast where the squared error sees gray values. Images of less than
    176 pixels have fewer than five scales: two at 28 pixels; at 8 one, in windows of 7.

    References:
        | Multiscale Structural Similarity for Image Quality Assessment (Wang, Simoncelli & Bovik, 2003)
        | https://doi.org/10.1109/ACSSC.2003.1292216
        | Learning to Generate Images with Perceptual Similarity Metrics (Snell et al., 2017), section 3
        | https://arxiv.org/abs/1511.06409

    Models log it as `msssim`, where others log the nll; it has no unit.

    Arguments:
        weight: of the distance in the loss: what it counts if nothing is alike.

    Raises:
        UserError: the data is no images.
    """

    is_density = False
    term = "msssim"

    def __init__(self, weight: PositiveFloat) -> None:
        super().__init__()
        self.weight = weight

    def param_shape(self, shape: Shape) -> Shape:
        check_is_image(shape, "likelihood=msssim", "likelihood=gaussian")
        return shape

    def forward(self, h: Tensor) -> Distribution:
        return Dirac(h.sigmoid())

    def nll(self, p: Distribution, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """The weighted distance, (B,); where `weight` (B, *shape) is 0, both images count as black."""
        images = (p.mean, x) if weight is None else (p.mean * weight, x * weight)
        return self.weight * (1 - ms_ssim(*images))


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """The structural similarity over as many scales as hold a window, (B, C, H, W) in [0, 1] twice to (B,)."""
    weights = SCALE_WEIGHTS[: num_scales(min(x.shape[-2:]))]
    product = x.new_ones(len(x))
    for index, weight in enumerate(weights):
        luminance, contrast = ssim_terms(x, y)
        last = index == len(weights) - 1
        similarity = (luminance * contrast if last else contrast).flatten(1).mean(1)
        product = product * stay_positive(similarity) ** (weight / sum(weights))
        x, y = F.avg_pool2d(x, 2, ceil_mode=last), F.avg_pool2d(y, 2, ceil_mode=last)
    return product


def num_scales(side: int) -> int:
    """How often a side can be halved and still hold a window, and once more; at most five."""
    return next((n for n in range(1, len(SCALE_WEIGHTS)) if side // 2**n < WINDOW), len(SCALE_WEIGHTS))


def stay_positive(x: Tensor) -> Tensor:
    """The number itself or, below the least, what falls towards 0 as slowly as a reciprocal, with the same slope."""
    return torch.where(x > LEAST, x, LEAST**2 / (2 * LEAST - x.clamp_max(LEAST)))
