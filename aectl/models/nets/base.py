"""The interface of every net: a recipe for an encoder and the decoder that mirrors it. Nets know only torch."""

import math
from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor, nn

from aectl.types import Shape


class Net(ABC):
    """Builds encoder and decoder of an autoencoder; features are always dim 1.

    Attributes:
        any_size: whether the encoder and decoder take images of any height and width.
        stride: images whose sides are multiples of it need no padding.
        flattens: whether it takes data of any shape as vectors.
    """

    any_size = False
    stride = 1
    flattens = False

    @abstractmethod
    def latent_shape(self, shape: Shape, features: int) -> Shape:
        """The latent's shape: `(features,)` or `(features, *grid)`; a UserError for data that the net does not take."""

    def grid(self, shape: Shape) -> Shape:
        """The height and width of the maps whose cells have sides of `stride` pixels."""
        return tuple(math.ceil(side / self.stride) for side in shape[1:])

    @abstractmethod
    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        """(B, *shape) to (B, params * features, *grid): `params` numbers a latent, its mean and log variance."""

    @abstractmethod
    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        """(B, features, *grid) to (B, *shape): the encoder's steps back to `input_shape`, then enlarged to `shape`.

        The sides of the output may be longer than `shape` by the encoder's padding; the model crops them.
        """


def match_channels(images: Tensor, channels: int) -> Tensor:
    """Images as a start for ones with so many channels: a single one repeated, else the first ones of more, or zeros.

    What an input has beyond its picture, such as a mask, comes after it.
    """
    if images.shape[1] == 1:
        return images.expand(-1, channels, -1, -1)
    return fit_channels(images, channels)


def fit_channels(x: Tensor, channels: int) -> Tensor:
    """The first channels of (B, C, H, W), or all of them and zeros."""
    return x if x.shape[1] == channels else F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))
