"""The VAE with free bits, which a latent may hold at no cost."""

from collections.abc import Mapping

from torch import Tensor
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.probability.divergences import elementwise_kl
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class FreeBitsVAE(VAE):
    r"""A VAE whose KL costs nothing below a number of nats, so that the posterior does not collapse.

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} [-\log p(x|z)] + \beta \, \max(\lambda, D_{KL}(q(z|x) \| p(z)))

    or, with the free nats of each dimension,

    .. math:: \mathcal{L} = \mathbb{E} [-\log p(x|z)]
        + \beta \sum_d \max \big(\lambda_d, \mathbb{E}_x [D_{KL}(q(z_d|x) \| p(z_d))] \big)

    The expectation is over a batch. On a grid of latents a dimension is one of each cell. Without free nats this is
    `VAE`; the loss is never less than its.

    References:
        | Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016), free bits by
          dimension
        | https://arxiv.org/abs/1606.04934
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section
          2.1, in total, there without the constant
        | https://arxiv.org/abs/1803.05428

    Logs `loss`, `nll`, `kl` and `unused`, the free nats that the KL leaves, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        free_nats: that the latents of an example have together.
        free_nats_per_dim: that each dimension has on average, instead.

    Raises:
        UserError: both are given.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        free_nats: NonNegativeFloat,
        free_nats_per_dim: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        if free_nats and free_nats_per_dim:
            raise UserError(
                f"model.free_nats={free_nats:g}: given with model.free_nats_per_dim={free_nats_per_dim:g}; "
                "expected one of them, set the other to 0"
            )
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.free_nats, self.free_nats_per_dim = free_nats, free_nats_per_dim

    def regularizers(self, example: Example, q: Distribution, z: Tensor) -> dict[str, Tensor]:
        kl = elementwise_kl(q, self.prior(len(z), example.cond)).flatten(1)  # (B, D)
        if self.free_nats_per_dim:
            return {"unused": (self.free_nats_per_dim - kl.mean(0)).relu().sum()}
        return {"unused": (self.free_nats - kl.sum(1)).relu()}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"kl": self.beta, "unused": self.beta}
