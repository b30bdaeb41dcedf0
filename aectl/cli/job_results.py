"""What Hydra calls around several jobs in one command that end in something common."""

from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from aectl.cli.hydra_internals import Callback


class JobResults(Callback):
    """Collects what the jobs of a command return.

    Attributes:
        results: those of the jobs that succeeded, in order; a failed job has printed its error.
    """

    def __init__(self) -> None:
        self.results: list[Any] = []

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if job_return.status is JobStatus.COMPLETED and job_return.return_value is not None:
            self.results.append(job_return.return_value)


def common_folder(config: DictConfig) -> Path:
    """Where what is common to the jobs goes: into `output`, if the user has given one, else into the sweep's folder."""
    return Path(config.output or config.hydra.sweep.dir).expanduser()
