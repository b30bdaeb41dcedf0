"""A tracker that keeps in memory what it is given."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from aectl.trackers.base import Hyperparameter, Tracker


class ToyTracker(Tracker):
    """Keeps what was logged in lists; raises the error that it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.scalars: list[tuple[int, dict[str, float]]] = []
        self.images: list[tuple[int, str, Tensor]] = []
        self.hyperparameters: list[tuple[dict[str, Hyperparameter], dict[str, float]]] = []
        self.status = ""

    def start(self, folder: Path, name: str, last_step: int) -> None:
        self.scalars = [(step, values) for step, values in self.scalars if step <= last_step]

    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        if self.error:
            raise self.error
        self.scalars.append((step, dict(values)))

    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        self.images.append((step, name, picture))

    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        pass

    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        self.hyperparameters.append((dict(values), dict(metrics)))

    def close(self, status: str) -> None:
        self.status = status
