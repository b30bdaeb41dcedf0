"""The variational autoencoder."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.prior_ae import PriorAE
from aectl.models.probability.distributions import normal_from_params
from aectl.models.probability.divergences import kl_or_estimate
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class VAE(PriorAE):
    r"""Encodes the input as a Gaussian over latents, whose KL divergence from the prior is part of the loss.

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} [-\log p(x|z)] + \beta \, D_{KL}(q(z|x) \| p(z)),
        \quad q(z|x) = \mathcal{N}(\mu(x), \sigma^2(x)), \quad p(z) = \mathcal{N}(0, I)

    With $\beta = 1$ this is the negative evidence lower bound in nats, in training and validation alike. During
    warm-up the training loss gives the KL a smaller weight; validation always uses the full $\beta$, so that epochs
    can be compared.

    References:
        | Auto-Encoding Variational Bayes (Kingma & Welling, 2013), eq. 10
        | https://arxiv.org/abs/1312.6114
        | beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework (Higgins et al., 2017),
          eq. 4
        | https://openreview.net/forum?id=Sy2fzU9gl

    Logs `loss`, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        beta: the weight of the KL.
        warmup_epochs: epochs over which the weight of the KL rises linearly from 0 to `beta`.
    """

    is_bound = True
    """Whether -nll - kl is a lower bound of log p(x)."""
    params_per_latent = 2

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.beta, self.warmup_epochs = beta, warmup_epochs
        self.kl_weight_fraction: Tensor  # a tensor: torch.compile would treat a float as a constant
        self.register_buffer("kl_weight_fraction", torch.ones(()), persistent=False)

    def start_epoch(self, epoch: int) -> None:
        self.kl_weight_fraction.fill_(min(1.0, epoch / self.warmup_epochs) if self.warmup_epochs else 1.0)

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return normal_from_params(at_least_float32(self.encoder(x)))

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z = q.rsample()
        return z, {"kl": kl_or_estimate(q, self.prior(len(z), c), z)}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"kl": self.beta}

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        if not self.training:
            return super().objective(terms)
        full = {self.likelihood.term, *self.penalties}
        return super().objective(
            {name: term if name in full else self.kl_weight_fraction * term for name, term in terms.items()}
        )
