"""The interface of every net: a recipe for an encoder and the decoder that mirrors it. Nets know only torch."""

import math
from abc import ABC, abstractmethod

from torch import nn

from aectl.errors import UserError
from aectl.types import Shape


class Net(ABC):
    """Builds encoder and decoder of an autoencoder; features are always dim 1.

    Attributes:
        any_size: whether the encoder and decoder take images of any height and width.
        stride: images whose sides are multiples of it need no padding.
    """

    any_size = False
    stride = 1

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


def check_is_image(shape: Shape, choice: str, alternative: str) -> None:
    """Raises a UserError that names what fits instead, unless the shape is that of images, (C, H, W)."""
    if len(shape) != 3:
        raise UserError(f"{choice}: takes images (C, H, W), but the data has shape {tuple(shape)}; use {alternative}")
