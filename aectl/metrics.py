"""How good a picture is. Pure functions of images in [0, 1]; torchmetrics does the arithmetic that it has."""

import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponent of each scale, finest first."""
MS_SSIM_SIDE = 176
"""The shortest side, in pixels, whose smallest of five scales still holds a window."""


def mse(output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error of each image, (B, C, H, W) twice to (B,)."""
    return (output - target).square().flatten(1).mean(1)


def psnr(output: Tensor, target: Tensor) -> Tensor:
    r"""The peak signal-to-noise ratio of each image, (B,) dB, with a data range of 1.

    .. math:: \mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}

    A perfect image has no finite ratio; it counts as 100 dB.
    """
    return -10 * mse(output, target).clamp_min(1e-10).log10()


def ssim(output: Tensor, target: Tensor) -> Tensor:
    """The structural similarity of each image, (B,): data range 1, Gaussian window of 11 x 11 with sigma 1.5.

    The mean is over the places where the whole window lies on the image. Images smaller than the window are reflected
    at their edges, the smallest ones repeated first.

    References:
        | Image Quality Assessment: From Error Visibility to Structural Similarity (Wang et al., 2004), eq. 13
        | https://doi.org/10.1109/TIP.2003.819861
    """
    half = SSIM_WINDOW // 2
    bottom, right = (max(0, half + 1 - side) for side in output.shape[-2:])
    x, y = (F.pad(images, (0, right, 0, bottom), mode="replicate") for images in (output, target))
    _, values = structural_similarity_index_measure(
        x, y, sigma=SSIM_SIGMA, reduction="none", data_range=1.0, return_full_image=True
    )
    inner = values[..., half:-half, half:-half] if min(output.shape[-2:]) >= SSIM_WINDOW else values
    return inner.flatten(1).mean(1)


def ms_ssim(output: Tensor, target: Tensor) -> Tensor:
    """The structural similarity over five scales, (B,): data range 1, Gaussian window of 11 x 11 with sigma 1.5.

    Every mean is over the places where the whole window lies on the image, as in the paper; torchmetrics' own function
    takes the borders in at the smallest scale.

    References:
        | Multiscale Structural Similarity for Image Quality Assessment (Wang, Simoncelli & Bovik, 2003), eq. 7
        | https://doi.org/10.1109/ACSSC.2003.1292216
    """
    *finer, coarsest = MS_SSIM_WEIGHTS
    product = output.new_ones(len(output))
    for weight in finer:
        _, contrast = structural_similarity_index_measure(
            output, target, sigma=SSIM_SIGMA, reduction="none", data_range=1.0, return_contrast_sensitivity=True
        )
        product = product * contrast.relu() ** weight
        output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return product * ssim(output, target).relu() ** coarsest
