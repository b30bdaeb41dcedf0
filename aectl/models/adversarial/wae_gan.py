"""The Wasserstein autoencoder whose codes are matched to the prior by a discriminator."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from aectl.models.adversarial.aae import AAE
from aectl.models.adversarial.discriminator import split_players
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import NonNegativeFloat, PositiveInt, PositiveInts, Shape


class WAEGAN(AAE):
    r"""An autoencoder whose one loss is the cost of its reconstruction and that of being told from the prior.

    .. math:: \mathcal{L}_{\mathrm{autoencoder}} = \mathbb{E}_x [-\log p(x|z) - \lambda \log D(z)], \quad z = f(x)

    The discriminator learns as in `AAE`. There, the encoder has a step of its own against the discriminator, as long
    as that for reconstruction whatever the sizes of the losses; here $\lambda$ weighs the two.

    References:
        | Wasserstein Auto-Encoders (Tolstikhin et al., 2018), algorithm 1, with the nll for the cost c
        | https://arxiv.org/abs/1711.01558

    Logs `loss`, `nll` and `adversarial`, $-\log D(z)$, and the loss of the discriminator, all in nats.

    Arguments:
        shape, input_shape, latent_dim, discriminator, net, likelihood: as for `AAE`.
        adversarial_weight: $\lambda$.
    """

    penalties = frozenset({"adversarial"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        discriminator: PositiveInts,
        adversarial_weight: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, discriminator, net, likelihood)
        self.adversarial_weight = adversarial_weight

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        opponent, own = split_players(self, self.discriminator)
        return {"autoencoder": own, "discriminator": opponent}

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z = q.rsample()
        return z, {"adversarial": F.softplus(-self.discriminator(z))}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"adversarial": self.adversarial_weight}
