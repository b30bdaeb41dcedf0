"""Guesses the image shape of a picture folder from the headers of its files."""

from pathlib import Path

from aectl.errors import UserError
from aectl.modalities import image_files
from aectl.types import Shape

MAX_PROBED = 500  # files whose headers are read
MAX_COMMON_SIDE = 256  # pixels up to which a size that all pictures have in common is kept
DEFAULT_SIDE = 64
PATCH_SIDE = 48  # of a patch at full resolution: each scale of super-resolution divides it
PATCH_MULTIPLE = 12  # so that they divide the side of a patch of a small picture too
ICON_SIDE = 16  # pixels of the shorter side of a picture that may well be no photograph

Header = tuple[int, int, int]


def read_headers(files: list[Path]) -> list[Header]:
    """Height, width and channels of some of the files, at least one; an UnreadableError if none is a picture."""
    chosen = files[:: max(1, len(files) // MAX_PROBED)]
    found = [header for path in chosen if (header := try_header(path))]
    if not found:
        image_files.read_header(chosen[0])  # raises with the reason
    return found


def choose_shape(
    headers: list[Header], size: tuple[int, int] | None, channels: int | None, patches: bool = False
) -> Shape:
    """The shape (C, H, W) of the images of a data set of pictures with these headers.

    Icons do not count, unless most of the pictures are icons.

    Arguments:
        size: height and width; None: the size that all pictures have, unless it is large; else a square of 64 pixels,
            or of the shortest side of any picture.
        channels: 1 or 3; None: 3 if any picture has colour.
        patches: whether the images are parts of the pictures; then None gives a square of 48 pixels, or smaller.
    """
    channels = channels or max(channels for *_, channels in headers)
    if size:
        return (channels, *size)
    counted = [header for header in headers if not is_icon(header)]
    sizes = {header[:2] for header in (counted if 2 * len(counted) >= len(headers) else headers)}
    shortest = min(map(min, sizes))
    if patches:
        side = min(PATCH_SIDE, shortest // PATCH_MULTIPLE * PATCH_MULTIPLE or shortest)
        return (channels, side, side)
    if len(sizes) == 1 and max(next(iter(sizes))) <= MAX_COMMON_SIDE:
        return (channels, *sizes.pop())
    side = min(DEFAULT_SIDE, shortest)
    return (channels, side, side)


def is_icon(header: Header) -> bool:
    return min(header[:2]) <= ICON_SIDE


def try_header(path: Path) -> Header | None:
    """Height, width and channels, or None if the file is not a picture."""
    try:
        return image_files.read_header(path)
    except UserError:
        return None
