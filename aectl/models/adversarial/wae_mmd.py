"""The Wasserstein autoencoder whose codes are matched to the prior by the maximum mean discrepancy."""

from collections.abc import Mapping

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.nets.base import Net
from aectl.models.prior_ae import PriorAE
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.probability.mmd import imq, mmd
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class WAEMMD(PriorAE):
    r"""An autoencoder that pays for the distance of its codes, as a whole, from the prior; no code of its own is drawn.

    .. math:: \mathcal{L} = \mathbb{E}_x [-\log p(x|z)] + \lambda \, \mathrm{MMD}^2(q(z), p(z)), \quad z = f(x),
        \quad p(z) = \mathcal{N}(0, I)

    The kernel is the inverse multiquadratic of seven widths; the batch stands for q(z), and as many draws for p(z).

    References:
        | Wasserstein Auto-Encoders (Tolstikhin et al., 2018), algorithm 2, with the nll for the cost c
        | https://arxiv.org/abs/1711.01558

    Logs `loss` and `nll` in nats per example, and `mmd`, which has no unit and may be a little below 0.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        mmd_weight: $\lambda$, in nats.
    """

    penalties = frozenset({"mmd"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        mmd_weight: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.mmd_weight = mmd_weight

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z = q.rsample()
        drawn = self.prior(len(z), c).sample()
        return z, {"mmd": mmd(z.flatten(1), drawn.flatten(1), imq)}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"mmd": self.mmd_weight}
