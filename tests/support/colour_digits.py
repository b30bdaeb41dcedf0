"""Digits in colour, with their classes, for tasks that gray images do not go with."""

import torch

from aectl.data.digits import Digits
from aectl.data.source import Split, SplitName
from aectl.types import PositiveInt


class ColourDigits(Digits):
    """Digits whose green and blue are darker, the more so the higher the class."""

    def __init__(self, size: PositiveInt) -> None:
        super().__init__(size)
        self.shape = (3, size, size)

    def split(self, name: SplitName) -> Split:
        split = super().split(name)
        assert split.y is not None
        tint = torch.stack([torch.ones(10), torch.linspace(1, 0.2, 10), torch.linspace(0.6, 0, 10)], dim=1)[split.y]
        return split._replace(x=(split.x * tint.view(-1, 3, 1, 1)).round().to(torch.uint8))
