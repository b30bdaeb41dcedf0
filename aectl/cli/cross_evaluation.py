"""What Hydra calls around several evaluations in one command: prints them as a table, trained on by tested on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from aectl.cli.hydra_internals import Callback
from aectl.io.atomic import write_json

if TYPE_CHECKING:
    from aectl.evaluation import Report


class CrossEvaluation(Callback):
    """Collects the reports of the jobs of `aectl eval` and prints them side by side."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Keeps the report of a job; a failed job has printed its error."""
        if job_return.status is JobStatus.COMPLETED:
            self.reports.append(job_return.return_value)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints the table if there is more than one report."""
        if len(self.reports) < 2:
            return
        from aectl.evaluation import tables
        from aectl.evaluation.cross_table import CrossTable

        table = CrossTable(self.reports)
        tables.print_cross_table(table)
        print(f"wrote {write_json(Path(config.hydra.sweep.dir) / 'matrix.json', table.to_list())}")
