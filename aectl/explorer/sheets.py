"""Pictures side by side in one file, which the page cuts up again."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

QUALITY = 50  # of thumbnails; of the sheets that must be exact there is no loss


def sheet(pictures: np.ndarray, columns: int, lossless: bool = False) -> bytes:
    """Pictures (N, h, w) or (N, h, w, 3) uint8 as one WebP file, row by row."""
    rows = -(-len(pictures) // columns)
    whole = np.zeros((rows * columns, *pictures.shape[1:]), np.uint8)
    whole[: len(pictures)] = pictures
    height, width = pictures.shape[1:3]
    joined = whole.reshape(rows, columns, *pictures.shape[1:]).swapaxes(1, 2)
    joined = joined.reshape(rows * height, columns * width, *pictures.shape[3:])
    file = io.BytesIO()
    Image.fromarray(joined).convert("RGB").save(file, "WEBP", quality=QUALITY, lossless=lossless)
    return file.getvalue()


def to_pictures(images: Tensor) -> np.ndarray:
    """Images (N, C, H, W) in [0, 1] as (N, H, W) or (N, H, W, 3) uint8; of other numbers of channels the first."""
    pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    return (pixels.movedim(1, -1) if images.shape[1] == 3 else pixels[:, 0]).numpy()
