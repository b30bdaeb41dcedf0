"""Which device the arithmetic runs on. Knows only torch."""

from typing import Literal

import torch

from aectl.errors import UserError

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]


def pick(accelerator: Accelerator, key: str = "accelerator") -> torch.device:
    """The device for this word; `auto` takes CUDA, else MPS, else the CPU, and `gpu` the first two.

    Raises:
        UserError: a GPU was asked for by name and none is there; `key` is what the message calls it.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    wanted = {"auto": ("cuda", "mps", "cpu"), "gpu": ("cuda", "mps")}.get(accelerator, (accelerator,))
    for name in wanted:
        if here[name]:
            return torch.device(name)
    raise UserError(
        f"{key}={accelerator}: no such device on this machine; "
        f"expected a GPU that torch {torch.__version__} can use, or use {key}=cpu"
    )


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; where it does not, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
