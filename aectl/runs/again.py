"""The config to train a run again, with changes."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aectl.config import suggest, to_plain
from aectl.errors import UserError
from aectl.runs.run import Config, Run

BUILT = ("optimizer", "schedule", "trainer", "callbacks")
"""The nodes that only a training builds. Opening a run leaves those out that are not safe."""
COPIED = ("net", "likelihood")
"""Top-level nodes that a stored model has copies of."""
RESOLVED = ("recipe", "names", "convention", "experiment")
"""Top-level nodes whose values a stored config has wherever they belong, so that a change of them would do nothing."""


def training_config(run: Run) -> Config:
    """The config to train an opened run again; a UserError if opening it has left out what a training needs."""
    if missing := [key for key in BUILT if key not in run.cfg]:
        raise UserError(
            f"run={run.folder}: its {' and '.join(missing)} names classes that aectl does not ship; if you trust "
            "whoever wrote it, open it with trust=true (in Python trust=True)"
        )
    return OmegaConf.create({**to_plain(run.cfg), "resume": None})


def with_changes(config: Config, changes: Mapping[str, Any]) -> Config:
    """The config with other values of some of its keys, `{"model.beta": 4}`; a UserError for a key that it lacks."""
    changed = config.copy()
    for key, value in changes.items():
        group, _, name = key.rpartition(".")
        if key.partition(".")[0] in RESOLVED:
            raise UserError(
                f"{key}={value}: change the keys that take its value, such as optimizer.lr, see config.yaml"
            )
        node = OmegaConf.select(config, group) if group else config
        known = [str(each) for each in node] if isinstance(node, DictConfig) else []
        if name not in known:
            meant = suggest(key, [f"{group}.{each}".lstrip(".") for each in known])
            raise UserError(f"{key}={value}: no such key in the config of the run{meant}; see its config.yaml")
        OmegaConf.update(changed, key, value, merge=False)
        if key.partition(".")[0] in COPIED and OmegaConf.select(config, f"model.{key}") is not None:
            OmegaConf.update(changed, f"model.{key}", value, merge=False)
    if "trainer.max_epochs" not in changes and any(key.startswith("budget.") for key in changes):
        changed.trainer.max_epochs = None
    return changed
