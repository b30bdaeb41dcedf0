"""A VAE with latents at two scales, inferred from the top down."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from aectl.example import Example
from aectl.models.base import Autoencoder, at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import log_prob, normal, normal_from_params, standard_normal
from aectl.models.probability.divergences import kl
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class Levels(nn.Module):
    """What the two levels tell each other: dense layers between the top latent and the features of the bottom one.

    Arguments:
        features: of the encoder's output, flat.
        top_dim: of the top latent.
        hidden: the width of the hidden layers.
        params: the parameters of a normal distribution over the bottom latent, flat.
    """

    def __init__(self, features: int, top_dim: int, hidden: int, params: int) -> None:
        super().__init__()
        self.up = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 2 * top_dim))
        self.down = nn.Sequential(nn.Linear(top_dim, hidden), nn.ReLU(), nn.Linear(hidden, params))


class HVAE(Autoencoder):
    r"""A VAE with a latent vector $z_2$ for the whole and latents $z_1$ for its parts, whose prior depends on $z_2$.

    .. math:: \mathcal{L}(x) = \mathbb{E}_q [-\log p(x|z_1)] + \beta \, (D_{KL}(q(z_2|x) \| p(z_2))
        + \mathbb{E}_q [D_{KL}(q(z_1|x, z_2) \| p(z_1|z_2))])

    The posterior of $z_1$ is inferred from the top down: the encoder's features shift and scale the prior that $z_2$
    gives, so that features that tell nothing leave it as it is. With $\beta = 1$ the loss is the negative evidence
    lower bound in nats.

    `embed` and `decode_mean` speak of $z_2$; `reconstruct` uses both levels, and `sample` draws both.

    References:
        | Ladder Variational Autoencoders (Sønderby et al., 2016), section 2
        | https://arxiv.org/abs/1602.02282
        | Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images (Child, 2021), section 3
        | https://arxiv.org/abs/2011.10650

    Logs `loss`, `nll`, `kl_top` and `kl_bottom`, in nats per example.

    Arguments:
        shape, input_shape, net, likelihood: as for `AE`.
        latent_dim: the size of $z_1$, or of each of its cells when the net has a latent grid.
        top_dim: the size of $z_2$.
        hidden: the width of the dense layers between the levels.
        beta: the weight of both divergences.
        warmup_epochs: epochs over which that weight rises linearly from 0 to `beta`, in training only.
        free_nats: of the top divergence that training does not charge for, or the bottom level learns to do
            without the top one (Improved Variational Inference with Inverse Autoregressive Flow, Kingma et al., 2016,
            appendix C.8).
    """

    generative = True

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        top_dim: PositiveInt,
        hidden: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        free_nats: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        self.shape, self.input_shape = tuple(shape), tuple(input_shape)
        self.bottom_shape = net.latent_shape(self.input_shape, latent_dim)
        self.latent_shape, self.latent_size = (top_dim,), top_dim
        self.beta, self.warmup_epochs, self.free_nats = beta, warmup_epochs, free_nats
        self.likelihood = likelihood
        self.encoder = net.encoder(self.input_shape, latent_dim, 2)
        self.decoder = net.decoder(latent_dim, self.input_shape, likelihood.param_shape(self.shape))
        params = 2 * math.prod(self.bottom_shape)
        self.levels = Levels(params, top_dim, hidden, params)
        self.kl_weight_fraction: Tensor
        self.register_buffer("kl_weight_fraction", torch.ones(()), persistent=False)

    def start_epoch(self, epoch: int) -> None:
        self.kl_weight_fraction.fill_(min(1.0, epoch / self.warmup_epochs) if self.warmup_epochs else 1.0)

    @property
    def term_weights(self) -> dict[str, float]:
        return {"kl_top": self.beta, "kl_bottom": self.beta}

    def encode(self, x: Tensor) -> tuple[Tensor, Normal]:
        """The features of the bottom level, (B, 2 F, *grid), and q(z2|x) over (B, top_dim)."""
        features = at_least_float32(self.encoder(x))
        return features, normal_from_params(at_least_float32(self.levels.up(features.flatten(1))))

    def prior(self, n: int, c: Tensor | None = None) -> Normal:
        """p(z2) over (n, top_dim)."""
        return standard_normal(next(self.parameters()).new_empty(n, *self.latent_shape))

    def bottom_prior(self, z2: Tensor) -> Normal:
        """p(z1|z2) over (B, *bottom_shape)."""
        params = at_least_float32(self.levels.down(z2))
        return normal_from_params(params.unflatten(1, (2 * self.bottom_shape[0], *self.bottom_shape[1:])))

    def bottom_posterior(self, features: Tensor, p1: Normal) -> Normal:
        """q(z1|x, z2): the prior of z1, shifted and scaled by the encoder's features."""
        shift, logscale = features.chunk(2, dim=1)
        return normal(p1.mean + p1.stddev * shift, p1.stddev * (0.5 * logscale).exp())

    def decode(self, z1: Tensor) -> torch.distributions.Distribution:
        """p(x|z1), elementwise over (B, *shape)."""
        kept = [slice(side) for side in self.shape[1:]]
        return self.likelihood(at_least_float32(self.decoder(z1)[(..., *kept)]))

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        features, q2 = self.encode(example.input)
        z2 = q2.rsample()
        p1 = self.bottom_prior(z2)
        q1 = self.bottom_posterior(features, p1)
        nll = self.likelihood.nll(self.decode(q1.rsample()), example.target, example.weight).mean()
        kl_top, kl_bottom = kl(q2, self.prior(len(z2))).mean(), kl(q1, p1).mean()
        beta = self.beta * self.kl_weight_fraction if self.training else self.beta
        charged = kl_top.clamp(min=self.free_nats) if self.training else kl_top
        return {
            "loss": nll + beta * (charged + kl_bottom),
            self.likelihood.term: nll,
            "kl_top": kl_top,
            "kl_bottom": kl_bottom,
        }

    def log_likelihood(self, example: Example, k: int) -> Tensor:
        r"""$\log \frac{1}{k} \sum_i p(x|z_1^i) p(z_1^i|z_2^i) p(z_2^i) / (q(z_1^i|x, z_2^i) q(z_2^i|x))$, (B,) nats."""
        features, q2 = self.encode(example.input)
        weights = []
        for _ in range(k):
            z2 = q2.sample()
            p1 = self.bottom_prior(z2)
            q1 = self.bottom_posterior(features, p1)
            z1 = q1.sample()
            log_p = log_prob(self.prior(len(z2)), z2) + log_prob(p1, z1)
            nll = self.likelihood.nll(self.decode(z1), example.target, example.weight)
            weights.append(log_p - nll - log_prob(q2, z2) - log_prob(q1, z1))
        return torch.stack(weights).logsumexp(0) - math.log(k)

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        features, q2 = self.encode(input)
        return self.decode(self.bottom_posterior(features, self.bottom_prior(q2.mean)).mean).mean

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.encode(input)[1].mean

    def decode_mean(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """Outputs for top latents, (B, top_dim) to (B, *shape), with the bottom ones at the mean of their prior."""
        return self.decode(self.bottom_prior(z).mean).mean

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        p1 = self.bottom_prior(temperature * self.prior(n).sample())
        return self.decode(normal(p1.mean, temperature * p1.stddev).sample()).mean
