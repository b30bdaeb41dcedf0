"""Images of one or three channels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aectl.errors import UserError
from aectl.modalities import image_files
from aectl.modalities.base import Metric, Modality
from aectl.modalities.image_metrics import MS_SSIM_SIDE, ms_ssim, mse, psnr, ssim
from aectl.modalities.pixels import to_unit_range
from aectl.plots.image_grid import comparison_grid

METRICS = {
    "psnr": Metric(psnr, "PSNR, dB", 2),
    "ssim": Metric(ssim, "SSIM", 3),
    "mse": Metric(mse, "MSE", 4),
}
MS_SSIM = {"ms_ssim": Metric(ms_ssim, "MS-SSIM", 3)}


class Images(Modality):
    """Images (C, H, W)."""

    name = "images"
    suffixes: ClassVar = image_files.SUFFIXES

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return METRICS if min(self.shape[1:]) < MS_SSIM_SIDE else {**METRICS, **MS_SSIM}

    def preview(self, rows: Sequence[Tensor]) -> Tensor:
        return comparison_grid([self.to_uint8(row) for row in rows])

    def to_batch(self, x: Any, any_size: bool = False) -> Tensor:
        """Images in any usual form: (H, W), (C, H, W), (H, W, C), (N, C, H, W), PIL images, or lists of these."""
        if isinstance(x, list):
            return torch.cat([self.to_batch(image, any_size) for image in x])
        channels = self.shape[0]
        if isinstance(x, Image.Image):
            x = image_files.to_array(x, channels)
        images = torch.as_tensor(np.array(x) if isinstance(x, np.ndarray) else x)
        if images.ndim > 2 and images.shape[-1] == channels != images.shape[-3]:
            images = images.movedim(-1, -3)  # as matplotlib and scikit-image lay them out
        while images.ndim < 4:
            images = images.unsqueeze(0)
        size = images.shape[2:] if any_size else self.shape[1:]
        if images.shape[1:] != (channels, *size):
            wanted = "height, width" if any_size else ", ".join(map(str, size))
            raise UserError(f"x: images of shape {tuple(images.shape)}; expected (N, {channels}, {wanted})")
        return to_unit_range(images)

    def read_file(self, path: Path) -> np.ndarray:
        """(C, H, W) uint8 with the channels of this modality and the size of the picture."""
        return image_files.read_image(path, self.shape[0])

    def write_file(self, x: np.ndarray, path: Path) -> Path:
        return image_files.write_image(x, path)
