"""Crops, pads or cuts pictures of any size to one size."""

import math
from typing import Literal

import numpy as np
from PIL import Image

Resize = Literal["crop", "fit", "patches"]
Size = tuple[int, int]


def make_frames(picture: np.ndarray, size: Size, resize: Resize, n: int, rng: np.random.Generator) -> np.ndarray:
    """Images of one size from a picture (C, H, W) uint8: (1, C, *size), or `n` patches (n, C, *size).

    Arguments:
        resize: `crop`: scale to fill the frame and keep the centre; `fit`: scale to fit into the frame and repeat the
            edges; `patches`: positions drawn from `rng`, not scaled.

    Raises:
        ValueError: the picture is smaller than a patch.
    """
    if resize == "patches":
        return random_patches(picture, size, n, rng)
    fill = max if resize == "crop" else min
    scale = fill(size[0] / picture.shape[1], size[1] / picture.shape[2])
    height, width = (max(1, round(side * scale)) for side in picture.shape[1:])
    return center_crop_or_pad(resize_image(picture, (height, width)), size)[None]


def resize_image(picture: np.ndarray, size: Size) -> np.ndarray:
    """(C, H, W) to (C, *size), antialiased."""
    if picture.shape[1:] == size:
        return picture
    planes = [Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.LANCZOS) for plane in picture]
    return np.stack([np.asarray(plane) for plane in planes])


def center_crop_or_pad(picture: np.ndarray, size: Size) -> np.ndarray:
    """The centre of (C, H, W), padded by its edges if it is smaller than `size`."""
    for axis, side in enumerate(size, start=1):
        missing = side - picture.shape[axis]
        if missing > 0:
            margins = [(0, 0)] * 3
            margins[axis] = (missing // 2, missing - missing // 2)
            picture = np.pad(picture, margins, mode="edge")
        start = (picture.shape[axis] - side) // 2
        picture = picture.take(range(start, start + side), axis)
    return picture


def random_patches(picture: np.ndarray, size: Size, n: int, rng: np.random.Generator) -> np.ndarray:
    """Patches (n, C, *size) at random positions of (C, H, W); fewer where it has fewer positions."""
    spare = [length - side for length, side in zip(picture.shape[1:], size, strict=True)]
    if min(spare) < 0:
        raise ValueError(f"{picture.shape[1]}x{picture.shape[2]} pixels, smaller than the patch of {size[0]}x{size[1]}")
    n = min(n, math.prod(room + 1 for room in spare))
    tops, lefts = (rng.integers(0, room + 1, n) for room in spare)
    return np.stack([picture[:, t : t + size[0], x : x + size[1]] for t, x in zip(tops, lefts, strict=True)])
