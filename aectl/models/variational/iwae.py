"""The importance weighted autoencoder."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import normal
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.models.variational.importance import log_weights
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class IWAE(VAE):
    r"""A VAE trained on a tighter bound of log p(x), from k latents of each example.

    .. math:: \mathcal{L}_k(x) = -\mathbb{E}_{z_1, ..., z_k \sim q(z|x)}
        \Big[ \log \frac{1}{k} \sum_{i=1}^k w_i \Big], \quad w_i = \frac{p(x|z_i) \, p(z_i)}{q(z_i|x)}

    With k = 1 this is the negative ELBO; it falls as k grows. The larger k, the noisier is the encoder's gradient
    relative to its size; `estimator=dreg` has another estimate of the same gradient, whose noise falls instead:

    .. math:: \nabla_\phi \mathcal{L}_k = -\mathbb{E} \Big[ \sum_i \tilde{w}_i^2
        \frac{\partial \log w_i}{\partial z_i} \frac{\partial z_i}{\partial \phi} \Big], \quad
        \tilde{w}_i = \frac{w_i}{\sum_j w_j}

    With another $\beta$ than 1, and during warm-up, $\log p(z) - \log q(z|x)$ is multiplied by it, and $\tilde{w}_i^2$
    becomes $(1 - \beta) \tilde{w}_i + \beta \tilde{w}_i^2$.

    References:
        | Importance Weighted Autoencoders (Burda, Grosse & Salakhutdinov, 2015), eq. 8
        | https://arxiv.org/abs/1509.00519
        | Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker et al., 2019), section 3
        | https://arxiv.org/abs/1810.04152

    Logs `loss`, the bound, and the terms of the ELBO over the same latents, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        k: the latents of each example, each of which is decoded.
        estimator: of the encoder's gradient, `iwae` or `dreg`.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        k: PositiveInt,
        estimator: Literal["iwae", "dreg"],
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.k, self.estimator = k, estimator

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        q = self.encode(example.input, example.cond)
        z = q.rsample(torch.Size([self.k]))  # (k, B, *latent_shape)
        doubly = self.estimator == "dreg"
        log_p, log_ratio = log_weights(self, example, detached(q) if doubly else q, z)
        log_w = -self.objective({"nll": -log_p, "kl": log_ratio})  # (k, B)
        if doubly and z.requires_grad:
            share = log_w.detach().softmax(0).view(*log_w.shape, *[1] * (z.ndim - 2))
            beta = self.beta * (self.kl_weight_fraction if self.training else 1)
            z.register_hook(lambda gradient: (1 - beta + beta * share) * gradient)
        bound = log_w.logsumexp(0) - math.log(self.k)
        return {"loss": -bound.mean(), "nll": -log_p.mean(), "kl": log_ratio.mean()}


def detached(q: Distribution) -> Distribution:
    """The normal distribution q without the gradients of its parameters."""
    return normal(q.mean.detach(), q.stddev.detach())
