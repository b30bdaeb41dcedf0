"""What every model is to the rest of aectl. Knows nothing of tasks, data, Lightning or Hydra."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from aectl.errors import UserError
from aectl.example import Example
from aectl.types import Shape


class NotGenerativeError(UserError):
    """The model has no distribution over its latents to draw from."""


class Autoencoder(nn.Module, ABC):
    """The only calls that the rest of aectl makes of a model.

    Attributes:
        generative: whether it has a prior, so that `sample` works.
        any_size: whether it takes images of any height and width, and not only those of its training.
        stride: the sides that need no padding are multiples of it.
        discriminators: the players that tell two kinds of examples apart; training checks whether one is saturated.
        shape: the shape of one output, as `Example.target` without its batch.
        input_shape: the shape of one input.
    """

    generative = False
    any_size = False
    stride = 1
    discriminators: frozenset[str] = frozenset()
    shape: Shape
    input_shape: Shape

    @property
    @abstractmethod
    def latent_size(self) -> int:
        """The numbers in what `embed` gives for one example."""

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        """Who trains, each with an optimizer of its own, in the order in which they take their turn."""
        return {"autoencoder": [p for p in self.parameters() if p.requires_grad]}

    def start_epoch(self, epoch: int) -> None:
        """Told the epoch, from 0, before it trains: whatever is annealed is a function of it alone."""

    @abstractmethod
    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        """The mean over the batch of each term, in nats per example; `loss` is the one that is minimised."""

    @abstractmethod
    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """(B, *input_shape) to the model's best guess of the target, (B, *shape)."""

    def loss_and_reconstruction(self, example: Example) -> tuple[dict[str, Tensor], Tensor]:
        """What `loss` and `reconstruct` give, for models that can have both for less."""
        return self.loss(example), self.reconstruct(example.input, example.cond)

    @abstractmethod
    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """(B, *input_shape) to one vector an example, (B, D)."""

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """New examples, (n, *shape); `temperature` multiplies the standard deviation of the prior.

        Raises:
            NotGenerativeError: the model has no prior.
        """
        raise NotGenerativeError(
            f"sampler=prior: {type(self).__name__} has no prior to draw from; "
            "use sampler=gaussian or sampler=mixture, which are fitted to its training latents"
        )


def at_least_float32(x: Tensor) -> Tensor:
    """In single precision at least: nets may compute in bfloat16, whose two digits are too few for a loss."""
    return x.float() if x.dtype.itemsize < 4 else x
