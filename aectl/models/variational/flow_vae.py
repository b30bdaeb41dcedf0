"""The VAE whose prior and posterior may be normalizing flows."""

from functools import partial

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, TransformedDistribution
from torch.distributions.transforms import ReshapeTransform, Transform

from aectl.models.nets.base import Net
from aectl.models.probability.distributions import normal
from aectl.models.probability.flows import spline_flow
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, NonNegativeInt, PositiveInt, PositiveInts, Shape


class FlowVAE(VAE):
    r"""A VAE whose prior, and posterior if wanted, is a normal distribution that invertible functions have bent.

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} [-\log p(x|z) + \beta \, (\log q(z|x) - \log p(z))]

    .. math:: \log p(z) = \log \mathcal{N}(f(z); 0, I) + \log \left| \det \frac{\partial f}{\partial z} \right|, \quad
        \log q(z|x) = \log \mathcal{N}(g_x(z); \mu(x), \sigma^2(x))
        + \log \left| \det \frac{\partial g_x}{\partial z} \right|

    The functions are rational-quadratic splines between -5 and 5, whose knots a dense net computes from one half of the
    dimensions for the other. The KL has no closed form and is estimated from the latent that is drawn.

    References:
        | Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), the flow-based bound
        | https://arxiv.org/abs/1505.05770
        | Variational Lossy Autoencoder (Chen et al., 2017), section 3.2, which learns a flow as the prior
        | https://arxiv.org/abs/1611.02731
        | Neural Spline Flows (Durkan et al., 2019), section 3
        | https://arxiv.org/abs/1906.04032

    Logs `loss`, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        prior_transforms: the layers of the prior's flow; 0 for N(0, I).
        posterior_transforms: those of the posterior's flow; 0 for a normal distribution.
        hidden: the widths of the dense net of each layer.

    Raises:
        UserError: the package zuko is not installed.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        prior_transforms: NonNegativeInt,
        posterior_transforms: NonNegativeInt,
        hidden: PositiveInts,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        size = self.latent_size
        make_flow = partial(spline_flow, hidden=hidden, needed_by="model=flow_vae")
        self.prior_flow = make_flow(size, 0, prior_transforms) if prior_transforms else None
        self.posterior_flow = make_flow(size, 2 * size, posterior_transforms) if posterior_transforms else None
        self.any_size = self.any_size and not posterior_transforms  # its flow takes latents of one size

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        q = super().encode(x, c)
        if self.posterior_flow is None:
            return q
        mu, sigma = q.mean.flatten(1), q.stddev.flatten(1)
        return self._bend(normal(mu, sigma), self.posterior_flow(torch.cat([mu, sigma.log()], dim=1)).transform)

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        """p(z), joint over (n, *latent_shape), or elementwise without a flow."""
        return self._tempered_prior(n, 1.0)

    def _tempered_prior(self, n: int, temperature: float) -> Distribution:
        """The prior, the deviation of the normal distribution that it bends times a factor."""
        p = super().prior(n)
        p = normal(p.mean, temperature * p.stddev)
        if self.prior_flow is None:
            return p
        return self._bend(normal(p.mean.flatten(1), p.stddev.flatten(1)), self.prior_flow().transform)

    def _bend(self, base: Normal, transform: Transform) -> Distribution:
        """The distribution over (B, *latent_shape) of latents that a transform takes to those of `base`, (B, D)."""
        shaped = ReshapeTransform(torch.Size([self.latent_size]), torch.Size(self.latent_shape))
        base_dist = Independent(base, 1, validate_args=False)
        return TransformedDistribution(base_dist, [transform.inv, shaped], validate_args=False)

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        return self.decode(self._tempered_prior(n, temperature).sample(), cond).mean
