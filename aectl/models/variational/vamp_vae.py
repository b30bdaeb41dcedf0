"""The VAE whose prior is a mixture of its own posteriors."""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily

from aectl.models.nets.base import Net
from aectl.models.probability.distributions import normal
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class VampVAE(VAE):
    r"""A VAE whose prior is the mean of the posteriors of K learned pseudo-inputs (VampPrior).

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} [-\log p(x|z) + \beta \, (\log q(z|x) - \log p(z))],
        \quad p(z) = \frac{1}{K} \sum_{k=1}^K q(z|u_k)

    The KL has no closed form and is estimated from the latent that is drawn. A sample comes from a random component.

    References:
        | VAE with a VampPrior (Tomczak & Welling, 2018)
        | https://arxiv.org/abs/1705.07120

    Logs `loss`, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        pseudo_inputs: their number, K; each step encodes them beside its batch.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        pseudo_inputs: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.pseudo_input_logits = nn.Parameter(torch.randn(pseudo_inputs, *self.input_shape))

    def components(self) -> Distribution:
        """q(z|u_k) of every pseudo-input, elementwise over (K, *latent_shape)."""
        return self.encode(self.pseudo_input_logits.sigmoid())

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        """p(z), joint over (n, *latent_shape)."""
        parts = Independent(self.components(), len(self.latent_shape), validate_args=False)
        weights = torch.zeros(len(self.pseudo_input_logits), device=self.pseudo_input_logits.device)
        return MixtureSameFamily(Categorical(logits=weights, validate_args=False), parts, validate_args=False).expand(
            torch.Size([n])
        )

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        parts = self.components()
        chosen = torch.randint(len(parts.mean), (n,), device=parts.mean.device)
        z = normal(parts.mean[chosen], temperature * parts.stddev[chosen]).sample()
        return self.decode(z, cond).mean
