"""Any net with a class label as further features: what makes a model conditional."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.models.nets.base import Net
from aectl.types import PositiveInt, Shape


class Labelled(Net):
    """Builds the encoder and the decoder of a net for inputs and latents with a label, one-hot, behind their features.

    Images and grids of latents have a further map for each class, which is 1 everywhere or 0; what a net flattens, and
    vectors, have a further number for each.

    Arguments:
        net: the net without labels.
        num_classes: the number of classes.
    """

    def __init__(self, net: Net, num_classes: PositiveInt) -> None:
        self.net, self.num_classes = net, num_classes
        self.any_size, self.stride, self.flattens = net.any_size, net.stride, net.flattens

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        return self.net.latent_shape(shape, features)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        shape = (math.prod(shape),) if self.flattens else shape
        return self.net.encoder((shape[0] + self.num_classes, *shape[1:]), features, params)

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        return self.net.decoder(features + self.num_classes, input_shape, shape)

    def label_input(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Inputs (B, *input_shape) of classes (B,) as the encoder takes them."""
        return append_label(x.flatten(1) if self.flattens else x, c, self.num_classes)

    def label_latent(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Latents (B, *latent_shape) of classes (B,) as the decoder takes them."""
        return append_label(z, c, self.num_classes)


def append_label(x: Tensor, c: Tensor | None, num_classes: int) -> Tensor:
    """(B, F, *grid) and the classes of its examples, (B,) int64, to (B, F + num_classes, *grid).

    Raises:
        UserError: there are no classes.
    """
    if c is None:
        raise UserError("cond=None: the model is conditional; expected the class of each example, (B,) int64")
    grid = x.shape[2:]
    one_hot = F.one_hot(c, num_classes).to(x.dtype)
    return torch.cat([x, one_hot.view(*one_hot.shape, *[1] * len(grid)).expand(-1, -1, *grid)], dim=1)
