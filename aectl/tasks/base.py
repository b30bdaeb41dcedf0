"""What every task is. Knows nothing of models, data or Lightning."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from aectl.bounds import Shape
from aectl.example import Example


class Task(nn.Module, ABC):
    """A degradation that the model learns to undo; it runs on the device, inside the training step."""

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

    def untouched(self, input: Tensor, shape: Shape) -> Tensor:
        """(B, *input_shape) brought to (B, *shape) without learning: what a model has to beat."""
        return input

    def forward(self, x: Tensor, y: Tensor | None = None, mask: Tensor | None = None) -> Example:
        return Example(self.degrade(x), x, y, mask)
