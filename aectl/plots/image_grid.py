"""Grids of images as one picture."""

from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from aectl.io.atomic import write_atomic

GAP = 2
WHITE = 255
COMPRESSION = 1  # the lowest level of zlib: four times as fast as the default, a tenth more bytes


def enlarge(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, h, w) to (N, C, *size) by nearest neighbour, so that a small input looks small."""
    return images if tuple(images.shape[-2:]) == tuple(size) else F.interpolate(images, size, mode="nearest")


def tile_images(images: Tensor, columns: int, gap: int = GAP) -> Tensor:
    """(N, C, H, W) uint8 to one picture (C, H', W'), row by row, with white gaps and frame."""
    rows = -(-len(images) // columns)
    padded = F.pad(images.cpu(), (0, gap, 0, gap), value=WHITE)
    missing = rows * columns - len(images)
    padded = torch.cat([padded, padded.new_full((missing, *padded.shape[1:]), WHITE)])
    c, h, w = padded.shape[1:]
    grid = padded.view(rows, columns, c, h, w).permute(2, 0, 3, 1, 4).reshape(c, rows * h, columns * w)
    return F.pad(grid, (gap, 0, gap, 0), value=WHITE)


def comparison_grid(rows: list[Tensor]) -> Tensor:
    """One picture (C, H', W') with a row for each batch of images, enlarged to the size of those in the last.

    All batches have as many images as the first, except that the last may have fewer. If one has colours, all have.
    """
    size, channels = (rows[-1].shape[-2], rows[-1].shape[-1]), max(row.shape[1] for row in rows)
    large = [enlarge(row.cpu(), size).expand(-1, channels, -1, -1) for row in rows]
    return tile_images(torch.cat(large), columns=len(rows[0]))


def save_png(picture: Tensor, path: Path, zoom: int = 1) -> Path:
    """Writes (C, H, W) uint8 as a PNG, each pixel `zoom` pixels wide."""
    array = picture.cpu().permute(1, 2, 0).numpy()
    image = Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array)
    zoomed = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
    return write_atomic(path, lambda aside: zoomed.save(aside, compress_level=COMPRESSION))
