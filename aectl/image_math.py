"""What several rooms compute from images in [0, 1]: luminance and chroma, medians, and SSIM. Knows only torch.

References:
    | ITU-R BT.601, the luminance and chroma of JPEG and Pillow
    | Image Quality Assessment: From Error Visibility to Structural Similarity (Wang et al., 2004), eq. 13
    | https://doi.org/10.1109/TIP.2003.819861
    | Multiscale Structural Similarity for Image Quality Assessment (Wang, Simoncelli & Bovik, 2003), eq. 7
    | https://doi.org/10.1109/ACSSC.2003.1292216
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue
CB, CR = 2 * (1 - LUMA[2]), 2 * (1 - LUMA[0])  # what the chroma is divided by, so that it reaches 0.5
WINDOW, SIGMA = 11, 1.5  # of the Gaussian of SSIM, in pixels
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # the constants of SSIM for a data range of 1
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # the exponent of each scale of MS-SSIM, finest first


def luminance(x: Tensor) -> Tensor:
    """(B, 3, H, W) to (B, 1, H, W)."""
    return torch.einsum("bchw,c->bhw", x, x.new_tensor(LUMA)).unsqueeze(1)


def with_luminance(colours: Tensor, y: Tensor) -> Tensor:
    """The chroma of colours (B, 3, H, W) with another luminance (B, 1, H, W) in [0, 1].

    Where that is not a colour, whose channels are from 0 to 1, the chroma is as much weaker as it has to be.
    """
    chroma = colours - luminance(colours)
    room = torch.where(chroma > 0, 1 - y, y) / chroma.abs().clamp_min(1e-12)
    return y + chroma * room.amin(1, keepdim=True).clamp(max=1)


def to_ycbcr(x: Tensor) -> Tensor:
    """Red, green and blue (B, 3, H, W) to luminance in [0, 1] and chroma in [-0.5, 0.5]."""
    y = luminance(x)
    return torch.cat([y, (x[:, 2:] - y) / CB, (x[:, :1] - y) / CR], dim=1)


def to_rgb(x: Tensor) -> Tensor:
    """The inverse of `to_ycbcr`; not every luminance and chroma is a colour in [0, 1]."""
    y, cb, cr = x.split(1, dim=1)
    red, blue = y + CR * cr, y + CB * cb
    green = (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.cat([red, green, blue], dim=1)


def extremes(x: Tensor) -> Tensor:
    """-1 where all channels of a pixel are black, 1 where all are white, else 0: (B, C, H, W) to (B, 1, H, W)."""
    return (x.amin(1, keepdim=True) >= 1).to(x) - (x.amax(1, keepdim=True) <= 0).to(x)


def median_3x3(x: Tensor) -> Tensor:
    """The median of each pixel and the eight around it, whose edges are repeated, (B, C, H, W).

    It is the median of the greatest of the columns' minima, the median of their medians, and the least of their maxima.

    References:
        | Implementing Median Filters in XC4000E FPGAs (Smith, 1996)
    """
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    columns = sort_3(padded[..., :-2, :], padded[..., 1:-1, :], padded[..., 2:, :])
    lows, middles, highs = (sort_3(rows[..., :-2], rows[..., 1:-1], rows[..., 2:]) for rows in columns)
    return sort_3(lows[2], middles[1], highs[0])[1]


def sort_3(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The least, the median and the greatest of three values, element by element."""
    low, high = a.minimum(b), a.maximum(b)
    return low.minimum(c), low.maximum(high.minimum(c)), high.maximum(c)


def ssim_terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance and the contrast-structure terms of SSIM in every whole window, (B, C, H - 10, W - 10) each.

    On sides of less than 11 pixels the window is the largest odd one that fits.
    """
    mean_x, mean_y, square_x, square_y, product = window_means(torch.stack([x, y, x * x, y * y, x * y]))
    variance_x, variance_y = (square_x - mean_x**2).clamp_min(0), (square_y - mean_y**2).clamp_min(0)
    brightness = (2 * mean_x * mean_y + LUMINANCE) / (mean_x**2 + mean_y**2 + LUMINANCE)
    contrast = (2 * (product - mean_x * mean_y) + CONTRAST) / (variance_x + variance_y + CONTRAST)
    return brightness, contrast


def window_means(images: Tensor) -> Tensor:
    """The Gaussian means of all whole windows of (..., H, W).

    Products with band matrices are many times as fast on a CPU as a convolution with so few channels.
    """
    largest = min(WINDOW, *images.shape[-2:])
    window = largest - 1 + largest % 2  # odd
    down, across = (gaussian_bands(side, window).to(images) for side in images.shape[-2:])
    return down @ images @ across.mT


def gaussian_bands(side: int, window: int) -> Tensor:
    """The matrix (side - window + 1, side) of the Gaussian means of all windows along a line."""
    offsets = torch.arange(side) - torch.arange(side - window + 1)[:, None] - window // 2
    weights = torch.exp(-(offsets**2) / (2 * SIGMA**2)) * (offsets.abs() <= window // 2)
    return weights / weights.sum(1, keepdim=True)
