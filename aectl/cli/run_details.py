"""What there is to say of one run: what was typed, how its config differs from the defaults, and its best epoch.

It may be a stranger's: nothing of it is built.
"""

from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from aectl.cli.hydra_internals import compose_aside
from aectl.cli.resume import stored_choices
from aectl.config import CONFIGS, options, spell
from aectl.errors import UserError
from aectl.runs.summary import describe_training
from aectl.search.table.cells import printable, spec_of
from aectl.search.table.differences import CIRCUMSTANCES
from aectl.search.table.facts import LeftOutError, RunFacts, read_facts, read_plain_config
from aectl.search.table.flat_config import Flat, Value, flatten

PRESETS = ("experiment", "sweep", "degradation", "architecture")
"""The groups that only set keys of others: a difference from the defaults shows what they set."""


def describe_run(folder: Path) -> str:
    """Lines on a run; a UserError if its config cannot be read."""
    try:
        config = read_plain_config(folder)
    except LeftOutError as reason:
        raise UserError(f"{folder}: its config.yaml is {reason}; expected one that `aectl train` wrote") from reason
    names = " · ".join(config["names"].get(key, "?") for key in ("model", "task", "dataset"))
    lines = [f"{folder}/ · {names} · {describe_training(folder)}"]
    facts = facts_of(folder)
    if facts and facts.typed:
        typed = " ".join(f"{key}={spell(facts.config[key])}" for key in facts.typed if key in facts.config)
        lines.append(f"typed: {typed}")
    lines += config_lines(folder, config)
    if facts and facts.metrics:
        lines.append("best epoch and test:")
        lines += [f"  {name} {value:{spec_of(name)}}" for name, value in sorted(facts.metrics.items())]
    return "\n".join(map(printable, lines))


def facts_of(folder: Path) -> RunFacts | None:
    try:
        return read_facts(folder)
    except LeftOutError:
        return None


def config_lines(folder: Path, config: dict[str, Any]) -> list[str]:
    """The keys whose values are not the defaults of the run's choices."""
    chosen = choices(folder, config)
    defaults = default_values(chosen, config["names"])
    if defaults is None:
        return [f"its choices are not of this version: {' '.join(f'{k}={v}' for k, v in chosen.items())}"]
    own = flatten(config)
    known = [key for key in own if key not in CIRCUMSTANCES and key not in config["names"]]
    different = [key for key in known if key in defaults and own[key] != defaults[key]]
    lines = [f"  {key}={spell(own[key])} (default {spell(defaults[key])})" for key in different]
    lines += [f"  {key}={spell(own[key])} (no default)" for key in known if key not in defaults]
    said = " ".join(f"{group}={name}" for group, name in chosen.items())
    return [f"the config of {said}" + (", but for:" if lines else ", nothing else is changed"), *lines]


def choices(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    """The choice of each group that this version has, from Hydra's record or else from the config."""
    stored = {**config["names"], **stored_choices(folder), **config["names"]}
    return {
        group: str(name)
        for group, name in stored.items()
        if (CONFIGS / group).is_dir() and group not in PRESETS and str(name) in options(group)
    }


def default_values(chosen: dict[str, str], names: dict[str, str]) -> Flat | None:
    """The config of these choices as flat keys; None if it cannot be composed."""
    try:
        composed = compose_aside("train", [f"{group}={name}" for group, name in chosen.items()])
        plain = cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True, throw_on_missing=False))
    except Exception:  # Hydra and OmegaConf have an error for each way in which choices do not fit together
        return None
    values: dict[str, Value] = flatten({**plain, "names": names})
    return {key: value for key, value in values.items() if value != "???"}
