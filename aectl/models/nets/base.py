"""What every net is: a recipe for an encoder and the decoder that mirrors it. Knows only torch."""

from abc import ABC, abstractmethod

from torch import nn

from aectl.types import Shape


class Net(ABC):
    """Builds the two halves of an autoencoder; features are always dim 1.

    Attributes:
        any_size: whether what it builds takes images of any height and width.
        stride: the sides that need no padding are multiples of it.
    """

    any_size = False
    stride = 1

    @abstractmethod
    def latent_shape(self, shape: Shape, features: int) -> Shape:
        """`(features,)` for a latent vector, `(features, *grid)` for a latent grid, of an input of `shape`."""

    @abstractmethod
    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """(B, *shape) to (B, features, *grid)."""

    @abstractmethod
    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        """(B, features, *grid) to (B, *shape): back to `input_shape` as the encoder came, and from there to `shape`.

        The sides may come out longer than they should, by what the encoder had to add; the rest is cut off.
        """
