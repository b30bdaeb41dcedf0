"""Keeps numbers that are not finite away from weights and moments."""

import math
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from aectl.errors import NonFiniteError, notify
from aectl.training.finite import all_finite, find_culprit, format_causes, has_nonfinite, suggest_remedy, summarize
from aectl.training.snapshot import Snapshot
from aectl.training.system import PlayerStep, System
from aectl.training.trainer import OnNonFinite

MOST_IN_A_ROW = 10
"""Steps dropped one after the other, or returns without a new best validation: more, and it will not come right."""
MOST_WAITING = 100
"""Steps whose numbers may be on their way from the device."""
STOPPED = "stopped.ckpt"
COUNTED = ("in_a_row", "dropped", "steps", "lowest")
"""What a run that goes on has to know of its first part."""


class Step(NamedTuple):
    """A step whose numbers have not been looked at yet.

    Arguments:
        where: the epoch, the step and the player, in words.
        terms: the names of the terms of its loss.
        parameters: those with a gradient.
        values: their overview, on its way to the CPU.
        arrived: happens when it is there; none where it is at once.
        optimizer: whose step it is.
    """

    where: str
    terms: list[str]
    parameters: list[Parameter]
    values: Tensor
    arrived: torch.cuda.Event | None
    optimizer: Optimizer


class NonFiniteGuard(Callback):
    """Looks at the loss and the gradients before every step of an optimizer, which never sees one that is not finite.

    A fused Adam on a GPU is told on the device to leave weights and moments alone, and the numbers are read when they
    have arrived, steps later: nothing waits. Elsewhere they are read at once, and the gradients taken away.

    Arguments:
        policy: `stop`, `skip` the step, or `rollback` to the weights of the best validation.
        folder: where the weights are left when the run is stopped.
        monitor: the score that says which validation is the best.
        on_device: whether fused optimizers are told on the device; `None` for on a GPU.

    Raises:
        NonFiniteError: the policy is `stop`, or the others have not helped.
    """

    def __init__(self, policy: OnNonFinite, folder: Path, monitor: str, on_device: bool | None = None) -> None:
        self.policy = policy
        self.folder = folder
        self.monitor = monitor
        self.on_device = on_device
        self.in_a_row = self.dropped = self.steps = 0
        self.waiting: deque[Step] = deque()
        self.lowest = math.inf
        self.good: Snapshot

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.parameters = {id(o): [p for group in o.param_groups for p in group["params"]] for o in trainer.optimizers}
        self.scaler = getattr(trainer.precision_plugin, "scaler", None)
        on_gpu = pl_module.device.type == "cuda" if self.on_device is None else self.on_device
        self.tells = {id(o) for o in trainer.optimizers if on_gpu and not self.scaler and is_fused(o)}
        if self.policy == "rollback":
            best = self.folder / "best.ckpt"
            self.good = Snapshot.stored(best) if math.isfinite(self.lowest) and best.is_file() else Snapshot.of(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COUNTED}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        vars(self).update(state_dict)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        turn = cast(PlayerStep, cast(System, pl_module).turn)
        parameters = [p for p in self.parameters[id(optimizer)] if p.grad is not None]
        gradients = [cast(Tensor, p.grad) for p in parameters]
        self.steps += 1
        if self.scaler is not None and self.scaler.get_scale() >= 1:
            parameters = gradients = []  # the scaler drops a step that its factor was too large for, and lowers it
        told = id(optimizer) in self.tells
        if told and self._look(trainer, pl_module, to_have=MOST_WAITING):
            optimizer.zero_grad(set_to_none=True)  # they are of weights that are gone
            return
        if not told and all_finite(turn.terms, gradients):
            self._praise()
            return
        values = summarize(turn.example.input, turn.example.target, turn.terms, gradients)
        step = send_to_cpu(values, describe_step(trainer, turn), turn, parameters, optimizer)
        if told:
            cast(Any, optimizer).found_inf = has_nonfinite(values)
            self.waiting.append(step)
            return
        self._drop(trainer, pl_module, step)
        if self.scaler is None:
            optimizer.zero_grad(set_to_none=True)  # no gradients, no step

    def _look(self, trainer: Trainer, pl_module: LightningModule, to_have: int = 0) -> bool:
        """Reads the numbers that have arrived, and waits until no more than `to_have` are on their way.

        Returns:
            whether this has led back to former weights.
        """
        while self.waiting:
            step = self.waiting[0]
            if step.arrived is not None and not step.arrived.query():
                if len(self.waiting) <= to_have:
                    return False
                step.arrived.synchronize()
            self.waiting.popleft()
            if has_nonfinite(step.values):
                self._drop(trainer, pl_module, step)
                if self.policy == "rollback":
                    return True
            else:
                self._praise()
        return False

    def _praise(self) -> None:
        """Takes note of a step that was sound; a return to former weights has to show in the validation first."""
        if self.policy != "rollback":
            self.in_a_row = 0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, pl_module)

    def _drop(self, trainer: Trainer, pl_module: LightningModule, step: Step) -> None:
        """Says what of the step was not finite, and goes on as the policy says."""
        self.in_a_row += 1
        self.dropped += 1
        names = {id(p): name.removeprefix("model.") for name, p in pl_module.named_parameters()}
        causes = find_culprit(step.values.tolist(), step.terms, [names[id(p)] for p in step.parameters])
        what = f"{format_causes(causes)} at {step.where}"
        group = step.optimizer.param_groups[0]
        way = suggest_remedy(
            causes, group.get("initial_lr", group["lr"]), cast(System, pl_module).clip, str(trainer.precision)
        )
        if self.policy == "stop" or self.in_a_row > MOST_IN_A_ROW:
            self._stop(trainer, what, way)
        if self.policy == "rollback":
            self.good.restore(trainer)
            self.waiting.clear()
            whose = "the best validation" if math.isfinite(self.lowest) else "the beginning"
            notify(f"{what}: went back to the weights of {whose}, with half the learning rate")
        elif self.dropped == 1:
            notify(f"{what}: skipped, and so will be others like it; {way}")

    def _stop(self, trainer: Trainer, what: str, way: str) -> None:
        path = self.folder / STOPPED
        trainer.save_checkpoint(path)
        times = "" if self.policy == "stop" else f" for the {self.in_a_row}th time in a row"
        raise NonFiniteError(
            f"trainer.on_nonfinite={self.policy}: {what}{times}; expected finite numbers. "
            f"The weights from before it are in {path}; {way}"
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = float(trainer.callback_metrics.get(self.monitor, math.nan))
        if self.policy == "rollback" and score < self.lowest and math.isfinite(score):
            self.lowest = score
            self.in_a_row = 0
            self.good = Snapshot.of(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, pl_module)
        if self.dropped and self.policy == "skip":
            notify(f"{self.dropped:,} of {self.steps:,} steps were skipped: their loss or gradient was not finite")


def is_fused(optimizer: Optimizer) -> bool:
    """Whether all of a step is one kernel, which can be told on the device to do nothing."""
    return all(group.get("fused") for group in optimizer.param_groups)


def describe_step(trainer: Trainer, turn: PlayerStep) -> str:
    """The epoch, the step and the player, in words."""
    step = f"step {trainer.fit_loop.batch_idx + 1} of {trainer.num_training_batches}"
    return f"epoch {trainer.current_epoch + 1}, {step}, player {turn.player}"


def send_to_cpu(
    values: Tensor, where: str, turn: PlayerStep, parameters: list[Parameter], optimizer: Optimizer
) -> Step:
    """A step whose numbers are sent to the CPU, without waiting for them."""
    arrived = None
    on_cpu = values.to("cpu", non_blocking=values.is_cuda)
    if values.is_cuda:
        arrived = torch.cuda.Event()
        arrived.record()
    return Step(where, list(turn.terms), parameters, on_cpu, arrived, optimizer)
