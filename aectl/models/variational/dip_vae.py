"""The VAE whose aggregate posterior has the covariance of the prior."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class DIPVAE(VAE):
    r"""A VAE with a penalty on the covariance of its latents over the data, which is to be that of the prior, I.

    .. math:: \mathcal{L} = \mathbb{E}[-\log p(x|z)] + \beta D_{KL}(q(z|x) \| p(z))
        + \lambda_{od} \sum_{i \neq j} C_{ij}^2 + \lambda_d \sum_i (C_{ii} - 1)^2

    .. math:: C = \mathrm{Cov}_x [\mu(x)] \text{ (type i)}, \quad
        C = \mathrm{Cov}_{q(z)} [z] = \mathbb{E}_x [\Sigma(x)] + \mathrm{Cov}_x [\mu(x)] \text{ (type ii)}

    The covariances are those of a batch: larger batches (`data.batch_size`) estimate them better.

    References:
        | Variational Inference of Disentangled Latent Concepts from Unlabeled Observations (Kumar, Sattigeri &
          Balakrishnan, 2018), DIP-VAE-I (type i) and DIP-VAE-II (type ii)
        | https://arxiv.org/abs/1711.00848

    Logs `loss`, `nll`, `kl`, in nats per example, `cov_off` and `cov_diag`, squared covariances of the latents.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        kind: which covariance, `i` of the posteriors' means or `ii` of the latents.
        lambda_od: the weight of the squared covariances of different dimensions.
        lambda_d: the weight of the squared differences of the variances from 1.
    """

    penalties = frozenset({"cov_off", "cov_diag"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        kind: Literal["i", "ii"],
        lambda_od: NonNegativeFloat,
        lambda_d: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.kind, self.lambda_od, self.lambda_d = kind, lambda_od, lambda_d

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z, terms = super().latent(q, c)
        covariance = latent_covariance(q, self.kind)
        variances = covariance.diagonal()
        off = covariance.square().sum() - variances.square().sum()
        return z, {**terms, "cov_off": off, "cov_diag": (variances - 1).square().sum()}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {**super().term_weights, "cov_off": self.lambda_od, "cov_diag": self.lambda_d}


def latent_covariance(q: Distribution, kind: Literal["i", "ii"]) -> Tensor:
    """The covariance over a batch of the means of posteriors or, of type `ii`, of latents drawn from them, (D, D)."""
    means = q.mean.flatten(1)
    centred = means - means.mean(0)
    covariance = centred.T @ centred / len(means)
    return covariance if kind == "i" else covariance + torch.diag(q.variance.flatten(1).mean(0))
