"""The interface of every model. Models know nothing of tasks, data, Lightning or Hydra."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn

from aectl.errors import UserError
from aectl.example import Example
from aectl.types import Shape


class NotGenerativeError(UserError):
    """The model has no prior over its latents to sample from."""


class Autoencoder(nn.Module, ABC):
    """A model: all that the rest of aectl calls, besides the methods in `aectl.models.capabilities`.

    Attributes:
        generative: whether `sample` works; true of a class with a `sample` of its own.
        any_size: whether it takes images of any height and width, not only those it was trained on.
        stride: images whose sides are multiples of it need no padding.
        discriminators: the players that are discriminators; their losses are in nats a decision, so that guessing gives
            log 2. Training shows this chance level beside them, and checks them for saturation.
        term_units: the terms of the loss that are not in nats, such as the use of a codebook, with their unit; they
            are shown beside the loss and are no part of it.
        penalties: the terms of the loss that are no part of the negative ELBO, such as a distance between codes and
            prior; they carry a weight in `term_weights`.
        shape: the shape of one output, as `Example.target` without its batch.
        input_shape: the shape of one input.
        latent_size: the length of one vector of `embed`.
    """

    generative = False
    any_size = False
    stride = 1
    discriminators: frozenset[str] = frozenset()
    term_units: Mapping[str, str] = MappingProxyType({})
    penalties: frozenset[str] = frozenset()
    shape: Shape
    input_shape: Shape
    latent_size: int

    def __init_subclass__(cls) -> None:
        """Derives what follows from the methods that a class overrides.

        One with a `sample` of its own is generative; one with a loss of its own does not inherit a
        `loss_and_reconstruction` that computes another.
        """
        super().__init_subclass__()
        if "sample" in vars(cls) and "generative" not in vars(cls):
            cls.generative = True
        if "loss" in vars(cls) and "loss_and_reconstruction" not in vars(cls):
            cls.loss_and_reconstruction = Autoencoder.loss_and_reconstruction  # type: ignore[method-assign]

    @property
    def scale(self) -> int:
        """The factor from the sides of the input to those of the output; 1 for vectors, which have none."""
        return self.shape[1] // self.input_shape[1] if len(self.shape) > 1 else 1

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        """The parameters that each optimizer trains, by player, in the order in which they take their steps."""
        return {"autoencoder": [p for p in self.parameters() if p.requires_grad]}

    @property
    def term_weights(self) -> Mapping[str, float]:
        """The weights of terms in the loss, by name, of those whose weight is not 1."""
        return {}

    def epoch_terms(self) -> dict[str, Tensor]:
        """What takes all batches of an epoch to compute, such as the use of a codebook: gathered since the last call.

        Called after the last batch of every epoch, of training and of validation. What it is computed from lies in
        buffers, which a checkpoint keeps.
        """
        return {}

    def start_training(self, batches: int) -> None:
        """Called before training, also a resumed one, with the batches it will have had at its end."""

    def start_epoch(self, epoch: int) -> None:
        """Called before each epoch of training, counted from 0; annealed weights must depend on it alone."""

    @abstractmethod
    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        """The loss of a player as `loss`, and the terms it consists of: means over the batch, in nats per example.

        What is not in nats is named in `term_units`. A buffer that is changed here, as by a moving average, must stay
        finite whatever the batch holds: see `aectl.models.moving_average`.
        """

    @abstractmethod
    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """(B, *input_shape) to the model's best estimate of the target, (B, *shape)."""

    def loss_and_reconstruction(self, example: Example) -> tuple[dict[str, Tensor], Tensor]:
        """What `loss` and `reconstruct` return; models override it where both share work."""
        return self.loss(example), self.reconstruct(example.input, example.cond)

    @abstractmethod
    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """(B, *input_shape) to one vector an example, (B, D)."""

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """New examples (n, *shape), the prior's deviation times `temperature`; a NotGenerativeError without a prior."""
        raise NotGenerativeError(
            f"sampler=prior: {type(self).__name__} has no prior to sample from; "
            "use sampler=gaussian or sampler=mixture, which are fitted to its training latents"
        )


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32 or better: nets may compute in bfloat16, which is too coarse for a loss."""
    return x.float() if x.dtype.itemsize < 4 else x
