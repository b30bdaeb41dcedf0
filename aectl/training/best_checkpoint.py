"""Which checkpoint is the best one."""

import math
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from aectl.errors import NonFiniteError, notify
from aectl.training.checkpointing import RunSaver
from aectl.training.finite import format_causes


class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, the epoch with the lowest score; what is not finite is no score, which is said once.

    An epoch that a time limit cut short counts only where there is no whole one: a resumed run does not know it.

    Arguments:
        folder: where the checkpoints of the run are, wherever that was when they were written.
        monitor: the score.
        saver: knows whether the epoch was cut short.
    """

    def __init__(self, folder: Path, monitor: str, saver: RunSaver) -> None:
        super().__init__(folder, "best", monitor, auto_insert_metric_name=False, enable_version_counter=False)
        self.saver = saver
        self.refused = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not (self.saver.partial and self.best_model_path):
            super().on_train_epoch_end(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not (self.saver.partial and self.best_model_path):
            super().on_validation_end(trainer, pl_module)

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        if current is None or math.isfinite(current):
            return super().check_monitor_top_k(trainer, current)
        if not self.refused:
            self.refused = True
            notify(
                f"{nonfinite_terms(trainer)} in the validation of epoch {trainer.current_epoch + 1}: best.ckpt is "
                "never chosen by such a score; look for NaN and infinity in the validation data, or lower optimizer.lr"
            )
        return False

    def require_best(self) -> None:
        """Makes sure that there is a best checkpoint.

        Raises:
            NonFiniteError: every score was refused.
        """
        if self.refused and self.best_model_score is None:
            raise NonFiniteError(
                f"{self.monitor}: was NaN or infinite in every validation, so there is no best.ckpt; expected a finite "
                f"score; look for NaN and infinity in the validation data, or lower optimizer.lr; the last weights "
                f"are in {self.saver.path}"
            )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        score = state_dict["best_model_score"]
        if score is not None:
            path = self.format_checkpoint_name({})
            self.best_model_score = self.kth_value = score
            self.best_model_path = self.kth_best_model_path = path
            self.best_k_models = {path: score}


def nonfinite_terms(trainer: Trainer) -> str:
    """The terms of the validation loss that are not finite, or the loss itself."""
    scores = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
    wrong = {name: value for name, value in scores.items() if not math.isfinite(value)}
    terms = {name: value for name, value in wrong.items() if name != "val/loss"} or wrong
    return format_causes([f"{name}={value}" for name, value in terms.items()])
