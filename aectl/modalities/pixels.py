"""Pixel values: uint8, where 255 is white, or floating point in [0, 1]. Other values are an error, never rescaled."""

import numpy as np
import torch
from torch import Tensor

from aectl.errors import UserError

WHITE = 255
WHITES = {("u", 1): WHITE, ("u", 2): 65_535, ("f", 4): 1}
"""White of each depth, by the kind of its type and its bytes."""


def to_float(x: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1]; floating point as it is."""
    return x.float().div_(WHITE) if x.dtype == torch.uint8 else x


def to_uint8(x: Tensor) -> Tensor:
    """Floating point, clipped to [0, 1], as uint8; uint8 as it is."""
    return x if x.dtype == torch.uint8 else x.float().clamp(0, 1).mul_(WHITE).round_().to(torch.uint8)


def to_depth(x: np.ndarray, depth: type | np.dtype) -> np.ndarray:
    """Values of one depth, uint8, uint16 or floating point, at another; what is out of range is clipped."""
    depth = np.dtype(depth)
    if x.dtype == depth and depth.kind == "u":
        return x
    scaled = (x / np.float32(WHITES[x.dtype.kind, x.itemsize])).clip(0, 1) * np.float32(
        WHITES[depth.kind, depth.itemsize]
    )
    return (scaled if depth.kind == "f" else scaled.round()).astype(depth)


def as_pixels(parts: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    """The arrays of a data set, by part, as uint8 or as float32 in [0, 1].

    Integers that are 0 or 1 in all parts become 0 and 255. A UserError about other values starts with `where`, the
    config key and value of the data set.
    """
    integers = [x for x in parts.values() if x.dtype.kind in "bui"]
    white = WHITE if max((int(x.max(initial=0)) for x in integers), default=0) <= 1 else 1
    return {name: to_pixels(x, white, where, name) for name, x in parts.items()}


def to_pixels(x: np.ndarray, white: int, where: str, name: str) -> np.ndarray:
    """One array in range; integers are multiplied by `white`."""
    lowest, highest = (x.min(), x.max()) if x.size and x.dtype.kind in "buif" else (0, 0)
    if x.dtype.kind in "bui" and lowest >= 0 and highest <= WHITE:
        return x if x.dtype == np.uint8 and white == 1 else x.astype(np.uint8) * np.uint8(white)
    if x.dtype.kind == "f" and lowest >= 0 and highest <= 1:  # false for NaN
        return x.astype(np.float32)
    raise UserError(f"{where}: its {name} part {describe_range(lowest, highest, x.dtype)}")


def check_range(x: Tensor, where: str, name: str) -> None:
    """Checks the values of one split; a UserError if one is out of range, or of another type."""
    if x.dtype == torch.uint8:
        return
    lowest, highest = (float(value) for value in x.aminmax()) if x.numel() else (0.0, 0.0)
    if not (x.is_floating_point() and lowest >= 0 and highest <= 1):
        raise UserError(
            f"{where}: its {name} split {describe_range(lowest, highest, str(x.dtype).removeprefix('torch.'))}"
        )


def to_unit_range(x: Tensor) -> Tensor:
    """A user's examples as float32 in [0, 1]; a UserError unless uint8 or floating point in [0, 1]."""
    if x.dtype != torch.uint8 and not (x.is_floating_point() and ((x >= 0) & (x <= 1)).all()):
        found = f" from {x.min().item():.6g} to {x.max().item():.6g}" if x.numel() else ""
        raise UserError(f"x: values of {x.dtype}{found}; expected uint8, or floating point from 0 to 1")
    return to_float(x).float()


def describe_range(lowest: float, highest: float, dtype: object) -> str:
    return (
        f"has values from {lowest:.6g} to {highest:.6g} ({dtype}); expected uint8, or numbers in [0, 1]: "
        "scale all parts alike, by (x - low) / (high - low)"
    )
