"""Hydra's callbacks: checks before anything is written, folders of runs and sweeps, and the table after a sweep."""

import importlib
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aectl.cli.error_messages import advice_while_running, error_message, user_error_on_oom
from aectl.cli.hydra_internals import (
    Callback,
    fatal,
    leave_records_to_main,
    publish,
    set_run_folder,
    set_sweep_folder,
)
from aectl.cli.resume import restore_config
from aectl.config import check_values, to_plain
from aectl.errors import UserError, fail, quiet_when_unread
from aectl.io.atomic import write_json
from aectl.runs.index import fresh_folder
from aectl.search.command import earlier_words, is_sweep
from aectl.search.workers import is_worker

if TYPE_CHECKING:
    from aectl.training.experiment import Experiment


class SweepFolder(Callback):
    """Gives a sweep a folder of its own, and removes it if no job has written into it."""

    claimed: ClassVar[list[Path]] = []

    @fatal
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Makes a folder that no other sweep has, even one of the same second, unless the user has named one."""
        if named := OmegaConf.select(config, "sweep.dir"):
            set_sweep_folder(config, Path(named))
        elif not any(override.startswith("hydra.sweep.dir=") for override in config.hydra.overrides.hydra):
            set_sweep_folder(config, fresh_folder(Path(config.hydra.sweep.dir)))
        self.claimed.append(Path(config.hydra.sweep.dir))

    @classmethod
    def discard_unused(cls) -> None:
        """Removes sweep folders without results, and parent folders that are then empty."""
        while cls.claimed:
            folder = cls.claimed.pop()
            if not any(path.is_file() and path.name != "multirun.yaml" for path in folder.rglob("*")):
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError):
                    os.removedirs(folder.parent)


class TrainHooks(SweepFolder):
    """The callbacks of `aectl train`."""

    prepared: ClassVar["Experiment | None"] = None  # checked and built for the job that follows

    @fatal
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the whole config before anything is written, then makes the folder of the run."""
        from aectl.cli.commands.train import prepare
        from aectl.training.place import is_helper
        from aectl.training.processes import quiet

        publish(config)
        if alone := next((word for word in config.hydra.overrides.task if word.startswith("sweep.")), None):
            fail("aectl train", f"{alone}: only of several jobs; add -m, and several values of a key")
        try:
            resumed = restore_config(config) if config.resume is not None else None
            helper = is_helper(config.trainer.get("devices"), config.trainer.get("num_nodes"))
            with quiet(helper):
                TrainHooks.prepared = prepare(config)
            folder = Path() if helper else resumed or fresh_folder(Path(config.hydra.run.dir))
        except UserError as error:
            fail("aectl train", user_message(error))
        if helper:
            leave_records_to_main(config)
        else:
            set_run_folder(config, folder, resumed=resumed is not None)

    @classmethod
    def take_prepared(cls) -> "Experiment":
        """The experiment of the job that starts. It can be taken once."""
        experiment, cls.prepared = cls.prepared, None
        assert experiment, "Hydra has not called on_run_start"
        return experiment

    @fatal
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        if config.resume is not None:
            fail("aectl train", f"resume={config.resume}: a sweep cannot resume a run; leave out -m and sweep=")
        from aectl.search.options import SweepOptions

        publish(config)
        try:
            check_values(to_plain(config.sweep), get_type_hints(SweepOptions, include_extras=True), "sweep.")
            check_single(config)
        except UserError as error:
            fail("aectl train", user_message(error))
        super().on_multirun_start(config, **kwargs)
        folder, sweeper = Path(config.hydra.sweep.dir), str(config.hydra.sweeper._target_)
        if not sweeper.endswith(".Search") and (is_sweep(folder) or earlier_words(folder) is not None):
            fail("aectl train", f"hydra.sweep.dir={folder}: has a sweep; to continue it, leave out hydra/sweeper=")

    @fatal
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints all jobs, best first; exit status 1 if any failed."""
        if is_worker():
            return
        from aectl.cli.sweep_table import print_sweep_table

        folder = Path(config.hydra.sweep.dir)
        found = print_sweep_table(folder, bool(config.trust))
        if config.sweep.strategy == "optuna":
            from aectl.search.findings import print_findings
            from aectl.search.objectives import objectives_of

            print_findings(folder, objectives_of(config))
        if failed := sum(run.status == "failed" for run in found.runs):
            if is_sweep(folder):
                again = f"aectl train resume={folder} sweep.retry=1"
                print(f"{failed} of {len(found.runs)} jobs failed; to try again: {again}")
            raise SystemExit(1)


def check_single(config: DictConfig) -> None:
    """Raises a UserError if a job of a sweep asks for several processes."""
    for key in ("devices", "num_nodes"):
        if (value := config.trainer.get(key)) != 1:
            raise UserError(
                f"trainer.{key}={value}: a job of a sweep is one process; expected 1; to train several jobs at once: "
                "sweep.workers=2"
            )


def run_job(name: str) -> Callable[[DictConfig], Any]:
    """The function that Hydra calls for a command. A user error ends it in one line, but not a sweep of trainings."""

    def job(cfg: DictConfig) -> Any:
        hydra = HydraConfig.get()
        try:
            with quiet_when_unread(), user_error_on_oom(lambda: advice_while_running(to_plain(cfg))):
                return importlib.import_module(f"aectl.cli.commands.{name}").main(cfg)
        except Exception as error:
            from aectl.search.launchers import job_number

            if hydra.mode is RunMode.MULTIRUN and "jobs" in hydra.callbacks:
                return report_failed_job(error, job_number(), Path(hydra.runtime.output_dir))
            if isinstance(error, UserError):
                fail(f"aectl {hydra.job.name}", user_message(error), error.status)
            raise

    return job


def user_message(error: UserError) -> str:
    hydra = HydraConfig.get()
    return error_message(error, str(hydra.job.config_name), list(hydra.overrides.task))


def report_failed_job(error: Exception, number: int, folder: Path) -> float:
    """Prints and stores why a job of a sweep failed. Its objective is NaN."""
    reason = user_message(error) if isinstance(error, UserError) else repr(error)
    logging.getLogger(__name__).info("job %s failed", number, exc_info=error)
    print(f"aectl train: job {number} failed: {reason}", file=sys.stderr)
    write_json(folder / "summary.json", {"status": "failed", "error": reason})
    return math.nan
