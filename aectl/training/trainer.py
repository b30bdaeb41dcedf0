"""The node `trainer` of a config. Lightning takes seconds to import, so it is imported when a trainer is made."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator

from aectl.errors import UserError
from aectl.types import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Trainer


def read_duration(value: object) -> timedelta:
    """A duration from seconds, `90s`, `5m`, `1h30m` or `DD:HH:MM:SS`.

    Raises:
        ValueError: the value is none of these, or not above zero.
    """
    text = str(value).replace(" ", "").lower()
    clock = re.fullmatch(r"(\d\d):(\d\d):(\d\d):(\d\d)", text)
    units = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+(?:\.\d+)?)s?)?", text)
    found = clock or units
    days, hours, minutes, seconds = (float(part or 0) for part in (found.groups() if found else [0] * 4))
    if not (duration := timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)):
        raise ValueError("a duration above zero: seconds, 90s, 5m, 1h30m or DD:HH:MM:SS")
    return duration


def check_duration(value: object) -> object:
    read_duration(value)
    return value


Duration = Annotated[str | float, AfterValidator(check_duration)]
OnNonFinite = Literal["stop", "skip", "rollback"]
Strategy = Literal["auto", "ddp", "ddp_find_unused_parameters_true", "fsdp"]
NOT_LIGHTNINGS = ("gradient_clip_val", "compile", "channels_last", "on_nonfinite", "threads")
"""The keys that are not passed on to Lightning: `System` and callbacks do what they say."""


@dataclass(frozen=True)
class TrainerConfig:
    """How long and on what to train; most keys are Lightning's own.

    Arguments:
        accelerator: `auto`, `cpu`, `gpu` (CUDA or MPS), `cuda` or `mps`.
        devices: how many of them on each machine: a process each, which share every batch.
        num_nodes: how many machines.
        strategy: how Lightning distributes the training: `ddp`, a copy of the model in each process; `fsdp`, a part of
            it in each, on GPUs; `auto`: `ddp` for several processes.
        precision: `32-true`, the mixed precisions `bf16-mixed` and `16-mixed`, or `auto`: bf16-mixed where the device
            computes in it, else 32-true.
        compile: let torch compile the loss of a whole batch, which takes some seconds; needs a C++ compiler.
        channels_last: keep the channels of images and maps together in memory, which is faster for convolutions; a
            compiled model arranges them itself.
        max_epochs: passes over the training split; None: those of the budget.
        max_steps: steps of the optimizer, which decide the epochs, or None; the last epoch may end in its middle.
        max_time: after which training stops at the end of the step: seconds, `5m`, `1h30m`, `DD:HH:MM:SS`, or null.
        gradient_clip_val: the largest norm of the gradient, or null.
        accumulate_grad_batches: batches per optimizer step.
        check_val_every_n_epoch: epochs between validations.
        limit_train_batches: batches per epoch, or null for all of them.
        limit_val_batches: batches per validation, or null for all of them.
        deterministic: use only algorithms that give the same numbers twice; `warn` where there is none.
        detect_anomaly: name the operation that produces a NaN; slow.
        on_nonfinite: what to do if a loss or a gradient is not finite, which never reaches the weights: `stop`; `skip`
            the step; `rollback` to the weights of the best validation, with half the learning rate.
        threads: of the CPU, which decides how sums are rounded; `auto`: as many as torch takes here, and one for small
            batches; the run stores the number.
    """

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: PositiveInt
    num_nodes: PositiveInt
    strategy: Strategy
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "64-true", "auto"]
    max_epochs: PositiveInt | None
    max_time: Duration | None
    gradient_clip_val: PositiveFloat | None
    accumulate_grad_batches: PositiveInt
    check_val_every_n_epoch: PositiveInt
    limit_train_batches: PositiveInt | None
    limit_val_batches: PositiveInt | None
    deterministic: bool | Literal["warn"]
    detect_anomaly: bool
    compile: bool = False
    channels_last: bool = False
    on_nonfinite: OnNonFinite = "stop"
    max_steps: PositiveInt | None = None
    threads: PositiveInt | Literal["auto"] = "auto"

    @property
    def num_processes(self) -> int:
        """The processes that train together."""
        return self.devices * self.num_nodes

    def device(self) -> "torch.device":
        """The device to train on.

        Raises:
            UserError: this machine has none, or it cannot train in this precision.
        """
        from aectl.devices import pick

        device = pick(self.accelerator, key="trainer.accelerator")
        if device.type == "cpu" and self.precision == "16-mixed":
            raise UserError(
                "trainer.precision=16-mixed: the CPU has no float16 arithmetic to train in; "
                "expected a GPU, or use trainer.precision=bf16-mixed"
            )
        return device

    def resolve_precision(self) -> tuple[str, str]:
        """The precision to train in and, if `auto` is not the faster one, why."""
        if self.precision != "auto":
            return self.precision, ""
        from aectl.training.torch_internals import has_bfloat16

        device = self.device()
        return ("bf16-mixed", "") if has_bfloat16(device) else ("32-true", f"{device.type} has no bfloat16 arithmetic")

    def make(self, num_players: int = 1, **flags: Any) -> "Trainer":
        """The trainer.

        Arguments:
            num_players: of the model; Lightning accumulates the gradients of one, and `System` those of several.
            flags: further ones of Lightning's.
        """
        from pytorch_lightning import Trainer

        from aectl.training.lightning_internals import NoProfiler

        own = {key: value for key, value in vars(self).items() if key not in NOT_LIGHTNINGS}
        own["max_steps"] = -1 if self.max_steps is None else self.max_steps * num_players  # it counts those of each
        several: dict[str, Any] = {"accumulate_grad_batches": 1} if num_players > 1 else {}
        if num_players > 1 and self.strategy in ("auto", "ddp") and self.num_processes > 1:
            several["strategy"] = "ddp_find_unused_parameters_true"  # each step is one player's
        resolved = {
            "precision": self.resolve_precision()[0],
            "max_time": None if self.max_time is None else read_duration(self.max_time),
            "profiler": NoProfiler(),
        }
        return Trainer(**{**own, **resolved, **several, **flags})
