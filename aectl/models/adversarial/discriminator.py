"""A discriminator of two kinds of examples, and the losses of both sides. Knows only torch."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from aectl.models.nets.mlp import dense
from aectl.types import PositiveInts, Shape


def make_discriminator(shape: Shape, hidden: PositiveInts) -> nn.Module:
    r"""Dense layers from (B, *shape) to the logits of being real, (B,): $D = \mathrm{sigmoid}(h)$."""
    return nn.Sequential(nn.Flatten(), *dense([math.prod(shape), *hidden, 1]), nn.Flatten(0))


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
