"""Reads what a run or a friend's checkpoint holds without running anybody's code."""

import re
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import DictConfig, OmegaConf

from aectl.config import check_names, locate, nodes
from aectl.errors import UserError
from aectl.upgrades import upgraded

TRUSTED = ("aectl.", "torch.nn.", "torch.optim.")
NEEDED = ("model", "task", "dataset", "data")
"""The parts of a stored config that are built when it is opened."""


def safe_config(text: str, where: str) -> DictConfig:
    """A stored config from its text; opening it runs nobody's code.

    Raises:
        UserError: the text is no config, names a target outside aectl and torch, or keys that its target does not take.
    """
    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"run={where}: its config is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(plain, dict) or not {*NEEDED, "names"} <= plain.keys():
        raise UserError(f"run={where}: its config lacks model, task or dataset; expected one that `aectl train` wrote")
    plain = dict(upgraded(plain))
    for path, node in nodes({key: plain[key] for key in NEEDED}):
        target = str(node["_target_"])
        if not target.startswith(TRUSTED) or not locate(target).__module__.startswith(TRUSTED):
            raise UserError(f"run={where}: {path}._target_={target} is outside aectl and torch; not opened")
        if target.startswith("aectl."):
            arguments = {key: value for key, value in node.items() if not str(key).startswith("_")}
            check_names(f"run={where}: {path}", locate(target), arguments)
    return OmegaConf.create(plain)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint file; loading it runs nobody's code.

    Raises:
        UserError: the file is truncated, or no checkpoint.
    """
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the broken part of the file leads it to
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"run={path}: truncated, or not a checkpoint ({type(error).__name__}: {reason})") from error
    if not isinstance(contents, dict) or "state_dict" not in contents:
        raise UserError(f"run={path}: has no weights in it; expected a checkpoint that `aectl train` wrote")
    return contents


def version_of(contents: dict[str, Any]) -> str | None:
    """The version of aectl that wrote a checkpoint, if it says so."""
    stored = contents.get("aectl")
    version = stored.get("version") if isinstance(stored, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"\d[\w.+]{0,30}", version) else None
