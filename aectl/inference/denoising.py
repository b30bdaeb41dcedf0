"""What is known of additive noise without mean: how strong it is, and that it leaves the colour of a region alone."""

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor
from torch.special import ndtr, ndtri

from aectl.modalities import pixels
from aectl.types import PositiveFraction

HIGH_PASS = (-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025)  # Daubechies' db2
MAD = 0.6744897501960817  # the median of the absolute value of a standard normal variable
LEAST_CLIPPED, MOST_CLIPPED = 0.05, 0.6  # share of the values of a region that tells how strong the noise is
FLAT = 0.15  # of the noise: the largest standard deviation of the result within a region without detail
FEWEST_REGIONS = 10
NEWTON_STEPS = 2
ENOUGH = 1_000  # coefficients for an estimate
MOST = 2_048  # pixels along an axis that an estimate is made from, in the middle
BLOCK = 16  # pixels along the sides of the blocks whose means are compared
BLUR = (1, 6, 15, 20, 15, 6, 1)  # over blocks: about a Gaussian with a standard deviation of 20 pixels

Strength = PositiveFraction | Literal["auto"]


class Denoised(NamedTuple):
    """A result, the estimate of the noise in its input, and how much of the model's change was made."""

    pixels: np.ndarray  # (C, H, W)
    sigma: float  # of the pixel range
    strength: float  # from 0 to 1


def finish(picture: np.ndarray, result: np.ndarray, strength: Strength) -> Denoised:
    """The result of a denoiser with the local colour of the picture, both (C, H, W) of one depth, at a strength."""
    before, after = (pixels.to_depth(image, np.float32) for image in (picture, result))
    sigma = sigma_where_clipped(before, after) or estimate_sigma(picture)
    after = keep_colour(before, after, sigma)
    chosen = best_strength(before, after, sigma) if strength == "auto" else strength
    if chosen < 1:
        after = before + chosen * (after - before)
    return Denoised(pixels.to_depth(after, picture.dtype), sigma, chosen)


def estimate_sigma(picture: np.ndarray) -> float:
    r"""The standard deviation of the noise in a picture (C, H, W) of any depth, of the pixel range; the channels' mean.

    .. math:: \hat\sigma = \mathrm{median}(|d|) / 0.6745

    where d are the diagonal coefficients of the finest scale of a wavelet transform: those of places without a black or
    a white pixel, where no noise is clipped, or, if there are few, all that are not 0. 0 if the picture is too small.
    Fine texture counts as noise.

    References:
        | Ideal spatial adaptation by wavelet shrinkage (Donoho & Johnstone, 1994)
        | https://doi.org/10.1093/biomet/81.3.425
    """
    top, left = (max(0, (length - MOST) // 2) for length in picture.shape[1:])
    part = pixels.to_depth(picture[:, top : top + MOST, left : left + MOST], np.float32)
    return float(np.mean([channel_sigma(channel) for channel in part]))


def channel_sigma(x: np.ndarray) -> float:
    """The estimate for one channel (H, W)."""
    details = np.abs(high_pass(high_pass(x).T)).T
    if not details.size:
        return 0.0
    size = len(HIGH_PASS)
    windows = sliding_window_view((x <= 0) | (x >= 1), (size, size))[::2, ::2]
    present = details > 1e-7
    unclipped = details[present & ~windows.any(axis=(2, 3))]
    chosen = unclipped if unclipped.size >= ENOUGH else details[present]
    return float(np.median(chosen)) / MAD if chosen.size else 0.0


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


def sigma_where_clipped(before: np.ndarray, after: np.ndarray) -> float | None:
    r"""The standard deviation of the noise from the flat regions of a result (C, H, W) whose noise is clipped, if any.

    At the level $v = a \sigma$ above black, the share $\Phi(-a)$ of the values is clipped, and the mean of all is
    $\sigma (a \Phi(a) + \phi(a))$: the two tell $\sigma$. The same holds below white.
    """
    found = []
    for old, new in zip(before, after, strict=True):
        for x, y in ((old, new), (1 - old, 1 - new)):
            mean, share, level = region_means(x), region_means((x <= 0).astype(np.float32)), region_means(y)
            deviation = (region_means(y * y) - level.square()).clamp(min=0).sqrt()
            a = -ndtri(share)
            sigma = mean / (a * ndtr(a) + normal_density(a))
            found.append(sigma[(share > LEAST_CLIPPED) & (share < MOST_CLIPPED) & (deviation < FLAT * sigma)])
    chosen = torch.cat(found)
    return float(chosen.median()) if len(chosen) >= FEWEST_REGIONS else None


def keep_colour(before: np.ndarray, after: np.ndarray, sigma: float) -> np.ndarray:
    """Shifts each region of a result (C, H, W) so that its noisy version has the mean of the input.

    Noise without mean leaves the mean of a region as it is, but for what is clipped close to black and white.
    """
    corrected = np.empty_like(after)
    for channel, (old, new) in enumerate(zip(before, after, strict=True)):
        shifted = new
        for _ in range(NEWTON_STEPS if sigma else 1):
            expected, slope = clipped_mean(shifted, sigma)
            shifted = shifted + spread(region_means(old - expected) / region_means(slope), old.shape)
        corrected[channel] = shifted
    return corrected


def clipped_mean(x: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    r"""The mean of values x in [0, 1] with Gaussian noise, clipped to [0, 1], and its derivative by x.

    .. math:: \mathbb{E} = x + \sigma \left( h(x / \sigma) - h((1 - x) / \sigma) \right),
        \quad h(t) = \phi(t) - t \Phi(-t)
    """
    if not sigma:
        return x, np.ones_like(x)
    low, high = torch.from_numpy(x) / sigma, torch.from_numpy(1 - x) / sigma
    below, above = (normal_density(t) - t * ndtr(-t) for t in (low, high))
    return x + sigma * (below - above).numpy(), (ndtr(low) + ndtr(high) - 1).numpy()


def normal_density(t: Tensor) -> Tensor:
    return torch.exp(-t.square() / 2) / math.sqrt(2 * math.pi)


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
