"""Keeps the weights of the best validation."""

import math
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from aectl.errors import NonFiniteError, notify
from aectl.io.atomic import link_or_move
from aectl.training import processes
from aectl.training.checkpoint_io import BEST, BEST_WHOLE
from aectl.training.checkpointing import RunSaver
from aectl.training.finite import format_causes
from aectl.training.monitor import Monitor, UnknownMetricError


class BestCheckpoint(Checkpoint):
    """Keeps `best.ckpt`, of the validation with the best score; a score that is not finite never counts.

    An epoch that a time limit cuts short counts too, so that `best.ckpt` is the best model this program has seen. A
    resumed run trains that epoch again and must end as if it had never stopped: `last.ckpt` is written before the
    validation of the partial epoch and knows only the score of the whole ones, and their `best.ckpt` is kept as
    `best_whole_epoch.ckpt`, which resuming puts back. Score and file therefore always belong together.

    Arguments:
        folder: where the checkpoints of the run are.
        monitor: the score, and whether less or more of it is better.
        saver: knows whether the epoch was cut short.

    Attributes:
        best_model_score: the best score, or none.
    """

    def __init__(self, folder: Path, monitor: Monitor, saver: RunSaver) -> None:
        self.path = folder / BEST
        self.monitor = monitor
        self.saver = saver
        self.best_model_score: Tensor | None = None
        self.refused = False

    @property
    def score(self) -> float:
        """The best score, NaN where there is none."""
        return math.nan if self.best_model_score is None else float(self.best_model_score)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        name, metrics = self.monitor.name, trainer.callback_metrics
        if name not in metrics:
            raise UnknownMetricError("monitor", name, metrics)
        best, score = self.best_model_score, metrics[name]
        if not score.isfinite():
            self.refuse(trainer)
        elif best is None or self.monitor.is_better(float(score), float(best)):
            if self.saver.partial_epoch and best is not None and processes.is_main():
                link_or_move(self.path, self.path.with_name(BEST_WHOLE))
            self.best_model_score = score.cpu()
            trainer.save_checkpoint(self.path)

    def refuse(self, trainer: Trainer) -> None:
        """Says, once, that a score was not finite."""
        if not self.refused:
            notify(
                f"{nonfinite_terms(trainer)} in the validation of epoch {trainer.current_epoch + 1}: best.ckpt is "
                "never chosen by such a score; look for NaN and infinity in the validation data, or lower optimizer.lr"
            )
        self.refused = True

    def require_best(self) -> None:
        """Raises a NonFiniteError if no score was finite."""
        if self.refused and self.best_model_score is None:
            raise NonFiniteError(
                f"{self.monitor.name}: was NaN or infinite in every validation, so there is no best.ckpt; expected a "
                "finite score; look for NaN and infinity in the validation data, or lower optimizer.lr; the last "
                f"weights are in {self.saver.path}"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"best_model_score": self.best_model_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_model_score = state_dict["best_model_score"]


def nonfinite_terms(trainer: Trainer) -> str:
    """The terms of the validation loss that are not finite, or the loss itself."""
    scores = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
    wrong = {name: value for name, value in scores.items() if not math.isfinite(value)}
    terms = {name: value for name, value in wrong.items() if name != "val/loss"} or wrong
    return format_causes([f"{name}={value}" for name, value in terms.items()])
