"""Which checkpoint is the best one."""

import math

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from aectl.errors import NonFiniteError
from aectl.finite import listed
from aectl.remarks import remark


class BestOfFinite(ModelCheckpoint):
    """Keeps the checkpoint with the lowest score; what is not finite is no score, which is said once."""

    refused = False

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        if current is None or math.isfinite(current):
            return super().check_monitor_top_k(trainer, current)
        if not self.refused:
            self.refused = True
            remark(
                f"{what(trainer)} in the validation of epoch {trainer.current_epoch + 1}: best.ckpt is never chosen by "
                "such a score; look for NaN and infinity in the validation data, or lower optimizer.lr"
            )
        return False

    def expect_one(self) -> None:
        """Makes sure that there is a best checkpoint.

        Raises:
            NonFiniteError: every score was refused.
        """
        if self.refused and self.best_model_score is None:
            raise NonFiniteError(
                f"{self.monitor}: was NaN or infinite in every validation, so there is no best.ckpt; expected a finite "
                f"score; look for NaN and infinity in the validation data, or lower optimizer.lr; the last weights "
                f"are in {self.last_model_path}"
            )


def what(trainer: Trainer) -> str:
    """The terms of the validation loss that are not finite, or the loss itself."""
    scores = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
    wrong = {name: value for name, value in scores.items() if not math.isfinite(value)}
    terms = {name: value for name, value in wrong.items() if name != "val/loss"} or wrong
    return listed([f"{name}={value}" for name, value in terms.items()])
