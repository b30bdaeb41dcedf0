"""What a run keeps beside its weights: the config in the checkpoint, and a table of every epoch."""

import csv
import io
from pathlib import Path
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from aectl import __version__
from aectl.io.atomic import write_text


class ConfigInCheckpoint(Callback):
    """Puts the config, as plain YAML text, into every checkpoint, so that a lone file can be opened.

    Arguments:
        config: the resolved config.
    """

    def __init__(self, config: str) -> None:
        self.config = config

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["aectl"] = {"version": __version__, "config": self.config}


class MetricsTable(Callback):
    """Writes the metrics of every epoch to a CSV file, the learning rate among them.

    Arguments:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for index, optimizer in enumerate(trainer.optimizers):
            name = "lr" if len(trainer.optimizers) == 1 else f"lr/{index}"
            pl_module.log(name, optimizer.param_groups[0]["lr"], on_step=False, on_epoch=True, batch_size=1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step, **metrics}
        self._write([*read_rows(self.path), row])

    def truncate(self, epoch: int) -> None:
        """Drops the rows of this epoch and those after it, which will be trained again."""
        rows = read_rows(self.path)
        if len(kept := [row for row in rows if int(row["epoch"]) < epoch]) < len(rows):
            self._write(kept)

    def _write(self, rows: list[dict[str, Any]]) -> None:
        fields = list(dict.fromkeys(name for each in rows for name in each))
        text = io.StringIO()
        writer = csv.DictWriter(text, fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path, text.getvalue())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file, none if it is not there yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Hyperparameters(Callback):
    """Fills TensorBoard's HPARAMS tab when the run ends, in the run's own event file.

    Arguments:
        values: the hyperparameters, flat.
        best: the checkpoints, of which the best score is shown beside them.
    """

    def __init__(self, values: dict[str, Any], best: ModelCheckpoint) -> None:
        self.values = values
        self.best = best

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = self.best.best_model_score
        if score is not None:
            cast(TensorBoardLogger, trainer.logger).log_hyperparams(
                self.values, {f"best/{self.best.monitor}": float(score)}
            )
