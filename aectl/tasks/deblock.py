"""Remove what JPEG leaves behind: blocks, and ripples around edges."""

import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.tasks.denoise import Denoiser
from aectl.tasks.jpeg import compress
from aectl.tasks.strength import bounds, strength_label
from aectl.types import JpegQuality, JpegQualityRange, Shape, check_is_image


class Deblock(Denoiser):
    """Remove the artefacts of JPEG compression, with the colours at half the resolution (4:2:0).

    References:
        | Compression Artifacts Reduction by a Deep Convolutional Network (Dong et al., 2015)
        | https://arxiv.org/abs/1504.06993

    Arguments:
        quality: from 1 to 100, as Pillow counts; or `[lo, hi]` to draw one per image uniformly.

    Raises:
        UserError: the data are not images of one or three channels.
    """

    def __init__(self, quality: JpegQuality | JpegQualityRange) -> None:
        super().__init__()
        self.quality = quality

    @property
    def label(self) -> str:
        return f"deblock-{strength_label(self.quality)}"

    def input_shape(self, shape: Shape) -> Shape:
        check_is_image(shape, "task=deblock", "task=denoise")
        if shape[0] not in (1, 3):
            raise UserError(
                f"task=deblock: takes images of 1 or 3 channels, but the data has {shape[0]}; use task=denoise"
            )
        return shape

    def degrade(self, x: Tensor) -> Tensor:
        lowest, highest = bounds(self.quality)
        return compress(x, torch.randint(lowest, highest + 1, (len(x),), device=x.device))
