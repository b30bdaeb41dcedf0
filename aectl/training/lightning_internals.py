"""Whatever depends on insides of Lightning that a new release may move; each has a test that says what has moved.

Why its counters are set from here: Lightning restores weights, optimizers, schedules and callbacks, and a data loader
with a `state_dict` too. But of an epoch that was left in the middle it restores neither random state nor metrics, it
does not call `on_train_epoch_start` again, and after a checkpoint from between two epochs it skips the next one.
"""

import logging
import warnings
from contextlib import nullcontext
from typing import Any, cast

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.profilers import PassThroughProfiler

LOGGERS = ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric")
"""Under which of these names it logs depends on how it was installed."""
IRRELEVANT_WARNINGS = (
    "GPU available but not used",
    "isinstance.treespec, LeafSpec",
    "in eval mode at the start of training",
    "when logging on epoch level in distributed setting",
)
"""A choice of the user's, Lightning's own use of torch, parts of a model that are never trained, and means that are of
all processes already.

These warnings have no classes of their own, only words.
"""


def silence() -> None:
    """Leaves Lightning's own messages to the log file, and drops the warnings that do not hold here."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(True)
    for words in IRRELEVANT_WARNINGS:
        warnings.filterwarnings("ignore", message=f".*{words}.*")


class QuickModule(LightningModule):
    """A LightningModule that notes which hook it is in without torch's search for parameters.

    Lightning sets `_current_fx_name` some forty times a step, which costs as much as a small net's arithmetic.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)


class NoProfiler(PassThroughProfiler):
    """Lightning's profiler that measures nothing, without a generator for each of the ninety actions of a step."""

    NOTHING = nullcontext()

    def profile(self, action_name: str) -> Any:
        return self.NOTHING


def accumulate_manually(trainer: Trainer, batches: int) -> None:
    """Has Lightning count a step every few batches under manual optimization.

    It refuses `Trainer(accumulate_grad_batches=)` there, but counts by the attribute once training is being set up.
    """
    trainer.accumulate_grad_batches = batches


def ends_step(trainer: Trainer) -> bool:
    """Whether the optimizers step after this batch, and not only accumulate its gradients."""
    return not trainer.fit_loop._should_accumulate()


def logging_step(trainer: Trainer) -> int:
    """The step that Lightning passes to loggers: once a batch that steps, whatever the number of optimizers."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def set_progress(trainer: Trainer, epochs: int, optimizer_steps: int, logging_step: int) -> None:
    """Sets the counters to where they are after so many epochs."""
    loop = trainer.fit_loop
    for count in (loop.epoch_progress.current, loop.epoch_progress.total):
        set_counts(count, epochs)
    inner = loop.epoch_loop
    inner._batches_that_stepped = logging_step
    inner.automatic_optimization.optim_progress.optimizer.step.total.completed = optimizer_steps
    inner.manual_optimization.optim_step_progress.total.completed = optimizer_steps


def set_batch_progress(trainer: Trainer, batches: int) -> None:
    """Sets the counters to where they are after so many batches of an epoch."""
    loop = trainer.fit_loop
    set_counts(loop.epoch_loop.batch_progress.current, batches)
    cast(Any, loop)._data_fetcher.fetched = batches


def set_counts(progress: object, count: int) -> None:
    vars(progress).update(dict.fromkeys(("ready", "started", "processed", "completed"), count))


def restore_metrics(trainer: Trainer, metrics: dict[str, float]) -> None:
    """Sets `trainer.callback_metrics`, which has no setter and is in no checkpoint."""
    values = {name: torch.tensor(value) for name, value in metrics.items()}
    trainer._logger_connector._callback_metrics.update(values)


def forget_progress(checkpoint: dict[str, Any]) -> None:
    """Takes Lightning's own progress out of a checkpoint that is being loaded, or it would restart in its own way."""
    del checkpoint["loops"]


def forget_time(checkpoint: dict[str, Any]) -> None:
    """Takes the time that has passed out of a checkpoint: `trainer.max_time` counts from when the program starts."""
    checkpoint["callbacks"].pop("Timer", None)
