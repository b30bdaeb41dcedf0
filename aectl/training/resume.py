"""A place in a run, and how Lightning is brought back to it.

Lightning restores weights, optimizers, schedules and callbacks; its own account of an epoch that was left in the middle
does not include the order of the batches, the random state or the sums behind the epoch's means, so they are kept here.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

import torch
from pytorch_lightning import LightningModule, Trainer
from torch.optim.lr_scheduler import LambdaLR

from aectl.data.loader import Batch, Batches
from aectl.rng import get_rng_state, set_rng_state
from aectl.runs.run import Run
from aectl.training.checkpoint_io import ResumePoint, newest_intact
from aectl.training.epoch_means import EpochMeans
from aectl.training.system import System


class ResumableBatches:
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
            set_rng_state(place["began"])
        self.began = get_rng_state()
        epoch = iter(self.batches)
        if place and place["batches"]:
            self.skipped(place["batches"])
            for _ in islice(epoch, place["batches"]):
                pass
            set_rng_state(place["random"])
        yield from epoch


def set_progress(trainer: Trainer, place: dict[str, Any]) -> None:
    """Sets Lightning's counters as if the epochs before this place had just been trained."""
    loop = trainer.fit_loop
    for count in (loop.epoch_progress.current, loop.epoch_progress.total):
        vars(count).update(dict.fromkeys(("ready", "started", "processed", "completed"), place["epoch"]))
    inner = loop.epoch_loop
    inner._batches_that_stepped = place["logged_steps"]
    inner.automatic_optimization.optim_progress.optimizer.step.total.completed = place["global_step"]
    inner.manual_optimization.optim_step_progress.total.completed = place["global_step"]


def reapply_schedules(trainer: Trainer) -> None:
    """Sets the learning rates to what the schedules say here, which is new where `max_epochs` is."""
    for config in trainer.lr_scheduler_configs:
        schedule = cast(LambdaLR, config.scheduler)
        for group, lr, factor in zip(
            schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
        ):
            group["lr"] = lr * factor(schedule.last_epoch)


def set_batch_progress(trainer: Trainer, batches: int) -> None:
    """Sets Lightning's counters as if this many batches of the epoch had just been trained."""
    loop = trainer.fit_loop
    vars(loop.epoch_loop.batch_progress.current).update(
        dict.fromkeys(("ready", "started", "processed", "completed"), batches)
    )
    cast(Any, loop)._data_fetcher.fetched = batches


def train_means(pl_module: LightningModule) -> EpochMeans:
    """The terms of the running epoch."""
    return cast(System, pl_module).means["train"]


def logged_sums(trainer: Trainer) -> dict[str, list[torch.Tensor]]:
    """What the means that callbacks log are of so far: sum and count by name."""
    logged = trainer.fit_loop.epoch_loop._results
    return {name: [each.value.cpu(), each.cumulated_batch_size.cpu()] for name, each in logged.items()}


def add_logged_sums(trainer: Trainer, former: dict[str, list[torch.Tensor]]) -> None:
    """Takes what was summed before the run was stopped into the means of the first batch after."""
    for name, mean in trainer.fit_loop.epoch_loop._results.items():
        if name in former:
            value, count = (part.to(mean.value.device) for part in former[name])
            once = name.startswith("on_train_epoch_start.")  # logged again when the epoch was entered again
            mean.value = value if once else value + mean.value
            mean.cumulated_batch_size = count if once else count + mean.cumulated_batch_size
            mean._computed = None


def find_resume_point(run: Run, batches: int) -> ResumePoint | None:
    """The checkpoint to go on from, or none for a run that was stopped before its first; says which it is.

    Arguments:
        run: the run.
        batches: the batches of an epoch.

    Raises:
        SystemExit: there is nothing left to do.
        UserError: no checkpoint is whole.
    """
    found, remarks = newest_intact(run.checkpoints)
    if found is None:
        print("no checkpoint yet: starts over, in the same folder")
        return None
    path = run.folder / "config.yaml"
    unchanged = path.read_text() == run.config_text
    if found.place["epoch"] >= run.cfg.trainer.max_epochs or (unchanged and found.place["done"]):
        epochs = found.place["epoch"]
        print(
            f"{run.folder}/ is done, after {epochs} epochs; to train it on: {run.resume_command} trainer.max_epochs=..."
        )
        raise SystemExit(0)
    for remark in remarks:
        print(f"{remark}; goes on from {found.path.name}, the one before")
    print(f"goes on at {format_position(found.place, batches)}; what came after it is trained again")
    run.write_config()
    return found


def format_position(place: dict[str, Any], batches: int) -> str:
    """Where in the run a place is."""
    return f"epoch {place['epoch'] + 1}, batch {place['batches']} of {batches}"
