"""Reads the config of a stored run, a stranger's among them, without running any code that it might name.

The YAML may hold plain values only. A target has to be a class that the shipped configs name, and fit where it stands.
"""

import importlib
import math
import os
import re
import typing
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from aectl.config import CONFIGS, GIVEN_BY_PROGRAM, annotations, check, locate, target_nodes
from aectl.errors import UserError, shorten
from aectl.io.archives import read_text
from aectl.runs.upgrades import ADDED_GROUPS, upgrade_config

PARTS = ("model", "task", "dataset", "data")  # what opening a run builds; every stored config has them
TORCHS = {"optimizer": "torch.optim", "schedule": "torch.optim.lr_scheduler"}
"""The modules of torch whose classes a config may name without trust, by the top-level key."""
MAX_DEPTH = 20
MAX_LENGTH = 100_000  # characters; a config has some two thousand
MAX_VALUES = 2**24  # of one example: a thousand images of 128 x 128, or one of 4096 x 4096
NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*")  # the name of a choice, which names folders as well
CACHE = "~/.cache/aectl"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml, where PyYAML has been built with it: it takes a fifth of the time."""


def read_config(folder: Path, trust: bool = False, training: bool = False) -> DictConfig:
    """The config of the run in a folder; a UserError if it cannot be read, is invalid or unsafe: see `safe_config`."""
    try:
        text = read_text(folder / "config.yaml", MAX_LENGTH)
    except ValueError as error:
        raise UserError(f"run={folder}: its config.yaml cannot be read: {error}") from error
    return safe_config(text, str(folder), trust, training)


def safe_config(text: str, where: str, trust: bool = False, training: bool = False) -> DictConfig:
    """A stored config from its YAML, as this version would have written it; a UserError if it is invalid or unsafe.

    Arguments:
        text: the YAML.
        where: names the run in messages.
        trust: allow any class, and paths outside of the reader's own folders.
        training: whether all of it will be built. Otherwise only its `PARTS` will be: of the rest, such as an
            optimizer or a callback of somebody's own, what is not safe is left out and needs no trust.
    """
    try:
        plain = parse_yaml(text)
        check_parts(plain)
        plain = upgrade_config(plain)
        plain |= {group: node for group, node in ADDED_GROUPS.items() if group not in plain}
        if not trust:
            plain = plain if training else without_unsafe(plain)
            check_content(plain)
        check({key: plain[key] for key in PARTS}, {})
        if not trust:
            check_size(plain["model"])
            use_local_paths(plain["dataset"])
        return OmegaConf.create(plain)
    except UserError as error:
        refused = "" if trust else "refusing to open its config: "
        raise UserError(f"run={where}: {refused}{shorten(error)}") from error
    except ValueError as error:
        raise UserError(f"run={where}: its config cannot be read: {shorten(error)}") from error
    except Exception as error:  # a constructor's annotations meet odd values
        raise UserError(f"run={where}: invalid config ({type(error).__name__}: {shorten(error)})") from error


def check_events(text: str) -> None:
    """Raises a ValueError for a YAML text with tags, anchors or aliases, or nested deeper than a config is."""
    depth = 0
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("an anchor or an alias in it; expected plain values")
        if tag := getattr(event, "tag", None):
            raise ValueError(f"the tag {tag} in it; expected plain values")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def parse_yaml(text: str) -> Any:
    """The plain values of a YAML text; a ValueError if it is too long or deep, not YAML, or has anchors or tags."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH:,} characters")
    try:
        check_events(text)
        return yaml.load(text, LOADER)
    except (yaml.YAMLError, TypeError, LookupError, OverflowError) as error:  # PyYAML's constructors meet odd values
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from error


def check_parts(plain: Any) -> None:
    """Raises a UserError unless it has the parts of a config, each of its kind."""
    if not isinstance(plain, dict) or not {*PARTS, "names"} <= plain.keys() or any(str(k)[:1] == "_" for k in plain):
        raise UserError("no model, task or dataset in it; expected one that `aectl train` wrote")
    for key in (*PARTS, "names"):
        if not isinstance(plain[key], dict) or ("_target_" not in plain[key] and key != "names"):
            raise UserError(f"{key} is not a mapping with a _target_; expected one that `aectl train` wrote")
    for group, name in plain["names"].items():
        if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > 100:
            raise UserError(f"names.{group}={name!r}: expected the name of a choice, such as vae")


def check_content(plain: dict[str, Any]) -> None:
    """Raises a UserError unless it consists of plain values and of classes that aectl ships for where they stand.

    A node below a top-level key is held against the shipped configs, a nested one against the annotation of its
    parent's constructor. No other class is imported.
    """
    for key, value in plain.items():
        check_node(value, str(key), partial(may_stand_at, str(key)))


def may_stand_at(key: str, target: str) -> bool:
    """Whether aectl ships a target for a top-level key, or torch does: an optimizer or a scheduler."""
    return target in shipped().get(key, any_shipped()) or is_torchs(key, target)


def is_torchs(key: str, target: str) -> bool:
    """Whether a target is an optimizer or a scheduler of torch's where one belongs; they take plain values alone."""
    module, _, name = target.rpartition(".")
    if TORCHS.get(key) != module:
        return False
    import torch

    bases = {"optimizer": torch.optim.Optimizer, "schedule": torch.optim.lr_scheduler.LRScheduler}
    found = getattr(importlib.import_module(module), name, None)
    return isinstance(found, type) and issubclass(found, bases[key])


def without_unsafe(plain: dict[str, Any]) -> dict[str, Any]:
    """The config without the top-level keys that opening a run does not build and `check_content` refuses."""

    def is_safe(key: str) -> bool:
        with suppress(UserError):
            check_content({key: plain[key]})
            return True
        return False

    return {key: value for key, value in plain.items() if key in (*PARTS, "names") or is_safe(key)}


def check_node(value: Any, path: str, is_allowed: Callable[[str], bool]) -> None:
    """Checks a value and all inside it; `is_allowed` decides on its target."""
    node = dict(enumerate(value)) if isinstance(value, list) else value
    if not node or not isinstance(node, dict):
        if "${" in f"{path}{value}" or value == "???":
            raise UserError(f"{path}={value}: expected a value, not a reference to one")
        return
    target = node.get("_target_")
    if "_target_" in node and not (isinstance(target, str) and is_allowed(target)):
        raise UserError(
            f"{path}._target_={target}: not a class that aectl ships for this key; building it could run arbitrary "
            "code; if you trust whoever wrote it: trust=true"
        )
    for key, inner in node.items():
        if str(key).startswith("_") and key != "_target_" and not (key == "_partial_" and path in TORCHS):
            raise UserError(f"{path}.{key}: a key of Hydra's; expected _target_ alone")
        check_node(inner, f"{path}.{key}", partial(fits, str(target), key) if "_target_" in node else is_allowed)


def fits(parent: str, parameter: str, target: str) -> bool:
    """Whether a target is a shipped class of the kind that its parent's constructor is annotated with."""
    if target not in any_shipped() or parameter in GIVEN_BY_PROGRAM:
        return False
    return issubclass(typing.cast(type, locate(target)), tuple(classes_in(annotations(locate(parent)).get(parameter))))


def classes_in(annotation: Any) -> Iterator[type]:
    """The classes that an annotation names: Net for `list[Net] | None`."""
    if isinstance(annotation, type) and annotation is not object:
        yield annotation
    for inner in typing.get_args(annotation):
        yield from classes_in(inner)


@cache
def shipped() -> dict[str, set[str]]:
    """The classes that the shipped configs name, by the top-level key that they stand below."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in CONFIGS.rglob("*.yaml"):
        text = path.read_text()
        package = re.match(r"# @package (\w+)", text)
        key = package[1] if package else path.relative_to(CONFIGS).parts[0]
        is_group = key != "_global_" and path.parent != CONFIGS
        for target, top in re.findall(r"^ *_target_: (aectl\.\S+)|^(\w+):", text, re.MULTILINE):
            if target:
                found[key].add(target)
            elif not is_group:
                key = top
    del found["hydra"]
    return dict(found)


@cache
def any_shipped() -> set[str]:
    return set().union(*shipped().values())


def check_size(model: dict[str, Any]) -> None:
    for key in ("shape", "input_shape"):
        shape = model[key]
        if not shape or min(shape) < 1 or math.prod(shape) > MAX_VALUES:
            raise UserError(f"model.{key}={shape}: expected sides of 1 or more, and at most {MAX_VALUES:,} values")


def use_local_paths(dataset: dict[str, Any]) -> None:
    """Points every folder that a stored data set would write into to one of the reader's own.

    The root of a data set that is downloaded stays if its files are there, since nothing is written then.
    """
    for _, node in target_nodes(dataset):
        if "cache" in node:
            node["cache"] = f"{os.environ.get('AECTL_CACHE', CACHE)}/folders"
        if "unpack_from" in node:
            root = Path(node["root"]).expanduser()
            if not all((root / file).is_file() for file in node["files"]):
                node["root"] = os.environ.get("AECTL_DATA", CACHE)
