"""U-Net, the convolutional encoder-decoder whose decoder sees the encoder's maps of its own scale."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.models.probability.likelihoods import Likelihood
from aectl.models.restoring.base import Restorer, shrink
from aectl.types import PositiveInt, Shape

INITIAL_RESIDUAL_SCALE = 0.1  # the factor on torch's initial weights of the last layer


class UNet(Restorer):
    r"""Predicts a residual to its input at several scales, each with half the resolution and twice the feature maps.

    .. math:: \hat{x} = g^{-1}(g(\tilde{x}) + h(\tilde{x})), \quad \mathcal{L}(x) = -\log p(x | \hat{x})

    On its way back each scale joins the maps that the encoder had there, so that detail does not pass through the
    innermost maps; those see a large neighbourhood, as a hidden region or a strong blur needs. No layer has a bias, so
    that a net that is trained at some noise levels also denoises at others. Images may have any size.

    References:
        | U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger, Fischer & Brox, 2015), section 2
        | https://arxiv.org/abs/1505.04597
        | Robust and Interpretable Blind Image Denoising via Bias-Free Convolutional Neural Networks (Mohan et al.,
          2020)
        | https://arxiv.org/abs/1906.05478

    Logs `loss` and `nll`, in nats per example.

    Arguments:
        shape: the shape of the target.
        input_shape: the shape of the input.
        features: the feature maps at the full resolution.
        scales: the number of scales below the full resolution.
        likelihood: the distribution that the output parametrizes; $g^{-1}$ is its link to the mean.

    Raises:
        UserError: the data are not images.
    """

    def __init__(
        self, shape: Shape, input_shape: Shape, features: PositiveInt, scales: PositiveInt, likelihood: Likelihood
    ) -> None:
        widths = [features * 2**scale for scale in range(scales + 1)]
        super().__init__(shape, input_shape, widths[-1], 2**scales, likelihood, "model=unet")
        self.encoders = nn.ModuleList(convs(a, b) for a, b in pairwise([self.input_shape[0], *widths]))
        self.decoders = nn.ModuleList(convs(a + b, a) for a, b in pairwise(widths))
        self.last = nn.Sequential(nn.Conv2d(features, self.out_channels, 1, bias=False), nn.PixelShuffle(self.scale))
        shrink(self.last, INITIAL_RESIDUAL_SCALE)

    def maps(self, input: Tensor) -> list[Tensor]:
        h = self.encoders[0](self.pad(input))
        maps = [h]
        for encoder in list(self.encoders)[1:]:
            h = encoder(F.avg_pool2d(h, 2))
            maps.append(h)
        return maps

    def residual(self, maps: list[Tensor]) -> Tensor:
        *outer, h = maps
        for decoder, joined in zip(reversed(self.decoders), reversed(outer), strict=True):
            enlarged = F.interpolate(h, scale_factor=2, mode="bilinear")
            h = decoder(torch.cat([joined, enlarged], dim=1))
        return self.last(h)


def convs(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with a ReLU."""
    first, second = (nn.Conv2d(channels, outputs, 3, padding=1, bias=False) for channels in (inputs, outputs))
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
