"""`aectl train resume=RUN`: takes the config from the run, with the few changes that a resumed run allows.

Imports nothing heavy, and neither Lightning nor torch.
"""

from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aectl import runs
from aectl.config import CONFIGS, FROM_SOURCE, check, options, target_nodes, to_plain
from aectl.errors import UserError
from aectl.io.archives import read_text
from aectl.runs.index import latest_run

FREE_TRAINER_KEYS = (
    *("max_epochs", "max_steps", "max_time", "accelerator", "devices", "num_nodes", "strategy"),
    *("deterministic", "detect_anomaly", "on_nonfinite"),
)
FREE = ("callbacks", "tracker", *(f"trainer.{key}" for key in FREE_TRAINER_KEYS))  # may change when a run is resumed
NOT_STORED = ("resume", "like", "outputs", "trust")  # the keys that are about the call, not about the run
MAX_BYTES = 10**6  # of what Hydra writes about a run


def find_run(where: str, outputs: str, key: str = "resume") -> Path:
    """The folder of a run by its path, or of the `latest` below `outputs`, finished or not; a UserError if none."""
    if where == "latest":
        return latest_run(Path(outputs), trained=False)
    folder = Path(where)
    if not (folder / "config.yaml").is_file():
        problem = "has no config.yaml" if Path(where).is_dir() else "no such folder"
        raise UserError(f"{key}={where}: {problem}; expected the folder of a run that `aectl train` began")
    return folder


def stored_choices(folder: Path) -> dict[str, str]:
    """The choice of each config group that the run was started with; none if Hydra's record of them is damaged."""
    try:
        stored = yaml.safe_load(read_text(folder / ".hydra" / "hydra.yaml", MAX_BYTES))
        chosen = stored["hydra"]["runtime"]["choices"].items()
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}
    return {group: str(name) for group, name in chosen if "/" not in group and group != "sweep" and name}


def stored_overrides(arguments: list[str]) -> list[str]:
    """The choices of the run to resume as overrides, except for groups that the arguments choose themselves.

    Of the `source` of a training these are its data and task.
    """
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    outputs = given.get("outputs", "outputs")
    if key := next((key for key in ("resume", "like") if key in given), None):
        choices = stored_choices(find_run(unquote(given[key]), outputs, key))
    else:
        found = stored_choices(source_folder(unquote(given["source"]), outputs))
        choices = {group: found[group] for group in FROM_SOURCE if group in found}
    known = {group: name for group, name in choices.items() if (CONFIGS / group).is_dir()}
    return [f"{group}={name}" for group, name in known.items() if group not in given and name in options(group)]


def unquote(path: str) -> str:
    """A path as it was before it was put in quotes."""
    return path[1:-1].replace("\\'", "'")


def source_folder(where: str, outputs: str) -> Path:
    """The folder of a trained run by its path, that of a checkpoint in it, or of the `latest` below `outputs`."""
    path = runs.find(where, outputs)
    return path.parent.parent if path.is_file() else path


def open_callbacks(override: str) -> str:
    """An override with `++` before a key of a callback, which the stored config may have and the shipped ones not."""
    return f"++{override}" if override.startswith("callbacks.") else override


def restore_config(config: DictConfig) -> Path:
    """Replaces a composed config, in place, by that of the run to resume, and returns the run's folder."""
    from aectl.runs.stored_config import read_config

    check({"trust": config.trust}, {"trust": bool})
    if config.like is not None:
        raise UserError(f"like={config.like}: a run is either repeated or resumed; leave out resume={config.resume}")
    folder = find_run(config.resume, config.outputs)
    stored = read_config(folder, config.trust, training=True)
    for override in config.hydra.overrides.task:
        key, _, value = override.lstrip("+~").partition("=")
        if key not in NOT_STORED:
            apply_override(stored, config, key, value, stored_choices(folder))
    replace_config(config, stored, folder)
    return folder


def restore_job(config: DictConfig, folder: Path) -> None:
    """Replaces the config of a job of a sweep, in place, by that of its run, which was stopped.

    The classes that the job's own config names, and its data set, need no further trust.
    """
    from aectl.runs.stored_config import MAX_LENGTH, parse_yaml, read_config

    try:
        stored = read_config(folder, config.trust, training=True)
    except UserError:
        own, kept = to_plain(config), parse_yaml(read_text(folder / "config.yaml", MAX_LENGTH))
        if not targets(kept) <= targets(own):
            raise
        stored = read_config(folder, trust=True, training=True)
        stored.dataset = own["dataset"]
    replace_config(config, stored, folder)


def targets(plain: Any) -> set[str]:
    """The classes that a config names."""
    return {str(node["_target_"]) for _, node in target_nodes(plain)}


def replace_config(config: DictConfig, stored: DictConfig, folder: Path) -> None:
    """Replaces all of a config, in place, but what a stored one has no say in: what Hydra does, and the trust."""
    kept = ("hydra", "trust")
    with read_write(config), open_dict(config):
        for key in [key for key in config if key not in kept]:
            del config[key]
        for key in [key for key in stored if key not in kept]:
            config[key] = stored[key]
        config.resume = str(folder)


def config_like(config: DictConfig) -> DictConfig:
    """The config of the run that `like` names, with the single keys that the command line changes.

    Raises:
        UserError: there is no such run, its config is unsafe, or a group or key cannot be changed.
    """
    from aectl.runs.again import with_changes
    from aectl.runs.stored_config import read_config

    check({"trust": config.trust}, {"trust": bool})
    folder = find_run(config.like, config.outputs, "like")
    stored, chosen, changes = read_config(folder, config.trust, training=True), stored_choices(folder), {}
    for override in HydraConfig.get().overrides.task:
        key, _, value = override.lstrip("+~").partition("=")
        if (CONFIGS / key).is_dir():
            if value != chosen.get(key):
                raise UserError(f"{key}={value}: like= keeps the run's groups; change single keys, {key}.NAME=VALUE")
        elif key not in NOT_STORED:
            changes[key] = plain_value(config, key)
    stored.outputs = config.outputs
    return with_changes(stored, changes)


def apply_override(stored: DictConfig, composed: DictConfig, key: str, value: str, chosen: dict[str, str]) -> None:
    """Changes one key or group of the stored config to what the command line says; a UserError if it may not change."""
    is_group, is_free = (CONFIGS / key).is_dir(), key in FREE or key.partition(".")[0] in FREE
    if is_group and value == chosen.get(key, None if is_free else value):
        return
    if is_group and not is_free:
        new, old = value, chosen[key]
    else:
        new, old = plain_value(composed, key), plain_value(stored, key)
    if new != old and not is_free:
        raise UserError(
            f"{key}={new}: the run is trained with {'no such key' if old is None else old}; only {', '.join(FREE)} "
            "may change when it is resumed; for any other change train a new run"
        )
    if new != old:
        OmegaConf.update(stored, key, new, merge=False, force_add=True)


def plain_value(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
