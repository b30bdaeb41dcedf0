"""Super-resolution: enlarge a small image."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from aectl.errors import UserError
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline
from aectl.tasks.baselines.interpolation import KERNELS, Enlarged
from aectl.tasks.baselines.learned import LinearMap
from aectl.types import Shape, check_is_image


class SuperRes(Task):
    """Enlarge a downscaled image to the original; the encoder sees the small image, with no upscaling before it.

    Arguments:
        scale: the factor between the sides of target and input.
        kernel: the downscaling: `box` averages blocks of pixels; `bilinear` and `bicubic` are antialiased.
    """

    def __init__(self, scale: Literal[2, 3, 4], kernel: Literal["box", "bilinear", "bicubic"]) -> None:
        super().__init__()
        self.scale, self.kernel = scale, kernel

    @property
    def label(self) -> str:
        return f"super-res-x{self.scale}" + ("" if self.kernel == "bicubic" else f"-{self.kernel}")

    def input_shape(self, shape: Shape) -> Shape:
        check_is_image(shape, "task=super-res", "task=denoise")
        channels, height, width = shape
        if height % self.scale or width % self.scale:
            fitting = [s for s in (2, 3, 4) if height % s == width % s == 0]
            choices = " or ".join(f"task.scale={s}" for s in fitting) or "another data set"
            raise UserError(
                f"task.scale={self.scale}: does not divide the image size of {height}x{width} pixels; "
                f"expected a divisor of both sides; use {choices}"
            )
        return channels, height // self.scale, width // self.scale

    def degrade(self, x: Tensor) -> Tensor:
        size = self.input_shape(tuple(x.shape[1:]))[1:]
        if self.kernel == "box":
            return F.avg_pool2d(x, self.scale)
        return F.interpolate(x, size, mode=self.kernel, antialias=True).clamp(0, 1)

    def untouched(self, input: Tensor) -> Tensor:
        """The bicubic enlargement, with Pillow's kernel, which torch uses if told to antialias."""
        return F.interpolate(input, scale_factor=self.scale, mode="bicubic", antialias=True).clamp(0, 1)

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        return [*(Enlarged(kernel, self.scale) for kernel in KERNELS), LinearMap()]
