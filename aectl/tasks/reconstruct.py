"""Rebuild the image from its own code. Knows nothing of models or data."""

from torch import Tensor

from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline
from aectl.tasks.baselines.learned import PCA, MeanImage


class Reconstruct(Task):
    """The plain autoencoder's task: the input is the target."""

    label = "reconstruct"
    restores = False

    def baselines(self, latent_size: int) -> list[Baseline]:
        return [MeanImage(), PCA(latent_size)]

    def degrade(self, x: Tensor) -> Tensor:
        return x
