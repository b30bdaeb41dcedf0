"""Whether the disk has room for what a training keeps."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from aectl.errors import UserError
from aectl.types import format_bytes

FILES = 4
"""Checkpoints that there may be at once: the best, the last, the one before it, and one that is being written."""
PROBED = 1_000


def checkpoint_bytes(model: nn.Module, optimizer: Callable[[list[nn.Parameter]], Optimizer]) -> int:
    """What a checkpoint will take: the weights, and what the optimizer keeps of each parameter."""
    weights = sum(value.nbytes for value in model.state_dict().values())
    trained = sum(value.nbytes for value in model.parameters() if value.requires_grad)
    return weights + round(trained * optimizer_state_ratio(optimizer))


def optimizer_state_ratio(optimizer: Callable[[list[nn.Parameter]], Optimizer]) -> float:
    """The values that an optimizer keeps of a parameter after a step, as a multiple of it: two for Adam."""
    probe = nn.Parameter(torch.zeros(PROBED))
    probe.grad = torch.zeros(PROBED)
    stepped = optimizer([probe])
    stepped.step()
    return sum(value.nbytes for value in stepped.state[probe].values() if torch.is_tensor(value)) / probe.nbytes


def check_disk_space(folder: Path, checkpoint: int) -> None:
    """Says in a line on standard error that the disk is short of room for the checkpoints.

    Arguments:
        folder: where they will lie; it need not be there yet.
        checkpoint: the bytes of one.

    Raises:
        UserError: there is no room for a single one.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if free >= FILES * checkpoint:
        return
    line = (
        f"outputs: {format_bytes(free)} free on the disk of {there}; "
        f"checkpoints take {format_bytes(FILES * checkpoint)}, {FILES} times {format_bytes(checkpoint)}; "
        "free some, or give another disk: outputs=FOLDER"
    )
    if free < checkpoint:
        raise UserError(line)
    print(line, file=sys.stderr)
