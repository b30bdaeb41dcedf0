"""The progress bar of a training: epoch, losses, speed, time left."""

import math
import time
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Timer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from torch import Tensor

from aectl.devices import num_processes
from aectl.evaluation.loss_terms import LossFormat, format_loss, format_players
from aectl.training.system import System

REFRESH_SECONDS = 0.2
PLAIN_SECONDS = 10.0
SHORTEST_BAR = 5
LONGEST_SPEED = 16
"""Columns of a terminal that the bar and the speed are given, so that what fits does not change with every number."""


class ProgressBar(Callback):
    """A bar over the whole run in a terminal, a plain line every ten seconds elsewhere.

    The losses and their terms are read from the device when the bar is redrawn, a few times a second, not in every
    step. Under `trainer.max_time`, which counts from when the program starts, the rest of the bar fills by whichever is
    used up first, the batches or the time.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[scores]}"),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[left]}", style="progress.remaining"),
            console=self.console,
            disable=not self.console.is_terminal,
            refresh_per_second=1 / REFRESH_SECONDS,
        )
        self.losses: dict[str, float] = {}
        self.terms: tuple[str, ...] = ()
        self.loss_format = LossFormat()
        self.unit = "examples"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.batches = int(trainer.num_training_batches)
        self.total = (trainer.max_epochs or 1) * self.batches
        if trainer.max_steps > 0:
            steps = trainer.max_steps // len(trainer.optimizers)  # Lightning counts the steps of every player
            whole, rest = divmod(steps, math.ceil(self.batches / trainer.accumulate_grad_batches))
            self.total = min(self.total, whole * self.batches + rest * trainer.accumulate_grad_batches)
        self.first = self.completed = trainer.current_epoch * self.batches
        self.timer = next((callback for callback in trainer.callbacks if isinstance(callback, Timer)), None)  # type: ignore[attr-defined]
        self.line = self.bar.add_task(
            "", total=self.total, completed=self.first, epoch="", scores="", speed="", left=""
        )
        self.loss_format = LossFormat.of(cast(System, pl_module).model)
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
        losses = current_losses(pl_module, outputs)
        self.terms = tuple(losses)
        self.examples += len(batch["x"]) * num_processes()
        self.unit = cast(System, pl_module).modality.name
        self.seconds += now - self.last
        self.last = now
        self.completed = trainer.current_epoch * self.batches + batch_idx + 1
        if now - self.drawn >= (REFRESH_SECONDS if self.console.is_terminal else PLAIN_SECONDS):
            self.drawn = now
            self.losses = {name: float(loss.detach()) for name, loss in losses.items()}
            self._draw(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.losses = mean_losses(trainer, self.terms) or self.losses
        self._draw(trainer)
        self.bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.bar.stop()

    def _draw(self, trainer: Trainer) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        beside = [*([f"val {metrics['val/loss']:.4g}"] if "val/loss" in metrics else []), *format_gain(metrics)]
        whole, short = ("  ".join([text, *beside]) for text in format_losses(self.losses, self.loss_format))
        epoch = self._format_epoch()
        speed = f"{self.examples / max(self.seconds, 1e-9):,.0f} {self.unit}/s"
        shown = max(self.completed, self.first + (self.total - self.first) * self._used_time())
        choices = ((whole, speed), (whole, ""), (short, speed))
        fitting = (each for each in choices if fits(self.console.width, epoch, *each))
        scores, if_room = next(fitting, (short, ""))
        self.bar.update(self.line, completed=shown, epoch=epoch, scores=scores, speed=if_room)
        left = self._seconds_left()
        self.bar.update(self.line, left=format_clock(left))
        if not self.console.is_terminal:
            text = f"epoch {epoch}  {whole}  {speed}" + ("" if left is None else f"  {left:.0f} s left")
            self.console.print(text, highlight=False, soft_wrap=True)

    def _used_time(self) -> float:
        """The fraction of the time limit that is used up, 0 without one."""
        if self.timer is None:
            return 0.0
        elapsed, left = self.timer.time_elapsed(), self.timer.time_remaining() or 0.0
        return min(1.0, elapsed / max(elapsed + left, 1e-9))

    def _seconds_left(self) -> float | None:
        """The estimate, or what the time limit leaves if that is less."""
        estimates = [self.bar.tasks[0].time_remaining, self.timer.time_remaining() if self.timer else None]
        return min((max(0.0, seconds) for seconds in estimates if seconds is not None), default=None)

    def _format_epoch(self) -> str:
        """The running epoch and the last one, `3/20`; `3/~7` if the time limit will end the run in about the 7th."""
        running = max(1, math.ceil(self.completed / self.batches))
        used = self._used_time()
        reached = self.first + (self.completed - self.first) / used if used else math.inf
        last = f"~{math.ceil(reached / self.batches)}" if reached < self.total else math.ceil(self.total / self.batches)
        return f"{running}/{last}"


def current_losses(pl_module: LightningModule, outputs: Any) -> dict[str, Tensor]:
    """The loss and its terms in this step; of several players the loss of each."""
    losses, step = cast(dict[str, Tensor], outputs), cast(System, pl_module).current
    return step.terms if step and "loss" in losses else losses


def format_losses(losses: dict[str, float], how: LossFormat) -> tuple[str, str]:
    """The losses in words, with the terms of the loss and without."""
    if "loss" not in losses:
        return format_players(losses, how), format_players(losses)
    return format_loss(losses, how), format_loss({"loss": losses["loss"]})


def fits(width: int, epoch: str, scores: str, speed: str) -> bool:
    """Whether a line of this width has room for it all, and for a bar and the time left."""
    of_speed = max(LONGEST_SPEED, len(speed)) if speed else 0
    return len(f"epoch {epoch} 100%  {scores}  00:00 ") + of_speed + SHORTEST_BAR <= width


def format_gain(metrics: dict[str, float]) -> list[str]:
    """The PSNR of a restoring task and its gain over the untouched input, once they are known."""
    if "val/psnr_gain" not in metrics:
        return []
    return [f"psnr {metrics['val/psnr']:.1f} dB ({metrics['val/psnr_gain']:+.1f})"]


def format_clock(seconds: float | None) -> str:
    """Minutes and seconds, and hours if there are any: `02:05`."""
    if seconds is None:
        return "--:--"
    minutes, seconds = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def mean_losses(trainer: Trainer, terms: tuple[str, ...]) -> dict[str, float]:
    """The means of the last epoch: of the loss and these terms of it, or of the loss of each player by name."""
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("train/")}
    if "train/loss" in metrics:
        return {term: metrics[f"train/{term}"] for term in ("loss", *terms) if f"train/{term}" in metrics}
    return {name.split("/")[1]: loss for name, loss in metrics.items() if name.endswith("/loss")}
