"""A small conditional VAE, for tests of whatever passes labels on.

On the command line, where the data set decides the number of classes:

    model=vae model._target_=tests.support.toy_conditional.ConditionalVAE +model.num_classes=???
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class ConditionalVAE(VAE):
    r"""A VAE whose encoder and decoder see the label $c$, one-hot, as further features.

    .. math:: \mathcal{L}(x, c) = \mathbb{E}_{q(z|x, c)} [-\log p(x|z, c)] + \beta \, D_{KL}(q(z|x, c) \| p(z))

    Raises a UserError without labels, so that a caller who drops them is noticed.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
        num_classes: PositiveInt,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.num_classes = num_classes
        with_label = (self.input_shape[0] + num_classes, *self.input_shape[1:])
        self.encoder = net.encoder(with_label, latent_dim, self.params_per_latent)
        self.decoder = net.decoder(latent_dim + num_classes, self.input_shape, likelihood.param_shape(self.shape))

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return super().encode(self.append_label(x, c), c)

    def decode(self, z: Tensor, c: Tensor | None = None, sides: Shape | None = None) -> Distribution:
        return super().decode(self.append_label(z, c), c, sides)

    def append_label(self, x: Tensor, c: Tensor | None) -> Tensor:
        """(B, F, *grid) to (B, F + num_classes, *grid)."""
        if c is None:
            raise UserError("ConditionalVAE: cond=None; expected the class of each example")
        one_hot = F.one_hot(c, self.num_classes).to(x.dtype)
        grid = x.shape[2:]
        return torch.cat([x, one_hot.view(*one_hot.shape, *[1] * len(grid)).expand(-1, -1, *grid)], dim=1)
