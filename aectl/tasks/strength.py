"""How strong a degradation is: a number, or `[lo, hi]` to draw one per image uniformly."""

from typing import TypeVar

Number = TypeVar("Number", int, float)


def bounds(strength: Number | list[Number]) -> tuple[Number, Number]:
    """The least and the greatest strength that is drawn."""
    low, high = strength if isinstance(strength, list) else (strength, strength)
    return low, high


def strength_label(strength: Number | list[Number]) -> str:
    """As part of a file name: `0.2`, or `0.1-0.3`."""
    return "-".join(map(str, strength)) if isinstance(strength, list) else str(strength)
