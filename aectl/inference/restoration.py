"""Applies a run to pictures of any size, as they are; large ones in overlapping tiles, blended without seams."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.modalities import Images, pixels
from aectl.types import format_shape

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

LARGEST_WHOLE = 1_500_000  # the most pixels that a model that takes any size is given at once
USUAL_TILE = 512
OVERLAP = 32  # pixels that tiles share: more than the receptive field of a net of usual depth reaches

Advance = Callable[[float], None]
Apply = Callable[[np.ndarray], np.ndarray]  # (1, C, h, w) float32 in [0, 1] to (1, C', scale * h, scale * w)


def ignore(share: float) -> None:
    """The progress of what nobody watches."""


def require_images(trained: "TrainedRun") -> None:
    """Raises a UserError for a run whose examples are no images."""
    if not isinstance(modality := trained.modality, Images):
        raise UserError(
            f"run={trained.run.folder}: trained on {modality.name} of {format_shape(modality.shape)} values, not on "
            "images; picture files need a run on images"
        )


def restore(
    trained: "TrainedRun",
    picture: np.ndarray,
    tile: int | None = None,
    cond: Tensor | None = None,
    advance: Advance = ignore,
) -> np.ndarray:
    """(C, h, w) to what the model makes of it, (C', scale * h, scale * w), at the same depth.

    The depth is uint8, uint16 or float32 in [0, 1]. A model that takes any size is given tiles with sides of `tile`;
    without it the whole picture, or tiles of 512 pixels of a large one. Other models have tiles of the size that they
    were trained on. `cond` is (1,). `advance` is told after each tile what share of the picture that was.
    """
    require_images(trained)
    model = trained.model
    height, width = picture.shape[1:]
    if model.any_size:
        tile = tile or (USUAL_TILE if height * width > LARGEST_WHOLE else max(height, width))
        sides = min(tile, height), min(tile, width)
        overlap = min(OVERLAP, min(sides) // 2)
    else:
        sides = model.input_shape[1], model.input_shape[2]
        overlap = min(sides) // 2

    @torch.inference_mode()
    def apply(images: np.ndarray) -> np.ndarray:
        return model.reconstruct(torch.from_numpy(images).to(trained.device), cond).cpu().numpy()

    return apply_tiled(picture, apply, sides, overlap, model.scale, advance)


def apply_tiled(
    image: np.ndarray,
    apply: Apply,
    tile: tuple[int, int],
    overlap: int,
    scale: int,
    advance: Advance = ignore,
) -> np.ndarray:
    """(C, H, W) of any depth to (C', scale * H, scale * W) of the same, `tile` pixels at a time.

    Where tiles overlap, each result is weighted by the distance to the edge of its tile, so that there is no seam. Only
    one row of tiles is held in floating point. An image smaller than a tile is padded with its mirror image.
    """
    missing = [max(0, side - length) for length, side in zip(image.shape[1:], tile, strict=True)]
    padded = np.pad(image, [(0, 0), (0, missing[0]), (0, missing[1])], mode="symmetric")
    starts = [tile_starts(length, side, overlap) for length, side in zip(padded.shape[1:], tile, strict=True)]
    weights = [
        np.repeat(blend_weights(length, side, of_axis), scale, axis=1)
        for length, side, of_axis in zip(padded.shape[1:], tile, starts, strict=True)
    ]

    def apply_and_advance(piece: np.ndarray) -> np.ndarray:
        output = apply(piece)
        advance(1 / len(starts[0]) / len(starts[1]))
        return output

    whole = np.concatenate(list(tile_rows(padded, apply_and_advance, tile, starts, weights, scale)), axis=1)
    return whole[:, : scale * image.shape[1], : scale * image.shape[2]]


def tile_rows(
    image: np.ndarray,
    apply: Apply,
    tile: tuple[int, int],
    starts: list[list[int]],
    weights: list[np.ndarray],
    scale: int,
) -> Iterator[np.ndarray]:
    """Yields the result in bands from top to bottom, (C', rows, scale * W), each as soon as it is complete."""
    buffer = None
    for row, (top, following) in enumerate(pairwise([*starts[0], image.shape[1]])):
        for column, left in enumerate(starts[1]):
            piece = image[None, :, top : top + tile[0], left : left + tile[1]]
            output = apply(pixels.to_depth(piece, np.float32))[0]
            if buffer is None:
                buffer = np.zeros((len(output), output.shape[1], scale * image.shape[2]), np.float32)
            down = weights[0][row, scale * top : scale * (top + tile[0]), None]
            across = weights[1][column, scale * left : scale * (left + tile[1])]
            buffer[:, :, scale * left : scale * (left + tile[1])] += output * down * across
        assert buffer is not None
        done = scale * (following - top)
        yield pixels.to_depth(buffer[:, :done], image.dtype)
        buffer = np.concatenate([buffer[:, done:], np.zeros_like(buffer[:, :done])], axis=1)


def tile_starts(length: int, side: int, overlap: int) -> list[int]:
    """The positions along an axis of tiles that cover it, evenly spread, with at least this overlap."""
    if length <= side:
        return [0]
    number = -(-(length - overlap) // max(1, side - overlap))
    return [round(index * (length - side) / (number - 1)) for index in range(number)]


def blend_weights(length: int, side: int, starts: list[int]) -> np.ndarray:
    """The weight of each tile along an axis, (tiles, length): less towards its edges; they add up to 1 everywhere."""
    raw = np.zeros((len(starts), length), np.float32)
    distance = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    for index, start in enumerate(starts):
        raw[index, start : start + side] = distance
    return raw / raw.sum(axis=0)
