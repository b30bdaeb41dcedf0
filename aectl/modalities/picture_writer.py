"""Writes what a model made of a picture with what belongs to that picture, as far as the format has room for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aectl.io.atomic import write_atomic
from aectl.modalities import deep_colour, pixels
from aectl.modalities.pictures import COLOUR, Picture

DEPTH, FLOAT, ALPHA, COLOURS = "16-bit depth", "floating point", "transparency", "more than 256 colours"
EXIF, PROFILE, DPI = "EXIF", "colour profile", "dpi"
KEEPS = {
    "png": {DEPTH, ALPHA, COLOURS, EXIF, PROFILE, DPI},
    "tif": {DEPTH, FLOAT, ALPHA, COLOURS, EXIF, PROFILE, DPI},
    "jpg": {COLOURS, EXIF, PROFILE, DPI},
    "webp": {ALPHA, COLOURS, EXIF, PROFILE},
    "bmp": {COLOURS, DPI},
    "gif": set[str](),
}
"""What each format has room for."""
ALIASES = {"tiff": "tif", "jpeg": "jpg", "jpe": "jpg", "jfif": "jpg"}
MOST_EXIF_IN_JPEG = 65_533  # bytes


def write_picture(result: np.ndarray, source: Picture, path: Path) -> set[str]:
    """Writes (C, H, W) in the format of the suffix, with what belongs to its source; returns what that loses."""
    suffix = path.suffix[1:].lower()
    kind = ALIASES.get(suffix, suffix)
    keeps = KEEPS[kind]
    values, more = result.transpose(1, 2, 0), len(result) > len(source.pixels)  # than the model was given
    if source.gray and not more:
        values = as_gray(values)
    lost = lost_by_writing(source, kind, values.shape[2])
    if source.alpha is not None:
        values = with_alpha(values, resized(source.alpha, values.shape[:2]), ALPHA in keeps)
    if values.dtype.kind == "f" and FLOAT not in keeps:
        values = pixels.to_depth(values, np.uint16)
    if DEPTH not in keeps:
        values = pixels.to_depth(values, np.uint8)
    kept = replace(
        source,
        exif=b"" if EXIF in lost else source.exif,
        icc=None if PROFILE in lost else source.icc,
        dpi=None if DPI in lost else source.dpi,
    )
    write_atomic(path, lambda aside: save(values, aside, kind, kept))
    return lost | (source.lost - {COLOUR} if more else source.lost)


def as_gray(values: np.ndarray) -> np.ndarray:
    """(H, W, C) as the mean of its channels, (H, W, 1) of the same type."""
    if values.shape[2] == 1:
        return values
    mean = values.mean(axis=2, dtype=np.float32, keepdims=True)
    return (mean if values.dtype.kind == "f" else mean.round()).astype(values.dtype)


def lost_by_writing(source: Picture, kind: str, channels: int) -> set[str]:
    """What the source has and a file of this kind has not."""
    fitting = b"GRAY" if channels == 1 else b"RGB "
    has = {
        DEPTH: source.pixels.dtype == np.uint16,
        FLOAT: source.pixels.dtype.kind == "f",
        ALPHA: source.alpha is not None,
        COLOURS: channels > 1,
        EXIF: bool(source.exif),
        PROFILE: bool(source.icc),
        DPI: source.dpi is not None,
    }
    refused = {
        EXIF: kind == "jpg" and len(source.exif) > MOST_EXIF_IN_JPEG,
        PROFILE: source.icc is not None and source.icc[16:20] != fitting,
    }
    return {name for name, there in has.items() if there and (name not in KEEPS[kind] or refused.get(name))}


def resized(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) to another size, of the same type."""
    if alpha.shape == size:
        return alpha
    unit = Image.fromarray(pixels.to_depth(alpha, np.float32))
    return pixels.to_depth(np.asarray(unit.resize((size[1], size[0]), Image.Resampling.BICUBIC)), alpha.dtype)


def with_alpha(values: np.ndarray, alpha: np.ndarray, kept: bool) -> np.ndarray:
    """(H, W, C) with the transparency (H, W) as another channel or, unless that is `kept`, over white."""
    if kept:
        return np.concatenate([values, alpha[:, :, None]], axis=2)
    opaque = pixels.to_depth(alpha, np.float32)[:, :, None]
    over = pixels.to_depth(values, np.float32) * opaque + (1 - opaque)
    return pixels.to_depth(over, values.dtype)


def save(values: np.ndarray, path: Path, kind: str, kept: Picture) -> None:
    """Writes (H, W, C) and what is kept of the source; the last of 2 or 4 channels is the transparency."""
    channels = values.shape[2]
    if values.dtype == np.uint16 and channels > 1:
        write = deep_colour.write_png if kind == "png" else deep_colour.write_tiff
        write(values, path, kept.exif, kept.icc, kept.dpi)
        return
    settings: dict[str, Any] = {"lossless": True} if kind == "webp" else {"quality": 95} if kind == "jpg" else {}
    beside = {"exif": kept.exif, "icc_profile": kept.icc, "dpi": kept.dpi}
    settings |= {name: value for name, value in beside.items() if value}
    Image.fromarray(values[:, :, 0] if channels == 1 else np.ascontiguousarray(values)).save(path, **settings)
