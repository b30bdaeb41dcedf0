"""Image metrics: pure functions of images in [0, 1].

A weight (B, *shape), or of a shape that expands to it, says how much each element counts.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.image_math import SCALE_WEIGHTS, WINDOW, ssim_terms

TINY = 1e-12
MS_SSIM_SIDE = 176  # the shortest side in pixels: at the fifth scale the window still fits


def mse(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """The (weighted) mean squared error of each image, (B, C, H, W) twice to (B,); 0 where nothing has a weight."""
    errors = (output - target).square().flatten(1)
    if weight is None:
        return errors.mean(1)
    weights = weight.expand_as(target).flatten(1)
    return (weights * errors).sum(1) / weights.sum(1).clamp_min(TINY)


def psnr(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""The peak signal-to-noise ratio of each image, (B,) dB, with a data range of 1.

    .. math:: \mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}

    The ratio of a perfect output would be infinite; it counts as 100 dB.
    """
    return -10 * mse(output, target, weight).clamp_min(1e-10).log10()


def ssim(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """The structural similarity (SSIM) of each image, (B,): data range 1, Gaussian window of 11 x 11 with sigma 1.5.

    The mean is over the positions where the whole window lies on the image. Images smaller than the window are padded
    by reflection, the smallest ones first by repeating their edges. What has no weight counts as right.

    References:
        | Image Quality Assessment: From Error Visibility to Structural Similarity (Wang et al., 2004), eq. 13
        | https://doi.org/10.1109/TIP.2003.819861
    """
    output = right_without_weight(output, target, weight)
    if min(output.shape[-2:]) < WINDOW:
        half = WINDOW // 2
        bottom, right = (max(0, half + 1 - side) for side in output.shape[-2:])
        padded = (F.pad(images, (0, right, 0, bottom), mode="replicate") for images in (output, target))
        output, target = (F.pad(images, (half,) * 4, mode="reflect") for images in padded)
    luminance, contrast = ssim_terms(output, target)
    return (luminance * contrast).flatten(1).mean(1)


def ms_ssim(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """The structural similarity over five scales (MS-SSIM), (B,), with the data range and window of SSIM.

    Every mean is over the positions where the whole window lies on the image, as in the paper. What has no weight
    counts as right.

    References:
        | Multiscale Structural Similarity for Image Quality Assessment (Wang, Simoncelli & Bovik, 2003), eq. 7
        | https://doi.org/10.1109/ACSSC.2003.1292216
    """
    output = right_without_weight(output, target, weight)
    *finer, coarsest = SCALE_WEIGHTS
    product = output.new_ones(len(output))
    for power in finer:
        _, contrast = ssim_terms(output, target)
        product = product * contrast.flatten(1).mean(1).relu() ** power
        output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return product * ssim(output, target).relu() ** coarsest


def right_without_weight(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """The output with the target where the weight is 0."""
    return output if weight is None else torch.where(weight > 0, output, target)
