"""What every tracker is to the rest of aectl. Knows nothing of Lightning or of any service."""

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from aectl.errors import UserError

Hyperparameter = str | int | float | bool
BEST = "best/"
"""Prefix of the metrics of the best epoch, which are known when a run ends."""


class Tracker(ABC):
    """Where the curves, pictures, latents and hyperparameters of a run go, besides the files that every run keeps.

    A constructor takes what the config says and touches nothing; `start` opens files and connections.
    """

    @abstractmethod
    def start(self, folder: Path, name: str, last_step: int) -> None:
        """Begins to track a run, or takes back what was logged after the step that it resumes from.

        Arguments:
            folder: the run's folder.
            name: how to call the run.
            last_step: the last step to keep; -1 for a new run.
        """

    @abstractmethod
    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        """A point on each of these curves."""

    @abstractmethod
    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        """A picture, (C, H, W) uint8."""

    @abstractmethod
    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        """The latents of examples, (N, D), with their classes and pictures, (N, C, H, W) uint8, if any."""

    @abstractmethod
    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        """The hyperparameters; called when training starts, and when it is done, with the metrics of the best epoch."""

    def flush(self) -> None:  # noqa: B027 - most buffer nothing
        """Writes out what is buffered; called before every checkpoint."""

    def close(self, status: str) -> None:  # noqa: B027
        """Ends the tracking of a run that is now `done`, `interrupted` or `failed`."""

    def view_command(self, outputs: str) -> str | None:
        """What to type to look at what was tracked, if there is such a command."""
        return None


def require_package(name: str) -> None:
    """Raises a UserError where the package of a service, which has the name of its tracker, is not installed."""
    if importlib.util.find_spec(name) is None:
        raise UserError(f"tracker={name} needs {name}, which is not installed: pip install 'aectl[{name}]'")


def channels_last(picture: Tensor) -> np.ndarray:
    """(C, H, W) to (H, W, C), or to (H, W) where there is one channel, as PIL takes it."""
    return picture.cpu().permute(1, 2, 0).squeeze(2).numpy()


def latent_rows(latents: Tensor, labels: list[str] | None) -> list[list[Any]]:
    """A header and a row for each latent: its label, where there are any, and its numbers."""
    header = [*(["label"] if labels else []), *(f"z{i}" for i in range(latents.shape[1]))]
    rows = latents.cpu().tolist()
    return [header, *([label, *row] for label, row in zip(labels, rows, strict=True))] if labels else [header, *rows]
