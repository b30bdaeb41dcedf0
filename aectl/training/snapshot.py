"""Weights and moments to go back to when a training has gone wrong."""

import copy
from pathlib import Path
from typing import Any, NamedTuple, cast

from pytorch_lightning import Trainer
from torch.optim.lr_scheduler import LambdaLR

from aectl.runs.checkpoint import model_weights, read_checkpoint
from aectl.training.system import System


class Snapshot(NamedTuple):
    """A model and its optimizers as they were.

    Arguments:
        weights: the model's state.
        moments: the state of each optimizer.
    """

    weights: dict[str, Any]
    moments: list[dict[str, Any]]

    @classmethod
    def of(cls, trainer: Trainer) -> "Snapshot":
        """The present one."""
        model = cast(System, trainer.lightning_module).model
        return cls(*copy.deepcopy((model.state_dict(), [each.state_dict() for each in trainer.optimizers])))

    @classmethod
    def stored(cls, checkpoint: Path) -> "Snapshot":
        """The one that a checkpoint was written at."""
        contents = read_checkpoint(checkpoint)
        return cls(model_weights(contents), contents["optimizer_states"])

    def restore(self, trainer: Trainer) -> None:
        """Goes back to it, and halves the learning rates that the schedules scale."""
        weights, moments = copy.deepcopy((self.weights, self.moments))
        cast(System, trainer.lightning_module).model.load_state_dict(weights)
        for optimizer, state in zip(trainer.optimizers, moments, strict=True):
            optimizer.load_state_dict(state)
        for config in trainer.lr_scheduler_configs:
            schedule = cast(LambdaLR, config.scheduler)
            schedule.base_lrs = [lr / 2 for lr in schedule.base_lrs]
            for group, lr in zip(schedule.optimizer.param_groups, schedule.base_lrs, strict=True):
                group["initial_lr"] = lr
