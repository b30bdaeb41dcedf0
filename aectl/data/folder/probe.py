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


def probe_shape(files: list[Path], size: tuple[int, int] | None, channels: int | None, patches: bool = False) -> Shape:
    """The shape (C, H, W) of the images of a data set of these files; an UnreadableError if none is a picture.

    Arguments:
        size: height and width; None: the size that all pictures have, unless it is large; else a square of 64 pixels,
            or of the shortest side of any picture.
        channels: 1 or 3; None: 3 if any picture has colour.
        patches: whether the images are parts of the pictures; then None gives a square of 48 pixels, or smaller.
    """
    chosen = files[:: max(1, len(files) // MAX_PROBED)]
    found = [header for path in chosen if (header := try_header(path))]
    if not found:
        image_files.read_header(chosen[0])  # raises with the reason
    channels = channels or max(channels for *_, channels in found)
    if size:
        return (channels, *size)
    sizes = {(height, width) for height, width, _ in found}
    shortest = min(map(min, sizes))
    if patches:
        side = min(PATCH_SIDE, shortest // PATCH_MULTIPLE * PATCH_MULTIPLE or shortest)
        return (channels, side, side)
    if len(sizes) == 1 and max(next(iter(sizes))) <= MAX_COMMON_SIDE:
        return (channels, *sizes.pop())
    side = min(DEFAULT_SIDE, shortest)
    return (channels, side, side)


def try_header(path: Path) -> tuple[int, int, int] | None:
    """Height, width and channels, or None if the file is not a picture."""
    try:
        return image_files.read_header(path)
    except UserError:
        return None
