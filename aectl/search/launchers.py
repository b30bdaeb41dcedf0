"""Hands the jobs of a sweep to one of Hydra's launchers, which trains them in other processes or on other machines."""

import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import TaskFunction
from omegaconf import DictConfig, open_dict

from aectl.errors import UserError
from aectl.search.jobs import ENDED, Job, Jobs, Outcome
from aectl.search.launching import Launching, is_done, outcome_of
from aectl.search.options import SweepOptions

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
NUMBER = "AECTL_SWEEP_JOB"
"""The variable that has the number of the job: launchers count the jobs of a call, and a continued sweep has gaps."""


def has_launcher(config: DictConfig, options: SweepOptions) -> bool:
    """Whether the user has chosen a launcher; a UserError if it cannot do what else was asked."""
    if config.hydra.launcher._target_ == BASIC:
        return False
    name = f"hydra/launcher={config.hydra.runtime.choices['hydra/launcher']}"
    if options.strategy != "grid":
        raise UserError(
            f"{name}: takes all jobs at once, and a search proposes one after the other; leave it out, and start the "
            "same command several times: each is a worker"
        )
    if options.workers > 1:
        raise UserError(f"{name}: has workers of its own; leave out sweep.workers={options.workers}")
    return True


def launch(jobs: Jobs, launching: Launching, most: int | None) -> None:
    """Trains the jobs that have not ended, at most so many in one call of the launcher."""
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=launching.context, task_function=ClaimedTask(launching.task, jobs.folder), config=launching.config
    )
    left = [job for job in jobs.all() if job.status not in ENDED]
    size = most or len(left) or 1
    for start in range(0, len(left), size):
        batch = left[start : start + size]
        launcher.launch([words_of(job, jobs) for job in batch], initial_job_idx=batch[0].number)


def words_of(job: Job, jobs: Jobs) -> list[str]:
    """The overrides of a job with those that put it into its folder, where Hydra's record of a begun run stays."""
    begun = (jobs.run_folder(job) / "config.yaml").is_file()
    own = [f"hydra.sweep.subdir='{job.folder}'", f"+hydra.job.env_set.{NUMBER}='{job.number}'"]
    return [*job.overrides, *own, *(["hydra.output_subdir=null"] if begun else [])]


def job_number() -> int:
    """The number of the job that runs in this process."""
    return int(os.environ.get(NUMBER, HydraConfig.get().job.num))


class ClaimedTask:
    """What a launcher calls for a job: trains it unless it has ended or another process does so.

    Arguments:
        task: what trains.
        folder: of the sweep.
    """

    def __init__(self, task: TaskFunction, folder: Path) -> None:
        self.task = task
        self.folder = folder

    def __call__(self, cfg: DictConfig) -> Any:
        jobs = Jobs(self.folder)
        claim = jobs.claim_number(job_number())
        if claim is None:
            return
        with claim.held() as job:
            run = jobs.run_folder(job)
            if is_done(run):
                claim.end(Outcome("done"))
                return
            if (run / "config.yaml").is_file():
                with open_dict(cfg):
                    cfg.resume = str(run)
            try:
                self.task(cfg)
            except SystemExit as end:  # 0: there was nothing left to train
                if end.code:
                    raise
            claim.end(outcome_of(run))
