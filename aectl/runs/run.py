"""A run: a folder that every verb works from. Knows no Lightning, so that opening one is quick."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from aectl.config import to_plain
from aectl.data.loader import Data
from aectl.errors import UserError, shorten
from aectl.io.archives import read_text
from aectl.io.atomic import newest_file, write_text
from aectl.models.base import Autoencoder
from aectl.runs.checkpoint import model_weights, read_checkpoint, stored_version
from aectl.runs.match_weights import match_state_dict
from aectl.runs.plain_yaml import LONGEST
from aectl.runs.stored_config import safe_config
from aectl.runs.upgrades import name_version_on_error, upgrade_weights
from aectl.tasks.base import Task

BEST = Path("checkpoints", "best.ckpt")
"""Where the weights of the best validation lie in a run."""


@dataclass(frozen=True)
class Run:
    """One training run.

    Arguments:
        folder: where its files are.
        cfg: the config it was trained with, resolved.
        checkpoint: the weights to work from.
    """

    folder: Path
    cfg: DictConfig
    checkpoint: Path

    @classmethod
    def create(cls, folder: Path, cfg: DictConfig, names: dict[str, str]) -> "Run":
        """Completes a composed config with what the data set decides, and writes it into the folder."""
        cfg = complete_config(cfg, names)
        write_text(folder / "config.yaml", OmegaConf.to_yaml(cfg))
        return cls(folder, cfg, folder / BEST)

    @classmethod
    def reopen(cls, folder: Path, cfg: DictConfig) -> "Run":
        """The run in a folder, to be trained on with a config that is all but the one it has."""
        cfg = OmegaConf.create({**to_plain(cfg), "resume": None})
        return cls(folder, cfg, folder / BEST)

    @classmethod
    def open(cls, where: str, outputs: str, trust: bool = False) -> "Run":
        """The run in a folder, of a checkpoint file, or the `latest` one below `outputs`.

        Raises:
            UserError: there is no such run, or it was not trained to its first checkpoint.
        """
        path = latest_run(Path(outputs)) if where == "latest" else Path(where)
        if path.is_file():
            return cls._of_file(path, trust)
        if not path.exists():
            raise UserError(f"run={where}: no such folder or checkpoint; expected a run that `aectl train` has left")
        if not (path / "config.yaml").is_file():
            raise UserError(f"run={where}: has no config.yaml, so it is not a run; expected the folder of one")
        checkpoint = path / BEST
        if not checkpoint.is_file():
            raise UserError(
                f"run={where}: has no checkpoints/best.ckpt; it ended before its first epoch, go on with "
                f"aectl train resume={where}"
            )
        try:
            text = read_text(path / "config.yaml", LONGEST)
        except ValueError as error:
            raise UserError(f"run={where}: its config.yaml cannot be read: {error}") from error
        with name_version_on_error(where, lambda: stored_version(read_checkpoint(checkpoint))):
            return cls(path, safe_config(text, where, trust), checkpoint)

    @classmethod
    def _of_file(cls, path: Path, trust: bool) -> "Run":
        """The run of a lone checkpoint: its folder when it lies in one, else a folder beside it by its name."""
        contents = read_checkpoint(path)
        stored = contents.get("aectl")
        if not isinstance(stored, dict) or not isinstance(stored.get("config"), str):
            raise UserError(f"run={path}: a checkpoint, but not one of aectl's; expected one that `aectl train` wrote")
        home = path.parent.parent
        inside = path.parent.name == "checkpoints" and (home / "config.yaml").is_file()
        folder = home if inside else path.with_suffix("")
        if not inside and folder.is_symlink():
            raise UserError(f"run={path}: {folder}, where its pictures would go, is a link; remove or rename it")
        with name_version_on_error(path, lambda: stored_version(contents)):
            return cls(folder, safe_config(stored["config"], str(path), trust), path)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.csv"

    def place(self, *parts: str) -> Path:
        """Where a verb leaves its files.

        Raises:
            UserError: a link in the folder leads out of it.
        """
        path = self.folder.joinpath(*parts)
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"run={self.folder}: {path} leads out of the run, to {path.resolve()}; remove the link")
        return path

    @property
    def to_resume(self) -> str:
        """What to type to go on with the training."""
        return f"aectl train resume={self.folder}"

    @property
    def title(self) -> str:
        """Model, task and data set in a few words."""
        names = self.cfg.names
        return f"{names.model} · {names.task} · {names.dataset}"

    @property
    def config_text(self) -> str:
        return OmegaConf.to_yaml(self.cfg)

    @cached_property
    def task(self) -> Task:
        return instantiate_node(self.cfg.task)

    @cached_property
    def data(self) -> Data:
        return instantiate_node(self.cfg.data, source=instantiate_node(self.cfg.dataset))

    def build(self) -> Autoencoder:
        """The model as the config describes it, with new weights."""
        return instantiate_node(self.cfg.model)

    def load(self, device: torch.device) -> Autoencoder:
        """The trained model, in evaluation mode on the device.

        Raises:
            UserError: the checkpoint is damaged, or belongs to another model.
        """
        contents = read_checkpoint(self.checkpoint)
        with name_version_on_error(self.checkpoint, lambda: stored_version(contents)):
            try:
                weights = match_state_dict(self.build, model_weights(contents), upgrade_weights)
                model = self.build()
                model.load_state_dict(weights)
            except Exception as error:  # a constructor raises whatever an odd value leads it to
                reason = shorten(error.__cause__ or error)
                raise UserError(f"run={self.checkpoint}: its weights do not fit its config: {reason}") from error
        return model.eval().to(device)

    def replaced(self, **given: Any) -> "Run":
        """The same run with other nodes in its config, such as another `dataset`."""
        names = {**self.cfg.names, **given.pop("names", {})}
        return Run(self.folder, OmegaConf.create({**to_plain(self.cfg), **given, "names": names}), self.checkpoint)


def instantiate_node(node: DictConfig, **given: Any) -> Any:
    """What a config node names, built; a UserError of its constructor's comes as it is."""
    try:
        return instantiate(node, _convert_="all", **given)
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise


def complete_config(cfg: DictConfig, names: dict[str, str]) -> DictConfig:
    """The config resolved, with the shapes that data set and task decide and the names of what was chosen."""
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    shape = instantiate_node(cfg.dataset).shape
    cfg.model.shape = list(shape)
    cfg.model.input_shape = list(instantiate_node(cfg.task).input_shape(shape))
    cfg.names = names
    OmegaConf.resolve(cfg)
    return cfg


def latest_run(outputs: Path) -> Path:
    """The run below `outputs` that has a checkpoint and was started last.

    Raises:
        UserError: there is none.
    """
    configs = (path for path in outputs.rglob("config.yaml") if path.is_file())
    config = newest_file(path for path in configs if (path.parent / BEST).is_file())
    if config is None:
        raise UserError(f"run=latest: no run in {outputs}/; train one first: aectl train")
    return config.parent


def num_parameters(model: Autoencoder) -> int:
    """The trainable parameters of a model."""
    return sum(math.prod(p.shape) for p in model.parameters() if p.requires_grad)
