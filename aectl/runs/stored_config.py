"""Reads the config that a run or a friend's checkpoint holds without running anybody's code."""

import math
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from aectl.config import CONFIGS, check, target_nodes
from aectl.errors import UserError, shorten
from aectl.runs.upgrades import upgrade_config

NEEDED = ("model", "task", "dataset", "data")
"""The parts of a stored config that are built when it is opened."""
ROOMS = {
    "model": "aectl.models.",
    "net": "aectl.models.nets.",
    "likelihood": "aectl.models.probability.likelihoods.",
    "task": "aectl.tasks.",
    "optimizer": "aectl.training.optimizers.",
    "schedule": "aectl.training.schedules.",
    "dataset": "aectl.data.",
    "data": "aectl.data.",
    "trainer": "aectl.training.trainer.",
    "callbacks": "aectl.training.",
}
"""Where the class of a node lies, by the last key of its path."""
DEEPEST = 20
LONGEST = 100_000
"""Characters; a config has some two thousand."""
HOME = "~/.cache/aectl"
NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*")
"""The name of a choice, which names folders as well."""
MOST_VALUES = 2**24
"""Of one image: a thousand of 128 x 128, or one of 4096 x 4096."""


def safe_config(text: str, where: str, trust: bool = False) -> DictConfig:
    """A stored config from its text; opening it runs nobody's code.

    Arguments:
        text: the YAML.
        where: the run, for messages.
        trust: build whatever classes it names.

    Raises:
        UserError: the text is no config, or names what no config of aectl's does.
    """
    try:
        plain = parse_yaml(text)
        check_parts(plain)
        plain = upgrade_config(plain)
        if not trust:
            check_targets(plain)
            check_text(plain)
            check({key: plain[key] for key in NEEDED}, {})
            check_size(plain["model"])
            plain["dataset"] = use_local_paths(plain["dataset"])
        return OmegaConf.create(plain)
    except UserError as error:
        raise UserError(f"run={where}: its config is not one to open: {shorten(error)}") from error
    except ValueError as error:
        raise UserError(f"run={where}: its config cannot be read: {shorten(error)}") from error
    except Exception as error:
        raise UserError(f"run={where}: its config makes no sense ({type(error).__name__}: {shorten(error)})") from error


class StrictLoader(yaml.SafeLoader):
    """Values, lists and mappings: no tags, no anchors, and no deeper than a config is."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("it has an anchor or an alias; expected plain values")
        if getattr(event, "tag", None):
            raise ValueError(f"it has the tag {event.tag}; expected plain values")
        if self.depth == DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def parse_yaml(text: str) -> Any:
    """What the text says.

    Raises:
        ValueError: it is too long, not YAML, or has anchors, tags or more levels than a config.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST:,} characters")
    try:
        return yaml.load(text, StrictLoader)
    except (yaml.YAMLError, TypeError, LookupError, OverflowError) as error:  # PyYAML's constructors meet odd values
        raise ValueError(f"it is not YAML ({' '.join(str(error).split())})") from error


def check_parts(plain: Any) -> None:
    """That it has the parts of a config, each of its kind."""
    if not isinstance(plain, dict) or not {*NEEDED, "names"} <= plain.keys():
        raise UserError("it lacks model, task or dataset; expected one that `aectl train` wrote")
    for key in (*NEEDED, "names"):
        if not isinstance(plain[key], dict) or ("_target_" not in plain[key] and key != "names"):
            raise UserError(f"{key} is not a mapping with a _target_; expected one that `aectl train` wrote")
    for group, name in plain["names"].items():
        if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > 100:
            raise UserError(f"names.{group}={name!r}: expected the name of a choice, such as vae")


def check_targets(plain: dict[str, Any]) -> None:
    """That each node names a class that the shipped configs name, in the place where such a class belongs."""
    for path, node in target_nodes(plain):
        target, keys = node["_target_"], path.split(".")
        room = ROOMS.get("callbacks" if keys[0] == "callbacks" else keys[-1])
        if not isinstance(target, str) or target not in shipped() or not room or not target.startswith(room):
            raise UserError(
                f"{path}._target_={target} is none of aectl's own classes for {keys[-1]}, and building it could run "
                "anything; not opened; if you trust whoever wrote it: trust=true"
            )


@cache
def shipped() -> frozenset[str]:
    """Every class that the shipped configs name."""
    texts = [path.read_text() for path in CONFIGS.rglob("*.yaml")]
    return frozenset(target for text in texts for target in re.findall(r"^\s*_target_: (\S+)", text, re.MULTILINE))


def check_text(plain: dict[str, Any]) -> None:
    """That no text in it means more than itself: to OmegaConf, which resolves `${...}`, or to Hydra's `_args_`."""
    for path, value in leaves(plain):
        key = path.rpartition(".")[2]
        if key.startswith("_") and key != "_target_":
            raise UserError(f"{path}: a key of Hydra's; expected _target_ alone")
        if "${" in f"{path}{value}" or value == "???":
            raise UserError(f"{path}={value}: expected a value, not a reference to one")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no mapping or list, with its dotted path; an empty one of these is a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        yield path, value
    for key, inner in items:
        yield from leaves(inner, f"{path}.{key}")


def check_size(model: dict[str, Any]) -> None:
    """That its images fit any memory."""
    for key in ("shape", "input_shape"):
        shape = model[key]
        if not shape or min(shape) < 1 or math.prod(shape) > MOST_VALUES:
            raise UserError(f"model.{key}={shape}: expected sides of 1 or more, and at most {MOST_VALUES:,} values")


def use_local_paths(dataset: dict[str, Any]) -> dict[str, Any]:
    """The node of a stored data set, with every folder that it would write into set to one of the reader's own.

    The cache of a folder of pictures goes where this machine's caches go. The folder of a data set that would be
    downloaded stays where it is if its files are there, so that nothing has to be written.
    """
    found = dict(dataset)
    if "cache" in found:
        found["cache"] = f"{os.environ.get('AECTL_CACHE', HOME)}/folders"
    if "unpack_from" in found:
        root = Path(found["root"]).expanduser()
        if not all((root / file).is_file() for file in found["files"]):
            found["root"] = os.environ.get("AECTL_DATA", HOME)
    return found
