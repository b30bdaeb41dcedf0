"""One line for every job of a sweep that ends, while its workers train."""

import sys
from typing import Any

from aectl.runs.summary import read_mapping
from aectl.search.jobs import ENDED, Job, Jobs
from aectl.search.strategies import Strategy


class Progress:
    """Says which jobs have ended since it was asked last.

    Arguments:
        jobs: of the sweep.
        strategy: knows how many there will be.
    """

    def __init__(self, jobs: Jobs, strategy: Strategy) -> None:
        self.jobs = jobs
        self.strategy = strategy
        self.shown = {job.number for job in jobs.all() if job.status in ENDED}

    def show(self) -> None:
        jobs = self.jobs.all()
        for job in jobs:
            if job.status in ENDED and job.number not in self.shown:
                self.shown.add(job.number)
                count = f"{len(self.shown)}/{max(self.strategy.total, len(jobs))}"
                print(f"{count}  job {job.number}  {self.describe(job)}", file=sys.stderr, flush=True)

    def describe(self, job: Job) -> str:
        """What is different about the job, and what came of it."""
        words = " ".join(word for word in job.overrides if word.partition("=")[0] in self.strategy.varied)
        summary = read_mapping(self.jobs.run_folder(job) / "summary.json")
        if job.status == "failed":
            return f"{words}  failed: {job.reason}"
        pruned = f"  pruned {job.reason}" if job.status == "pruned" else ""
        return (
            f"{words}  {summary.get('monitor')} {show(summary.get('best'))}{pruned}  {show(summary.get('seconds'))} s"
        )


def show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "?"
