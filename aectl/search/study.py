"""Searches with Optuna: the only module, with `space`, that imports it. A trial is a job of the same number."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import optuna
from hydra.core.override_parser.types import Override
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from aectl.errors import UserError
from aectl.io.locks import file_lock
from aectl.search.jobs import Outcome
from aectl.search.objectives import read_values
from aectl.search.options import SweepOptions
from aectl.search.reporting import Report
from aectl.search.space import Space
from aectl.training.trainer import read_duration

FILE = "study.log"
NAME = "sweep"
PRUNED = "pruned after epoch"
SAMPLERS = {"tpe": TPESampler, "random": RandomSampler, "nsga2": NSGAIISampler, "gp": GPSampler}
PRUNERS: dict[str, Callable[[], optuna.pruners.BasePruner]] = {
    "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    "halving": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "none": optuna.pruners.NopPruner,
}


class OptunaSearch:
    """A study of Optuna's in the folder of a sweep. The journal survives workers that are killed.

    The sampler of a trial is seeded by the trial's number, so that what a single worker proposes does not depend on how
    often the search was stopped.

    Arguments:
        overrides: the space.
        options: of the sweep.
        objectives: keys of the summary, each `min` or `max`.
        folder: of the sweep.
    """

    ahead = False

    def __init__(
        self, overrides: Sequence[Override], options: SweepOptions, objectives: Mapping[str, str], folder: Path
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = Space(overrides)
        self.options = options
        self.varied = list(self.space.varied)
        self.objectives = dict(objectives)
        self.folder = folder
        self.total = options.n_trials
        self.deadline = (
            math.inf if options.timeout is None else time.monotonic() + read_duration(options.timeout).total_seconds()
        )
        self.opened: optuna.Study | None = None

    @property
    def study(self) -> optuna.Study:
        if self.opened is None:
            path = self.folder / FILE
            backend = JournalFileBackend(str(path), lock_obj=cast(Any, JournalLock(path)))
            self.opened = optuna.create_study(
                study_name=NAME,
                storage=JournalStorage(backend),
                pruner=PRUNERS[self.options.pruner](),
                directions=["minimize" if way == "min" else "maximize" for way in self.objectives.values()],
                load_if_exists=True,
            )
        return self.opened

    def has_more(self, number: int) -> bool:
        return number < self.total and time.monotonic() < self.deadline

    def propose(self, number: int) -> list[str] | None:
        if not self.has_more(number):
            return None
        self.study.sampler = self.sampler(number)
        trials = self.study.get_trials(deepcopy=False)
        if len(trials) > number:  # the process was killed before it could write the job's file
            return self.space.draw(self.trial(number))
        trial = self.study.ask()
        if trial.number != number:
            raise UserError(f"{self.folder / FILE}: trial {trial.number} is not job {number}; start in another folder")
        return self.space.draw(trial)

    def sampler(self, number: int) -> BaseSampler:
        seed = (self.options.seed * 1_000_003 + number) % 2**32
        return SAMPLERS[self.options.sampler](seed=seed)

    def trial(self, number: int) -> Trial:
        return Trial(self.study, self.frozen(number)._trial_id)

    def frozen(self, number: int) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False)[number]

    def accepts(self, number: int, overrides: Sequence[str]) -> bool:
        return self.space.has(overrides)

    def reporter(self, number: int) -> Report | None:
        """What decides after each epoch whether a trial is hopeless; none for several objectives."""
        if len(self.objectives) > 1 or self.options.pruner == "none":
            return None
        objective, trial = next(iter(self.objectives)), self.trial(number)

        def report(epoch: int, metrics: Mapping[str, float]) -> bool:
            frozen, value = self.frozen(number), metrics.get(objective, math.nan)
            if not math.isnan(value) and epoch not in frozen.intermediate_values:
                trial.report(value, epoch)
            if PRUNED not in frozen.user_attrs and trial.should_prune():
                trial.set_user_attr(PRUNED, epoch + 1)
            return PRUNED in self.frozen(number).user_attrs

        return report

    def learn(self, number: int, run: Path, outcome: Outcome) -> Outcome:
        """Tells the study. A trial that has failed stays open there, since it may be tried again."""
        if outcome.status == "failed":
            return outcome
        values = read_values(run, list(self.objectives))
        if any(map(math.isnan, values)):
            return Outcome("failed", f"{', '.join(self.objectives)}: not a finite number")
        if epoch := self.frozen(number).user_attrs.get(PRUNED):
            self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
            return Outcome("pruned", f"{PRUNED} {epoch}")
        self.study.tell(number, values, skip_if_finished=True)
        return outcome


class JournalLock:
    """Keeps other processes from the journal, and cuts off a line that a killed process has left unfinished.

    Optuna's own locks stay when their process is killed, and a journal with a broken line cannot be read again.

    Arguments:
        path: the journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held = ExitStack()

    def acquire(self) -> bool:
        self.held.enter_context(file_lock(self.path, "writes the journal of the search"))
        cut_unfinished_line(self.path)
        return True

    def release(self) -> None:
        self.held.close()


def cut_unfinished_line(path: Path) -> None:
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        if file.read(1) in (b"", b"\n"):
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
