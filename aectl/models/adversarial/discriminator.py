"""Discriminators of two kinds of examples, and the losses of both sides. They know only torch."""

import math
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from aectl.models.nets.conv import PadTo
from aectl.models.nets.mlp import dense
from aectl.types import PositiveInts, Shape

SLOPE = 0.2  # of a LeakyReLU below 0


def make_discriminator(shape: Shape, hidden: PositiveInts) -> nn.Module:
    r"""Dense layers from (B, *shape) to the logits of being real, (B,): $D = \mathrm{sigmoid}(h)$."""
    return nn.Sequential(nn.Flatten(), *dense([math.prod(shape), *hidden, 1]), nn.Flatten(0))


class FeatureDiscriminator(nn.Module):
    """Tells examples (B, *shape) by layers whose outputs are features of them; images are halved by each layer.

    Arguments:
        shape: of an example, an image or a vector.
        widths: of its layers: the feature maps, or the numbers of a vector.
        layer: the one that gives the features, counted from 1.
    """

    def __init__(self, shape: Shape, widths: PositiveInts, layer: int) -> None:
        super().__init__()
        self.layer = layer
        is_image = len(shape) == 3
        multiple = 2 ** len(widths)
        self.start = PadTo(multiple) if is_image else nn.Flatten()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 4, 2, padding=1) if is_image else nn.Linear(a, b),
                nn.GroupNorm(1, b),
                nn.LeakyReLU(SLOPE),
            )
            for a, b in pairwise([shape[0] if is_image else math.prod(shape), *widths])
        )
        cells = math.prod(math.ceil(side / multiple) for side in shape[1:]) if is_image else 1
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(cells * widths[-1], 1), nn.Flatten(0))

    def features(self, x: Tensor) -> Tensor:
        """The output of the chosen layer, (B, F)."""
        return self._maps(x).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) to the logits of being real, (B,)."""
        return self.features_and_logits(x)[1]

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both in one pass."""
        maps = self._maps(x)
        deeper = maps
        for layer in self.layers[self.layer :]:
            deeper = layer(deeper)
        return maps.flatten(1), self.last(deeper)

    def _maps(self, x: Tensor) -> Tensor:
        x = self.start(x)
        for layer in self.layers[: self.layer]:
            x = layer(x)
        return x


def split_players(model: nn.Module, discriminator: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters of a discriminator, and those of the rest of the model."""
    opponent = list(discriminator.parameters())
    others = {id(parameter) for parameter in opponent}
    return opponent, [p for p in model.parameters() if p.requires_grad and id(p) not in others]


def discrimination_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""The loss of a discriminator from its logits of both kinds, in nats a decision; chance is $\log 2$.

    .. math:: -\tfrac{1}{2} \mathbb{E}[\log D(\mathrm{real})] - \tfrac{1}{2} \mathbb{E}[\log (1 - D(\mathrm{fake}))]

    References:
        | Generative Adversarial Networks (Goodfellow et al., 2014), eq. 1, without the factor 1/2
        | https://arxiv.org/abs/1406.2661
    """
    return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())


def generator_loss(fake: Tensor) -> Tensor:
    r"""The loss of who is to be taken for real, $-\mathbb{E}[\log D(\mathrm{fake})]$, in nats; chance is $\log 2$.

    Its gradient does not vanish where the discriminator is right, as that of $\log (1 - D)$ does.

    References:
        | Generative Adversarial Networks (Goodfellow et al., 2014), section 3
        | https://arxiv.org/abs/1406.2661
    """
    return F.softplus(-fake).mean()
