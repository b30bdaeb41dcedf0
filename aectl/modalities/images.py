"""Images of one or three channels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from aectl.modalities import image_files
from aectl.modalities.base import Metric, Modality
from aectl.modalities.image_metrics import MS_SSIM_SIDE, ms_ssim, mse, psnr, ssim
from aectl.plots.image_grid import save_png

METRICS = {"psnr": Metric(psnr, "PSNR, dB", 2, " dB"), "ssim": Metric(ssim, "SSIM", 3), "mse": Metric(mse, "MSE", 4)}
MS_SSIM = {"ms_ssim": Metric(ms_ssim, "MS-SSIM", 3)}


class Images(Modality):
    """Images (C, H, W)."""

    name = "images"
    has_pictures = True
    suffix = ".png"

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return METRICS if min(self.shape[1:]) < MS_SSIM_SIDE else {**METRICS, **MS_SSIM}

    def write_file(self, output: Tensor, path: Path) -> Path:
        return save_png(self.to_uint8(output), path)

    def to_tensor(self, x: Any) -> Tensor:
        """PIL images, and arrays (H, W), (C, H, W), (H, W, C) or (N, C, H, W)."""
        channels = self.shape[0]
        images = super().to_tensor(image_files.to_array(x, channels) if isinstance(x, Image.Image) else x)
        if images.ndim > 2 and images.shape[-1] == channels != images.shape[-3]:
            return images.movedim(-1, -3)  # as matplotlib and scikit-image lay them out
        return images

    def read_file(self, path: Path) -> np.ndarray:
        """(C, H, W) uint8 with the channels of this modality and the size of the picture."""
        return image_files.read_image(path, self.shape[0])
