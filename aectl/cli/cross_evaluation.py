"""What several evaluations in one call come to: trained on by tested on."""

from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aectl.cli.hydra_hooks import claim_sweep_folder
from aectl.io.atomic import write_json

Report = dict[str, Any]


class CrossEvaluation(Callback):
    """What Hydra calls around the jobs of `aectl eval`: gathers their reports and prints them side by side."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A matrix gets a folder of its own, also beside one that is made in the same second."""
        claim_sweep_folder(config)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Keeps what a job found; one that failed has said so itself."""
        if job_return.status is JobStatus.COMPLETED:
            self.reports.append(job_return.return_value)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints the matrix when there is more than one thing in it."""
        if len(self.reports) < 2:
            return
        from aectl.evaluation import tables

        tables.console().print(tables.matrix(self.reports))
        print(f"wrote {write_json(Path(config.hydra.sweep.dir) / 'matrix.json', matrix_cells(self.reports))}")


def matrix_cells(reports: list[Report]) -> list[Report]:
    """What a cell of the matrix says, for each report."""
    return [
        {
            "run": report["run"],
            "model": report["model"],
            "trained_on": report["trained_on"],
            "tested_on": report["dataset"],
            "task": report["task"],
            "protocol": report["protocol"],
            "psnr": report["scores"]["psnr"],
            "verdict": report.get("verdict"),
            "baselines": {name: found.get("psnr") for name, found in report["baselines"].items()},
        }
        for report in reports
    ]
