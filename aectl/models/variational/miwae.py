"""The importance weighted autoencoder for data with missing values."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import location
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.variational.importance import log_weights
from aectl.models.variational.iwae import IWAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class MIWAE(IWAE):
    r"""An IWAE that is trained on what is visible of each example alone, and fills in the rest.

    .. math:: \mathcal{L}_k(x) = -\mathbb{E}_{z_1, ..., z_k \sim q(z|x_o)}
        \Big[ \log \frac{1}{k} \sum_{i=1}^k w_i \Big], \quad w_i = \frac{p(x_o|z_i) \, p(z_i)}{q(z_i|x_o)}

    .. math:: \hat{x}_m = \sum_i \tilde{w}_i \, \mathbb{E}[x_m | z_i], \quad \tilde{w}_i = \frac{w_i}{\sum_j w_j}

    $x_o$ is what is visible, $x_m$ what is missing: where `Example.hidden` is 1 or `Example.weight` is 0. The loss does
    not depend on the hidden part of a target, so that training data may have holes of their own. `task=inpaint` poses
    such examples, whose input has the mask as its last channel. The draws of a reconstruction are the same for every
    input.

    References:
        | MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets (Mattei & Frellsen, 2019), section 2,
          and self-normalized importance sampling there
        | https://arxiv.org/abs/1812.02633

    Logs `loss`, the bound of the visible part, and the terms of its ELBO, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, k, estimator, warmup_epochs, net, likelihood: as for `IWAE`.
        draws: the latents of each reconstruction.

    Raises:
        UserError: the net has a grid of latents.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        k: PositiveInt,
        estimator: Literal["iwae", "dreg"],
        draws: PositiveInt,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, k, estimator, warmup_epochs, net, likelihood)
        if len(self.latent_shape) > 1:
            raise UserError(
                f"model=miwae: takes one latent for a whole example, but the net has a grid of {self.latent_shape}; "
                "expected net.latent=vector, or net=mlp"
            )
        noise = np.random.default_rng(0).standard_normal((draws, 1, latent_dim), dtype=np.float32)
        self.noise: Tensor
        self.register_buffer("noise", torch.from_numpy(noise), persistent=False)

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        return super().loss(visible_part(example), player)

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        q = self.encode(input, cond)
        if not self._has_mask:
            return self.decode(location(q), cond).mean
        target, hidden = input[:, :-1], input[:, -1:]
        z = q.mean + q.stddev * self.noise  # (draws, B, D)
        example = Example(input, target, cond, (1 - hidden).expand_as(target))
        log_p, log_ratio = log_weights(self, example, q, z)
        share = (log_p - log_ratio).softmax(0)  # (draws, B)
        means = torch.stack([self.decode(each, cond).mean for each in z])
        return (share.view(*share.shape, *[1] * (means.ndim - 2)) * means).sum(0)

    @property
    def _has_mask(self) -> bool:
        """Whether the last channel of the input says what is hidden."""
        return self.input_shape == (self.shape[0] + 1, *self.shape[1:])


def visible_part(example: Example) -> Example:
    """The example with no weight on what is hidden."""
    if example.hidden is None:
        return example
    visible = (1 - example.hidden).expand_as(example.target)
    return example._replace(weight=visible if example.weight is None else visible * example.weight)
