"""What is known of additive noise without mean: how strong it is, and that it leaves the colour of a region alone."""

from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.modalities import pixels
from aectl.types import PositiveFraction

HIGH_PASS = (-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025)  # Daubechies' db2
MAD = 0.6744897501960817  # the median of the absolute value of a standard normal variable
MOST = 2_048  # pixels along an axis that an estimate is made from, in the middle
BLOCK = 16  # pixels along the sides of the blocks whose means are compared
BLUR = (1, 6, 15, 20, 15, 6, 1)  # over blocks: about a Gaussian with a standard deviation of 20 pixels

CLIPPED = 1.5  # standard deviations from black and white within which so much noise is clipped that its mean is not 0

Strength = PositiveFraction | Literal["auto"]


class Denoised(NamedTuple):
    """A result, the estimate of the noise in its input, and how much of the model's change was made."""

    pixels: np.ndarray  # (C, H, W)
    sigma: float  # of the pixel range
    strength: float  # from 0 to 1


def finish(picture: np.ndarray, result: np.ndarray, strength: Strength) -> Denoised:
    """The result of a denoiser with the local colour of the picture, both (C, H, W) of one depth, at a strength."""
    sigma = estimate_sigma(picture)
    before, after = (pixels.to_depth(image, np.float32) for image in (picture, result))
    after = keep_colour(before, after, sigma)
    chosen = best_strength(before, after, sigma) if strength == "auto" else strength
    if chosen < 1:
        after = before + chosen * (after - before)
    return Denoised(pixels.to_depth(after, picture.dtype), sigma, chosen)


def estimate_sigma(picture: np.ndarray) -> float:
    r"""The standard deviation of the noise in a picture (C, H, W) of any depth, of the pixel range; the channels' mean.

    .. math:: \hat\sigma = \mathrm{median}(|d|) / 0.6745

    where d are the diagonal coefficients of the finest scale of a wavelet transform, without those that are 0, as where
    the picture is clipped. 0 if it is too small. Fine texture counts as noise.

    References:
        | Ideal spatial adaptation by wavelet shrinkage (Donoho & Johnstone, 1994)
        | https://doi.org/10.1093/biomet/81.3.425
    """
    top, left = (max(0, (length - MOST) // 2) for length in picture.shape[1:])
    part = pixels.to_depth(picture[:, top : top + MOST, left : left + MOST], np.float32)
    found = []
    for channel in part:
        details = high_pass(high_pass(channel).T)
        details = np.abs(details[np.abs(details) > 1e-7])
        found.append(float(np.median(details)) / MAD if details.size else 0.0)
    return float(np.mean(found))


def high_pass(x: np.ndarray) -> np.ndarray:
    """Every other coefficient along the last axis."""
    n = max(0, (x.shape[-1] - len(HIGH_PASS)) // 2 + 1)
    return sum((weight * x[..., k : k + 2 * n : 2] for k, weight in enumerate(HIGH_PASS)), np.zeros(()))


def best_strength(before: np.ndarray, after: np.ndarray, sigma: float) -> float:
    r"""How much of its change a denoiser should make: the least-squares estimate of the noise as a part of the change.

    .. math:: w = \min(1, \hat\sigma^2 / \overline{(f(y) - y)^2})

    The change is the noise and the error of the model, which do not correlate; what exceeds the noise is error. Close
    to 1 for noise that the model knows, close to 0 for a clean picture.
    """
    change = float(np.mean(np.square(after - before)))
    return min(1.0, sigma**2 / change) if change else 1.0


def keep_colour(before: np.ndarray, after: np.ndarray, sigma: float) -> np.ndarray:
    """Gives each region of a result (C, H, W) the mean that it had before, since noise without mean does not change it.

    Not where so much of the noise is clipped that its mean is not 0, close to black and white.
    """
    corrected = np.empty_like(after)
    for channel, (old, new) in enumerate(zip(before, after, strict=True)):
        level, missing = region_means(old), region_means(old - new)
        distance = torch.minimum(level, 1 - level)
        weight = (distance / max(sigma, 1e-6) - CLIPPED).clamp(0, 1)
        corrected[channel] = new + spread(missing * weight, old.shape)
    return corrected


def region_means(x: np.ndarray) -> Tensor:
    """The means of blocks of (H, W), blurred over the blocks around each, (1, 1, H / 16, W / 16)."""
    whole = np.pad(x, [(0, -length % BLOCK) for length in x.shape], mode="symmetric")
    means = F.avg_pool2d(torch.from_numpy(whole)[None], BLOCK)[0].numpy()
    kernel = torch.tensor(BLUR, dtype=torch.float32) / sum(BLUR)
    padded = torch.from_numpy(np.pad(means, len(BLUR) // 2, mode="symmetric"))[None, None]
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))


def spread(means: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """The means of blocks at every pixel of (H, W), interpolated."""
    whole = (means.shape[2] * BLOCK, means.shape[3] * BLOCK)
    return F.interpolate(means, whole, mode="bilinear")[0, 0, : shape[0], : shape[1]].numpy()
