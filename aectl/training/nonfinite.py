"""Keeps numbers that are not finite out of weights and optimizers."""

import copy
import math
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from aectl.devices import num_processes
from aectl.errors import NonFiniteError, notify
from aectl.runs.checkpoint import model_weights, read_checkpoint
from aectl.training import processes
from aectl.training.finite import all_finite, find_culprit, format_causes, has_nonfinite, suggest_remedy, summarize
from aectl.training.lr_schedulers import halve_rates
from aectl.training.monitor import Monitor
from aectl.training.system import PlayerStep, System
from aectl.training.torch_internals import skip_step_where
from aectl.training.trainer import OnNonFinite

MOST_IN_A_ROW = 10
"""Steps skipped in a row, or rollbacks without a new best validation, before the training is given up."""
MOST_WAITING = 100
"""Steps whose numbers may be on their way from the device."""
STOPPED = "stopped.ckpt"
COUNTS = ("in_a_row", "dropped", "steps", "lowest")
"""What a resumed run has to know of its first part."""


class Snapshot(NamedTuple):
    """A model and its optimizers at a moment.

    Arguments:
        weights: the state of the model.
        optimizers: the state of each optimizer.
    """

    weights: dict[str, Any]
    optimizers: list[dict[str, Any]]

    @classmethod
    def of(cls, trainer: Trainer) -> "Snapshot":
        model = cast(System, trainer.lightning_module).model
        return cls(*copy.deepcopy((model.state_dict(), [each.state_dict() for each in trainer.optimizers])))

    @classmethod
    def read(cls, checkpoint: Path) -> "Snapshot":
        contents = read_checkpoint(checkpoint)
        return cls(model_weights(contents), contents["optimizer_states"])

    def restore(self, trainer: Trainer) -> None:
        """Restores model and optimizers, and halves the learning rates that the schedules scale."""
        weights, optimizers = copy.deepcopy((self.weights, self.optimizers))
        cast(System, trainer.lightning_module).model.load_state_dict(weights)
        for optimizer, state in zip(trainer.optimizers, optimizers, strict=True):
            optimizer.load_state_dict(state)
        for config, state in zip(trainer.lr_scheduler_configs, self.optimizers, strict=True):
            halve_rates(config.scheduler, state["param_groups"])


class Step(NamedTuple):
    """A step whose numbers have not been looked at yet.

    Arguments:
        player: whose step it is.
        where: the epoch, the step and the player, in words.
        terms: the names of the terms of its loss.
        parameters: those with a gradient.
        values: their summary, on its way to the CPU.
        arrived: happens when it is there; none where it is at once.
        optimizer: the player's.
    """

    player: str
    where: str
    terms: list[str]
    parameters: list[Parameter]
    values: Tensor
    arrived: torch.cuda.Event | None
    optimizer: Optimizer


class NonFiniteGuard(Callback):
    """Checks the loss and the gradients before every step of an optimizer, and drops a step that is not finite.

    A fused Adam on a GPU is told on the device to leave weights and moments as they are, and the numbers are read when
    they have arrived, steps later: nothing waits. Elsewhere they are read at once, and the gradients are removed.

    Arguments:
        policy: `stop`, `skip` the step, or `rollback` to the weights of the best validation.
        folder: where the weights are saved if the run is stopped.
        monitor: the score by which validations are compared.
        on_device: whether fused optimizers are told on the device; `None` for on a GPU.

    Raises:
        NonFiniteError: the policy is `stop`, or the others have not helped.
    """

    def __init__(self, policy: OnNonFinite, folder: Path, monitor: Monitor, on_device: bool | None = None) -> None:
        self.policy = policy
        self.folder = folder
        self.monitor = monitor
        self.on_device = on_device
        self.in_a_row = self.dropped = self.steps = 0
        self.waiting: deque[Step] = deque()
        self.lowest = monitor.worst
        self.good: Snapshot

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.parameters = {id(o): [p for group in o.param_groups for p in group["params"]] for o in trainer.optimizers}
        self.scaler = getattr(trainer.precision_plugin, "scaler", None)
        on_gpu = pl_module.device.type == "cuda" if self.on_device is None else self.on_device
        on_gpu &= num_processes() == 1  # when numbers arrive is another step in each process
        self.told_on_device = {id(o) for o in trainer.optimizers if on_gpu and not self.scaler and is_fused(o)}
        if self.policy == "rollback":
            best = self.folder / "best.ckpt"
            self.good = Snapshot.read(best) if math.isfinite(self.lowest) and best.is_file() else Snapshot.of(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COUNTS}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        vars(self).update(state_dict)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        current = cast(PlayerStep, cast(System, pl_module).current)
        parameters = [p for p in self.parameters[id(optimizer)] if p.grad is not None]
        gradients = [cast(Tensor, p.grad) for p in parameters]
        self.steps += 1
        if self.scaler is not None and self.scaler.get_scale() >= 1:
            parameters = gradients = []  # the scaler drops a step that its factor was too large for, and lowers it
        on_device = id(optimizer) in self.told_on_device
        if on_device and self._read_arrived(trainer, pl_module, most_waiting=MOST_WAITING):
            optimizer.zero_grad(set_to_none=True)  # they are of weights that are gone
            return
        if not on_device and not processes.any_of(not all_finite(current.terms, gradients)):
            self._count_good_step()
            return
        values = summarize(current.example.input, current.example.target, current.terms, gradients)
        step = send_to_cpu(values, describe_step(trainer, current), current, parameters, optimizer)
        if on_device:
            skip_step_where(optimizer, has_nonfinite(values))
            self.waiting.append(step)
            return
        self._drop(trainer, pl_module, step)
        if self.scaler is None:
            optimizer.zero_grad(set_to_none=True)  # no gradients, no step

    def _read_arrived(self, trainer: Trainer, pl_module: LightningModule, most_waiting: int = 0) -> bool:
        """Reads the numbers that have arrived, and waits until no more than `most_waiting` steps are on their way.

        Returns:
            whether former weights were restored.
        """
        while self.waiting:
            step = self.waiting[0]
            if step.arrived is not None and not step.arrived.query():
                if len(self.waiting) <= most_waiting:
                    return False
                step.arrived.synchronize()
            self.waiting.popleft()
            if has_nonfinite(step.values):
                self._drop(trainer, pl_module, step)
                if self.policy == "rollback":
                    return True
            else:
                self._count_good_step()
        return False

    def _count_good_step(self) -> None:
        """Ends the row of bad steps; after a rollback only a better validation does."""
        if self.policy != "rollback":
            self.in_a_row = 0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._read_arrived(trainer, pl_module)

    def _drop(self, trainer: Trainer, pl_module: LightningModule, step: Step) -> None:
        """Reports what of a step was not finite, and does what the policy says."""
        self.in_a_row += 1
        self.dropped += 1
        what, remedy = explain(trainer, cast(System, pl_module), step)
        if self.policy == "stop" or self.in_a_row > MOST_IN_A_ROW:
            self._stop(trainer, what, remedy)
        if self.policy == "rollback":
            self.good.restore(trainer)
            self.waiting.clear()
            whose = "of the best validation" if math.isfinite(self.lowest) else "that training started from"
            notify(f"{what}: restored the weights {whose}, and halved the learning rate")
        elif self.dropped == 1:
            notify(f"{what}: skipped, as later steps like it will be; {remedy}")

    def _stop(self, trainer: Trainer, what: str, remedy: str) -> None:
        path = self.folder / STOPPED
        trainer.save_checkpoint(path)
        times = "" if self.policy == "stop" else f" for the {self.in_a_row}th time in a row"
        raise NonFiniteError(
            f"trainer.on_nonfinite={self.policy}: {what}{times}; expected finite numbers. "
            f"The weights from before it are in {path}; {remedy}"
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = float(trainer.callback_metrics.get(self.monitor.name, math.nan))
        if self.policy == "rollback" and math.isfinite(score) and self.monitor.is_better(score, self.lowest):
            self.lowest = score
            self.in_a_row = 0
            self.good = Snapshot.of(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._read_arrived(trainer, pl_module)
        if self.dropped and self.policy == "skip":
            notify(f"{self.dropped:,} of {self.steps:,} steps were skipped: their loss or gradient was not finite")


def is_fused(optimizer: Optimizer) -> bool:
    """Whether a step of the optimizer is one kernel, which can be told on the device to do nothing."""
    return all(group.get("fused") for group in optimizer.param_groups)


def describe_step(trainer: Trainer, current: PlayerStep) -> str:
    step = f"step {trainer.fit_loop.batch_idx + 1} of {trainer.num_training_batches}"
    return f"epoch {trainer.current_epoch + 1}, {step}, player {current.player}"


def send_to_cpu(
    values: Tensor, where: str, current: PlayerStep, parameters: list[Parameter], optimizer: Optimizer
) -> Step:
    """A step whose numbers are sent to the CPU without waiting for them."""
    arrived = None
    on_cpu = values.to("cpu", non_blocking=values.is_cuda)
    if values.is_cuda:
        arrived = torch.cuda.Event()
        arrived.record()
    return Step(current.player, where, list(current.terms), parameters, on_cpu, arrived, optimizer)


def explain(trainer: Trainer, system: System, step: Step) -> tuple[str, str]:
    """What of a step was not finite and where, and what to do about it."""
    names = {id(p): name.removeprefix("model.") for name, p in system.named_parameters()}
    own = find_culprit(step.values.tolist(), step.terms, [names[id(p)] for p in step.parameters])
    causes = max(processes.gather(own), key=bool)  # those of the first process that has any
    group = step.optimizer.param_groups[0]
    key = "optimizer.lr" if len(trainer.optimizers) == 1 else f"optimizer.players.{step.player}.lr"
    lr = group.get("initial_lr", group["lr"])
    remedy = suggest_remedy(causes, lr, system.clip, str(trainer.precision), key)
    return f"{format_causes(causes)} at {step.where}", remedy
