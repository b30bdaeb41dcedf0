"""Saves a run so that it can go on from any step, to the same bits, as if it had never stopped."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from aectl.rng import get_rng_state
from aectl.training.checkpoint_io import LAST
from aectl.training.interrupts import StopSignals, TrainingStopped
from aectl.training.resume import (
    ResumableBatches,
    add_logged_sums,
    logged_sums,
    reapply_schedules,
    set_batch_progress,
    set_progress,
    train_means,
)

SHARE_OF_TIME = 0.05
"""The most that saving at the ends of epochs may take of a run's time."""


class RunSaver(Checkpoint):
    """Keeps `last.ckpt`: after an epoch unless that would slow training, and in the middle of one when it is to stop.

    Arguments:
        folder: where the checkpoints of the run are.
        batches: the training split.
        signals: whether somebody has asked to stop.

    Attributes:
        at_end: called before the checkpoint that says that all is done: what it does, no resumed run would do again.

    Raises:
        Stopped: somebody has, and the run is saved.
    """

    def __init__(self, folder: Path, batches: ResumableBatches, signals: StopSignals) -> None:
        self.path = folder / LAST
        self.batches = batches
        self.signals = signals
        self.place: dict[str, Any] = {}
        self.partial = False
        self.sums: dict[str, list[torch.Tensor]] = {}
        self.since = time.monotonic()
        self.wished = False
        self.at_work = False
        self.pause = 0.0
        self.at_end: Callable[[], object] = int

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["callbacks"].pop("Timer", None)  # every call of the program has its own trainer.max_time
        if self.place:
            checkpoint["place"] = self.place

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        place = checkpoint["place"]
        del checkpoint["loops"]  # Lightning would go on in the middle of an epoch in its own way
        set_progress(trainer, place)
        self.since -= place["seconds"]
        self.sums = place["sums"]
        train_means(pl_module).restore(place["means"])
        self.epoch_step = place["epoch_step"]
        self.batches.place = place
        self.batches.skipped = partial(set_batch_progress, trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if place := self.batches.place:
            metrics = {name: torch.tensor(value) for name, value in place["metrics"].items()}
            trainer._logger_connector._callback_metrics.update(metrics)
            reapply_schedules(trainer)
        self.signals.reinstall()
        self.saved = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before the run was stopped included."""
        return time.monotonic() - self.since

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.at_work and (self.signals.received or time.monotonic() - self.saved > self.pause):
            self.save(trainer)
        if self.at_work and self.signals.received:
            raise TrainingStopped
        self.at_work = True
        if not self.sums:
            self.epoch_step = trainer.fit_loop.epoch_loop._batches_that_stepped

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.sums:
            add_logged_sums(trainer, self.sums)
            self.sums = {}
        self.wished = self.wished or trainer.should_stop
        if not (self.signals.received or self.wished) or trainer.is_last_batch:
            return
        trainer.should_stop = self.may_stop(batch_idx + 1, trainer.accumulate_grad_batches)
        if not trainer.should_stop:
            return
        self.save(trainer, batch_idx + 1)
        if self.signals.received:
            raise TrainingStopped
        self.partial = True

    def may_stop(self, batches: int, in_a_step: int) -> bool:
        """Not in the middle of a step, whose gradients are in no checkpoint.

        Nor after the first step of an epoch for a time limit: what is logged then would have the step of the pictures
        of the epoch before, and TensorBoard could not take back the one without the other.
        """
        return batches % in_a_step == 0 and (bool(self.signals.received) or batches > in_a_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.partial:
            self.at_end()
            self.save(trainer, done=True)

    def save(self, trainer: Trainer, batches: int = 0, done: bool = False) -> None:
        """Writes all that happened up to here, with this many batches of the epoch trained, or the whole run done."""
        started = time.monotonic()
        if trainer.logger:
            trainer.logger.save()
        loop = trainer.fit_loop.epoch_loop
        self.place = {
            "epoch": trainer.current_epoch,
            "batches": batches,
            "global_step": trainer.global_step,
            "logged_steps": loop._batches_that_stepped + (batches > 0),
            "epoch_step": self.epoch_step if batches else loop._batches_that_stepped,
            "began": self.batches.began if batches else get_rng_state(),
            "random": get_rng_state(),
            "sums": logged_sums(trainer) if batches else {},
            "means": train_means(trainer.lightning_module).state(),
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "seconds": self.elapsed,
            "done": done,
        }
        trainer.save_checkpoint(self.path)
        self.last, self.place = self.place, {}
        self.saved = time.monotonic()
        self.pause = (self.saved - started) / SHARE_OF_TIME
