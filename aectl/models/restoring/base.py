"""What the models that predict a residual to their input share: the input enlarged, the sum, the loss."""

import math
from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.base import Autoencoder, at_least_float32
from aectl.models.nets.base import match_channels
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import Shape, check_is_image


class Restorer(Autoencoder):
    r"""A model of images of any size without a bottleneck, which adds a residual to its input.

    .. math:: \hat{x} = g^{-1}(g(\tilde{x}) + h(\tilde{x})), \quad \mathcal{L}(x) = -\log p(x | \hat{x})

    where $g^{-1}$ is the likelihood's link to the mean. Where the target is larger than the input, bicubic
    interpolation enlarges the input.

    Arguments:
        shape: the shape of the target.
        input_shape: the shape of the input.
        features: the channels of the innermost maps.
        stride: the side of a cell of the innermost maps, in pixels of the input.
        likelihood: the distribution that the output parametrizes.
        choice: how the model is chosen, to be named in an error.

    Raises:
        UserError: the data are not images.
    """

    any_size = True

    def __init__(
        self, shape: Shape, input_shape: Shape, features: int, stride: int, likelihood: Likelihood, choice: str
    ) -> None:
        super().__init__()
        check_is_image(input_shape, choice, "model=ae or model=vae with net=mlp")
        self.shape, self.input_shape = tuple(shape), tuple(input_shape)
        self.latent_size = features * math.prod(math.ceil(side / stride) for side in self.input_shape[1:])
        self.stride = stride
        self.likelihood = likelihood
        self.out_channels = likelihood.param_shape(self.shape)[0] * self.scale**2

    @abstractmethod
    def maps(self, input: Tensor) -> list[Tensor]:
        """The maps of the encoder for a padded input, (B, features, *grid) each, the innermost last."""

    @abstractmethod
    def residual(self, maps: list[Tensor]) -> Tensor:
        """The residual, (B, params, H, W), with the sides of the padded input times the scale."""

    def pad(self, input: Tensor) -> Tensor:
        """The input with sides that the stride divides."""
        return F.pad(input, (0, -input.shape[-1] % self.stride, 0, -input.shape[-2] % self.stride), mode="replicate")

    def restore(self, input: Tensor) -> Distribution:
        """p(x|input), elementwise over (B, *shape); the input may have any height and width."""
        height, width = input.shape[-2:]
        residual = self.residual(self.maps(input))[..., : self.scale * height, : self.scale * width]
        return self.likelihood(self.likelihood.inverse(self.enlarge(input)) + at_least_float32(residual))

    def enlarge(self, input: Tensor) -> Tensor:
        """The input at the size and with the channels of the target."""
        size = [self.scale * side for side in input.shape[-2:]]
        large = F.interpolate(input, size, mode="bicubic").clamp(0, 1) if self.scale > 1 else input
        return match_channels(large, self.shape[0])

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        nll = self.likelihood.nll(self.restore(example.input), example.target, example.weight).mean()
        return {"loss": nll, self.likelihood.term: nll}

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.restore(input).mean

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """The innermost maps, (B, D); not a latent to decode from, since the skip connections bypass it."""
        return self.maps(input)[-1].flatten(1)


def shrink(layer: nn.Module, factor: float) -> None:
    """Multiplies the initial weights of a layer, so that an untrained model changes its input little."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)
