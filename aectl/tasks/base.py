"""What every task is. Knows nothing of models, data or Lightning."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from aectl.example import Example
from aectl.tasks.baselines.base import Baseline, Untouched
from aectl.tasks.baselines.learned import LinearMap
from aectl.types import Shape


class Task(nn.Module, ABC):
    """A degradation that the model learns to undo; it runs on the device, inside the training step.

    Attributes:
        restores: whether the input lacks something of the target.
    """

    restores = True

    @property
    @abstractmethod
    def label(self) -> str:
        """The task with its strength in one word, fit for a file name: `denoise-0.2`."""

    def input_shape(self, shape: Shape) -> Shape:
        """The shape of one input when the target has `shape`.

        Raises:
            UserError: the task cannot be posed on data of this shape.
        """
        return shape

    @abstractmethod
    def degrade(self, x: Tensor) -> Tensor:
        """(B, *shape) in [0, 1] to (B, *input_shape)."""

    def baselines(self, latent_size: int) -> list[Baseline]:
        """The methods without a network that a model with a code of `latent_size` values has to beat."""
        return [Untouched(), LinearMap()]

    def forward(self, x: Tensor, y: Tensor | None = None, mask: Tensor | None = None) -> Example:
        return Example(self.degrade(x), x, y, mask)
