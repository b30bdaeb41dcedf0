"""Saves a run so that it can be resumed at any step and give the same bits as if it had never stopped."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from aectl.rng import get_rng_state
from aectl.training import lightning_internals, processes
from aectl.training.checkpoint_io import LAST, RESUME_STATE
from aectl.training.interrupts import StopSignals, TrainingStopped
from aectl.training.lr_schedulers import reapply
from aectl.training.resume import ResumableBatches
from aectl.training.system import System

MAX_TIME_SHARE = 0.05
"""The largest share of a run's time that saving between epochs may take."""


class RunSaver(Checkpoint):
    """Keeps `last.ckpt`: saves after an epoch unless that would slow training, and in the middle of one to stop.

    Arguments:
        folder: where the checkpoints of the run are.
        batches: the training split.
        signals: whether a signal has asked to stop.
        at_end: called when training is done, before the checkpoint that says so.

    Attributes:
        partial_epoch: whether the training has ended in the middle of an epoch, by its time or its steps.
        steps_are_done: whether it has reached the number of steps that it was to take.
        last: the state that was saved last.

    Raises:
        TrainingStopped: a signal has asked to stop, and the run is saved.
    """

    def __init__(
        self, folder: Path, batches: ResumableBatches, signals: StopSignals, at_end: Callable[[], object]
    ) -> None:
        self.path = folder / LAST
        self.batches = batches
        self.signals = signals
        self.at_end = at_end
        self.state: dict[str, Any] = {}
        self.partial_epoch = False
        self.started = time.monotonic()
        self.time_is_up = self.steps_are_done = False
        self.has_trained = False
        self.pause = 0.0

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        lightning_internals.forget_time(checkpoint)
        if self.state:
            checkpoint[RESUME_STATE] = self.state

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        state = checkpoint[RESUME_STATE]
        lightning_internals.forget_progress(checkpoint)
        lightning_internals.set_progress(trainer, state["epoch"], state["global_step"], state["logged_steps"])
        cast(System, pl_module).restore_epoch(state)
        self.started -= state["seconds"]
        self.epoch_step = state["epoch_step"]
        self.batches.resume_state = state
        self.batches.on_skip = partial(lightning_internals.set_batch_progress, trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if state := self.batches.resume_state:
            lightning_internals.restore_metrics(trainer, state["metrics"])
            for config in trainer.lr_scheduler_configs:
                reapply(config.scheduler)
        self.signals.reinstall()
        self.saved = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before the run was stopped included."""
        return time.monotonic() - self.started

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        stop = self.signals.agreed()
        if self.has_trained and processes.any_of(bool(stop) or time.monotonic() - self.saved > self.pause):
            self.save(trainer)
        if self.has_trained and stop:
            raise TrainingStopped
        self.has_trained = True
        if not self.batches.resume_state:
            self.epoch_step = lightning_internals.logging_step(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.time_is_up = self.time_is_up or trainer.should_stop
        self.steps_are_done = 0 < trainer.max_steps <= trainer.global_step
        stop = self.signals.agreed()
        if not (stop or self.time_is_up or self.steps_are_done) or trainer.is_last_batch:
            return
        may_stop = self.may_stop(batch_idx + 1, trainer.accumulate_grad_batches, by_signal=bool(stop))
        trainer.should_stop = self.steps_are_done or may_stop
        if not trainer.should_stop:
            return
        self.save(trainer, batch_idx + 1, done=self.steps_are_done)
        if stop and not self.steps_are_done:
            raise TrainingStopped
        self.partial_epoch = True

    def may_stop(self, batches: int, accumulated: int, by_signal: bool) -> bool:
        """Whether training may stop here: not in the middle of a step, since its gradients are in no checkpoint.

        Nor may a time limit stop it after the first step of an epoch: what is logged then would have the same step as
        the pictures of the epoch before, and trackers could not take back the one without the other.
        """
        return batches % accumulated == 0 and (by_signal or batches > accumulated)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.steps_are_done or not self.partial_epoch:
            self.at_end()
        if not self.partial_epoch:
            self.save(trainer, done=True)

    def save(self, trainer: Trainer, batches: int = 0, done: bool = False) -> None:
        """Writes `last.ckpt`.

        Arguments:
            trainer: between two epochs, or in one.
            batches: the batches of the running epoch that are trained.
            done: whether the run has reached its end.
        """
        started = time.monotonic()
        if trainer.logger:
            trainer.logger.save()
        self.state = self.resume_state(trainer, batches, done)
        trainer.save_checkpoint(self.path)
        self.last, self.state = self.state, {}
        self.saved = time.monotonic()
        self.pause = (self.saved - started) / MAX_TIME_SHARE

    def resume_state(self, trainer: Trainer, batches: int, done: bool) -> dict[str, Any]:
        """What Lightning's part of a checkpoint lacks for a run to be resumed here."""
        step = lightning_internals.logging_step(trainer)
        return {
            "epoch": trainer.current_epoch,
            "batches": batches,
            "global_step": trainer.global_step,
            "logged_steps": step + (batches > 0),
            "epoch_step": self.epoch_step if batches else step,
            "began": self.batches.began if batches else get_rng_state(),
            "random": get_rng_state(),
            **cast(System, trainer.lightning_module).epoch_state(),
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "seconds": self.elapsed,
            "done": done,
        }
