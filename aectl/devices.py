"""The devices and processes to compute with. Knows only torch."""

from typing import Literal

import torch
from torch import distributed

from aectl.errors import UserError

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]


def pick(accelerator: Accelerator, key: str = "accelerator") -> torch.device:
    """The device of this name; `auto` is CUDA, else MPS, else the CPU, and `gpu` is CUDA, else MPS.

    Arguments:
        accelerator: the name.
        key: what the message calls it.

    Raises:
        UserError: this machine has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    wanted = {"auto": ("cuda", "mps", "cpu"), "gpu": ("cuda", "mps")}.get(accelerator, (accelerator,))
    for name in wanted:
        if available[name]:
            return torch.device(name)
    raise UserError(
        f"{key}={accelerator}: no such device on this machine; "
        f"expected a GPU that torch {torch.__version__} can use, or use {key}=cpu"
    )


def num_processes() -> int:
    """How many processes share every batch: one, unless they train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
