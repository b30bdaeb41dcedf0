"""What a training of several processes is refused for, before anything is written."""

import torch

from aectl.devices import num_processes
from aectl.errors import UserError
from aectl.models.base import Autoencoder
from aectl.training.place import find_place
from aectl.training.trainer import TrainerConfig


def check_processes(settings: TrainerConfig, model: Autoencoder) -> None:
    """Raises a UserError for processes that cannot train this model together."""
    device = settings.device()
    if settings.strategy == "fsdp" and device.type != "cuda":
        raise UserError(
            "trainer.strategy=fsdp: the parts of the model lie on GPUs; on the CPU use trainer.strategy=ddp"
        )
    if settings.strategy == "fsdp" and len(model.players) > 1:
        raise UserError(f"trainer.strategy=fsdp: {type(model).__name__} has several players; use trainer.strategy=ddp")
    if settings.strategy == "fsdp":
        for key, usual in (("gradient_clip_val", None), ("on_nonfinite", "stop")):
            if (value := getattr(settings, key)) != usual:
                raise UserError(f"trainer.{key}={value}: not with trainer.strategy=fsdp; use trainer.strategy=ddp")
    find_place(settings.devices, settings.num_nodes)
    if device.type == "cuda" and settings.devices > (here := torch.cuda.device_count()):
        raise UserError(f"trainer.devices={settings.devices}: this machine has {here} GPUs; expected at most {here}")
    if settings.num_processes == 1:
        return
    if device.type == "mps":
        raise UserError("trainer.devices: the GPU of a Mac trains in one process; expected 1, or trainer=cpu")
    if settings.compile:
        raise UserError(
            "trainer.compile=true: the noise of a compiled step cannot be that of one process; with several processes "
            "expected false"
        )


def check_joined(settings: TrainerConfig) -> None:
    """Raises a UserError if a training of several processes is asked of one."""
    if settings.num_processes not in (1, num_processes()):
        raise UserError(
            f"trainer.devices={settings.devices} trainer.num_nodes={settings.num_nodes}: only `aectl train` starts "
            "several processes; use it, with like=RUN to repeat a run, or train with trainer.devices=1"
        )
