"""The convolutional autoencoder of the lesson, layer by layer."""

import math
from itertools import chain, pairwise

from torch import nn

from aectl.models.nets.base import Net
from aectl.types import PositiveInts, Shape, check_is_image


class LessonConv(Net):
    """3x3 convolutions with ReLU, max pooling in the encoder and nearest upsampling in the decoder.

    With `latent_dim` 8 the latent of an MNIST image is 8 x 4 x 4.

    References:
        | AI for Beginners, lesson 9: Autoencoders (Microsoft, 2022)
        | Building Autoencoders in Keras (Chollet, 2016)

    Arguments:
        channels: the number of feature maps of each convolution before the one that gives the latent.
        mirrored: whether the decoder has as many convolutions as the encoder, all padded, with its widths in reverse;
            else it is the lesson's, for latents of 4 x 4 cells.
    """

    def __init__(self, channels: PositiveInts, mirrored: bool = False) -> None:
        self.channels, self.mirrored = channels, mirrored

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        check_is_image(shape, "net=lesson_conv", "net=mlp")
        stride = 2 ** (len(self.channels) + 1)
        return (features, *(math.ceil(side / stride) for side in shape[1:]))

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        widths = pairwise([shape[0], *self.channels, params * features])
        steps = ((nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)) for a, b in widths)
        return nn.Sequential(*chain.from_iterable(steps))

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        if self.mirrored:
            return self._mirror(features, shape[1] // input_shape[1], shape[0])
        first = self.channels[0]
        return nn.Sequential(
            *(nn.Conv2d(features, features, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(features, features, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(features, first, 3), nn.ReLU(), nn.Upsample(size=shape[1:])),
            nn.Conv2d(first, shape[0], 3, padding=1),
        )

    def _mirror(self, features: int, scale: int, channels: int) -> nn.Module:
        widths = pairwise([features, features, *reversed(self.channels)])
        steps = ((nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)) for a, b in widths)
        last = nn.Conv2d(self.channels[0], channels * scale**2, 3, padding=1)
        return nn.Sequential(*chain.from_iterable(steps), last, nn.PixelShuffle(scale))
