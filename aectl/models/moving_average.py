"""Moving averages in buffers, which no batch can spoil. Knows only torch."""

import torch
from torch import Tensor


@torch.no_grad()
def update_average(average: Tensor, value: Tensor, decay: float) -> None:
    r"""Moves an average towards a value of the same shape, in place; a value that is not finite leaves it as it is.

    .. math:: m \leftarrow \gamma m + (1 - \gamma) v

    Nothing is read from the device.
    """
    average.copy_(torch.where(value.isfinite().all(), average.lerp(value.to(average.dtype), 1 - decay), average))
