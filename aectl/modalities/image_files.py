"""Reads and writes image files of the usual formats."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from aectl.errors import UserError, one_line
from aectl.io.atomic import write_atomic
from aectl.modalities import heif, pixels

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF")  # never EPS: Pillow would run the program in it
MAX_PIXELS = 150_000_000  # more than any camera has
MANY_PIXELS = 30_000_000
MIN_BYTES_PER_PIXEL = 1 / 200  # of a picture of many pixels; even a JPEG of a blank page has more
GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
MAX_16_BIT = 65_535


class UnreadableError(UserError):
    """A file that is not a complete picture; the message says why."""


def read_header(path: Path) -> tuple[int, int, int]:
    """Height, width and channels (1 or 3) of a picture as displayed; an UnreadableError if it is none, or too large."""
    with unreadable_on_error(path), open_image(path) as image:
        turned = image.getexif().get(0x0112, 1) >= 5  # by 90 degrees
        width, height = reversed(image.size) if turned else image.size
        return height, width, num_channels(image)


def read_image(path: Path, channels: int | None = None) -> np.ndarray:
    """A picture as it is displayed, (C, H, W) uint8: EXIF orientation applied, transparency over white, first frame.

    `channels` is 1 for gray, 3 for RGB, None for what it has. An UnreadableError says why it cannot be read.
    """
    with unreadable_on_error(path), open_image(path) as image:
        return to_array(image, channels or num_channels(image))


@contextmanager
def unreadable_on_error(path: Path) -> Iterator[None]:
    """Turns any error of reading a picture into an UnreadableError that names the file."""
    try:
        yield
    except UnreadableError as error:
        raise UnreadableError(f"{path}: {error}") from None
    except Exception as error:  # PIL may raise anything on a damaged file
        text = one_line(error)
        reason = "not a picture" if "cannot identify" in text else f"damaged ({text or type(error).__name__})"
        raise UnreadableError(f"{path}: {reason}") from error


def open_image(path: Path) -> Image.Image:
    """An image file whose header was read, but not its pixels; its errors do not name the file."""
    if not path.is_file():
        raise UnreadableError("not a regular file")
    if not path.stat().st_size:
        raise UnreadableError("the file is empty")
    if heif.is_heif(path) and not heif.register():
        raise UnreadableError(f"HEIC, {heif.REMEDY}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the size, which is checked below
        try:
            image = Image.open(path, formats=("HEIF",) if heif.is_heif(path) else FORMATS)
        except Image.DecompressionBombError as error:
            raise UnreadableError(f"too large, more than {MAX_PIXELS:,} pixels") from error
    size = f"{image.width}x{image.height} pixels"
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise UnreadableError(f"too large, {size}; at most {MAX_PIXELS:,}")
    if image.width * image.height > max(MANY_PIXELS, path.stat().st_size / MIN_BYTES_PER_PIXEL):
        image.close()
        raise UnreadableError(f"too large, {size} in {path.stat().st_size:,} bytes; possible decompression bomb")
    return image


def num_channels(image: Image.Image) -> int:
    """1 if there is no colour, else 3."""
    if image.mode == "P" and image.palette:
        colours = np.frombuffer(image.palette.getdata()[1], np.uint8)
        if image.palette.mode == "RGB" and len(colours) % 3 == 0:
            return 1 if (colours.reshape(-1, 3) == colours.reshape(-1, 3)[:, :1]).all() else 3
    return 1 if image.mode in GRAY_MODES else 3


def to_array(image: Image.Image, channels: int) -> np.ndarray:
    """A picture of any mode as (channels, H, W) uint8."""
    image = ImageOps.exif_transpose(image)
    if image.mode in GRAY_MODES and image.mode not in ("1", "L", "LA"):
        image = Image.fromarray(to_uint8(np.asarray(image)))
    if is_transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def is_transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def to_uint8(values: np.ndarray) -> np.ndarray:
    """16-bit integers, or floating point in [0, 1], as uint8; an UnreadableError if a value is out of range."""
    check_range(values)
    floating = np.issubdtype(values.dtype, np.floating)
    return pixels.to_uint8(torch.tensor(values)).numpy() if floating else (values / 257).round().astype(np.uint8)


def check_range(values: np.ndarray) -> None:
    """Raises an UnreadableError if a value is no 16-bit integer, or not in [0, 1] where it is floating point."""
    floating = np.issubdtype(values.dtype, np.floating)
    most = 1 if floating else MAX_16_BIT
    lowest, highest = values.min(), values.max()
    if not (lowest >= 0 and highest <= most):
        kind = "floating point" if floating else "integers"
        raise UnreadableError(f"values from {lowest:.6g} to {highest:.6g}; expected {kind} from 0 to {most}")


def write_image(array: np.ndarray, path: Path) -> Path:
    """Writes (C, H, W) uint8 in the format of the suffix."""
    settings = {"lossless": True} if path.suffix.lower() == ".webp" else {"quality": 95}
    return write_atomic(path, lambda aside: to_pil(array).save(aside, **settings))


def to_pil(array: np.ndarray) -> Image.Image:
    """(C, H, W) uint8 as a PIL image."""
    return Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))
