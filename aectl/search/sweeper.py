"""The sweeper that Hydra calls for `aectl train -m`."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from aectl.config import to_plain
from aectl.errors import UserError
from aectl.io.locks import file_lock
from aectl.search.command import FILE, is_sweep, read_words, words_of
from aectl.search.folder import check_folder, start
from aectl.search.jobs import Claim, Job, Jobs
from aectl.search.launching import Launching
from aectl.search.objectives import check_objectives, objectives_of
from aectl.search.reporting import reporting
from aectl.search.strategies import Grid, Strategy
from aectl.search.workers import Pool, follow_parent, is_worker

if TYPE_CHECKING:
    from aectl.search.options import SweepOptions

KNOWN_TO_JOBS = "sweep.objectives="
"""Which a job checks before it trains."""
POLL = 0.5  # seconds between looks at the jobs of other processes


class Search(Sweeper):
    """Trains the jobs of a sweep that have not ended, beside other processes that do the same.

    Arguments:
        params: overrides that a preset adds, by their keys.
        max_batch_size: the most jobs that one of Hydra's launchers is given at once; None: all.
    """

    def __init__(self, params: DictConfig | None = None, max_batch_size: int | None = None) -> None:
        self.params: Mapping[Any, Any] = params or {}
        self.max_batch_size = max_batch_size

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.launching = Launching(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        """Trains the jobs of these overrides.

        Raises:
            UserError: the folder has another sweep, or the overrides make no jobs.
        """
        from aectl.search.launchers import has_launcher, launch
        from aectl.search.options import SweepOptions

        options, folder = SweepOptions(**to_plain(self.launching.config.sweep)), self.launching.folder
        words = words_of(sys.argv[1:])
        check_folder(folder, words, arguments)
        launched = has_launcher(self.launching.config, options)
        strategy = self.strategy(arguments, options)
        jobs = start(folder, words, strategy, self.launching.subfolder, self.launching.config)
        if is_worker():
            follow_parent()
            work(jobs, strategy, self.launching, options.retry, patient=False)
            return
        jobs.allow_retries(options.retry)
        try:
            if launched:
                launch(jobs, self.launching, self.max_batch_size)
                return
            if options.workers > 1:
                Pool(jobs, strategy, options.workers, worker_words(folder)).run()
            work(jobs, strategy, self.launching, options.retry)
        except (KeyboardInterrupt, SystemExit):
            print(f"to continue the sweep: aectl train resume={folder}", file=sys.stderr)
            raise

    def strategy(self, arguments: Sequence[str], options: "SweepOptions") -> Strategy:
        """What proposes the jobs; raises what Hydra or the strategy does for overrides that make none."""
        overrides, config = self.parse(arguments), self.launching.config
        if options.strategy == "grid":
            return Grid(overrides)
        objectives = objectives_of(config)
        check_objectives(objectives, config.monitor)
        try:
            from aectl.search.study import OptunaSearch
        except ModuleNotFoundError as error:
            raise UserError(
                f"sweep=optuna needs {error.name}, which is not installed: pip install 'aectl[optuna]'"
            ) from error
        search = OptunaSearch(overrides, options, objectives, self.launching.folder)
        for example in () if is_sweep(self.launching.folder) else search.space.examples():
            self.launching.compose(0, example)
        return search

    def parse(self, arguments: Sequence[str]) -> list[Override]:
        """The overrides of the jobs, the preset's and the user's, in the order in which the sweep was started."""
        folder = self.launching.folder
        order = read_words(folder) if is_sweep(folder) else list(arguments)
        own = [word for word in arguments if not word.startswith("sweep.") or word.startswith(KNOWN_TO_JOBS)]
        own.sort(key=lambda word: order.index(word) if word in order else -1)
        words = [*(f"{key}={value}" for key, value in self.params.items()), *own]
        return OverridesParser.create(config_loader=self.launching.context.config_loader).parse_overrides(words)


def worker_words(folder: Path) -> list[str]:
    """The arguments of this program as those of a worker."""
    own = ("sweep.dir=", "hydra.sweep.dir=", "sweep.workers=")
    return [*(word for word in sys.argv[1:] if not word.startswith(own)), f"sweep.dir={folder}"]


def work(jobs: Jobs, strategy: Strategy, launching: Launching, retries: int, patient: bool = True) -> None:
    """Trains one job after the other until none is left and, if `patient`, those of other processes have ended."""
    waiting: list[int] = []
    while True:
        claim = jobs.claim() or new_claim(jobs, strategy, launching, retries)
        if claim is not None:
            with claim.held() as job:
                if not strategy.accepts(job.number, job.overrides):
                    raise UserError(f"{jobs.path(job.number)}: not a job of this sweep; start it in another folder")
                with reporting(strategy.reporter(job.number)):
                    outcome = launching.run(job)
                claim.end(strategy.learn(job.number, jobs.run_folder(job), outcome))
        elif held := jobs.held() if patient else []:
            if not waiting:
                print(f"waiting for {len(held)} jobs of other processes: {held}", file=sys.stderr)
            waiting = held
            time.sleep(POLL)
        else:
            return


def new_claim(jobs: Jobs, strategy: Strategy, launching: Launching, retries: int) -> Claim | None:
    """A job that the strategy adds; None if it has no more."""
    if not strategy.has_more(len(jobs.numbers())):
        return None
    with file_lock(jobs.folder / FILE, "adds a job to the sweep"):
        number = len(jobs.numbers())
        overrides = strategy.propose(number)
        if overrides is None:
            return None
        jobs.write(Job(number, overrides, launching.subfolder(number, overrides), retries=retries))
        return jobs.claim_number(number)


def register() -> None:
    """Makes the sweeper known to Hydra, as `hydra_plugins.aectl.Search`.

    Hydra takes plugins from that package alone, and imports what lies in it at the start of every program.
    """
    own = Search.__module__
    Search.__module__ = "hydra_plugins.aectl"
    Plugins.instance().register(Search)
    Search.__module__ = own
