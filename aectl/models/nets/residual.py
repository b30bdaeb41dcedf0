"""A convolutional net that starts as the identity, for restoring images of any size."""

import math
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.image_math import extremes, median_3x3
from aectl.models.nets.base import Net, fit_channels, match_channels
from aectl.models.nets.conv import PadTo
from aectl.types import PositiveInt, Shape, check_is_image

INITIAL_SCALE = 0.1  # the factor on torch's initial weights of each layer that ends a residual
GAIN = 4.0  # from pixels in [0, 1] to latents, which a VAE's prior wants to have a deviation of about 1
LARGE_LOG_VARIANCE = 2.0  # above it a posterior is much wider than the prior, and its variance grows linearly
INITIAL_LOG_VARIANCE = -6.0  # a VAE's first posteriors have a deviation of about an eightieth of the pixel range


class Residual(Net):
    r"""Residual blocks in encoder and decoder, with a latent for each cell of `stride` x `stride` pixels.

    The first channels of a grid of latents start as the pixels of each cell, and the decoder enlarges those by bicubic
    interpolation, so that an untrained model changes its input little:

    .. math:: z = g \, [\mathrm{cells}(x), 0] + f(x), \quad h = \mathrm{bicubic}(\mathrm{pixels}(z / g)) + d(z)

    There is no bottleneck if `model.latent_dim` is at least the values of a cell. No layer has a bias, so that a net
    that is trained at some noise levels also denoises at others.

    References:
        | Deep Residual Learning for Image Recognition (He et al., 2016), https://arxiv.org/abs/1512.03385
        | FFDNet: Toward a Fast and Flexible Solution for CNN based Image Denoising (Zhang, Zuo & Zhang, 2018), section
          III.A, which computes on cells of 2 x 2 pixels, https://arxiv.org/abs/1710.04026
        | Robust and Interpretable Blind Image Denoising via Bias-Free Convolutional Neural Networks (Mohan et al.,
          2020), https://arxiv.org/abs/1906.05478

    Arguments:
        features: the number of feature maps of every layer.
        blocks: the number of residual blocks, of two convolutions each, in the encoder, and in the decoder.
        stride: the side of a cell, in pixels of the input.
        latent: `grid`, or `vector`: a dense layer turns the maps into one latent for the whole image and back.
        start: `input`, or `median`: where a pixel is black or white the model starts at the median of the pixels around
            it, and sees in one more channel which those are.
    """

    def __init__(
        self,
        features: PositiveInt,
        blocks: PositiveInt,
        stride: PositiveInt,
        latent: Literal["grid", "vector"],
        start: Literal["input", "median"] = "input",
    ) -> None:
        self.features, self.blocks, self.stride, self.latent, self.start = features, blocks, stride, latent, start
        self.any_size = latent == "grid"

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        check_is_image(shape, "net=residual", "net=mlp")
        return (features, *self.grid(shape)) if self.latent == "grid" else (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        fill = [FillExtremes()] if self.start == "median" else []
        channels = (shape[0] + len(fill)) * self.stride**2
        cells = nn.Sequential(*fill, PadTo(self.stride), nn.PixelUnshuffle(self.stride))
        if self.latent == "grid":
            return nn.Sequential(cells, GridEncoder(self._trunk(channels, params * features), channels, features))
        dense = nn.Linear(self.features * math.prod(self.grid(shape)), params * features)
        return nn.Sequential(cells, self._trunk(channels, self.features), nn.Flatten(), dense)

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        scale = shape[1] // input_shape[1]
        channels = shape[0] * (self.stride * scale) ** 2
        if self.latent == "grid":
            return GridDecoder(self._trunk(features, channels), input_shape[0], shape[0], self.stride, scale)
        grid = (self.features, *self.grid(input_shape))
        from_vector = [nn.Linear(features, math.prod(grid)), nn.Unflatten(1, grid)]
        return nn.Sequential(*from_vector, self._trunk(self.features, channels), nn.PixelShuffle(self.stride * scale))

    def _trunk(self, inputs: int, outputs: int) -> nn.Sequential:
        blocks = [Block(self.features) for _ in range(self.blocks)]
        return nn.Sequential(conv(inputs, self.features), *blocks, conv(self.features, outputs, INITIAL_SCALE))


class FillExtremes(nn.Module):
    """Images (B, C, H, W) with medians in place of black and white pixels, and which those are, (B, C + 1, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        extreme = extremes(x)
        return torch.cat([torch.where(extreme != 0, median_3x3(x), x), extreme], dim=1)


class GridEncoder(nn.Module):
    """Cells (B, C, *grid) to latents (B, features, *grid): their pixels, and what the net adds; then log variances.

    Arguments:
        net: gives the features, and as many log variances where the model wants them.
        channels: of a cell.
        features: numbers of a latent.
    """

    def __init__(self, net: nn.Sequential, channels: int, features: int) -> None:
        super().__init__()
        self.net, self.features = net, features
        more = cast(nn.Conv2d, net[-1]).out_channels - features
        initial = torch.zeros(more, 1, 1)  # as the prior, where no pixels are
        initial[:channels] = INITIAL_LOG_VARIANCE
        self.log_variance = nn.Parameter(initial) if more else None

    def forward(self, cells: Tensor) -> Tensor:
        added, log_variance = self.net(cells).tensor_split([self.features], dim=1)
        z = GAIN * (fit_channels(cells, self.features) + added)
        return z if self.log_variance is None else torch.cat([z, bound(self.log_variance + log_variance)], dim=1)


def bound(log_variance: Tensor) -> Tensor:
    """Log variances, less of what is large, elementwise: there the variance grows linearly and not exponentially.

    Without biases the net's outputs grow with the contrast of the input, so that an exponential overflows on a picture
    unlike those before it, and its gradient with it.
    """
    excess = (log_variance - LARGE_LOG_VARIANCE).clamp_min(0)
    return log_variance - excess + excess.log1p()


class GridDecoder(nn.Module):
    """Latents (B, features, *grid) to images: the pixels that their first channels hold, and what the net adds.

    Arguments:
        net: gives the values of a cell of the output.
        inputs: channels of the input, whose first ones become those of the output.
        channels: of the output.
        stride: the side of a cell of the input.
        scale: the factor from the sides of the input to those of the output.
    """

    def __init__(self, net: nn.Module, inputs: int, channels: int, stride: int, scale: int) -> None:
        super().__init__()
        self.net, self.inputs, self.channels, self.stride, self.scale = net, inputs, channels, stride, scale

    def forward(self, z: Tensor) -> Tensor:
        z = z / GAIN
        pixels = F.pixel_shuffle(fit_channels(z, self.inputs * self.stride**2), self.stride)
        pixels = match_channels(pixels, self.channels)
        if self.scale > 1:
            pixels = F.interpolate(pixels, scale_factor=self.scale, mode="bicubic")
        return pixels + F.pixel_shuffle(self.net(z), self.stride * self.scale)


class Block(nn.Module):
    """Two convolutions whose output is added to their input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.net = nn.Sequential(conv(features, features), nn.ReLU(), conv(features, features, INITIAL_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


def conv(inputs: int, outputs: int, scale: float = 1.0) -> nn.Conv2d:
    """A 3x3 convolution without bias, its initial weights times `scale`."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.mul_(scale)
    return layer
