"""Runs one job of a sweep as Hydra does, in this process."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log, filter_overrides, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aectl.errors import one_line
from aectl.runs.summary import read_mapping
from aectl.search.jobs import Job, Outcome

log = logging.getLogger(__name__)


class Launching:
    """What a job is run with.

    Arguments:
        context: Hydra's, with the configs and the callbacks.
        task: what a job calls.
        config: of the sweep.
    """

    def __init__(self, context: HydraContext, task: TaskFunction, config: DictConfig) -> None:
        self.context = context
        self.task = task
        self.config = config

    @property
    def folder(self) -> Path:
        return Path(self.config.hydra.sweep.dir)

    def compose(self, number: int, overrides: Sequence[str], folder: str = "") -> DictConfig:
        """The config of a job, which raises what Hydra does for overrides that do not fit."""
        of_folder = [f"hydra.sweep.subdir='{folder}'"] if folder else []
        config = self.context.config_loader.load_sweep_config(self.config, [*overrides, *of_folder])
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return config

    def subfolder(self, number: int, overrides: Sequence[str]) -> str:
        """Where a job writes, relative to the folder of the sweep."""
        config, running = self.compose(number, overrides), HydraConfig.instance().cfg
        HydraConfig.instance().set_config(config)  # the resolver `hydra:` looks there
        try:
            return str(OmegaConf.select(config, "hydra.sweep.subdir"))
        finally:
            HydraConfig.instance().cfg = running

    def run(self, job: Job) -> Outcome:
        """Trains a job, or goes on with it where a killed process left it."""
        run = self.folder / job.folder
        if is_done(run):
            return Outcome("done")
        setup_globals()
        log.info("\t#%s : %s", job.number, " ".join(filter_overrides(job.overrides)))
        config = self.compose(job.number, job.overrides, job.folder)
        resume_if_begun(config, run)
        try:
            ended = run_job(
                hydra_context=self.context,
                task_function=self.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
            _ = ended.return_value  # raises what the task has raised
        except SystemExit as end:  # 0: there was nothing left to train
            if end.code:
                raise
        finally:
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return outcome_of(run)


def resume_if_begun(config: DictConfig, run: Path) -> None:
    """Makes a job resume the run in its folder, if there is one, and keep what Hydra wrote there."""
    if (run / "config.yaml").is_file():
        with read_write(config.hydra), open_dict(config):
            config.resume = str(run)
            config.hydra.output_subdir = None


def is_done(run: Path) -> bool:
    """Whether a job's training has ended, though its process was killed before it could say so."""
    return read_mapping(run / "summary.json").get("status") == "done"


def outcome_of(run: Path) -> Outcome:
    """How a training that has returned ended, by its summary."""
    summary = read_mapping(run / "summary.json")
    if summary.get("status") == "failed":
        return Outcome("failed", one_line(summary.get("error", "")))
    return Outcome("done")
