"""Checks a training before anything of it is written, and builds what it is made of."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from aectl.config import check, to_plain
from aectl.errors import UserError
from aectl.rng import get_rng_state, seed_everything
from aectl.runs.run import Config, complete_config, instantiate_node, require_values
from aectl.training.experiment import Experiment
from aectl.types import Seed, format_bytes

TOP_LEVEL = {"seed": Seed, "outputs": str, "resume": str | None}
"""The keys of the config that belong to no node."""
FILES = 4
"""Checkpoints that there may be at once: the best, the last, the one before it, and one that is being written."""
PROBED = 1_000


def preflight(config: Config, folder: Path) -> Experiment:
    """The experiment that a composed config describes.

    Arguments:
        config: without Hydra's part.
        folder: where the checkpoints will lie; it need not exist.

    Raises:
        UserError: a value, a shape, a missing file, package or GPU, or too little room on the disk.
    """
    require_values(config)
    check(to_plain(config), TOP_LEVEL)
    settings = instantiate_node(config.trainer)
    settings.device()
    trackers = [instantiate_node(node) for node in config.get("tracker", {}).values()]
    data = instantiate_node(config.data, source=instantiate_node(config.dataset))
    task = instantiate_node(config.task)
    config = complete_config(config, data, task)
    data.source.prepare()
    seed_everything(config.seed)
    model = instantiate_node(config.model)
    rng_state = get_rng_state()
    check_disk_space(folder, checkpoint_bytes(model, instantiate_node(config.optimizer)))
    return Experiment(config, data, task, model, settings, trackers, rng_state)


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
