"""What a run records besides its weights: its config, the metrics of every epoch, its hyperparameters."""

import csv
import io
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from aectl import __version__
from aectl.io.atomic import write_text
from aectl.runs.run import DERIVED
from aectl.trackers.base import BEST, Hyperparameter
from aectl.training.best_checkpoint import BestCheckpoint
from aectl.training.monitor import LOSS
from aectl.training.tracking import logger_of
from aectl.training.validation_metrics import SCORES


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
    """Writes the metrics of every epoch to a CSV file.

    Arguments:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step, **metrics}
        self._write([*read_rows(self.path), row])

    def truncate(self, epoch: int) -> None:
        """Removes the rows of this epoch and later ones, which will be trained again."""
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
    """The rows of a CSV file; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def best_row(path: Path, monitor: str, best: float) -> dict[str, float]:
    """All metrics of the best epoch; empty before the first validation.

    Arguments:
        path: `metrics.csv`.
        monitor: the metric that chooses the best epoch.
        best: its value in that epoch.
    """
    rows = ({name: float(value) for name, value in row.items() if value} for row in read_rows(path))
    return next((row for row in rows if row.get(monitor) == best), {})


def best_metrics(path: Path, monitor: str, best: float) -> dict[str, float]:
    """The validation loss and scores of the best epoch, as `best_row` finds it."""
    row = best_row(path, monitor, best)
    return {
        name: row[name] for name in dict.fromkeys((LOSS, monitor, *(f"val/{score}" for score in SCORES))) if name in row
    }


class Hyperparameters(Callback):
    """Logs the hyperparameters when training starts, and with the metrics of the best epoch when it is done.

    Arguments:
        values: the hyperparameters, flat.
        best: holds the best score.
        metrics: `metrics.csv`.
    """

    def __init__(self, values: dict[str, Hyperparameter], best: BestCheckpoint, metrics: Path) -> None:
        self.values = values
        self.best = best
        self.metrics = metrics

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        logger_of(trainer).each(lambda tracker: tracker.log_hyperparameters(self.values, {}))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = self.best.best_model_score
        if score is None:
            return
        metrics = best_metrics(self.metrics, self.best.monitor.name, float(score))
        shown = {BEST + name: value for name, value in metrics.items()}
        logger_of(trainer).each(lambda tracker: tracker.log_hyperparameters(self.values, shown))


def hyperparameters(config: dict[str, Any]) -> dict[str, Hyperparameter]:
    """The keys of a plain config that a user sets: `model.beta`, `optimizer.lr`, ..."""
    flat: dict[str, Hyperparameter] = {**config["names"], "seed": config["seed"]}
    nodes = {group: node for group, node in config.items() if isinstance(node, dict) and "_target_" in node}
    players = nodes.get("optimizer", {}).get("players", {})
    nodes |= {f"optimizer.players.{player}": own for player, own in players.items()}
    for group, node in nodes.items():
        kept = {f"{group}.{key}": value for key, value in node.items() if is_hyperparameter(key, value)}
        flat |= {key: str(value) if isinstance(value, list | bool) else value for key, value in kept.items()}
    return flat


def is_hyperparameter(key: str, value: Any) -> bool:
    """Whether a user sets it: not a node, a list of files, or derived from data set and task."""
    of_files = isinstance(value, list) and any(isinstance(item, str) for item in value)
    return not (key.startswith("_") or key in DERIVED or value is None or isinstance(value, dict) or of_files)
