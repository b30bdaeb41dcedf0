"""RED-Net, the convolutional encoder-decoder with symmetric skip connections."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.base import Autoencoder, at_least_float32
from aectl.models.nets.base import check_is_image, match_channels
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, Shape

INITIAL_RESIDUAL_SCALE = 0.01  # the factor on torch's initial weights of the last layer


class RedNet(Autoencoder):
    r"""Predicts a residual to its input by convolutions and mirrored transposed convolutions, for restoring images.

    .. math:: \hat{x} = g^{-1}(g(\tilde{x}) + h(\tilde{x})), \quad \mathcal{L}(x) = -\log p(x | \hat{x})

    Skip connections add the maps of a convolution to those of the transposed convolution that mirrors it, so there is
    no bottleneck, and no compression. Images may have any size. Where the target is larger than the input, a pixel
    shuffle enlarges the residual and bicubic interpolation the input that it is added to. The last layer is initialized
    near zero, so that an untrained model changes its input little; otherwise smooth regions stay noisy for many epochs.

    References:
        | Image Restoration Using Very Deep Convolutional Encoder-Decoder Networks with Symmetric Skip Connections
          (Mao, Shen & Yang, 2016), section 2
        | https://arxiv.org/abs/1603.09056

    Logs `loss` and `nll`, in nats per example.

    Arguments:
        shape: the shape of the target.
        input_shape: the shape of the input.
        features: the number of feature maps of every layer.
        depth: the number of convolutions, and of transposed ones; 5, 10 and 15 are the paper's RED10, RED20 and RED30.
        skip_every: transposed convolutions from one skip connection to the next.
        stride: of the first convolution, undone by the last transposed one; with 2 the maps have a quarter of the area.
        likelihood: the distribution that the output parametrizes; $g^{-1}$ is its link to the mean.

    Raises:
        UserError: the data are not images.
    """

    any_size = True

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        features: PositiveInt,
        depth: PositiveInt,
        skip_every: PositiveInt,
        stride: Literal[1, 2],
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        check_is_image(input_shape, "model=rednet", "model=ae or model=vae with net=mlp")
        self.shape, self.input_shape = tuple(shape), tuple(input_shape)
        self.latent_size = features * math.prod(math.ceil(side / stride) for side in self.input_shape[1:])
        self.skip_every = skip_every
        self.stride: int = stride
        self.likelihood = likelihood
        outer = stride + 2  # a kernel that a stride of 2 divides leaves no checkerboard
        out_channels = likelihood.param_shape(self.shape)[0] * self.scale**2
        self.convs = nn.ModuleList([nn.Conv2d(self.input_shape[0], features, outer, stride, padding=1)])
        self.convs.extend(nn.Conv2d(features, features, 3, padding=1) for _ in range(depth - 1))
        self.deconvs = nn.ModuleList(nn.ConvTranspose2d(features, features, 3, padding=1) for _ in range(depth - 1))
        self.last = nn.Sequential(
            nn.ConvTranspose2d(features, out_channels, outer, stride, padding=1), nn.PixelShuffle(self.scale)
        )
        with torch.no_grad():
            for parameter in self.last.parameters():
                parameter.mul_(INITIAL_RESIDUAL_SCALE)

    def restore(self, input: Tensor) -> Distribution:
        """p(x|input), elementwise over (B, *shape); the input may have any height and width."""
        height, width = input.shape[-2:]
        maps = self._maps(input)
        h = maps[-1]
        for index, deconv in enumerate(self.deconvs, start=1):
            h = deconv(h)
            if index % self.skip_every == 0:
                h = h + maps[-1 - index]
            h = h.relu()
        residual = self.last(h)[..., : self.scale * height, : self.scale * width]
        return self.likelihood(self.likelihood.inverse(self._enlarged(input)) + at_least_float32(residual))

    def _maps(self, input: Tensor) -> list[Tensor]:
        """The output of each convolution, (B, features, *grid); sides that the stride does not divide are padded."""
        h = F.pad(input, (0, -input.shape[-1] % self.stride, 0, -input.shape[-2] % self.stride), mode="replicate")
        maps = []
        for conv in self.convs:
            h = conv(h).relu()
            maps.append(h)
        return maps

    def _enlarged(self, input: Tensor) -> Tensor:
        """The input at the size and with the channels of the target."""
        size = [self.scale * side for side in input.shape[-2:]]
        large = F.interpolate(input, size, mode="bicubic").clamp(0, 1) if self.scale > 1 else input
        return match_channels(large, self.shape[0])

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        nll = self.likelihood.nll(self.restore(example.input), example.target, example.weight).mean()
        return {"loss": nll, "nll": nll}

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.restore(input).mean

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """The innermost maps, (B, D); not a latent to decode from, since the skip connections bypass it."""
        return self._maps(input)[-1].flatten(1)
