"""Saves a run so that it can go on from any step, to the same bits, as if it had never stopped.

Lightning restores weights, optimizers, schedules and callbacks; its own account of an epoch that was left in the middle
does not include the order of the batches, the random state or the sums behind the epoch's means, so they are kept here.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from torch.optim.lr_scheduler import LambdaLR

from aectl.checkpoints import LAST
from aectl.data.batches import Batch, Batches
from aectl.draws import random_state, set_random_state
from aectl.means import Means
from aectl.signals import Signals, Stopped
from aectl.system import System

SHARE_OF_TIME = 0.05
"""The most that saving at the ends of epochs may take of a run's time."""


class Resumable:
    """An epoch of batches that can begin in its middle.

    Arguments:
        batches: the training split.

    Attributes:
        began: the random state before the order of the running epoch was drawn.
        place: where to begin, once.
        skipped: told how many batches were passed over.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.began: dict[str, Any] = {}
        self.skipped: Callable[[int], object] = int
        self.place: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        place, self.place = self.place, None
        if place:
            set_random_state(place["began"])
        self.began = random_state()
        epoch = iter(self.batches)
        if place and place["batches"]:
            self.skipped(place["batches"])
            for _ in islice(epoch, place["batches"]):
                pass
            set_random_state(place["random"])
        yield from epoch


class Saver(Checkpoint):
    """Keeps `last.ckpt`: after an epoch unless that would slow training, and in the middle of one when it is to stop.

    Arguments:
        folder: where the checkpoints of the run are.
        batches: the training split.
        signals: whether somebody has asked to stop.

    Raises:
        Stopped: somebody has, and the run is saved.
    """

    def __init__(self, folder: Path, batches: Resumable, signals: Signals) -> None:
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

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["callbacks"].pop("Timer", None)  # every call of the program has its own trainer.max_time
        if self.place:
            checkpoint["place"] = self.place

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        place = checkpoint["place"]
        del checkpoint["loops"]  # Lightning would go on in the middle of an epoch in its own way
        begin_at(trainer, place)
        self.since -= place["seconds"]
        self.sums = place["sums"]
        means(pl_module).restore(place["means"])
        self.epoch_step = place["epoch_step"]
        self.batches.place = place
        self.batches.skipped = partial(skip, trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if place := self.batches.place:
            metrics = {name: torch.tensor(value) for name, value in place["metrics"].items()}
            trainer._logger_connector._callback_metrics.update(metrics)
            follow_schedules(trainer)
        self.signals.insist()
        self.saved = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before the run was stopped included."""
        return time.monotonic() - self.since

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.at_work and (self.signals.received or time.monotonic() - self.saved > self.pause):
            self.save(trainer)
        if self.at_work and self.signals.received:
            raise Stopped
        self.at_work = True
        if not self.sums:
            self.epoch_step = trainer.fit_loop.epoch_loop._batches_that_stepped

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.sums:
            add(trainer, self.sums)
            self.sums = {}
        self.wished = self.wished or trainer.should_stop
        if not (self.signals.received or self.wished) or trainer.is_last_batch:
            return
        trainer.should_stop = self.may_stop(batch_idx + 1, trainer.accumulate_grad_batches)
        if not trainer.should_stop:
            return
        self.save(trainer, batch_idx + 1)
        if self.signals.received:
            raise Stopped
        self.partial = True

    def may_stop(self, batches: int, in_a_step: int) -> bool:
        """Not in the middle of a step, whose gradients are in no checkpoint.

        Nor after the first step of an epoch for a time limit: what is logged then would have the step of the pictures
        of the epoch before, and TensorBoard could not take back the one without the other.
        """
        return batches % in_a_step == 0 and (bool(self.signals.received) or batches > in_a_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.partial:
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
            "began": self.batches.began if batches else random_state(),
            "random": random_state(),
            "sums": sums(trainer) if batches else {},
            "means": means(trainer.lightning_module).state(),
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "seconds": self.elapsed,
            "done": done,
        }
        trainer.save_checkpoint(self.path)
        self.last, self.place = self.place, {}
        self.saved = time.monotonic()
        self.pause = (self.saved - started) / SHARE_OF_TIME


class Best(ModelCheckpoint):
    """Keeps `best.ckpt`, the epoch with the lowest score.

    An epoch that a time limit cut short counts only where there is no whole one: a resumed run does not know it.

    Arguments:
        folder: where the checkpoints of the run are, wherever that was when they were written.
        monitor: the score.
        saver: knows whether the epoch was cut short.
    """

    def __init__(self, folder: Path, monitor: str, saver: Saver) -> None:
        super().__init__(folder, "best", monitor, auto_insert_metric_name=False, enable_version_counter=False)
        self.saver = saver

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not (self.saver.partial and self.best_model_path):
            super().on_train_epoch_end(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not (self.saver.partial and self.best_model_path):
            super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        score = state_dict["best_model_score"]
        if score is not None:
            path = self.format_checkpoint_name({})
            self.best_model_score = self.kth_value = score
            self.best_model_path = self.kth_best_model_path = path
            self.best_k_models = {path: score}


def begin_at(trainer: Trainer, place: dict[str, Any]) -> None:
    """Sets Lightning's counters as if the epochs before this place had just been trained."""
    loop = trainer.fit_loop
    for count in (loop.epoch_progress.current, loop.epoch_progress.total):
        vars(count).update(dict.fromkeys(("ready", "started", "processed", "completed"), place["epoch"]))
    inner = loop.epoch_loop
    inner._batches_that_stepped = place["logged_steps"]
    inner.automatic_optimization.optim_progress.optimizer.step.total.completed = place["global_step"]
    inner.manual_optimization.optim_step_progress.total.completed = place["global_step"]


def follow_schedules(trainer: Trainer) -> None:
    """Sets the learning rates to what the schedules say here, which is new where `max_epochs` is."""
    for config in trainer.lr_scheduler_configs:
        schedule = cast(LambdaLR, config.scheduler)
        for group, lr, factor in zip(
            schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
        ):
            group["lr"] = lr * factor(schedule.last_epoch)


def skip(trainer: Trainer, batches: int) -> None:
    """Sets Lightning's counters as if this many batches of the epoch had just been trained."""
    loop = trainer.fit_loop
    vars(loop.epoch_loop.batch_progress.current).update(
        dict.fromkeys(("ready", "started", "processed", "completed"), batches)
    )
    cast(Any, loop)._data_fetcher.fetched = batches


def means(pl_module: LightningModule) -> Means:
    """The terms of the running epoch."""
    return cast(System, pl_module).means["train"]


def sums(trainer: Trainer) -> dict[str, list[torch.Tensor]]:
    """What the means that callbacks log are of so far: sum and count by name."""
    logged = trainer.fit_loop.epoch_loop._results
    return {name: [each.value.cpu(), each.cumulated_batch_size.cpu()] for name, each in logged.items()}


def add(trainer: Trainer, former: dict[str, list[torch.Tensor]]) -> None:
    """Takes what was summed before the run was stopped into the means of the first batch after."""
    for name, mean in trainer.fit_loop.epoch_loop._results.items():
        if name in former:
            value, count = (part.to(mean.value.device) for part in former[name])
            once = name.startswith("on_train_epoch_start.")  # logged again when the epoch was entered again
            mean.value = value if once else value + mean.value
            mean.cumulated_batch_size = count if once else count + mean.cumulated_batch_size
            mean._computed = None
