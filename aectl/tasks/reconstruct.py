"""Reconstruct the input."""

from torch import Tensor

from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline
from aectl.tasks.baselines.learned import PCA, MeanImage
from aectl.types import Shape


class Reconstruct(Task):
    """The plain autoencoder's task: the target is the input."""

    label = "reconstruct"
    restores = False

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        return [MeanImage(), PCA(latent_size)]

    def degrade(self, x: Tensor) -> Tensor:
        return x
