"""`aectl train resume=RUN`: the config that the run was trained with, under the few changes that leave it the same run.

Imports nothing heavy, and neither Lightning nor torch.
"""

from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aectl.config import CONFIGS, check, options
from aectl.errors import UserError
from aectl.runs.index import latest_run

FREE = ("max_epochs", "max_time", "accelerator", "deterministic", "detect_anomaly", "on_nonfinite")
"""The keys of `trainer` that may change."""
FREE_GROUPS = ("callbacks", "tracker")
NOT_OF_THE_RUN = ("resume", "outputs", "trust")


def find_run(where: str, outputs: str) -> Path:
    """The folder of a run by its path, or of the `latest` below `outputs`, finished or not.

    Raises:
        UserError: there is no such run.
    """
    if where == "latest":
        return latest_run(Path(outputs), trained=False)
    folder = Path(where)
    if not (folder / "config.yaml").is_file():
        raise UserError(f"resume={where}: has no config.yaml; expected the folder of a run that `aectl train` began")
    return folder


def stored_choices(folder: Path) -> dict[str, str]:
    """The choice of each config group that the run was started with, as far as Hydra has left word of it."""
    path = folder / ".hydra" / "hydra.yaml"
    stored = yaml.safe_load(path.read_text()) if path.is_file() else None
    chosen = stored["hydra"]["runtime"]["choices"] if stored else {}
    return {group: str(name) for group, name in chosen.items() if "/" not in group and group != "sweep" and name}


def stored_overrides(arguments: list[str]) -> list[str]:
    """The choices of the run that these arguments resume, but for those they make themselves: to stand before them.

    Raises:
        UserError: there is no such run.
    """
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    folder = find_run(given["resume"][1:-1].replace("\\'", "'"), given.get("outputs", "outputs"))
    known = {group: name for group, name in stored_choices(folder).items() if (CONFIGS / group).is_dir()}
    return [f"{group}={name}" for group, name in known.items() if group not in given and name in options(group)]


def restore_config(config: DictConfig) -> Path:
    """Makes a composed config that of the run that it resumes, in place, and returns its folder.

    Raises:
        UserError: there is no such run, or a key was given that would make it another.
    """
    from aectl.runs.stored_config import read_config

    check({"trust": config.trust}, {"trust": bool})
    folder = find_run(config.resume, config.outputs)
    stored = read_config(folder, config.trust)
    for override in config.hydra.overrides.task:
        key, _, value = override.lstrip("+~").partition("=")
        if key not in NOT_OF_THE_RUN:
            apply_override(stored, config, key, value, stored_choices(folder))
    with read_write(config), open_dict(config):
        for key in [key for key in config if key != "hydra"]:
            del config[key]
        for key in [key for key in stored if key != "hydra"]:
            config[key] = stored[key]
        config.resume = str(folder)
    return folder


def apply_override(stored: DictConfig, composed: DictConfig, key: str, value: str, chosen: dict[str, str]) -> None:
    """Takes over what the command line says of one key or group.

    Raises:
        UserError: it would make another run of this one.
    """
    if (CONFIGS / key).is_dir() and (key in chosen or key not in FREE_GROUPS):
        if value == chosen.get(key, value):
            return
        if key not in FREE_GROUPS:
            refuse_change(key, value, chosen[key])
    new, old = plain_value(composed, key), plain_value(stored, key)
    if new == old:
        return
    group, _, leaf = key.partition(".")
    if group not in FREE_GROUPS and not (group == "trainer" and leaf in FREE):
        refuse_change(key, new, "no such key" if old is None else old)
    OmegaConf.update(stored, key, new, merge=False, force_add=True)


def refuse_change(key: str, new: Any, old: Any) -> None:
    free = ", ".join([*(f"trainer.{name}" for name in FREE), *FREE_GROUPS])
    raise UserError(
        f"{key}={new}: the run is trained with {old}; expected no change but of {free}; train another run for that"
    )


def plain_value(config: DictConfig, key: str) -> Any:
    """The value of a key, plain, or none."""
    value = OmegaConf.select(config, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
