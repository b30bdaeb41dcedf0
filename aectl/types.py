"""Types that say which values a constructor takes; `aectl.config.check` holds the composed config against them."""

from typing import Annotated

from annotated_types import Ge, Gt, Len, Lt
from pydantic import AfterValidator

Count = Annotated[int, Gt(0)]
"""A whole number of things: 1, 2, 3, ..."""

Amount = Annotated[int, Ge(0)]
"""A whole number of things that may be none: 0, 1, 2, ..."""

Seed = Annotated[int, Ge(0), Lt(2**32)]
"""What every random number generator here accepts."""

Positive = Annotated[float, Gt(0)]

NonNegative = Annotated[float, Ge(0)]

Share = Annotated[float, Ge(0), Lt(1)]
"""A part of a whole, less than all of it."""


def rising(values: list[float]) -> list[float]:
    """Raises a ValueError for `[lo, hi]` the wrong way round."""
    if values != sorted(values):
        raise ValueError("[lo, hi] with lo no greater than hi")
    return values


Range = Annotated[list[NonNegative], Len(2, 2), AfterValidator(rising)]
"""A lowest and a highest value, `[lo, hi]`."""

Counts = Annotated[list[Count], Len(1)]
"""One count a layer; at least one layer."""

Sides = Annotated[list[Count], Len(2, 2)]
"""A height and a width, in pixels."""

Shape = tuple[int, ...]
"""The shape of one example, without the batch: `(C, H, W)` for images."""


def by(shape: Shape) -> str:
    """A shape as people write it: 1x28x28."""
    return "x".join(map(str, shape))


def size_of(num_bytes: float) -> str:
    """Bytes as people say them, in powers of a thousand."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if num_bytes < 999.5:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.0f} PB"
