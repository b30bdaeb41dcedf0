"""The VAE whose KL is warmed up several times."""

from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveFloat, PositiveInt, Shape


class CyclicalVAE(VAE):
    r"""A VAE whose KL has a weight that rises from 0 to $\beta$ and stays there, several times over.

    .. math:: \beta_t = \beta \min \Big( 1, \frac{t \bmod 2 W}{W} \Big) \text{ for } t < 2 W M, \text{ then } \beta

    $t$ counts epochs, $W$ are those of a rise, and $M$ cycles are made; after each rise the full weight holds for as
    long. Every cycle starts from codes that the one before has learned to use. With one cycle this is the warm-up of
    `VAE`. Validation always uses the full $\beta$.

    References:
        | Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing (Fu et al., 2019), a linear rise
          over half of each cycle
        | https://arxiv.org/abs/1903.10145

    Logs `loss`, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, net, likelihood: as for `VAE`.
        warmup_epochs: of each rise; train for at least twice as many times the cycles.
        cycles: how many rises there are.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: PositiveFloat,
        cycles: PositiveInt,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.cycles = cycles

    def start_epoch(self, epoch: int) -> None:
        length = 2 * self.warmup_epochs
        position = epoch % length if epoch < length * self.cycles else length
        self.kl_weight_fraction.fill_(min(1.0, position / self.warmup_epochs))
