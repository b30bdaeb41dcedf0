"""How the learning rate changes: aectl's factors over a run, and torch's schedulers as they are."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from aectl.config import locate
from aectl.errors import UserError, shorten
from aectl.runs.run import instantiate_node
from aectl.training.monitor import Monitor
from aectl.types import Fraction

Interval = Literal["step", "epoch"]
Factor = Callable[[float], float]
"""The factor on the learning rates at each fraction of the run."""


class DecayToFloor(LambdaLR):
    r"""Falls exponentially with the steps towards a floor, whatever the length of the run.

    .. math:: f(t) = (1 - f_{min}) \, r^t + f_{min}

    References:
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section
          4, with $r = 0.9999$ and $f_{min} = 0.01$
        | https://arxiv.org/abs/1803.05428

    Arguments:
        optimizer: whose rates it scales.
        rate: $r$, the factor of a step.
        floor: $f_{min}$, the least factor.
    """

    def __init__(self, optimizer: Optimizer, rate: Fraction, floor: Fraction) -> None:
        super().__init__(optimizer, lambda step: (1 - floor) * rate**step + floor)


BY_STEP = (OneCycleLR, CyclicLR, DecayToFloor)
LENGTHS = ("total_steps", "T_max")
"""The parameters of torch's schedulers that say how long the run is."""
RATES = ("lr", "initial_lr", "max_lr", "min_lr")
"""What a group of an optimizer's parameters may hold of rates."""


@dataclass(frozen=True)
class TorchSchedule:
    """A scheduler of torch's, or of the same kind.

    Arguments:
        kind: its class.
        arguments: of its constructor, besides the optimizer.
        interval: `step` or `epoch`, after which it changes the rate; None: a step for those of `BY_STEP`, an epoch for
            the others.
        monitor: the metric that ReduceLROnPlateau looks at.
    """

    kind: type[LRScheduler]
    arguments: Mapping[str, Any]
    interval: Interval | None
    monitor: str

    @property
    def by_step(self) -> bool:
        return self.interval == "step" if self.interval else issubclass(self.kind, BY_STEP)

    @property
    def watched(self) -> str | None:
        """The metric that it looks at, if it does."""
        return self.monitor if issubclass(self.kind, ReduceLROnPlateau) else None

    def make(self, optimizer: Optimizer, steps: int, epochs: int) -> LRScheduler:
        """The scheduler of a run of so many steps and epochs, which it is told if it asks for its length.

        Raises:
            UserError: its arguments do not go together, or its length is less than that of the run.
        """
        length = steps if self.by_step else epochs
        try:
            scheduler: LRScheduler = self.kind(optimizer, **self._lengths(length), **self.arguments)
        except Exception as error:  # a constructor raises whatever an odd value leads it to
            raise UserError(f"schedule: {self.kind.__name__} cannot be made: {shorten(error)}") from error
        if isinstance(scheduler, OneCycleLR) and scheduler.total_steps < length:
            raise UserError(
                f"schedule: OneCycleLR is laid out for {scheduler.total_steps:,} steps; expected at least the "
                f"{length:,} of the run; leave out schedule.total_steps to have it filled in"
            )
        return scheduler

    def _lengths(self, length: int) -> dict[str, int]:
        """The length of the run under the name that the scheduler has for it, unless its arguments say it."""
        if "epochs" in self.arguments:
            return {}
        names = [name for name in LENGTHS if name in inspect.signature(self.kind).parameters]
        return {name: length for name in names if name not in self.arguments}


Schedule = Factor | TorchSchedule


def build_schedule(node: dict[str, Any], monitor: Monitor) -> Schedule:
    """What the node `schedule` of a config describes.

    Arguments:
        node: its `_target_` with arguments; of a torch scheduler also `interval` and `monitor`.
        monitor: the metric that chooses the best epoch, which ReduceLROnPlateau looks at by default.
    """
    kind = locate(node["_target_"], "schedule._target_")
    if not (inspect.isclass(kind) and issubclass(kind, LRScheduler)):
        return instantiate_node(node)
    arguments = {key: value for key, value in node.items() if key[:1] != "_" and key not in ("interval", "monitor")}
    watched = Monitor(node["monitor"]) if node.get("monitor") else monitor
    if issubclass(kind, ReduceLROnPlateau):
        arguments.setdefault("mode", watched.direction)
    interval = node.get("interval")
    if interval not in (None, "step", "epoch"):
        raise UserError(f"schedule.interval={interval}: expected step or epoch")
    return TorchSchedule(kind, {k: v for k, v in arguments.items() if v is not None}, interval, watched.name)


def lightning_config(schedule: Schedule, optimizer: Optimizer, steps: int, epochs: int) -> dict[str, Any]:
    """A scheduler of an optimizer as Lightning takes it, over so many steps and epochs."""
    if isinstance(schedule, TorchSchedule):
        return {
            "scheduler": schedule.make(optimizer, steps, epochs),
            "interval": "step" if schedule.by_step else "epoch",
        }
    return {"scheduler": LambdaLR(optimizer, lambda step: schedule(step / steps)), "interval": "step"}


def check_length(node: dict[str, Any], former: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises a UserError if a run is resumed with another length, and its scheduler cannot be stretched.

    Arguments:
        node: the node `schedule` of its config.
        former: the node `trainer` that it was trained with.
        now: the one that it is resumed with.
    """
    kind = locate(node["_target_"], "schedule._target_")
    if not (inspect.isclass(kind) and issubclass(kind, LRScheduler)):
        return
    filled_in = [name for name in LENGTHS if name in inspect.signature(kind).parameters and node.get(name) is None]
    changed = [key for key in ("max_epochs", "max_steps") if former.get(key) != now.get(key)]
    if filled_in and changed:
        raise UserError(
            f"trainer.{changed[0]}={now.get(changed[0])}: {kind.__name__} was laid out for {former.get(changed[0])} "
            "and cannot be stretched; resume with the former length, or train a new run"
        )


def reapply(scheduler: LRScheduler) -> None:
    """Sets the rates to what a factor says at this step; in a run of another length than before that is new."""
    if isinstance(scheduler, LambdaLR):
        groups = scheduler.optimizer.param_groups
        for group, lr, factor in zip(groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True):
            group["lr"] = lr * factor(scheduler.last_epoch)


def halve_rates(scheduler: LRScheduler, stored: list[dict[str, Any]]) -> None:
    """Halves the rates that a scheduler scales.

    Arguments:
        scheduler: of an optimizer that was just restored.
        stored: the groups of parameters that it was restored from; torch's schedulers go on from their rates, which are
            halved too, so that they end lower each time.
    """
    groups = scheduler.optimizer.param_groups
    if hasattr(scheduler, "base_lrs"):
        scheduler.base_lrs = [lr / 2 for lr in scheduler.base_lrs]
    if isinstance(scheduler, LambdaLR):
        for group, lr in zip(groups, scheduler.base_lrs, strict=True):
            group["initial_lr"] = lr
        return
    for group in (*groups, *stored):
        group |= {name: group[name] / 2 for name in RATES if name in group}
