"""The only module that uses undocumented parts of Hydra. Each has a test that fails clearly if a release moves it."""

import functools
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra import main as hydra_main
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.experimental.callback import Callback  # experimental since 1.1; the only way to be called before a job
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from aectl.cli.model_catalogue import format_models
from aectl.config import CONFIGS
from aectl.errors import quiet_when_unread
from aectl.search.sweeper import register

__all__ = ["Callback"]

VERSION_BASE = "1.3"
SETS_MODE = re.compile(r"[+~]*(hydra|sweep|experiment)\b|-c|--config-|.*hydra\.mode")
"""The words that can set `hydra.mode`: those of Hydra's own, presets, and flags that name other configs."""
CONFIG_ERRORS = (HydraException, OmegaConfBaseException)


def run_app(program: str, arguments: list[str], config_name: str, task: Callable[..., Any]) -> None:
    """Composes a config from command-line arguments and calls the task with it, or raises one of CONFIG_ERRORS.

    Hydra reads its arguments from `sys.argv` only. It prints its errors and exits, unless HYDRA_FULL_ERROR is set: then
    they reach the caller, who can word them better.
    """
    OmegaConf.register_new_resolver("aectl.models", format_models, replace=True)
    register()
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR", "0")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = [program, *arguments], "1"
    try:
        with composing_once(arguments), listing_groups_only_of(config_name):
            hydra_main(version_base=VERSION_BASE, config_path=str(CONFIGS), config_name=config_name)(task)()
    finally:
        sys.argv, os.environ["HYDRA_FULL_ERROR"] = argv, full_error


@contextmanager
def replaced(name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Replaces a method of Hydra's."""
    own = getattr(Hydra, name)
    setattr(Hydra, name, method)
    try:
        yield
    finally:
        setattr(Hydra, name, own)


def composing_once(arguments: list[str]) -> AbstractContextManager[None]:
    """Hydra composes the config of a command twice, first for `hydra.mode` alone: needless where no word can set it."""
    may_set_mode = any(SETS_MODE.match(word) for word in arguments)
    return nullcontext() if may_set_mode else replaced("get_mode", lambda *_, **__: None)


def listing_groups_only_of(config_name: str) -> AbstractContextManager[None]:
    """Hydra lists all groups with their choices for every help, for half a second; only that of `train` shows them."""
    return nullcontext() if config_name == "train" else replaced("format_config_groups", lambda *_, **__: "")


def complete(line: str, config_name: str) -> None:
    """Prints the possible next words of a line, by the flag with which Hydra's own shell functions call it."""
    os.environ["COMP_LINE"] = line
    run_app("aectl", ["-sc", "query=bash"], config_name, lambda _: None)


def compose_aside(config_name: str, overrides: list[str]) -> DictConfig:
    """Composes a config while Hydra may be running a job. Hydra has one global state, which is put aside meanwhile."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONFIGS), version_base=VERSION_BASE):
            return compose(config_name, overrides)
    finally:
        GlobalHydra.instance().hydra = running


def known_choices(group: str) -> list[str]:
    """The choices of a config group, those below `--config-dir` too, while Hydra runs a job."""
    return GlobalHydra.instance().config_loader().get_group_options(group)


def fatal(hook: Callable[..., None]) -> Callable[..., None]:
    """Makes an exception in a callback end the program; Hydra would turn it into a warning."""

    @functools.wraps(hook)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            with quiet_when_unread():
                hook(*args, **kwargs)
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None

    return call


def publish(config: DictConfig) -> None:
    """Makes `HydraConfig.get()` return this config; Hydra itself does so only after `on_run_start`."""
    HydraConfig.instance().set_config(config)


def set_run_folder(config: DictConfig, folder: Path, resumed: bool) -> None:
    """Makes a job run in this folder; the `.hydra/` of a resumed run is not overwritten. Hydra's node is read-only."""
    with read_write(config.hydra):
        config.hydra.run.dir = str(folder)
        if resumed:
            config.hydra.output_subdir = None


def leave_records_to_main(config: DictConfig) -> None:
    """Makes a job write neither files nor a log, since another process of the same training does."""
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.run.dir = "."
        config.hydra.output_subdir = None
        config.hydra.job_logging = {"version": 1, "root": {"level": "ERROR"}, "disable_existing_loggers": False}


def set_sweep_folder(config: DictConfig, folder: Path) -> None:
    """Makes a sweep run in this folder. Its jobs compose their configs again, hence the override."""
    with read_write(config.hydra):
        config.hydra.sweep.dir = str(folder)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{folder}'")


def missing_choice(error: Exception) -> tuple[str, str, list[str]] | None:
    """The group, the unknown choice and the known choices, if that is the error; no group means `--config-name`."""
    if not isinstance(error, MissingConfigException) or not error.missing_cfg_file:
        return None
    group, slash, choice = error.missing_cfg_file.partition("/")
    return (group, choice, list(error.options or [])) if slash else ("", group, [])


def ambiguous_key(message: str) -> str | None:
    """The key that was given several values without `-m`. Hydra has no class for this error, only a message."""
    found = re.search(r"Ambiguous value for argument '(.+?)'", message)
    return found and found[1]


def unknown_key(message: str) -> str | None:
    """The key that the config does not have. Hydra has no class for this error, only a message."""
    found = re.search(r"Could not override '(.+?)'", message)
    return found and found[1]
