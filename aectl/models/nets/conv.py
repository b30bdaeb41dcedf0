"""A convolutional net for images of any number of channels, height and width."""

import math
from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from aectl.models.nets.base import Net
from aectl.types import PositiveInt, PositiveInts, Shape, check_is_image


class Conv(Net):
    """Halves height and width once for each entry of `channels`; the decoder doubles them as often.

    The maps of full size, which cost the most, are half as many as the first of `channels`. Sides that the stride does
    not divide are padded at the right and bottom by repeating the edge; the model crops the output.

    Arguments:
        channels: the number of feature maps after each halving.
        hidden: the width of the dense layer between the last maps and a latent vector.
        latent: `vector`, one latent for the whole image, or `grid`, one for each cell of the last maps, which makes the
            net fully convolutional.
    """

    def __init__(self, channels: PositiveInts, hidden: PositiveInt, latent: Literal["vector", "grid"]) -> None:
        self.channels, self.hidden, self.latent = channels, hidden, latent
        self.any_size = latent == "grid"
        self.stride = 2 ** len(channels)  # the side of a cell of the last maps, in pixels

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        check_is_image(shape, "net=conv", "net=mlp")
        return (features, *self.grid(shape)) if self.latent == "grid" else (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        widths = pairwise([shape[0], *self.channels])
        halvings = [m for a, b in widths for m in (nn.Conv2d(a, b, 4, 2, padding=1), nn.SiLU())]
        return nn.Sequential(PadTo(self.stride), *halvings, *self._to_latent(shape, params * features))

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        widths = [*reversed(self.channels), max(1, self.channels[0] // 2)]
        doublings = [m for a, b in pairwise(widths) for m in (nn.ConvTranspose2d(a, b, 4, 2, padding=1), nn.SiLU())]
        first = self._from_latent(features, input_shape)
        scale = shape[1] // input_shape[1]
        last = nn.Conv2d(widths[-1], shape[0] * scale**2, 3, padding=1)
        return nn.Sequential(*first, *doublings, last, nn.PixelShuffle(scale))

    def _to_latent(self, shape: Shape, features: int) -> list[nn.Module]:
        if self.latent == "grid":
            return [nn.Conv2d(self.channels[-1], features, 3, padding=1)]
        size = self.channels[-1] * math.prod(self.grid(shape))
        return [nn.Flatten(), nn.Linear(size, self.hidden), nn.SiLU(), nn.Linear(self.hidden, features)]

    def _from_latent(self, features: int, shape: Shape) -> list[nn.Module]:
        last = (self.channels[-1], *self.grid(shape))
        if self.latent == "grid":
            return [nn.Conv2d(features, last[0], 3, padding=1), nn.SiLU()]
        dense = [nn.Linear(features, self.hidden), nn.SiLU(), nn.Linear(self.hidden, math.prod(last)), nn.SiLU()]
        return [*dense, nn.Unflatten(1, last)]


class PadTo(nn.Module):
    """Pads an image by repeating its right and bottom edge, until both sides are multiples of `multiple`."""

    def __init__(self, multiple: int) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, x: Tensor) -> Tensor:
        bottom, right = -x.shape[-2] % self.multiple, -x.shape[-1] % self.multiple
        return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x
