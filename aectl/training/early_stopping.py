"""Stops a run whose validation no longer improves."""

from typing import Any

from pytorch_lightning import LightningModule, Trainer, callbacks

from aectl.training.monitor import LOSS, Mode, Monitor, UnknownMetricError
from aectl.types import NonNegativeFloat, PositiveInt


class EarlyStopping(callbacks.EarlyStopping):
    """Stops the run when a metric of the validation has not improved for a while.

    Arguments:
        patience: validations without a new best.
        min_delta: how much better counts as a new best, in the unit of the metric.
        monitor: the metric.
        mode: `min` if less of it is better, `max` if more is; None: as is usual for it.
    """

    def __init__(
        self, patience: PositiveInt, min_delta: NonNegativeFloat, monitor: str = LOSS, mode: Mode | None = None
    ) -> None:
        direction = Monitor(monitor, mode).direction
        super().__init__(monitor, min_delta=min_delta, patience=patience, mode=direction)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.monitor not in trainer.callback_metrics:
            raise UnknownMetricError("callbacks.early_stopping.monitor", self.monitor, trainer.callback_metrics)
        super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """All but the patience, which a resumed run may change."""
        super().load_state_dict({**state_dict, "patience": self.patience})
