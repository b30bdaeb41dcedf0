"""The run whose codes a prior is trained on, `source=RUN`."""

from collections.abc import Collection
from typing import Any, cast

import torch
from omegaconf import OmegaConf
from torch import Tensor

from aectl import runs
from aectl.config import FROM_SOURCE, locate, to_plain
from aectl.errors import UserError
from aectl.models.quantized.base import Quantized
from aectl.runs.run import Config, Run

EXPECTED = "expected a run of model=vqvae, fsq or rvq"


def open_source(config: Config, trust: bool = False) -> Run | None:
    """The run that the key `source` names; None if the model needs none.

    Raises:
        UserError: the model needs one and none is named, or the other way round; it cannot be opened or has no codes.
    """
    path, needed = config.get("source"), "autoencoder" in {*(config.get("model") or {})}
    if path is None:
        if needed:
            raise UserError(
                f"source: missing; model=code_prior learns to draw the codes of a run: source=RUN; {EXPECTED}"
            )
        return None
    if not needed:
        raise UserError(f"source={path}: only model=code_prior has a source; leave it out")
    try:
        run = runs.open(path, config.outputs, trust)
    except UserError as error:
        raise UserError(str(error).replace("run=", "source=", 1)) from error
    target = locate(run.cfg.model._target_)
    if not (isinstance(target, type) and issubclass(target, Quantized)):
        raise UserError(f"source={run.folder}: {run.title} has no discrete codes; {EXPECTED}")
    return run


def adopt(config: Config, source: Run, given: Collection[str]) -> Config:
    """The config with the model of the source as its autoencoder, and its data and task.

    Of the keys `given` on the command line, one like `dataset.size` keeps the config's own node, and so does a choice
    other than the source's.
    """
    stored = to_plain(source.cfg)

    def is_given(group: str) -> bool:
        other = config.names[group] != stored["names"][group]
        return (group in given and other) or any(key.startswith(f"{group}.") for key in given)

    adopted = {group: stored[group] for group in FROM_SOURCE if not is_given(group)}
    names = {group: stored["names"][group] for group in adopted}
    config = OmegaConf.create(
        {
            **cast(dict[str, Any], OmegaConf.to_container(config)),
            **adopted,
            "names": {**config.names, **names},
            "source": str(source.folder),
        }
    )
    config.model.autoencoder = stored["model"]
    if "dataset" in adopted:
        config.data.binarize = stored["data"]["binarize"]
    return config


def load_weights(source: Run) -> dict[str, Tensor]:
    """The weights of the source's model on the CPU."""
    return source.load(torch.device("cpu")).state_dict()
