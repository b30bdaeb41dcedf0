"""A run with its weights on a device: what the verbs after training work with. Knows no Lightning."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aectl.data.loader import to_float
from aectl.errors import UserError
from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.rng import seeded_rng
from aectl.runs.run import Run


@dataclass(frozen=True)
class TrainedRun:
    """A run, ready for use.

    Arguments:
        run: the run.
        model: its model, trained, in evaluation mode.
        device: where the model is.
        seed: fixes the corruption and whatever is drawn.
    """

    run: Run
    model: Autoencoder
    device: torch.device
    seed: int

    @property
    def single_latent(self) -> AE:
        """The model as one with a code that can be decoded.

        Raises:
            UserError: it has none.
        """
        if not isinstance(self.model, AE):
            name = type(self.model).__name__
            raise UserError(f"model={name}: has no single latent to decode; expected a run of a model like ae or vae")
        return self.model

    def with_seed(self, seed: int) -> "TrainedRun":
        """The same with other draws."""
        return replace(self, seed=seed)

    def make_example(self, batch: dict[str, Tensor], index: int = 0) -> Example:
        """A batch as the task poses it, on the device; the corruption depends on the seed and the index alone."""
        with seeded_rng(self.seed + index, self.device):
            return self.run.task(**to_float({name: value.to(self.device) for name, value in batch.items()}))
