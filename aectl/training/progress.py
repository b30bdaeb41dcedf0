"""The progress bar of a training: epoch, losses, speed, time left."""

import time
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from aectl.modalities import modality_for

REFRESH_SECONDS = 0.2
PLAIN_SECONDS = 10.0


class ProgressBar(Callback):
    """A bar over the whole run in a terminal, a plain line every ten seconds elsewhere.

    The losses are read from the device when the bar is redrawn, a few times a second, not in every step.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[scores]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not self.console.is_terminal,
            refresh_per_second=1 / REFRESH_SECONDS,
        )
        self.losses: dict[str, float] = {}
        self.unit = "examples"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs, batches = trainer.max_epochs or 1, int(trainer.num_training_batches)
        self.line = self.bar.add_task(
            "", total=epochs * batches, completed=trainer.current_epoch * batches, epoch="", scores="", speed=""
        )
        self.bar.start()
        self.drawn = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.examples = 0
        self.seconds = 0.0
        self.last = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        self.examples += len(batch["x"])
        self.unit = modality_for(batch["x"].shape[1:]).name
        self.seconds += now - self.last
        self.last = now
        if now - self.drawn >= (REFRESH_SECONDS if self.console.is_terminal else PLAIN_SECONDS):
            self.drawn = now
            self.losses = {name: float(loss) for name, loss in cast(dict[str, Tensor], outputs).items()}
            self._draw(trainer, trainer.current_epoch * int(trainer.num_training_batches) + batch_idx + 1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.losses = mean_losses(trainer) or self.losses
        self._draw(trainer, trainer.current_epoch * int(trainer.num_training_batches))
        self.bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.bar.stop()

    def _draw(self, trainer: Trainer, completed: int) -> None:
        val = trainer.callback_metrics.get("val/loss")
        losses = {**self.losses, **({} if val is None else {"val": float(val)})}
        scores = "  ".join(f"{name} {loss:.4g}" for name, loss in losses.items())
        epoch = f"{min(trainer.current_epoch + 1, trainer.max_epochs or 1)}/{trainer.max_epochs}"
        speed = f"{self.examples / max(self.seconds, 1e-9):,.0f} {self.unit}/s"
        self.bar.update(self.line, completed=completed, epoch=epoch, scores=scores, speed=speed)
        if not self.console.is_terminal:
            left = self.bar.tasks[0].time_remaining
            text = f"epoch {epoch}  {scores}  {speed}" + ("" if left is None else f"  {left:.0f} s left")
            self.console.print(text, highlight=False)


def mean_losses(trainer: Trainer) -> dict[str, float]:
    """The mean loss of the last epoch as `loss`, or that of each player by name."""
    metrics = {tuple(name.split("/")): float(value) for name, value in trainer.callback_metrics.items()}
    return {path[1]: value for path, value in metrics.items() if path[0] == "train" and path[-1] == "loss"}
