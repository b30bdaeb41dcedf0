"""A picture file with what belongs to it: depth, transparency, EXIF, colour profile and resolution."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from aectl.image_math import LUMA
from aectl.modalities import deep_colour, image_files

COLOUR = "colour"
ORIENTATION = 0x0112
MOST_DPI = 100_000  # more is damage
LAYOUT_TAGS = {254, 255, *range(256, 260), 262, 266, 273, *range(277, 280), 282, 283, 284, 296, 317, 320}
LAYOUT_TAGS |= {*range(322, 326), 332, 338, 339, 347, *range(529, 533), 34675}
"""The tags of a TIFF that say how its pixels are laid out; a result has its own."""


@dataclass(frozen=True)
class Picture:
    """A picture as a model takes it, and what a result of it should keep.

    Arguments:
        pixels: (C, H, W) at the depth of the file: uint8, uint16, or float32 in [0, 1].
        gray: whether the file has no colour.
        alpha: its transparency, (H, W) of the same type; None without one.
        exif: its tags, without the orientation, which is applied to the pixels; empty without any.
        icc: its colour profile.
        dpi: its resolution along x and y.
        lost: what of the file is not here, such as further frames.
    """

    pixels: np.ndarray
    gray: bool
    alpha: np.ndarray | None = None
    exif: bytes = b""
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    lost: frozenset[str] = frozenset()


def read_picture(path: Path, channels: int) -> Picture:
    """A picture file as it is displayed, with `channels` 1 for gray or 3 for RGB; an UnreadableError says why not."""
    with image_files.unreadable_on_error(path), image_files.open_image(path) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about damaged tags
        gray, lost = image_files.num_channels(image) == 1, lost_by_reading(image)
        values = read_values(image, path, gray)  # first: the tags of a PNG may follow its pixels
        orientation, exif = read_exif(image)
        icc, dpi = image.info.get("icc_profile"), read_dpi(image)
        values = turned(values, orientation)
        colours = 3 if values.shape[2] > 2 else 1
        alpha = values[:, :, colours] if values.shape[2] > colours else None
        if colours > channels:
            lost |= {COLOUR}
        return Picture(to_channels(values[:, :, :colours], channels), gray, alpha, exif, icc, dpi, frozenset(lost))


def lost_by_reading(image: Image.Image) -> set[str]:
    several = "further pages" if image.format == "TIFF" else "animation"
    found = {
        several: getattr(image, "n_frames", 1) > 1,
        "CMYK": image.mode == "CMYK",
        "XMP": "xmp" in image.info,
        "16-bit depth": deep_colour.is_cut(image),
        "10-bit depth": image.info.get("bit_depth") in (10, 12),  # of HEIC
    }
    return {name for name, there in found.items() if there}


def read_exif(image: Image.Image) -> tuple[int, bytes]:
    """The orientation, and the tags that describe the picture and not the layout of its file; none if damaged."""
    tags = image.getexif()
    orientation = tags.pop(ORIENTATION, 1)
    for tag in LAYOUT_TAGS & set(tags):
        del tags[tag]
    try:
        return orientation, tags.tobytes() if tags else b""
    except Exception:  # Pillow may raise anything on damaged tags
        return orientation, b""


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(0 < value <= MOST_DPI for value in (across, down)) else None


def read_values(image: Image.Image, path: Path, gray: bool) -> np.ndarray:
    """(H, W, C) at the depth of the file; the last of 2 or 4 channels is the transparency."""
    if deep_colour.is_deep(image):
        with image_files.open_image(path) as twin:
            return deep_colour.read_deep(image, twin)
    if image.mode in image_files.GRAY_MODES and image.mode not in ("1", "L", "LA"):
        values = np.asarray(image)
        image_files.check_range(values)
        return values.astype(np.float32 if values.dtype.kind == "f" else np.uint16)[:, :, None]
    transparent = image_files.is_transparent(image)
    flat = image.convert("RGBA") if transparent else image
    mode = ("L" if gray else "RGB") + ("A" if transparent else "")
    return np.asarray(flat.convert(mode)).reshape(image.height, image.width, len(mode))


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, C) as the EXIF orientation says that it is displayed."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values[:, ::-1] if orientation in (2, 3, 6, 7) else values


def to_channels(values: np.ndarray, channels: int) -> np.ndarray:
    """(H, W, 1 or 3) as (channels, H, W) of the same type."""
    if values.shape[2] > channels:
        luma = (values @ np.array(LUMA, np.float32))[:, :, None]
        values = (luma if values.dtype.kind == "f" else luma.round()).astype(values.dtype)
    planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    return np.repeat(planes, channels, axis=0) if channels > len(planes) else planes
