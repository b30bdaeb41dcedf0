"""The sliced Wasserstein autoencoder."""

from collections.abc import Mapping

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.nets.base import Net
from aectl.models.prior_ae import PriorAE
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.probability.sliced_wasserstein import sliced_wasserstein
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class SWAE(PriorAE):
    r"""An autoencoder that pays for the sliced Wasserstein distance of its codes, as a whole, from the prior.

    .. math:: \mathcal{L} = \mathbb{E}_x [-\log p(x|z)] + \lambda \, \mathrm{SW}_2^2(q(z), p(z)), \quad z = f(x),
        \quad p(z) = \mathcal{N}(0, I)

    Codes and draws from the prior are projected on random lines and compared in sorted order: no discriminator and no
    kernel. The batch stands for q(z), and as many draws for p(z).

    References:
        | Sliced Wasserstein Auto-Encoders (Kolouri et al., 2019), algorithm 1, with the nll for the cost
        | https://openreview.net/forum?id=H1xaJn05FQ

    Logs `loss` and `nll` in nats per example, and `sw`, in squared units of the latents.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        sw_weight: $\lambda$, in nats.
        projections: the random lines of a batch.
    """

    penalties = frozenset({"sw"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        sw_weight: NonNegativeFloat,
        projections: PositiveInt,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.sw_weight, self.projections = sw_weight, projections

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z = q.rsample()
        drawn = self.prior(len(z), c).sample()
        return z, {"sw": sliced_wasserstein(z.flatten(1), drawn.flatten(1), self.projections)}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"sw": self.sw_weight}
