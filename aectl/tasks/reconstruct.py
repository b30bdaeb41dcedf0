"""Rebuild the image from its own code. Knows nothing of models or data."""

from torch import Tensor

from aectl.tasks.base import Task


class Reconstruct(Task):
    """The plain autoencoder's task: the input is the target."""

    label = "reconstruct"

    def degrade(self, x: Tensor) -> Tensor:
        return x
