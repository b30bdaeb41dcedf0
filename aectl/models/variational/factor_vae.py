"""The VAE whose total correlation a discriminator estimates."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.adversarial.discriminator import discrimination_loss, make_discriminator, split_players
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, PositiveInts, Shape


class FactorVAE(VAE):
    r"""A VAE with a penalty on the total correlation of its latents, which a discriminator estimates.

    In every step two players learn in turn. The discriminator tells latents from latents whose dimensions are
    permuted over the batch, each by itself: those are draws from the product of the marginals.

    .. math:: \mathcal{L}_{\mathrm{autoencoder}} = \mathbb{E}[-\log p(x|z)] + \beta D_{KL}(q(z|x) \| p(z))
        + \gamma \, \mathbb{E}_{q(z)} [\log D(z) - \log (1 - D(z))]

    .. math:: \mathcal{L}_{\mathrm{discriminator}} = -\tfrac{1}{2} \mathbb{E}_{q(z)} [\log D(z)]
        - \tfrac{1}{2} \mathbb{E}_{\bar q(z)} [\log (1 - D(z))], \quad \bar q(z) = \textstyle\prod_j q(z_j)

    Where the dimensions are independent, the discriminator can only guess: its loss is then $\log 2 = 0.693$ nats.

    References:
        | Disentangling by Factorising (Kim & Mnih, 2018), eq. 2 and 3, algorithm 2
        | https://arxiv.org/abs/1802.05983

    Logs `loss`, `nll`, `kl` and `tc`, an estimate of the total correlation that a poor discriminator makes too small,
    in nats per example, and the loss of the discriminator in nats a decision.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        gamma: the weight of the total correlation.
        discriminator: the widths of the discriminator's hidden layers.
    """

    discriminators = frozenset({"discriminator"})
    penalties = frozenset({"tc"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        gamma: NonNegativeFloat,
        discriminator: PositiveInts,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.gamma = gamma
        self.discriminator = make_discriminator(self.latent_shape, discriminator)

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        opponent, own = split_players(self, self.discriminator)
        return {"autoencoder": own, "discriminator": opponent}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {**super().term_weights, "tc": self.gamma}

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z, terms = super().latent(q, c)
        return z, {**terms, "tc": self.discriminator(z)}  # the logit is the difference of the logarithms

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        if player == "autoencoder":
            return super().loss(example)
        with torch.no_grad():
            q = self.encode(example.input, example.cond)
            z, permuted = q.sample(), permute_dimensions(q.sample())
        return {"loss": discrimination_loss(real=self.discriminator(z), fake=self.discriminator(permuted))}


def permute_dimensions(z: Tensor) -> Tensor:
    """Latents (B, ...) with each dimension permuted over the batch by itself: draws from the product of marginals."""
    flat = z.flatten(1)
    return flat.gather(0, torch.rand_like(flat).argsort(0)).view_as(z)
