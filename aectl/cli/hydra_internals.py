"""Everything that depends on insides of Hydra that a new release may move; each has a test that says what moved."""

import functools
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra import main as hydra_main
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.experimental.callback import Callback  # experimental since 1.1; the only way to be called before a job
from omegaconf import DictConfig, read_write
from omegaconf.errors import OmegaConfBaseException

from aectl.config import CONFIGS

__all__ = ["Callback"]

VERSION_BASE = "1.3"
CONFIG_ERRORS = (HydraException, OmegaConfBaseException)


def run_app(program: str, arguments: list[str], config_name: str, task: Callable[..., Any]) -> None:
    """Composes a config from command-line arguments and calls the task with it, as `hydra.main` does.

    Hydra takes its arguments from `sys.argv` and nowhere else. It prints its errors and exits, unless HYDRA_FULL_ERROR
    is set: then they come to us, who word them better.

    Raises:
        HydraException, OmegaConfBaseException: the arguments do not compose; both are in CONFIG_ERRORS.
    """
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR", "0")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = [program, *arguments], "1"
    try:
        hydra_main(version_base=VERSION_BASE, config_path=str(CONFIGS), config_name=config_name)(task)()
    finally:
        sys.argv, os.environ["HYDRA_FULL_ERROR"] = argv, full_error


def complete(line: str, config_name: str) -> None:
    """Prints what may come next on this line, as Hydra's own shell functions have it do (`-sc` is not documented)."""
    os.environ["COMP_LINE"] = line
    run_app("aectl", ["-sc", "query=bash"], config_name, lambda _: None)


def compose_aside(config_name: str, overrides: list[str]) -> DictConfig:
    """A config composed while Hydra runs a job: it allows one config loader a process, so ours takes its place."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONFIGS), version_base=VERSION_BASE):
            return compose(config_name, overrides)
    finally:
        GlobalHydra.instance().hydra = running


def fatal(hook: Callable[..., None]) -> Callable[..., None]:
    """Makes a failing callback end the program; Hydra catches whatever a callback raises, warns, and goes on."""

    @functools.wraps(hook)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            hook(*args, **kwargs)
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None

    return call


def publish(config: DictConfig) -> None:
    """Makes a config the one of `HydraConfig.get()`; Hydra itself does so only after it has called `on_run_start`."""
    HydraConfig.instance().set_config(config)


def set_run_folder(config: DictConfig, folder: Path, resumed: bool) -> None:
    """Sends a job to this folder. Of a resumed run, `.hydra/` there stays as it is."""
    with read_write(config.hydra):
        config.hydra.run.dir = str(folder)
        if resumed:
            config.hydra.output_subdir = None


def set_sweep_folder(config: DictConfig, folder: Path) -> None:
    """Sends a sweep to this folder. Its jobs compose their configs anew, hence the override."""
    with read_write(config.hydra):
        config.hydra.sweep.dir = str(folder)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{folder}'")


def missing_choice(error: Exception) -> tuple[str, str, list[str]] | None:
    """The group, the choice that it does not have, and those that Hydra knows, if that is the error.

    The group is empty if it is the config of the verb itself that is missing.
    """
    if not isinstance(error, MissingConfigException) or not error.missing_cfg_file:
        return None
    group, slash, choice = error.missing_cfg_file.partition("/")
    return (group, choice, list(error.options or [])) if slash else ("", group, [])


def ambiguous_key(message: str) -> str | None:
    """The key that was given several values without `-m`. Hydra has no class for this error, only words."""
    found = re.search(r"Ambiguous value for argument '(.+?)'", message)
    return found and found[1]


def unknown_key(message: str) -> str | None:
    """The key that the config does not have. Hydra has no class for this error, only words."""
    found = re.search(r"Could not override '(.+?)'", message)
    return found and found[1]
