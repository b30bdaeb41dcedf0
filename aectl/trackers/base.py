"""The interface of a tracker. Knows nothing of Lightning or of any service."""

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from aectl.errors import UserError

Hyperparameter = str | int | float | bool
BEST = "best/"  # prefix of the metrics of the best epoch, which are known when a run ends


class Tracker(ABC):
    """Receives the curves, pictures, latents and hyperparameters of a run.

    The constructor takes the keys of the config and opens nothing; `start` opens files and connections.
    """

    @abstractmethod
    def start(self, folder: Path, name: str, last_step: int) -> None:
        """Starts tracking the run `name` in its folder; what a resumed run logged after `last_step` is removed first.

        `last_step` is -1 for a new run.
        """

    @abstractmethod
    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point of each named curve."""

    @abstractmethod
    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        """A picture, (C, H, W) uint8."""

    @abstractmethod
    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        """Latents of examples (N, D), with their classes and their images (N, C, H, W) in [0, 1] if they have any."""

    @abstractmethod
    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        """Called without metrics when training starts, and with those of the best epoch when it is done."""

    def flush(self) -> None:  # noqa: B027 - most buffer nothing
        """Writes what is buffered; called before every checkpoint."""

    def close(self, status: str) -> None:  # noqa: B027
        """Ends tracking; the status of the run is `done`, `interrupted` or `failed`."""

    def view_command(self, outputs: str) -> str | None:
        """The command that shows what was tracked, if there is one."""
        return None


def require_package(name: str) -> None:
    """Raises a UserError if the package of a tracker's service is not installed."""
    if importlib.util.find_spec(name) is None:
        raise UserError(f"tracker={name} needs {name}, which is not installed: pip install 'aectl[{name}]'")


def channels_last(picture: Tensor) -> np.ndarray:
    """(C, H, W) to (H, W, C), or to (H, W) where there is one channel, as PIL takes it."""
    return picture.cpu().permute(1, 2, 0).squeeze(2).numpy()


def latent_rows(latents: Tensor, labels: list[str] | None) -> list[list[Any]]:
    """A header, and a row for each latent: its label if there are labels, and its values."""
    header = [*(["label"] if labels else []), *(f"z{i}" for i in range(latents.shape[1]))]
    rows = latents.cpu().tolist()
    return [header, *([label, *row] for label, row in zip(labels, rows, strict=True))] if labels else [header, *rows]
