"""The types of config values, with their ranges, which `aectl.config.check` validates."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import AfterValidator, AllowInfNan, Strict

from aectl.errors import UserError

PositiveInt = Annotated[int, Strict(), Gt(0)]

NonNegativeInt = Annotated[int, Strict(), Ge(0)]

Seed = Annotated[int, Strict(), Ge(0), Lt(2**32)]
"""The range that every random number generator in use accepts."""

PositiveFloat = Annotated[float, Strict(), Gt(0)]

NonNegativeFloat = Annotated[float, Strict(), Ge(0)]

Fraction = Annotated[float, Strict(), Ge(0), Lt(1)]
"""A part of a whole, less than all of it."""


AtMostOne = Annotated[float, Strict(), Le(1)]

PositiveFraction = Annotated[float, Strict(), Gt(0), Le(1)]
"""A part of a whole, or all of it."""


Probability = Annotated[float, Strict(), Ge(0), Le(1)]


def check_ascending(values: list[float]) -> list[float]:
    """Raises a ValueError if `[lo, hi]` is the wrong way round."""
    if values != sorted(values):
        raise ValueError("[lo, hi] with lo no greater than hi")
    return values


FloatRange = Annotated[list[NonNegativeFloat], Len(2, 2), AfterValidator(check_ascending)]
"""An interval, `[lo, hi]`."""

LARGEST_SIGMA = 2.0
"""Larger ones are meant for pixels from 0 to 255."""


def check_sigma(sigma: float | list[float]) -> float | list[float]:
    """Raises a ValueError for the sigma of another range of pixels."""
    largest = sigma[1] if isinstance(sigma, list) else sigma
    if largest > LARGEST_SIGMA:
        raise ValueError(
            f"at most {LARGEST_SIGMA:g}, as pixels are 0 to 1: sigma {largest:g} of 255 is {largest / 255:.2g}"
        )
    return sigma


NoiseLevel = Annotated[NonNegativeFloat | FloatRange, AfterValidator(check_sigma)]
"""A standard deviation of pixels that are 0 to 1, or an interval of them."""

PositiveRange = Annotated[list[PositiveFloat], Len(2, 2), AfterValidator(check_ascending)]

LARGEST_BLUR = 20.0  # pixels
BlurSigma = Annotated[float, Strict(), Gt(0), Le(LARGEST_BLUR)]
"""The standard deviation of a blur, in pixels."""

BlurRange = Annotated[list[BlurSigma], Len(2, 2), AfterValidator(check_ascending)]

JpegQuality = Annotated[int, Strict(), Ge(1), Le(100)]
"""As Pillow and the libraries of the Independent JPEG Group count it."""

JpegQualityRange = Annotated[list[JpegQuality], Len(2, 2), AfterValidator(check_ascending)]

FractionRange = Annotated[list[PositiveFraction], Len(2, 2), AfterValidator(check_ascending)]

PositiveInts = Annotated[list[PositiveInt], Len(1)]
"""One number per layer, of at least one layer."""

Widths = list[PositiveInt]
"""One number per hidden layer, of which there may be none."""

Levels = Annotated[list[Annotated[int, Strict(), Ge(2)]], Len(1)]
"""The number of values of each dimension, at least two."""

HeightWidth = Annotated[list[PositiveInt], Len(2, 2)]
"""A height and a width, in pixels."""

FiniteFloat = Annotated[float, AllowInfNan(False)]

Strengths = Annotated[list[FiniteFloat], Len(1, 20)]
"""How far an example is moved, a picture for each."""

Shape = tuple[int, ...]
"""The shape of one example, without the batch dimension: `(C, H, W)` for images."""


def format_shape(shape: Shape) -> str:
    """A shape such as `1x28x28`."""
    return "x".join(map(str, shape))


def format_bytes(num_bytes: float) -> str:
    """A size such as `2.5 MB`, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if num_bytes < 999.5:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.0f} PB"


def check_is_image(shape: Shape, choice: str, alternative: str) -> None:
    """Raises a UserError that names what fits instead, unless the shape is that of images, (C, H, W)."""
    if len(shape) != 3:
        raise UserError(f"{choice}: takes images (C, H, W), but the data has shape {tuple(shape)}; use {alternative}")
