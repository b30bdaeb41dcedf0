"""Upgrades runs of earlier versions: the keys, targets, weights and callbacks that have moved since.

A version that moves something adds a line to a table; a run that it cannot open any more says which version can.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aectl import __version__
from aectl.errors import UserError, one_line

T = TypeVar("T")
Config = dict[str, Any]

MOVED: dict[str, str] = {  # targets, by their former names
    "aectl.callbacks.diagnosis.Diagnosis": "aectl.training.health.HealthCheck",
    "aectl.callbacks.lesson.LessonLoss": "aectl.training.lesson_loss.LessonLoss",
    "aectl.callbacks.pictures.Pictures": "aectl.training.previews.Previews",
    "aectl.callbacks.pictures.Projector": "aectl.training.previews.Projector",
    "aectl.callbacks.stopping.EarlyStopping": "aectl.training.early_stopping.EarlyStopping",
    "aectl.data.batches.Data": "aectl.data.loader.Data",
    "aectl.data.folder.Folder": "aectl.data.folder.source.Folder",
    "aectl.likelihoods.Bernoulli": "aectl.models.probability.likelihoods.Bernoulli",
    "aectl.likelihoods.ContinuousBernoulli": "aectl.models.probability.likelihoods.ContinuousBernoulli",
    "aectl.likelihoods.Gaussian": "aectl.models.probability.likelihoods.Gaussian",
    "aectl.likelihoods.Laplace": "aectl.models.probability.likelihoods.Laplace",
    "aectl.models.lesson.LessonVAE": "aectl.models.variational.lesson.LessonVAE",
    "aectl.models.rednet.RedNet": "aectl.models.restoring.rednet.RedNet",
    "aectl.nets.conv.Conv": "aectl.models.nets.conv.Conv",
    "aectl.nets.lesson.LessonConv": "aectl.models.nets.lesson.LessonConv",
    "aectl.nets.mlp.MLP": "aectl.models.nets.mlp.MLP",
    "aectl.optimizers.Adam": "aectl.training.optimizers.AdamW",
    "aectl.optimizers.RMSprop": "aectl.training.optimizers.RMSprop",
    "aectl.schedules.Constant": "aectl.training.schedules.Constant",
    "aectl.schedules.Cosine": "aectl.training.schedules.Cosine",
    "aectl.training.optimizers.Adam": "aectl.training.optimizers.AdamW",
    "aectl.trainer.TrainerConfig": "aectl.training.trainer.TrainerConfig",
}
RENAMED: dict[str, dict[str, str | None]] = {}  # a target's renamed keys, by their former names; None for one gone
ADDED: dict[str, Config] = {  # for a target the keys that it did not always have, with what it did without them
    "aectl.training.optimizers.AdamW": {"players": {}},
    "aectl.training.optimizers.RMSprop": {"players": {}},
    "aectl.training.trainer.TrainerConfig": {"devices": 1, "num_nodes": 1, "strategy": "auto"},
    "aectl.data.loader.Data": {"binarize": "none"},
    "aectl.data.digits.Digits": {"size": 8},
    "aectl.models.probability.likelihoods.Gaussian": {"link": "sigmoid"},
}
ADDED_GROUPS: Config = {
    "tracker": {"tensorboard": {"_target_": "aectl.trackers.tensorboard.TensorBoard"}},
    "monitor": "val/loss",
    "mode": None,
}
"""The nodes and keys that configs did not always have, with what was done without them."""
CALLBACKS: dict[str, str] = {"Best": "BestCheckpoint", "Diagnosis": "HealthCheck", "FiniteGuard": "NonFiniteGuard"}
"""The classes of callbacks with a state in checkpoints, by their former names."""


def upgrade_config(config: Any) -> Any:
    """A stored config of plain values, as this version would have written it."""
    if isinstance(config, list):
        return [upgrade_config(item) for item in config]
    if not isinstance(config, dict):
        return config
    target = MOVED.get(str(config.get("_target_")), config.get("_target_"))
    names = RENAMED.get(str(target), {})
    kept = {
        names.get(str(key), key): upgrade_config(value) for key, value in config.items() if names.get(str(key), key)
    }
    added = {key: value for key, value in ADDED.get(str(target), {}).items() if key not in kept}
    return {**kept, **added, **({"_target_": target} if "_target_" in config else {})}


def upgrade_weights(weights: dict[str, T], expected: Collection[str]) -> dict[str, T]:
    """Stored weights under the names that this version expects.

    The decoder once had a layer without weights before its last layers, whose indices were one higher.
    """
    lower = {name: re.sub(r"^decoder\.(\d+)", lambda found: f"decoder.{int(found[1]) - 1}", name) for name in weights}
    moved = {name for name, now in lower.items() if name not in expected and now in expected and now not in weights}
    return {lower[name] if name in moved else name: value for name, value in weights.items()}


def upgrade_checkpoint(contents: dict[str, Any]) -> dict[str, Any]:
    """A stored checkpoint with the states of callbacks under their names in this version."""
    states = contents.get("callbacks", {}).items()
    renamed = {CALLBACKS.get(key.partition("{")[0], key): state for key, state in states}
    return {**contents, "callbacks": renamed}


@contextmanager
def name_version_on_error(where: object, contents: Config) -> Iterator[None]:
    """Turns an error of opening a run into a UserError that says which version can open it, if another one wrote it."""
    try:
        yield
    except Exception as error:
        written = stored_version(contents)
        if written is None or written == __version__:
            raise
        reason = one_line(error.__cause__ or error).removeprefix(f"run={where}: ")
        age = "a later" if version_number(written) > version_number(__version__) else "an earlier"
        raise UserError(
            f"run={where}: {reason}; it was written by aectl {written}, {age} version than this {__version__}: "
            f"open it with aectl {written}"
        ) from error


def stored_version(contents: Config) -> str | None:
    stored = contents.get("aectl")
    version = stored.get("version") if isinstance(stored, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"\d[\w.+]{0,30}", version) else None


def version_number(version: str) -> list[int]:
    """A version as numbers to compare: `0.10.1` is later than `0.9`."""
    return [int(part) for part in re.findall(r"\d+", version)[:3]]
