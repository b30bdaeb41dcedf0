"""The VAE whose KL divergence is taken apart, so that the dependence between dimensions can be charged alone."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.models.nets.base import Net
from aectl.models.probability.distributions import log_prob, sum_events
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape

Estimate = Literal["stratified", "weighted"]


class BetaTCVAE(VAE):
    r"""A VAE with weights for the three parts of its KL: mutual information, total correlation, KL by dimension.

    .. math:: \mathcal{L} = \mathbb{E}[-\log p(x|z)] + \alpha I_q(z; n)
        + \beta D_{KL}(q(z) \| \textstyle\prod_j q(z_j)) + \gamma \sum_j D_{KL}(q(z_j) \| p(z_j)),
        \quad q(z) = \frac{1}{N} \sum_n q(z|x_n)

    The total correlation is 0 if the dimensions are independent over the data; a weight above 1 disentangles them, and
    costs less reconstruction than the same weight on the whole KL. The three add up to an unbiased estimate of the KL:
    with weights of 1 the loss is that of `VAE` in expectation. The batch stands for the data set in q(z).

    References:
        | Isolating Sources of Disentanglement in Variational Autoencoders (Chen et al., 2018), eq. 2 and 4
        | https://arxiv.org/abs/1802.04942

    Logs `loss`, `nll`, `mi`, `tc` and `dwkl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, warmup_epochs, net, likelihood: as for `VAE`.
        alpha: the weight of the mutual information.
        beta: the weight of the total correlation.
        gamma: the weight of the KL by dimension.
        estimate: of q(z), `stratified` or `weighted`: see `mixture_weights`.
        num_examples: the size of the training set, N.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        alpha: NonNegativeFloat,
        beta: NonNegativeFloat,
        gamma: NonNegativeFloat,
        estimate: Estimate,
        num_examples: PositiveInt,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.alpha, self.gamma = alpha, gamma
        self.estimate, self.num_examples = estimate, num_examples

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        z = q.rsample()
        log_w = mixture_weights(len(z), self.num_examples, self.estimate).log().to(z)
        log_q_zx, log_p = log_prob(q, z), log_prob(self.prior(len(z), c), z)
        log_q, log_q_product = aggregate_log_probs(q, z, log_w)
        return z, {"mi": log_q_zx - log_q, "tc": log_q - log_q_product, "dwkl": log_q_product - log_p}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"mi": self.alpha, "tc": self.beta, "dwkl": self.gamma}


def aggregate_log_probs(q: Distribution, z: Tensor, log_w: Tensor) -> tuple[Tensor, Tensor]:
    r"""$\log q(z)$ and $\sum_j \log q(z_j)$ of a mixture of the posteriors of a batch, (B,) nats each.

    Arguments:
        q: the posteriors, elementwise over (B, *latent_shape).
        z: drawn from them.
        log_w: the logarithm of the weight of posterior j in the mixture at latent i, (B, B).
    """
    pairs = q.log_prob(z.unsqueeze(1)).flatten(2)  # (B, B, D), of latent i under posterior j
    log_q = (log_w + pairs.sum(2)).logsumexp(1)
    return log_q, sum_events((log_w.unsqueeze(2) + pairs).logsumexp(1))


def mixture_weights(batch_size: int, num_examples: int, estimate: Estimate) -> Tensor:
    r"""The weights of the posteriors of a batch of B in the estimate of q(z) at each of its latents, (B, B).

    `stratified`, an unbiased estimate of q(z), exact if the batch is the data set: of an example's own posterior 1 / N,
    of each other (1 - 1 / N) / (B - 1), the mean of the paper's over which of the others comes last. `weighted`: 1 / (N
    B) each, a lower bound: as far as posteriors overlap `mi` is up to log N too large and `tc` (D - 1) log N, but the
    gradients are hardly different.

    References:
        | Isolating Sources of Disentanglement in Variational Autoencoders (Chen et al., 2018), eq. 3 (weighted) and
          appendix C.2 (stratified)
        | https://arxiv.org/abs/1802.04942
    """
    if estimate == "weighted":
        return torch.full((batch_size, batch_size), 1 / (num_examples * batch_size))
    own = 1 / num_examples if batch_size > 1 else 1.0
    other = (1 - own) / max(1, batch_size - 1)
    return torch.full((batch_size, batch_size), other).fill_diagonal_(own)
