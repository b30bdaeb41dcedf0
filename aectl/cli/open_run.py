"""What the verbs share that work from a finished run: their keys are checked, the run is opened and named."""

import inspect
import typing
from collections.abc import Callable
from typing import TypeVar

from omegaconf import DictConfig

from aectl import runs
from aectl.config import check, to_plain
from aectl.devices import Accelerator, pick
from aectl.inference.trained_run import TrainedRun
from aectl.types import Seed

T = TypeVar("T")
SHARED = {"run": str, "outputs": str, "seed": Seed, "accelerator": Accelerator, "trust": bool}


def run_command(command: Callable[..., T], cfg: DictConfig) -> T:
    """Opens the run that the config names and calls the command with it.

    Every other parameter of the command is a key of its YAML, and is held against its annotation.
    """
    config = to_plain(cfg)
    check(config, typing.get_type_hints(command, include_extras=True) | SHARED)
    device = pick(config["accelerator"])
    run = runs.open(config["run"], config["outputs"], config["trust"])
    print(f"run {run.folder}/ · {run.title}")
    keys = inspect.signature(command).parameters.keys() - {"opened"}
    opened = TrainedRun(run, run.load(device), device, config["seed"])
    return command(opened, **{key: config.get(key) for key in keys})
