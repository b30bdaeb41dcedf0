"""Colour of 16 bits a channel, of which Pillow reads the high bytes only and writes none."""

import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from PIL.TiffTags import TAGS_V2_GROUPS

OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
READABLE = {f"{channels};{order}" for channels in ("RGB", "RGBA") for order in OTHER_BYTE}
PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels
INCH = 0.0254  # metres
UP = 2  # the PNG filter that subtracts the row above

Dpi = tuple[float, float]  # along x and y


def is_deep(image: Image.Image) -> bool:
    """Whether an open file has 16 bits in each of several channels, as `read_deep` reads them."""
    tiles = getattr(image, "tile", [])
    return bool(tiles) and all(raw_mode(tile) in READABLE for tile in tiles)


def is_cut(image: Image.Image) -> bool:
    """Whether the values of an open file are 16 bits each but come as 8 bits."""
    deep = any(";16" in raw_mode(tile) for tile in getattr(image, "tile", []))
    return deep and not image.mode.startswith(("I", "F")) and not is_deep(image)


def raw_mode(tile: Any) -> str:
    """How the decoder is told that the values of a tile are packed, such as `RGB;16B`."""
    arguments = tile[3]
    return str(arguments if isinstance(arguments, str) else arguments[0] if arguments else "")


def read_deep(image: Image.Image, twin: Image.Image) -> np.ndarray:
    """(H, W, 3 or 4) uint16 of a file that was opened twice: Pillow decodes the high bytes, then the low ones."""
    twin.tile = [with_other_byte(tile) for tile in twin.tile]  # type: ignore[attr-defined]
    return np.asarray(image).astype(np.uint16) << 8 | np.asarray(twin)


def with_other_byte(tile: Any) -> Any:
    """The tile as if its bytes were in the other order, so that the low byte of each value is taken."""
    packed = raw_mode(tile)
    swapped = packed[:-3] + OTHER_BYTE[packed[-3:]]
    arguments = swapped if isinstance(tile[3], str) else (swapped, *tile[3][1:])
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


def write_png(pixels: np.ndarray, path: Path, exif: bytes, icc: bytes | None, dpi: Dpi | None) -> None:
    """Writes (H, W, C) uint16 as a PNG; the last of 2 or 4 channels is the transparency."""
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(height, -1)
    filtered = np.full((height, 1 + rows.shape[1]), UP, np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, PNG_COLOUR_TYPES[channels], 0, 0, 0))]
    if icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / INCH) for value in dpi), 1)))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    chunks += [(b"IDAT", zlib.compress(filtered.data)), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in chunks:
            file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))


def write_tiff(pixels: np.ndarray, path: Path, exif: bytes, icc: bytes | None, dpi: Dpi | None) -> None:
    """Writes (H, W, C) uint16 as an uncompressed TIFF; the last of 2 or 4 channels is the transparency."""
    height, width, channels = pixels.shape
    content = pixels.astype("<u2").tobytes()
    directory = ImageFileDirectory_v2(prefix=b"II")
    tags = Image.Exif()
    tags.load(exif)
    for tag in tags:
        directory[tag] = tags.get_ifd(tag) if tag in TAGS_V2_GROUPS else tags[tag]
    directory[256], directory[257] = width, height
    directory[258] = (16,) * channels
    directory[259] = 1  # not compressed
    directory[262] = 2 if channels > 2 else 1  # RGB, or gray where 0 is black
    directory[273], directory[278], directory[279] = (0,), height, (len(content),)
    directory[277] = channels
    directory[284] = 1  # channels side by side
    if channels in (2, 4):
        directory[338] = 2  # transparency, not multiplied into the colour
    if dpi:
        directory[282], directory[283], directory[296] = dpi[0], dpi[1], 2
    if icc:
        directory[34675] = icc
    with path.open("wb") as file:
        directory.save(file)
        file.write(content)
