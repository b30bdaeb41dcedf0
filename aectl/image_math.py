"""What several rooms compute from images in [0, 1]: luminance and chroma. Knows only torch.

Luminance and chroma are those of ITU-R BT.601, as JPEG and Pillow have them.
"""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue
CB, CR = 2 * (1 - LUMA[2]), 2 * (1 - LUMA[0])  # what the chroma is divided by, so that it reaches 0.5


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
