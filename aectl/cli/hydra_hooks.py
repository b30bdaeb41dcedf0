"""Where Hydra's life cycle meets ours: a job is checked before its folder exists, and a sweep ends in a table."""

import itertools
import json
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from aectl.cli.error_messages import advice_while_running, error_message, user_error_on_oom
from aectl.cli.hydra_internals import Callback, fatal, publish, set_run_folder, set_sweep_folder
from aectl.cli.resume import restore_config
from aectl.config import to_plain
from aectl.errors import UserError, fail
from aectl.io.atomic import write_json

if TYPE_CHECKING:
    from aectl.training.experiment import Experiment

log = logging.getLogger(__name__)
Job = dict[str, Any]


class TrainHooks(Callback):
    """What Hydra calls around the jobs of `aectl train`."""

    sweep: ClassVar[Path | None] = None
    """The folder of the sweep that this process runs."""
    prepared: ClassVar["Experiment | None"] = None
    """What was checked and built for the job that follows."""

    @fatal
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Nothing is written before the config is known to be good; then the run gets a folder of its own."""
        from aectl.cli.commands.train import prepare

        publish(config)
        try:
            folder = restore_config(config) if config.resume is not None else None
            TrainHooks.prepared = prepare(config)
        except UserError as error:
            fail("aectl train", user_message(error))
        set_run_folder(config, folder or fresh_folder(Path(config.hydra.run.dir)), resumed=folder is not None)

    @classmethod
    def take_prepared(cls) -> "Experiment":
        """The experiment for the job that starts; it is handed out once."""
        experiment, cls.prepared = cls.prepared, None
        assert experiment, "Hydra has not called on_run_start"
        return experiment

    @fatal
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A sweep gets a folder of its own, also beside one that has started in the same second."""
        if config.resume is not None:
            fail("aectl train", f"resume={config.resume}: expected one run to go on with; leave out -m and sweep=")
        claim_sweep_folder(config)
        TrainHooks.sweep = Path(config.hydra.sweep.dir)

    @classmethod
    def discard_unstarted(cls) -> None:
        """Removes the folder of a sweep of which no job was started, with the folders that it lay in alone."""
        if cls.sweep and cls.sweep.is_dir() and {path.name for path in cls.sweep.iterdir()} <= {"multirun.yaml"}:
            shutil.rmtree(cls.sweep)
            with suppress(OSError):
                os.removedirs(cls.sweep.parent)

    @fatal
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints all jobs, best first; exit status 1 if any failed."""
        jobs = [read_job(path) for path in Path(config.hydra.sweep.dir).glob("*/summary.json")]
        print_sweep(sorted(jobs, key=lambda job: (math.isnan(job["best"]), job["best"])))
        if any(job["status"] == "failed" for job in jobs):
            raise SystemExit(1)


def claim_sweep_folder(config: DictConfig) -> None:
    """Gives a sweep a folder of its own, unless the user has named one."""
    if not any(override.startswith("hydra.sweep.dir=") for override in config.hydra.overrides.hydra):
        set_sweep_folder(config, fresh_folder(Path(config.hydra.sweep.dir)))


def run_job(task: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """A command as Hydra runs it: a mistake ends it in one line, but in a sweep of trainings the other jobs go on."""

    def job(cfg: DictConfig) -> Any:
        hydra = HydraConfig.get()
        try:
            with user_error_on_oom(lambda: advice_while_running(to_plain(cfg))):
                return task(cfg)
        except Exception as error:
            if hydra.mode is RunMode.MULTIRUN and "jobs" in hydra.callbacks:
                return report_failed_job(error, hydra.job.num, Path(hydra.runtime.output_dir))
            if isinstance(error, UserError):
                fail(f"aectl {hydra.job.name}", user_message(error), error.status)
            raise

    return job


def user_message(error: UserError) -> str:
    """The error in one line, with what to try instead."""
    hydra = HydraConfig.get()
    return error_message(error, str(hydra.job.config_name), list(hydra.overrides.task))


def report_failed_job(error: Exception, number: int, folder: Path) -> float:
    """Says that a job of a sweep failed and leaves it for the table; its objective is no number."""
    reason = user_message(error) if isinstance(error, UserError) else repr(error)
    log.info("job %s failed", number, exc_info=error)
    print(f"aectl train: job {number} failed: {reason}", file=sys.stderr)
    write_json(folder / "summary.json", {"status": "failed", "error": reason})
    return math.nan


def fresh_folder(wanted: Path) -> Path:
    """Makes the folder, or `wanted-2`, `wanted-3`, ... if somebody else has it: no two runs share one."""
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable: the count has no end")


def read_job(summary: Path) -> Job:
    """What a job of a sweep left: its summary, its overrides and where it is."""
    overrides = yaml.safe_load((summary.parent / ".hydra" / "overrides.yaml").read_text())
    keys = dict(override.split("=", 1) for override in overrides)
    return {"best": math.nan, **json.loads(summary.read_text()), "overrides": keys, "folder": summary.parent}


def print_sweep(jobs: list[Job]) -> None:
    """The jobs of a sweep as a table: what was varied, the best validation loss, the time, the folder."""
    from aectl.io.tables import make_table, print_table

    keys = list(dict.fromkeys(key for job in jobs for key in job["overrides"]))
    varied = [key for key in keys if len({job["overrides"].get(key) for job in jobs}) > 1]
    heads = [*varied, "val/loss", "seconds", "folder"]
    table = make_table(f"{len(jobs)} jobs, best first", heads, left=[*varied, "folder"])
    for job in jobs:
        score = "failed" if job["status"] == "failed" else f"{job['best']:.4g}"
        values = [job["overrides"].get(key, "") for key in varied]
        table.add_row(*values, score, str(job.get("seconds", "")), str(job["folder"]))
    print_table(table)
