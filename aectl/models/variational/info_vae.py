"""The VAE that matches the aggregate posterior to the prior."""

from collections.abc import Mapping

from torch import Tensor
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.probability.mmd import KERNELS, KernelName, mmd
from aectl.models.vae import VAE
from aectl.types import AtMostOne, NonNegativeFloat, PositiveInt, Shape


class InfoVAE(VAE):
    r"""A VAE that keeps the latents of all data together near the prior, so that those of each example need it less.

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} [-\log p(x|z)] + (1 - \alpha) D_{KL}(q(z|x) \| p(z))
        + (\alpha + \lambda - 1) \, \mathrm{MMD}^2(q(z) \| p(z)), \quad q(z) = \mathbb{E}_x [q(z|x)]

    With $\alpha = 0$ and $\lambda = 1$ it is `VAE`. The larger $\alpha$, the more a latent tells of its input; at 1
    nothing but the discrepancy, estimated from a batch, holds the latents at the prior.

    References:
        | InfoVAE: Balancing Learning and Inference in Variational Autoencoders (Zhao, Song & Ermon, 2019), section 3
        | https://arxiv.org/abs/1706.02262

    Logs `loss`, `nll`, `kl`, in nats per example, and `mmd`, which has no unit.

    Arguments:
        shape, input_shape, latent_dim, warmup_epochs, net, likelihood: as for `VAE`.
        alpha: how much information is preferred, at most 1.
        lambda_mmd: the weight of the aggregate posterior, at least 1 - alpha.
        kernel: of the discrepancy, `imq` or `rbf`: see `aectl.models.probability.mmd`.

    Raises:
        UserError: the weight of the discrepancy is negative.
    """

    penalties = frozenset({"mmd"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        alpha: AtMostOne,
        lambda_mmd: NonNegativeFloat,
        kernel: KernelName,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, 1 - alpha, warmup_epochs, net, likelihood)
        if alpha + lambda_mmd < 1:
            raise UserError(
                f"model.lambda_mmd={lambda_mmd:g}: expected at least 1 - model.alpha = {1 - alpha:g}; "
                "a smaller one pushes the latents away from the prior"
            )
        del self.beta  # advice on `model.beta` is for models with this key
        self.alpha, self.lambda_mmd, self.kernel = alpha, lambda_mmd, KERNELS[kernel]

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z, terms = super().latent(q, c)
        drawn = self.prior(len(z), c).sample()
        return z, {**terms, "mmd": mmd(z.flatten(1), drawn.flatten(1), self.kernel)}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"kl": 1 - self.alpha, "mmd": self.alpha + self.lambda_mmd - 1}
