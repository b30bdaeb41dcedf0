"""Models whose posterior or prior is not elementwise, and one with two levels of latents: as users write them."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    TransformedDistribution,
)
from torch.distributions.transforms import AffineTransform, TanhTransform

from aectl.example import Example
from aectl.models.base import Autoencoder
from aectl.models.probability.distributions import normal
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import PositiveInt, Shape


class FullCovarianceVAE(VAE):
    """The posterior has a full covariance: its scale is the diagonal one of a VAE times a fixed lower triangle."""

    mixed: Tensor | None = None

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        q = super().encode(x, c)
        lower = torch.ones(self.latent_size, self.latent_size).tril() if self.mixed is None else self.mixed
        return MultivariateNormal(q.mean, scale_tril=q.stddev.diag_embed() @ lower)


class FlowVAE(VAE):
    """The posterior is pushed through a bounded, invertible function; it has no mean."""

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return TransformedDistribution(Independent(super().encode(x, c), 1), [TanhTransform(), AffineTransform(0, 3)])


class MixturePriorVAE(VAE):
    """The prior is a mixture of the posteriors of learned inputs (VampPrior)."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.pseudo_inputs = nn.Parameter(torch.rand(5, *self.input_shape))

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        components = Independent(self.encode(self.pseudo_inputs), 1)
        return MixtureSameFamily(Categorical(torch.ones(5)), components).expand(torch.Size([n]))


class Ladder(Autoencoder):
    """Two levels of latents, without `prior` or `latent`; says itself how to draw and what log p(x) is."""

    def __init__(self, shape: Shape, input_shape: Shape, latent_dim: PositiveInt, likelihood: Likelihood) -> None:
        super().__init__()
        self.shape, self.input_shape, self.latent_size = tuple(shape), tuple(input_shape), latent_dim
        self.q1 = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(self.input_shape), 2 * latent_dim))
        self.q2, self.p1 = nn.Linear(2 * latent_dim, 2), nn.Linear(1, 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim, math.prod(self.shape))
        self.likelihood = likelihood

    def split(self, h: Tensor) -> Distribution:
        mu, logvar = h.chunk(2, dim=1)
        return normal(mu, (0.5 * logvar).exp())

    def decode(self, z: Tensor) -> Distribution:
        return self.likelihood(self.decoder(z).view(-1, *self.shape))

    def bound(self, example: Example) -> tuple[Tensor, Tensor]:
        h = self.q1(example.input)
        q1, q2 = self.split(h), self.split(self.q2(h))
        z1, z2 = q1.rsample(), q2.rsample()
        p1, p2 = self.split(self.p1(z2)), normal(torch.zeros_like(z2), torch.ones_like(z2))
        kl = (q1.log_prob(z1) - p1.log_prob(z1)).sum(1) + (q2.log_prob(z2) - p2.log_prob(z2)).sum(1)
        return self.likelihood.nll(self.decode(z1), example.target), kl

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        nll, kl = self.bound(example)
        return {"loss": (nll + kl).mean(), "nll": nll.mean(), "kl": kl.mean()}

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.decode(self.embed(input)).mean

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.split(self.q1(input)).mean

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        return self.decode(self.split(self.p1(temperature * torch.randn(n, 1))).sample()).mean

    def log_likelihood(self, example: Example, k: int) -> Tensor:
        draws = torch.stack([-sum(self.bound(example), torch.zeros(())) for _ in range(k)])
        return draws.logsumexp(0) - math.log(k)
