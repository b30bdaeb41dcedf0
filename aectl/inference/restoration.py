"""Applies a run to pictures as they are: any size, nothing degraded; large ones in tiles, blended without seams."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch

from aectl.inference.trained_run import TrainedRun
from aectl.modalities import pixels

LARGEST_WHOLE = 1_500_000
"""Pixels that a model that takes any size is given at once."""
USUAL_TILE = 512
OVERLAP = 32
"""Pixels that tiles share: farther than a net of usual depth looks."""

Apply = Callable[[np.ndarray], np.ndarray]
"""(1, C, h, w) float32 in [0, 1] to (1, C', scale * h, scale * w)."""


def restore(opened: TrainedRun, picture: np.ndarray, tile: int | None = None) -> np.ndarray:
    """(C, h, w) uint8 to what the model makes of it, (C', scale * h, scale * w) uint8.

    Arguments:
        opened: the run.
        picture: with as many channels as the model's input.
        tile: the side of the tiles of a model that takes any size; none: the whole picture, or tiles of 512 pixels of a
            large one. Other models have tiles of the size that they were trained on.
    """
    model = opened.model
    scale = model.scale
    trained = (model.input_shape[1], model.input_shape[2])
    height, width = picture.shape[1:]
    if not model.any_size:
        return apply_tiled(picture, as_array_function(opened), trained, min(trained) // 2, scale)
    if tile is None:
        tile = USUAL_TILE if height * width > LARGEST_WHOLE else max(height, width)
    sides = min(tile, height), min(tile, width)
    return apply_tiled(picture, as_array_function(opened), sides, min(OVERLAP, min(sides) // 2), scale)


def as_array_function(opened: TrainedRun) -> Apply:
    """The model as a function of arrays."""

    @torch.inference_mode()
    def apply(images: np.ndarray) -> np.ndarray:
        return opened.model.reconstruct(torch.from_numpy(images).to(opened.device)).cpu().numpy()

    return apply


def apply_tiled(image: np.ndarray, apply: Apply, tile: tuple[int, int], overlap: int, scale: int) -> np.ndarray:
    """(C, H, W) uint8 to (C', scale * H, scale * W) uint8, `tile` pixels at a time.

    Where tiles overlap their results are weighed by how far their edge is, so that there is no seam; no more than a row
    of tiles is held in floating point. An image smaller than a tile is continued by its mirror image.
    """
    padded = pad_to_tile(image, tile)
    starts = [tile_starts(length, side, overlap) for length, side in zip(padded.shape[1:], tile, strict=True)]
    weights = [
        np.repeat(blend_weights(length, side, of_axis), scale, axis=1)
        for length, side, of_axis in zip(padded.shape[1:], tile, starts, strict=True)
    ]
    bands = list(tile_rows(padded, apply, tile, starts, weights, scale))
    whole = np.concatenate(bands, axis=1)
    return whole[:, : scale * image.shape[1], : scale * image.shape[2]]


def tile_rows(
    image: np.ndarray,
    apply: Apply,
    tile: tuple[int, int],
    starts: list[list[int]],
    weights: list[np.ndarray],
    scale: int,
) -> Iterator[np.ndarray]:
    """Bands of the result from top to bottom, (C', rows, scale * W) uint8: each is done when the next row begins."""
    buffer = None
    tops = [*starts[0], image.shape[1]]
    for row, (top, following) in enumerate(pairwise(tops)):
        for column, left in enumerate(starts[1]):
            piece = image[None, :, top : top + tile[0], left : left + tile[1]]
            output = apply(pixels.to_float(torch.from_numpy(piece)).numpy())[0]
            if buffer is None:
                buffer = np.zeros((len(output), output.shape[1], scale * image.shape[2]), np.float32)
            down = weights[0][row, scale * top : scale * (top + tile[0]), None]
            across = weights[1][column, scale * left : scale * (left + tile[1])]
            buffer[:, :, scale * left : scale * (left + tile[1])] += output * down * across
        assert buffer is not None
        done = scale * (following - top)
        yield pixels.to_uint8(torch.from_numpy(buffer[:, :done])).numpy()
        buffer = np.concatenate([buffer[:, done:], np.zeros_like(buffer[:, :done])], axis=1)


def pad_to_tile(image: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """The image continued at the right and bottom until it is no smaller than a tile."""
    missing = [max(0, side - length) for length, side in zip(image.shape[1:], tile, strict=True)]
    return np.pad(image, [(0, 0), (0, missing[0]), (0, missing[1])], mode="symmetric")


def tile_starts(length: int, side: int, overlap: int) -> list[int]:
    """Where tiles begin along an axis so that they cover it with at least this overlap, evenly spread."""
    if length <= side:
        return [0]
    number = -(-(length - overlap) // max(1, side - overlap))
    return [round(index * (length - side) / (number - 1)) for index in range(number)]


def blend_weights(length: int, side: int, starts: list[int]) -> np.ndarray:
    """The weight of each tile along an axis, (tiles, length): falls towards its edges, and all of them add up to 1."""
    raw = np.zeros((len(starts), length), np.float32)
    distance = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    for index, start in enumerate(starts):
        raw[index, start : start + side] = distance
    return raw / raw.sum(axis=0)
