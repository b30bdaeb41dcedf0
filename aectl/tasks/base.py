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

    takes_mask = False  # whether a user has to say which pixels of a picture are hidden

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

    def picture_channels(self, channels: int) -> int:
        """The channels of a user's picture for an input with so many."""
        return channels

    def from_pictures(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        """A user's pictures (B, C, h, w) as inputs; a mask (B, 1, h, w) is 1 where they are hidden."""
        return pictures

    def hidden(self, input: Tensor) -> Tensor | None:
        """Where the input (B, *input_shape) does not show the target, (B, 1, H, W); None if it hides nothing."""
        return None

    def keep_known(self, output: Tensor, input: Tensor) -> Tensor:
        """The output (B, *shape) of a model with what its input tells exactly; it is scored and written like that."""
        return output

    def for_loss(self, example: Example) -> Example:
        """The example as the loss counts it, with another `weight` where `keep_known` takes the input."""
        return example

    def drawn(self, input: Tensor) -> Tensor:
        """An input (B, C, h, w) as pictures (B, 1 or 3, h, w), gray if it has another number of channels."""
        return input if input.shape[1] in (1, 3) else input.mean(1, keepdim=True)

    def covers(self, other: "Task") -> bool:
        """Whether a model that is trained for this task is trained for the other one too."""
        return self.label == other.label

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        """The classical methods to compare a model with on data of `shape`, given the size of its latent."""
        return [Untouched(), LinearMap()]

    def forward(self, x: Tensor, y: Tensor | None = None, mask: Tensor | None = None) -> Example:
        input = self.degrade(x)
        return Example(input, x, y, mask, self.hidden(input))
