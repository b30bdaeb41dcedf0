"""Errors in one line: the name, the value given, what was expected, what to do. Imports no torch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf

from aectl.cli import hydra_internals
from aectl.cli.suggestions import KEYS, keys_in, meant_choice, meant_override
from aectl.config import GROUPS, BadValueError, closest, did_you_mean, options, spell
from aectl.errors import UserError, one_line

TILE = 256
UNKNOWN = ": unknown parameter of "

Advice = tuple[str, Any, str]  # the key that decides how much memory is used, its value, and what to try
USUAL = ("model=vae", "task=denoise")
"""The choices that are named first where several have a key."""
LAUNCHERS = {
    "launcher/joblib": "joblib",
    "launcher/ray": "ray",
    **dict.fromkeys(("launcher/submitit_local", "launcher/submitit_slurm"), "submitit"),
}
"""What Hydra calls its launchers that are packages of their own, with the extras that install them."""
MOST_OWNERS = 3


def error_message(error: Exception, config_name: str, arguments: list[str]) -> str:
    """One line for an error that a command or Hydra raised with this config name and these arguments."""
    text = one_line(str(error) or error.__cause__)
    if isinstance(error, BadValueError):
        default = OmegaConf.select(default_config(config_name, arguments), error.key)
        return f"{text}; try {error.key}={spell(default)}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as KEY=VALUE; quote a value with special characters: \"KEY='VALUE'\""
    if missing := hydra_internals.missing_choice(error):
        return unknown_choice(*missing)
    if key := hydra_internals.ambiguous_key(text):
        return f"{key}: several values; add -m for a sweep, or write [a,b] for a list"
    if key := hydra_internals.unknown_key(text):
        return unknown_key(key, config_name, arguments)
    return text + set_by_preset(text, arguments)


def set_by_preset(text: str, arguments: list[str]) -> str:
    """What to do about a parameter that a preset sets and another choice does not know; nothing for other errors."""
    key = text.partition("=")[0]
    preset = next((word for word in arguments if word.startswith("experiment=")), "")
    typed = any(word.lstrip("+~").startswith(f"{key}=") for word in arguments)
    return f"; {preset} sets it: leave it out with ~{key}" if preset and not typed and UNKNOWN in text else ""


def unknown_choice(group: str, choice: str, known: list[str]) -> str:
    if not group:
        return f"--config-name {choice}: no such config; see --info=searchpath"
    if group == "hydra" and (extra := LAUNCHERS.get(choice)):
        return f"hydra/{choice.replace('/', '=')}: is not installed: pip install 'aectl[{extra}]'"
    choices = sorted({*known, *options(group)})
    meant = did_you_mean(meant_choice(group, choice, choices))
    return f"{group}={choice}: no such {group}; expected one of {', '.join(choices)}{meant}"


def unknown_key(key: str, config_name: str, arguments: list[str]) -> str:
    given = next((word for word in arguments if word.lstrip("+~").startswith(f"{key}=")), key)
    group, _, leaf = key.rpartition(".")
    owners = [f"{group}={name}" for name in options(group) if leaf in keys_in(group, name)] if group else []
    owners.sort(key=lambda owner: owner not in USUAL)
    known = known_keys(config_name, arguments)
    if owners and KEYS.get(leaf) not in known:
        more = ["..."] if len(owners) > MOST_OWNERS else []
        return f"{given}: only with {' or '.join(owners[:MOST_OWNERS] + more)}; add {owners[0]}"
    meant = meant_override(given.lstrip("+~"), known)
    return f"{given}: no such key; --cfg job lists the keys, --help the groups{did_you_mean(meant)}"


def unknown_flag(flag: str, value: str, config_name: str, flags: list[str]) -> str:
    """One line for a flag that is none of these; what it names may be a key."""
    word = flag.lstrip("-").replace("-", "_")
    known = known_keys(config_name, [])
    override = f"{word}={value or 'VALUE'}"
    meant = override if word in {*GROUPS, *known} else closest(flag, flags, 0.75) or meant_override(override, known)
    return f"{flag}: no such flag; keys are given as KEY=VALUE, see --help{did_you_mean(meant)}"


def known_keys(config_name: str, arguments: list[str]) -> list[str]:
    return list(flatten_keys(OmegaConf.to_container(default_config(config_name, arguments), resolve=False)))


def default_config(config_name: str, arguments: list[str]) -> DictConfig:
    """The config with the chosen groups among these arguments, and the default of every other key."""
    chosen = [word for word in arguments if "=" in word and word.partition("=")[2] in options(word.partition("=")[0])]
    return hydra_internals.compose_aside(config_name, chosen)


def flatten_keys(config: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(config, dict):
        return {prefix: config}
    leaves: dict[str, object] = {}
    for key, value in config.items():
        leaves |= flatten_keys(value, f"{prefix}.{key}" if prefix else str(key))
    return leaves


@contextmanager
def user_error_on_oom(advice: Callable[[], Advice]) -> Iterator[None]:
    """Turns an out-of-memory error into a UserError with advice; any other error passes through."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        from aectl.training.torch_internals import find_oom, oom_device, requested_bytes

        cause = find_oom(error)
        if cause is None:
            raise
        key, value, remedy = advice()
        size = requested_bytes(cause)
        requested = f" (tried to allocate {size})" if size else ""
        raise UserError(f"{key}={value}: out of memory on the {oom_device(cause)}{requested}; {remedy}") from error


def advice_while_running(config: dict[str, Any]) -> Advice:
    if "trainer" in config:
        n, steps = config["data"]["batch_size"], config["trainer"]["accumulate_grad_batches"]
        halved = f"data.batch_size={n // 2} trainer.accumulate_grad_batches={2 * steps} for the same updates, or "
        return "data.batch_size", n, f"try {halved if n > 1 else ''}a smaller net, model or image"
    if "tile" in config:
        tile = config["tile"]
        return "tile", tile, f"try tile={tile // 2 if tile else TILE}, or accelerator=cpu"
    key = "batch_size" if "batch_size" in config else "n"
    if key in config:
        return key, config[key], f"try {key}={max(1, config[key] // 2)}, or accelerator=cpu"
    return "accelerator", config["accelerator"], "try accelerator=cpu, or a machine with more memory"


def advice_before_training(config: dict[str, Any]) -> Advice:
    net = ", ".join(f"{name} {value}" for name, value in config["net"].items() if not name.startswith("_"))
    return "net", net, "the model or its data are too large; choose a smaller net, model or data set"
