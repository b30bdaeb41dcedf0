"""The adversarial autoencoder."""

from collections.abc import Mapping

from torch import Tensor, nn

from aectl.example import Example
from aectl.models.adversarial.discriminator import (
    discrimination_loss,
    generator_loss,
    make_discriminator,
    split_players,
)
from aectl.models.nets.base import Net
from aectl.models.prior_ae import PriorAE
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, PositiveInts, Shape


class AAE(PriorAE):
    r"""An autoencoder whose encoder makes a discriminator take its codes for draws from the prior.

    In every step three players learn in turn, each with an optimizer of its own: the autoencoder, the discriminator
    and, once more, the encoder.

    .. math:: \mathcal{L}_{\mathrm{autoencoder}}(x) = -\log p(x|z), \quad z = f(x)

    .. math:: \mathcal{L}_{\mathrm{discriminator}} = -\tfrac{1}{2} \mathbb{E}_{p(z)} [\log D(z)]
        - \tfrac{1}{2} \mathbb{E}_x [\log (1 - D(f(x)))]

    .. math:: \mathcal{L}_{\mathrm{encoder}} = -\mathbb{E}_x [\log D(f(x))], \quad p(z) = \mathcal{N}(0, I)

    Where the codes follow the prior, the discriminator can only guess: its loss and that of the encoder are then
    $\log 2 = 0.693$ nats.

    References:
        | Adversarial Autoencoders (Makhzani et al., 2016), section 2, with the deterministic encoder
        | https://arxiv.org/abs/1511.05644

    Logs `loss`, which is the nll, and the losses of the three players, all in nats.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        discriminator: the widths of the discriminator's hidden layers.
    """

    discriminators = frozenset({"discriminator"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        discriminator: PositiveInts,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.discriminator = make_discriminator(self.latent_shape, discriminator)

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        opponent, own = split_players(self, self.discriminator)
        return {"autoencoder": own, "discriminator": opponent, "encoder": list(self.encoder.parameters())}

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        if player == "autoencoder":
            return super().loss(example)
        z = self.encode(example.input, example.cond).rsample()
        if player == "encoder":
            return {"loss": generator_loss(self.discriminator(z))}
        drawn = self.prior(len(z), example.cond).sample()
        return {"loss": discrimination_loss(real=self.discriminator(drawn), fake=self.discriminator(z.detach()))}
