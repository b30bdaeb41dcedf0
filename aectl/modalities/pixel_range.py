"""Which numbers are pixels: integers from 0 to 255, or floating point from 0 to 1. Others are named, not guessed."""

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError


def as_pixels(parts: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    """The arrays of a data set as uint8, where 255 is white, or as float32 in [0, 1].

    Integers that are all 0 or 1, in every part, are black and white.

    Arguments:
        parts: the images by the names of their parts; of all of them together, since a part may lack the brightest.
        where: the key and value that name the data set.

    Raises:
        UserError: other values.
    """
    whole = [x for x in parts.values() if x.dtype.kind in "bui"]
    white = 255 if max((int(x.max(initial=0)) for x in whole), default=0) <= 1 else 1
    return {name: to_pixels(x, white, where, name) for name, x in parts.items()}


def to_pixels(x: np.ndarray, white: int, where: str, name: str) -> np.ndarray:
    """One array in the range; integers are multiplied by `white`."""
    lowest, highest = (x.min(), x.max()) if x.size and x.dtype.kind in "buif" else (0, 0)
    if x.dtype.kind in "bui" and lowest >= 0 and highest <= 255:
        return x if x.dtype == np.uint8 and white == 1 else x.astype(np.uint8) * np.uint8(white)
    if x.dtype.kind == "f" and lowest >= 0 and highest <= 1:  # false where there is a NaN
        return x.astype(np.float32)
    raise UserError(f"{where}: its {name} part {describe_range(lowest, highest, x.dtype)}")


def check_range(x: Tensor, where: str, name: str) -> None:
    """Holds the images of one split against the range.

    Raises:
        UserError: they leave it, or are of another type.
    """
    if x.dtype == torch.uint8:
        return
    lowest, highest = (float(value) for value in x.aminmax()) if x.numel() else (0.0, 0.0)
    if not (x.is_floating_point() and lowest >= 0 and highest <= 1):
        raise UserError(
            f"{where}: its {name} split {describe_range(lowest, highest, str(x.dtype).removeprefix('torch.'))}"
        )


def describe_range(lowest: float, highest: float, dtype: object) -> str:
    """What a part of a data set has, and what it should have."""
    return (
        f"has values from {lowest:.6g} to {highest:.6g} ({dtype}); expected uint8, or numbers in [0, 1]: "
        "scale all parts alike, by (x - low) / (high - low)"
    )
