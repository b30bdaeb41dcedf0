"""A run: the folder of a training, with its config and its weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from aectl.config import to_plain
from aectl.data.loader import Data
from aectl.data.source import vocabularies
from aectl.errors import UserError, describe_error, shorten
from aectl.io.atomic import write_text
from aectl.modalities import Modality, modality_for
from aectl.models.base import Autoencoder
from aectl.runs.checkpoint import match_state_dict, weights_for
from aectl.runs.index import BEST
from aectl.runs.upgrades import name_version_on_error
from aectl.tasks.base import Task

Config = DictConfig


@dataclass(frozen=True)
class Run:
    """One training run.

    Arguments:
        folder: where its files are.
        cfg: the config that it is trained with, resolved.
        checkpoint: the file of its weights.
        contents: what that file held when the run was opened, verified; empty for a run that is being trained.
        trusted: whether whoever opened it trusts the classes that its config names.
        former: the config before `replaced` changed it.
    """

    folder: Path
    cfg: DictConfig
    checkpoint: Path
    contents: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    trusted: bool = False
    former: DictConfig | None = field(default=None, repr=False, compare=False)

    @classmethod
    def to_train(cls, folder: Path, cfg: Config) -> "Run":
        return cls(folder, cfg, folder / BEST)

    def write_config(self) -> None:
        write_text(self.folder / "config.yaml", self.config_text)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.csv"

    def output_path(self, *parts: str) -> Path:
        """Where in the folder a verb writes its files; a UserError if a link in the folder leads out of it."""
        path = self.folder.joinpath(*parts)
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"run={self.folder}: {path} leads out of the run, to {path.resolve()}; remove the link")
        return path

    @property
    def resume_command(self) -> str:
        return f"aectl train resume={self.folder}"

    @property
    def original(self) -> DictConfig:
        """The config that the run was trained with, whatever has been replaced since."""
        return self.cfg if self.former is None else self.former

    @property
    def title(self) -> str:
        """Model, task and data set: `vae · denoise · digits`."""
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

    @property
    def modality(self) -> Modality:
        return modality_for(tuple(self.cfg.model.shape), vocabularies(self.data.source))

    def build(self) -> Autoencoder:
        """The model of the config, with new weights."""
        return instantiate_node(self.cfg.model)

    def load(self, device: torch.device) -> Autoencoder:
        """The trained model, in evaluation mode on the device; a UserError if its weights do not fit its config."""
        with name_version_on_error(self.checkpoint, self.contents):
            own = self._build_trusted() if self.trusted else None
            try:
                weights = (
                    match_state_dict(self.build, self.contents) if own is None else weights_for(own, self.contents)
                )
                model = own or self.build()
                model.load_state_dict(weights)
            except Exception as error:  # a constructor raises whatever an odd value leads it to
                reason = shorten(error.__cause__ or error)
                raise UserError(f"run={self.checkpoint}: its weights do not fit its config: {reason}") from error
        return model.eval().to(device)

    def _build_trusted(self) -> Autoencoder:
        """The model of a trusted run, whose constructor may need tensors with memory."""
        try:
            return self.build()
        except Exception as error:
            cause = error.__cause__ or error
            raise UserError(f"run={self.folder}: its model cannot be built: {describe_error(cause)}") from error

    def replaced(self, **given: Any) -> "Run":
        """The same run with other nodes in its config, such as another `dataset`."""
        names = {**self.cfg.names, **given.pop("names", {})}
        return replace(
            self, cfg=OmegaConf.create({**to_plain(self.cfg), **given, "names": names}), former=self.original
        )


def instantiate_node(node: DictConfig | dict[str, Any], **given: Any) -> Any:
    """The object that a config node describes; passes on a UserError of its constructor."""
    try:
        return instantiate(node, _convert_="all", **given)
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise


def count_classes(data: Data) -> int:
    """The number of classes of a data set, for a conditional model; a UserError if it has no labels."""
    data.source.prepare()
    if data.num_classes is None:
        raise UserError("model.num_classes: the data set has no labels; expected one with labels for this model")
    return data.num_classes


def count_examples(data: Data) -> int:
    """The number of training examples of a data set."""
    data.source.prepare()
    return data.num_examples("train")


def count_labels(data: Data) -> int | None:
    """The number of classes of a data set; None if any training example has no label."""
    data.source.prepare()
    y = data.split("train").y
    return None if y is None or bool((y < 0).any()) else data.num_classes


VOCABULARIES = "likelihood.vocabularies"
DERIVED: dict[str, Callable[[Data, Task], Any]] = {  # the keys of a model that are filled in from data set and task
    "shape": lambda data, _: list(data.source.shape),
    "input_shape": lambda data, task: list(task.input_shape(data.source.shape)),
    "num_classes": lambda data, _: count_classes(data),
    "num_examples": lambda data, _: count_examples(data),
    "num_labels": lambda data, _: count_labels(data),
}


def require_vocabularies(data: Data) -> list[int]:
    """The number of tokens of each track of a data set; a UserError if it has no tokens."""
    if found := vocabularies(data.source):
        return list(found)
    raise UserError(
        "likelihood=categorical: takes tokens, but the data set has none; use likelihood=gaussian, or music"
    )


def require_values(cfg: Config) -> None:
    """Raises a UserError for a key without a value that is not filled in."""
    for key in sorted(OmegaConf.missing_keys(cfg) - {f"model.{key}" for key in DERIVED} - {VOCABULARIES}):
        raise UserError(f"{key}: has no default; give it a value: {key}=VALUE")


def complete_config(cfg: Config, data: Data, task: Task) -> Config:
    """The config resolved, with the keys of the model that follow from data set and task."""
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    for key in [key for key in DERIVED if key in {*cfg.model}]:
        cfg.model[key] = DERIVED[key](data, task)
    if "vocabularies" in {*cfg.get("likelihood", {})}:
        cfg.likelihood.vocabularies = require_vocabularies(data)
    OmegaConf.resolve(cfg)
    return cfg


def num_parameters(model: Autoencoder) -> int:
    return sum(math.prod(p.shape) for p in model.parameters() if p.requires_grad)
