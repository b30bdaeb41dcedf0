"""What a training is made of."""

from dataclasses import dataclass
from typing import Any

from aectl.data.augmentation import Augment
from aectl.data.loader import Data
from aectl.models.base import Autoencoder
from aectl.runs.run import Config
from aectl.tasks.base import Task
from aectl.trackers.base import Tracker
from aectl.training.optimizers import MakeOptimizer
from aectl.training.trainer import TrainerConfig


@dataclass(frozen=True)
class Experiment:
    """A training that has not begun: its config and what was built from it, once.

    Arguments:
        config: complete and resolved.
        data: the data set and how it is served.
        augment: changes the training images before the task poses them.
        task: what the model is trained to do.
        model: with its first weights.
        optimizers: for each player of the model, what makes its optimizer.
        settings: the node `trainer` of the config.
        trackers: those of the node `tracker`, not started.
        rng_state: the random state right after the model was built, which the training starts from.
    """

    config: Config
    data: Data
    augment: Augment
    task: Task
    model: Autoencoder
    optimizers: dict[str, MakeOptimizer]
    settings: TrainerConfig
    trackers: list[Tracker]
    rng_state: dict[str, Any]
