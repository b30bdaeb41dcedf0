"""The interface of every task. Tasks know nothing of models, data or Lightning."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from aectl.example import Example
from aectl.tasks.baselines.base import Baseline, Untouched
from aectl.tasks.baselines.learned import LinearMap
from aectl.types import Shape


class Task(nn.Module, ABC):
    """A degradation that the model learns to undo; it runs on the device, inside the training step."""

    restores = True  # whether the input is degraded, and not the target itself

    noise: tuple[float, float] | None = None
    """The least and the greatest standard deviation of the noise of mean 0 that is all of the degradation, if it is."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The task and its strength as part of a file name: `denoise-0.2`."""

    def input_shape(self, shape: Shape) -> Shape:
        """The shape of one input when the target has `shape`; a UserError if the task does not apply to it."""
        return shape

    @abstractmethod
    def degrade(self, x: Tensor) -> Tensor:
        """(B, *shape) in [0, 1] to (B, *input_shape)."""

    def untouched(self, input: Tensor) -> Tensor:
        """The input as an output that nothing was done to, (B, *input_shape) to (B, *shape); enlarged if need be."""
        return input

    def covers(self, other: "Task") -> bool:
        """Whether a model that is trained for this task is trained for the other one too."""
        return self.label == other.label

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        """The classical methods to compare a model with on data of `shape`, given the size of its latent."""
        return [Untouched(), LinearMap()]

    def forward(self, x: Tensor, y: Tensor | None = None, mask: Tensor | None = None) -> Example:
        return Example(self.degrade(x), x, y, mask)
