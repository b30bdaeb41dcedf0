"""A model with two players, small enough to be trained many times."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, Shape


class Adversarial(AE):
    """An autoencoder whose codes a critic tells from draws of a normal distribution."""

    def __init__(
        self, shape: Shape, input_shape: Shape, latent_dim: PositiveInt, net: Net, likelihood: Likelihood
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.critic = nn.Linear(self.latent_size, 1)

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        critic = list(self.critic.parameters())
        return {"autoencoder": [*self.encoder.parameters(), *self.decoder.parameters()], "critic": critic}

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        codes = self.embed(example.input)
        if player == "critic":
            told = self.critic(torch.randn_like(codes)) - self.critic(codes.detach())
            return {"loss": F.softplus(-told).mean()}
        terms = super().loss(example)
        return {**terms, "loss": terms["loss"] + F.softplus(-self.critic(codes)).mean()}
