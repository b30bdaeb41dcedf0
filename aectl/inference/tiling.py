"""Applies a function to a picture in overlapping tiles, blended without seams."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from aectl.modalities import pixels

Apply = Callable[[np.ndarray], np.ndarray]  # (1, C, h, w) float32 in [0, 1] to (1, C', scale * h, scale * w)
Advance = Callable[[float], None]


class Tiling(NamedTuple):
    """How a picture is cut.

    Arguments:
        sides: height and width of the tiles.
        overlap: pixels that tiles share, at least.
        margin: pixels at the inner edges of tiles that are not used, since the function does not see beyond the edge.
        step: the positions of the tiles are multiples of it, as the cells of a net are.
    """

    sides: tuple[int, int]
    overlap: int
    margin: int = 0
    step: int = 1


def ignore(share: float) -> None:
    """The progress of what nobody watches."""


def apply_tiled(
    image: np.ndarray, apply: Apply, tiling: Tiling, scale: int = 1, advance: Advance = ignore
) -> np.ndarray:
    """(C, H, W) of any depth to (C', scale * H, scale * W) of the same, a tile at a time.

    Where tiles overlap, each result is weighted by the distance to the edge of its tile, so that there is no seam. Only
    one row of tiles is held in floating point. An image smaller than a tile is padded with its mirror image. `advance`
    is told after each tile what share of the picture that was.
    """
    missing = [max(0, side - length) for length, side in zip(image.shape[1:], tiling.sides, strict=True)]
    padded = np.pad(image, [(0, 0), (0, missing[0]), (0, missing[1])], mode="symmetric")
    sides = [
        fitting_side(length, side, tiling.step) for length, side in zip(padded.shape[1:], tiling.sides, strict=True)
    ]
    starts = [
        tile_starts(length, side, tiling.overlap, tiling.step)
        for length, side in zip(padded.shape[1:], sides, strict=True)
    ]
    weights = [
        np.repeat(blend_weights(length, side, of_axis, tiling.margin), scale, axis=1)
        for length, side, of_axis in zip(padded.shape[1:], sides, starts, strict=True)
    ]

    def apply_and_advance(piece: np.ndarray) -> np.ndarray:
        output = apply(piece)
        advance(1 / len(starts[0]) / len(starts[1]))
        return output

    rows = tile_rows(padded, apply_and_advance, sides, starts, weights, scale)
    whole = np.concatenate(list(rows), axis=1)
    return whole[:, : scale * image.shape[1], : scale * image.shape[2]]


def tile_rows(
    image: np.ndarray, apply: Apply, tile: list[int], starts: list[list[int]], weights: list[np.ndarray], scale: int
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


def fitting_side(length: int, side: int, step: int) -> int:
    """The side, or a little more, so that the last tile of an axis begins at a multiple of the step."""
    return min(length, side + (length - side) % step)


def tile_starts(length: int, side: int, overlap: int, step: int = 1) -> list[int]:
    """The positions along an axis of tiles that cover it, evenly spread, with at least this overlap."""
    if length <= side:
        return [0]
    number = -(-(length - overlap) // max(1, side - overlap))
    steps = (length - side) // step
    number = max(number, -(-steps // max(1, (side - overlap) // step)) + 1)
    return [steps * index // (number - 1) * step for index in range(number)]


def blend_weights(length: int, side: int, starts: list[int], margin: int = 0) -> np.ndarray:
    """The weight of each tile along an axis, (tiles, length), which add up to 1 everywhere.

    It falls towards the edges that the tile shares with others, and is 0 in the margin there.
    """
    raw = np.zeros((len(starts), length), np.float32)
    for index, start in enumerate(starts):
        before = np.arange(1 - margin, side + 1 - margin) if index else np.full(side, length)
        behind = np.arange(side - margin, -margin, -1) if index < len(starts) - 1 else np.full(side, length)
        raw[index, start : start + side] = np.minimum(before, behind).clip(0)
    return raw / raw.sum(axis=0)
