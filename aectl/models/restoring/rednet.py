"""RED-Net, the convolutional encoder-decoder with symmetric skip connections."""

from typing import Literal

from torch import Tensor, nn

from aectl.models.probability.likelihoods import Likelihood
from aectl.models.restoring.base import Restorer, shrink
from aectl.types import PositiveInt, Shape

INITIAL_RESIDUAL_SCALE = 0.01  # the factor on torch's initial weights of the last layer


class RedNet(Restorer):
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
        super().__init__(shape, input_shape, features, stride, likelihood, "model=rednet")
        self.skip_every = skip_every
        outer = stride + 2  # a kernel that a stride of 2 divides leaves no checkerboard
        self.convs = nn.ModuleList([nn.Conv2d(self.input_shape[0], features, outer, stride, padding=1)])
        self.convs.extend(nn.Conv2d(features, features, 3, padding=1) for _ in range(depth - 1))
        self.deconvs = nn.ModuleList(nn.ConvTranspose2d(features, features, 3, padding=1) for _ in range(depth - 1))
        self.last = nn.Sequential(
            nn.ConvTranspose2d(features, self.out_channels, outer, stride, padding=1), nn.PixelShuffle(self.scale)
        )
        shrink(self.last, INITIAL_RESIDUAL_SCALE)

    def maps(self, input: Tensor) -> list[Tensor]:
        h = self.pad(input)
        maps = []
        for conv in self.convs:
            h = conv(h).relu()
            maps.append(h)
        return maps

    def residual(self, maps: list[Tensor]) -> Tensor:
        h = maps[-1]
        for index, deconv in enumerate(self.deconvs, start=1):
            h = deconv(h)
            if index % self.skip_every == 0:
                h = h + maps[-1 - index]
            h = h.relu()
        return self.last(h)
