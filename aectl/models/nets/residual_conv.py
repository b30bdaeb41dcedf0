"""A convolutional net with residual blocks on its smallest maps, for latents that are compressed."""

import math
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from aectl.models.nets.base import Net
from aectl.models.nets.conv import PadTo
from aectl.types import PositiveInt, PositiveInts, Shape, check_is_image


class ResidualConv(Net):
    """Halves height and width once for each entry of `channels`, then refines the maps; the decoder mirrors it.

    References:
        | Neural Discrete Representation Learning (van den Oord, Vinyals & Kavukcuoglu, 2017), section 4.1
        | https://arxiv.org/abs/1711.00937

    Arguments:
        channels: the number of feature maps after each halving.
        blocks: the number of residual blocks in the encoder, and in the decoder.
        hidden: the feature maps inside a block.
        latent: `grid`, one latent for each cell of the last maps, or `vector`: a dense layer turns the maps into one
            latent for the whole image and back.
    """

    def __init__(
        self, channels: PositiveInts, blocks: PositiveInt, hidden: PositiveInt, latent: Literal["grid", "vector"]
    ) -> None:
        self.channels, self.blocks, self.hidden, self.latent = channels, blocks, hidden, latent
        self.any_size = latent == "grid"
        self.stride = 2 ** len(channels)

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        check_is_image(shape, "net=residual_conv", "net=mlp")
        return (features, *self.grid(shape)) if self.latent == "grid" else (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        widths = pairwise([shape[0], *self.channels])
        halvings = [m for a, b in widths for m in (nn.Conv2d(a, b, 4, 2, padding=1), nn.ReLU())]
        maps = nn.Conv2d(self.channels[-1], self.channels[-1], 3, padding=1)
        return nn.Sequential(
            PadTo(self.stride), *halvings, maps, *self._refine(), *self._to_latent(shape, params * features)
        )

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        scale = shape[1] // input_shape[1]
        widths = [*reversed(self.channels), shape[0] * scale**2]
        doublings = [m for a, b in pairwise(widths) for m in (nn.ConvTranspose2d(a, b, 4, 2, padding=1), nn.ReLU())]
        first = self._from_latent(features, input_shape)
        return nn.Sequential(*first, *self._refine(), *doublings[:-1], nn.PixelShuffle(scale))

    def _refine(self) -> list[nn.Module]:
        return [*(Block(self.channels[-1], self.hidden) for _ in range(self.blocks)), nn.ReLU()]

    def _to_latent(self, shape: Shape, features: int) -> list[nn.Module]:
        if self.latent == "grid":
            return [nn.Conv2d(self.channels[-1], features, 1)]
        return [nn.Flatten(), nn.Linear(self.channels[-1] * math.prod(self.grid(shape)), features)]

    def _from_latent(self, features: int, shape: Shape) -> list[nn.Module]:
        last = (self.channels[-1], *self.grid(shape))
        if self.latent == "grid":
            return [nn.Conv2d(features, last[0], 3, padding=1)]
        return [nn.Linear(features, math.prod(last)), nn.Unflatten(1, last)]


class Block(nn.Module):
    """A 3x3 and a 1x1 convolution, each after a ReLU, whose output is added to their input."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        outer = nn.Conv2d(hidden, features, 1)
        self.net = nn.Sequential(nn.ReLU(), nn.Conv2d(features, hidden, 3, padding=1), nn.ReLU(), outer)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)
