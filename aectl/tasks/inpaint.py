"""Inpainting: fill in hidden pixels."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.rng import uniform_per_example
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline
from aectl.tasks.baselines.inpainting import Biharmonic, MeanFill, SmoothFill
from aectl.tasks.baselines.learned import LinearMap
from aectl.tasks.strength import bounds, strength_label
from aectl.types import FractionRange, PositiveFraction, Shape, check_is_image

FILL = 0.5  # where nothing is visible
TINY = 1e-6
MARK = (0.93, 0.42, 0.32)  # the colour of hidden pixels in pictures


class Inpaint(Task):
    r"""Fill in hidden pixels; the model is told which they are, and what is visible stays as it is.

    .. math:: \tilde{x} = [(1 - m) x + m s, \; m], \quad \hat{x} = (1 - m) x + m f(\tilde{x})

    The mask m, 1 where pixels are hidden, is the last channel of the input and the same for all others; s is a smooth
    surface through the visible pixels, so that a net that begins at its input begins there. The loss is over the whole
    picture; the PSNR is of the whole picture too and, as `psnr_hidden`, of its hidden part.

    References:
        | Context Encoders: Feature Learning by Inpainting (Pathak et al., 2016)
        | https://arxiv.org/abs/1604.07379

    Arguments:
        shape: `box`: a rectangle with the proportions of the image at a random position; `random`: single pixels;
            `half`: the upper, lower, left or right half.
        fraction: the part of the pixels that is hidden, or `[lo, hi]` to draw one per image uniformly; at least one
            pixel is, and a half is a half.

    Raises:
        UserError: the data are not images.
    """

    takes_mask = True

    def __init__(self, shape: Literal["box", "random", "half"], fraction: PositiveFraction | FractionRange) -> None:
        super().__init__()
        self.shape, self.fraction = shape, fraction

    @property
    def label(self) -> str:
        return "inpaint-half" if self.shape == "half" else f"inpaint-{self.shape}-{strength_label(self.fraction)}"

    def input_shape(self, shape: Shape) -> Shape:
        check_is_image(shape, "task=inpaint", "task=denoise")
        return shape[0] + 1, *shape[1:]

    def degrade(self, x: Tensor) -> Tensor:
        draw = {"box": self._boxes, "random": self._pixels, "half": self._halves}[self.shape]
        return self.from_pictures(x, draw(x))

    def picture_channels(self, channels: int) -> int:
        return channels - 1

    def from_pictures(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return torch.cat([pictures, torch.zeros_like(pictures[:, :1])], dim=1)
        return torch.cat([pull_push(torch.where(mask > 0, 0, pictures), 1 - mask), mask], dim=1)

    def hidden(self, input: Tensor) -> Tensor:
        return input[:, -1:]

    def untouched(self, input: Tensor) -> Tensor:
        """The picture with a smooth surface in its hidden part."""
        return input[:, :-1]

    def keep_known(self, output: Tensor, input: Tensor) -> Tensor:
        return torch.where(self.hidden(input) > 0, output, self.untouched(input))

    def drawn(self, input: Tensor) -> Tensor:
        """The picture in colour, its hidden part marked."""
        mark = torch.tensor(MARK, dtype=input.dtype, device=input.device).view(1, 3, 1, 1)
        return torch.where(self.hidden(input) > 0, mark, self.untouched(input))

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        return [SmoothFill(), MeanFill(), Biharmonic(), LinearMap()]

    def _fractions(self, x: Tensor) -> Tensor:
        """(B, 1, 1, 1)"""
        return uniform_per_example(x, bounds(self.fraction))

    def _pixels(self, x: Tensor) -> Tensor:
        """Masks (B, 1, H, W) of single pixels: those with the smallest of as many random numbers."""
        u = torch.rand_like(x[:, 0].flatten(1))  # (B, H * W)
        number = (self._fractions(x).flatten(1) * u.shape[1]).round().long().clamp(1, u.shape[1])
        largest = u.sort(1).values.gather(1, number - 1)
        return (u <= largest).to(x).unflatten(1, (1, *x.shape[2:]))

    def _boxes(self, x: Tensor) -> Tensor:
        """Masks (B, 1, H, W) of a rectangle."""
        part = self._fractions(x).flatten(1).sqrt()  # (B, 1)
        down, across = (segments(part, side) for side in x.shape[2:])
        return (down[:, None, :, None] * across[:, None, None, :]).to(x)

    def _halves(self, x: Tensor) -> Tensor:
        """Masks (B, 1, H, W) of a half."""
        side = torch.randint(0, 4, (len(x), 1, 1, 1), device=x.device)
        height, width = x.shape[2:]
        rows, columns = torch.arange(height, device=x.device).view(-1, 1), torch.arange(width, device=x.device)
        along = torch.where(side < 2, 2 * rows + 1 - height, 2 * columns + 1 - width)  # below 0 in the first half
        return (torch.where(side % 2 == 0, along, -along) < 0).to(x)


def pull_push(seen: Tensor, weight: Tensor) -> Tensor:
    """Pictures (B, C, h, w) whose weight (B, 1, h, w) in [0, 1] is below 1 in places, filled from coarser scales there.

    Arguments:
        seen: the pictures times the weight.

    References:
        | The Lumigraph (Gortler et al., 1996), section 3.3.3
        | https://doi.org/10.1145/237170.237200
    """
    sides = seen.shape[2:]
    if max(sides) == 1:
        return seen + (1 - weight) * FILL
    means, weights = (F.avg_pool2d(each, 2, ceil_mode=True) for each in (seen, weight))
    more = (4 * weights).clamp(max=1) / weights.clamp_min(TINY)
    coarse = pull_push(means * more, weights * more)
    return seen + (1 - weight) * F.interpolate(coarse, sides, mode="bilinear")


def segments(part: Tensor, side: int) -> Tensor:
    """For each example a run of pixels at a random position that is this part of a side, (B, 1) to (B, side)."""
    length = (part * side).round().clamp(1, side)
    start = (torch.rand_like(part) * (side - length + 1)).floor()
    pixels = torch.arange(side, device=part.device)
    return (pixels >= start) & (pixels < start + length)
