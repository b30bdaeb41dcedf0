"""What JPEG does to pictures, on their device: blocks of 8x8 cosine coefficients, rounded to multiples of a table."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.image_math import to_rgb, to_ycbcr

BLOCK = 8
WHITE, MIDDLE = 255, 128
LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *([99] * 32),
)


def compress(x: Tensor, quality: Tensor) -> Tensor:
    """Pictures (B, 1 or 3, H, W) in [0, 1] as they come back from a JPEG of quality (B,) from 1 to 100.

    The tables are those of Annex K of the standard, scaled as the libraries of the Independent JPEG Group do it; colour
    has half the resolution (4:2:0) and is enlarged linearly. Equal to Pillow's up to rounding.

    References:
        | Information Technology - Digital Compression and Coding of Continuous-Tone Still Images (ITU-T T.81, 1992)
        | https://www.w3.org/Graphics/JPEG/itu-t81.pdf
    """
    levels = (WHITE * x).round()
    if x.shape[1] == 1:
        return round_coefficients(levels, scaled(LUMINANCE, quality)) / WHITE
    height, width = x.shape[2:]
    y, chroma = to_ycbcr(levels).split([1, 2], dim=1)
    y, chroma = y.round(), (chroma + MIDDLE).round().clamp(0, WHITE)
    even = F.pad(chroma, (0, width % 2, 0, height % 2), mode="replicate")
    small = round_coefficients(F.avg_pool2d(even, 2).round(), scaled(CHROMA, quality))
    chroma = F.interpolate(small, scale_factor=2, mode="bilinear")[..., :height, :width]
    y = round_coefficients(y, scaled(LUMINANCE, quality))
    return to_rgb(torch.cat([y, chroma.round() - MIDDLE], dim=1)).round().clamp(0, WHITE) / WHITE


def round_coefficients(levels: Tensor, table: Tensor) -> Tensor:
    """Gray levels (B, C, H, W) after the rounding of their coefficients to multiples of a table (B, 8, 8)."""
    height, width = levels.shape[2:]
    padded = F.pad(levels, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate") - MIDDLE
    blocks = padded.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)  # (B, C, h, w, 8, 8)
    steps = table[:, None, None, None]
    cosines = cosine_matrix().to(levels)
    rounded = (cosines @ blocks @ cosines.mT / steps).round() * steps
    back = (cosines.mT @ rounded @ cosines).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return (back + MIDDLE).round().clamp(0, WHITE)[..., :height, :width]


def cosine_matrix() -> Tensor:
    """The orthonormal discrete cosine transform of 8 values, (8, 8)."""
    k, n = torch.arange(BLOCK).view(-1, 1), torch.arange(BLOCK)
    rows = math.sqrt(2 / BLOCK) * torch.cos(math.pi / BLOCK * (n + 0.5) * k)
    rows[0] = math.sqrt(1 / BLOCK)
    return rows


def scaled(table: tuple[int, ...], quality: Tensor) -> Tensor:
    """A table for each quality (B,), (B, 8, 8): as it is at 50, finer above, coarser below."""
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality).view(-1, 1, 1)
    steps = torch.tensor(table, device=quality.device).view(BLOCK, BLOCK)
    return ((steps * percent + 50) / 100).floor().clamp(1, WHITE)
