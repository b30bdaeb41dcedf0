"""Trains from the config of a run, and makes the LightningModule of a trained one."""

import copy
from dataclasses import replace
from pathlib import Path

from aectl.models.base import Autoencoder
from aectl.rng import get_rng_state, set_rng_state
from aectl.runs.again import training_config
from aectl.runs.code import write_code
from aectl.runs.index import fresh_folder
from aectl.runs.run import Config, Run
from aectl.runs.source import open_source
from aectl.training.fit import build_system, fit
from aectl.training.preflight import preflight
from aectl.training.system import System


def train_again(config: Config, wanted: Path) -> Path:
    """Trains a new run and returns its folder: `wanted`, or one beside it if that is taken.

    Raises:
        UserError: a value that cannot be trained with; nothing is written then.
    """
    experiment = preflight(config, wanted, open_source(config))
    run = Run.to_train(fresh_folder(wanted), experiment.config)
    run.write_config()
    write_code(run)
    fit(experiment, run)
    return run.folder


def module_of(run: Run, model: Autoencoder) -> System:
    """A copy of a trained model on its task under its optimizers, as Lightning trains it.

    Leaves the model and the random state as they were.
    """
    state = get_rng_state()
    try:
        own = copy.deepcopy(model).train()
        return build_system(replace(preflight(training_config(run), run.folder), model=own))
    finally:
        set_rng_state(state)
