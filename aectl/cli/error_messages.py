"""Hydra's errors in one line: the name, the value given, what was expected, what to do."""

import re

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from aectl.config import CONFIGS, BadValueError, options, suggest
from aectl.errors import one_line


def error_message(error: Exception, config_name: str, arguments: list[str]) -> str:
    """One line for an error that a command met, or that Hydra raised while it composed `config_name` from arguments."""
    text = one_line(str(error) or error.__cause__)
    if isinstance(error, BadValueError):
        default = OmegaConf.select(default_config(config_name, arguments), error.key)
        return f"{text}; try {error.key}={'null' if default is None else default}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.partition("/")
        return unknown_choice(group, choice, sorted({*(error.options or []), *options(group)}))
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as KEY=VALUE; quote a value with blanks or signs: \"KEY='VALUE'\""
    if ambiguous := re.search(r"Ambiguous value for argument '(.+?)'", text):
        return f"{ambiguous[1]}: several values; add -m to sweep over them, or write [a,b] for a list"
    if missing := re.search(r"Could not override '(.+?)'", text):
        return unknown_key(missing[1], given_value(missing[1], arguments), config_name, arguments)
    return text


def unknown_choice(group: str, choice: str, choices: list[str]) -> str:
    return f"{group}={choice}: no such {group}; expected one of {', '.join(choices)}{suggest(choice, choices)}"


def unknown_key(key: str, value: str, config_name: str, arguments: list[str]) -> str:
    """What to type instead of a key that the composed config does not have."""
    if config_name != "train" and key.split(".", maxsplit=1)[0] in (
        "model",
        "net",
        "likelihood",
        "optimizer",
        "trainer",
    ):
        return f"{key}={value}: a trained run keeps its {key.split('.', maxsplit=1)[0]}; train another run for that"
    group, _, leaf = key.rpartition(".")
    owners = [f"{group}={name}" for name in options(group) if leaf in keys_in(group, name)] if group else []
    if owners:
        return f"{key}={value}: that key belongs to {' and '.join(owners)}; add {owners[0]}"
    groups = [folder.name for folder in CONFIGS.iterdir() if folder.is_dir() and folder.name != "hydra"]
    config = OmegaConf.to_container(default_config(config_name, arguments), resolve=False)
    known = groups + list(flatten_keys(config))
    return f"{key}={value}: no such key; --cfg job lists the keys, --help the groups{suggest(key, known)}"


def given_value(key: str, arguments: list[str]) -> str:
    """What was given for this key on the command line."""
    return next((word.partition("=")[2] for word in arguments if word.lstrip("+~").startswith(f"{key}=")), "")


def keys_in(group: str, name: str) -> set[str]:
    """The keys that the file of a choice sets itself."""
    content: dict[str, dict[str, object]] = yaml.safe_load((CONFIGS / group / f"{name}.yaml").read_text()) or {}
    return set(content.get(group, content))


def default_config(config_name: str, arguments: list[str]) -> DictConfig:
    """The config under the choices of groups among these arguments, every other value as shipped."""
    chosen = [word for word in arguments if "=" in word and word.partition("=")[2] in options(word.partition("=")[0])]
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(config_name, chosen)
    GlobalHydra.instance().hydra = running
    return config


def flatten_keys(config: object, prefix: str = "") -> dict[str, object]:
    """The leaves of a nested config by their dotted keys."""
    if not isinstance(config, dict):
        return {prefix: config}
    leaves: dict[str, object] = {}
    for key, value in config.items():
        leaves |= flatten_keys(value, f"{prefix}.{key}" if prefix else str(key))
    return leaves
