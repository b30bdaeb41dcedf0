"""Types that say which values a constructor takes; `aectl.config.check` holds the composed config against them."""

from typing import Annotated

from annotated_types import Ge, Gt, Len, Lt
from pydantic import AfterValidator

PositiveInt = Annotated[int, Gt(0)]
"""A whole number of things: 1, 2, 3, ..."""

NonNegativeInt = Annotated[int, Ge(0)]
"""A whole number of things that may be none: 0, 1, 2, ..."""

Seed = Annotated[int, Ge(0), Lt(2**32)]
"""What every random number generator here accepts."""

PositiveFloat = Annotated[float, Gt(0)]

NonNegativeFloat = Annotated[float, Ge(0)]

Fraction = Annotated[float, Ge(0), Lt(1)]
"""A part of a whole, less than all of it."""


def check_ascending(values: list[float]) -> list[float]:
    """Raises a ValueError for `[lo, hi]` the wrong way round."""
    if values != sorted(values):
        raise ValueError("[lo, hi] with lo no greater than hi")
    return values


FloatRange = Annotated[list[NonNegativeFloat], Len(2, 2), AfterValidator(check_ascending)]
"""A lowest and a highest value, `[lo, hi]`."""

PositiveInts = Annotated[list[PositiveInt], Len(1)]
"""One count a layer; at least one layer."""

HeightWidth = Annotated[list[PositiveInt], Len(2, 2)]
"""A height and a width, in pixels."""

Shape = tuple[int, ...]
"""The shape of one example, without the batch: `(C, H, W)` for images."""


def format_shape(shape: Shape) -> str:
    """A shape as people write it: 1x28x28."""
    return "x".join(map(str, shape))


def format_bytes(num_bytes: float) -> str:
    """Bytes as people say them, in powers of a thousand."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if num_bytes < 999.5:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.0f} PB"
