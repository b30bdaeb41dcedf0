"""How long to train, in work instead of epochs. Imports nothing heavy."""

import math
from dataclasses import dataclass

from aectl.types import PositiveInt, Shape


@dataclass(frozen=True)
class Budget:
    """The work of a training, from which its epochs follow: few over many examples, many over a few.

    Arguments:
        examples: to train on, each as often as there are epochs.
        pixels: of all images together, or None for no limit; the time of a net for restoring grows with them.
        most_epochs: however few examples there are.
    """

    examples: PositiveInt
    pixels: PositiveInt | None
    most_epochs: PositiveInt

    def epochs(self, num_examples: int, shape: Shape) -> int:
        """The epochs over `num_examples` of `shape`: at least one."""
        affordable = self.examples if self.pixels is None else min(self.examples, self.pixels // math.prod(shape[-2:]))
        return max(1, min(self.most_epochs, round(affordable / num_examples)))
