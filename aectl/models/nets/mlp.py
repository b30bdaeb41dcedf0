"""Dense layers for data of any shape."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from aectl.models.nets.base import Net
from aectl.types import Shape, Widths


class MLP(Net):
    """Flattens the data and applies dense layers with ReLU; the decoder has the same widths in reverse.

    Arguments:
        hidden: the widths of the encoder's hidden layers; without any, encoder and decoder are linear.
    """

    flattens = True

    def __init__(self, hidden: Widths) -> None:
        self.hidden = hidden

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        return (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        return nn.Sequential(nn.Flatten(), *dense([math.prod(shape), *self.hidden, params * features]))

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        return nn.Sequential(*dense([features, *reversed(self.hidden), math.prod(shape)]), nn.Unflatten(1, shape))


def dense(widths: Sequence[int]) -> Sequence[nn.Module]:
    """Linear layers from each width to the next, with ReLU between them."""
    return [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())][:-1]
