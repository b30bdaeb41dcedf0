"""How good a picture is. Pure functions of images in [0, 1]; torchmetrics does the arithmetic that it has."""

from typing import cast

from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5


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

    References:
        | Image Quality Assessment: From Error Visibility to Structural Similarity (Wang et al., 2004), eq. 13
        | https://doi.org/10.1109/TIP.2003.819861
    """
    value = structural_similarity_index_measure(
        output, target, sigma=SSIM_SIGMA, kernel_size=SSIM_WINDOW, reduction="none", data_range=1.0
    )
    return cast(Tensor, value).reshape(len(output))
