"""What pictures in a folder tell of their size and channels. Knows nothing of how they are read into a data set."""

from pathlib import Path

from aectl.errors import UserError
from aectl.modalities import image_files
from aectl.types import Shape

PROBED = 500
"""Pictures, at most, that are looked at."""
LARGEST_GUESSED = 256
USUAL_SIDE = 64


def probe_shape(files: list[Path], size: tuple[int, int] | None, channels: int | None) -> Shape:
    """The shape of the images that a data set makes of these files.

    Arguments:
        files: the pictures, one or more.
        size: height and width; none: those of all pictures if they are the same and not large, else a usual size.
        channels: 1 or 3; none: 3 if any picture has colour.

    Raises:
        UnreadableError: no file is a picture.
    """
    chosen = files[:: max(1, len(files) // PROBED)]
    found = [header for path in chosen if (header := header_of(path))]
    if not found:
        image_files.read_header(chosen[0])  # raises, and says why
    channels = channels or max(channels for *_, channels in found)
    if size:
        return (channels, *size)
    sizes = {(height, width) for height, width, _ in found}
    if len(sizes) == 1 and max(next(iter(sizes))) <= LARGEST_GUESSED:
        return (channels, *sizes.pop())
    side = min(USUAL_SIDE, *(min(size) for size in sizes))
    return (channels, side, side)


def header_of(path: Path) -> tuple[int, int, int] | None:
    """Height, width and channels, or none of a file that is no picture."""
    try:
        return image_files.read_header(path)
    except UserError:
        return None
